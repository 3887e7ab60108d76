"""The figures of `eval`: how far up the right document came, and what became of the questions. Pure.

`kb.evaluate` asks the questions and hands over what was found and said.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from core.grounding import Passage
from kb.questions import Question

_T = TypeVar("_T")
Outcome = Literal["answered", "clarified", "declined", "handed_off"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "clarified", "declined", "handed_off")
RANKED_DOCUMENTS = 10
_DIGITS = 4
_MISSES = 10
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found: the documents in their order, its confidence (0..1), how long it took, the first passage.

    `query` is what was searched for.
    """

    ranked: tuple[str, ...]
    confidence: float
    milliseconds: float
    first: Passage | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the agent did with one question, the documents it cited, what it wrote, and the documents it had found.

    `reason` is why it handed over, '' if it did not.
    """

    outcome: Outcome
    documents: Sequence[str] = ()
    text: str = ""
    found: Sequence[str] = ()
    reason: str = ""


def retrieval_metrics(queries: Sequence[Question], found: Sequence[Searched]) -> dict[str, Any]:
    """Return hit@k, MRR@10, nDCG@10 (gains of one) over documents, and the times of a search."""
    times = [one.milliseconds for one in found]
    return {
        "queries": len(queries),
        **ranking_metrics(queries, [one.ranked for one in found]),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }


def ranking_metrics(queries: Sequence[Question], ranked: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return hit@k, MRR@10 and nDCG@10 of `ranked`, the documents found for each question."""
    pairs = [(one, question.doc_ids) for one, question in zip(ranked, queries, strict=True)]
    ranks = [_first_rank(one, wanted) for one, wanted in pairs]
    return {
        **{f"hit@{k}": _mean(rank <= k for rank in ranks) for k in (1, 3, 5)},
        "mrr@10": _mean(1 / rank if rank <= RANKED_DOCUMENTS else 0.0 for rank in ranks),
        "ndcg@10": _mean(_ndcg(one, wanted) for one, wanted in pairs),
    }


def worst_misses(queries: Sequence[Question], found: Sequence[Searched]) -> list[dict[str, Any]]:
    """Return the questions whose document came latest, worst first, with the passage that came first instead.

    `rank` is None below the tenth place; `position` counts the passages of the document from 0.
    """
    missed = [
        (rank_, question, one)
        for question, one in zip(queries, found, strict=True)
        if (rank_ := _first_rank(one.ranked, question.doc_ids)) > 1
    ]
    missed.sort(key=lambda miss: miss[0], reverse=True)
    return [
        {
            "id": question.id,
            "query": question.query,
            "wanted": list(question.doc_ids),
            "rank": None if rank_ == float("inf") else int(rank_),
            "found": one.first.document if one.first else "",
            "heading": one.first.heading if one.first else "",
            "position": one.first.position if one.first else None,
            "passage": one.first.text if one.first else "",
        }
        for rank_, question, one in missed[:_MISSES]
    ]


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return how often a positive scores above a negative, ties counting half; None without both."""
    if not positive or not negative:
        return None
    ordered = np.sort(np.asarray(negative))
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return round(float((below + not_above).mean() / 2 / len(negative)), _DIGITS)


def _first_rank(ranked: Sequence[str], relevant: Sequence[str]) -> float:
    return next((at for at, document in enumerate(ranked, start=1) if document in relevant), float("inf"))


def _ndcg(ranked: Sequence[str], relevant: Sequence[str]) -> float:
    gain = sum(1 / np.log2(at + 1) for at, document in enumerate(ranked, start=1) if document in relevant)
    ideal = sum(1 / np.log2(at + 1) for at in range(1, min(len(set(relevant)), RANKED_DOCUMENTS) + 1))
    return float(gain / ideal) if ideal else 0.0


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return round(float(np.mean(listed)), _DIGITS) if listed else 0.0


def _outcome_shares(said: Sequence[Decision]) -> dict[str, float]:
    counted = Counter(decision.outcome for decision in said)
    return {outcome: _mean([counted[outcome] / max(len(said), 1)]) for outcome in OUTCOMES}


def shares(
    queries: Sequence[Question], inside: Sequence[Decision], outside: Sequence[Question], said: Sequence[Decision]
) -> dict[str, Any]:
    """Return what became of the questions that have an article, and of those that have none, each also by kind.

    `found_right_document`: the agent's own search had it, whatever it made of that. `reasons` counts why people got a
    question.
    """
    reasons = Counter(decision.reason for decision in (*inside, *said) if decision.reason)
    return {
        "in_scope": {
            **_outcome_shares(inside),
            "answered_with_right_document": _mean(
                one.outcome == "answered" and _has_right(one.documents, question)
                for question, one in zip(queries, inside, strict=True)
            ),
            "found_right_document": _mean(
                _has_right(one.found, question) for question, one in zip(queries, inside, strict=True)
            ),
            **_answers(queries, inside),
            **({"by_kind": _by_outcome(queries, inside)} if any(one.kind for one in queries) else {}),
        },
        "out_of_scope": {**_outcome_shares(said), "by_kind": _by_outcome(outside, said)},
        "reasons": dict(reasons.most_common()),
    }


def _has_right(documents: Iterable[str], question: Question) -> bool:
    return any(document in question.doc_ids for document in documents)


def _by_outcome(questions: Sequence[Question], said: Sequence[Decision]) -> dict[str, dict[str, float]]:
    return {kind: _outcome_shares(decisions) for kind, decisions in _by_kind(questions, said).items()}


def _answers(queries: Sequence[Question], said: Sequence[Decision]) -> dict[str, float]:
    """Return how much of the known answers the given ones share; nothing when there are none to compare."""
    pairs = [
        (decision.text, question.answer)
        for question, decision in zip(queries, said, strict=True)
        if question.answer and decision.outcome == "answered" and decision.text
    ]
    return {"answer_f1": _mean(token_f1(given, wanted) for given, wanted in pairs)} if pairs else {}


def token_f1(given: str, wanted: str) -> float:
    """Return the harmonic mean of precision and recall over words, as SQuAD counts them: 0..1."""
    ours, theirs = (Counter(_WORD.findall(_MARK.sub("", text).lower())) for text in (given, wanted))
    shared = sum((ours & theirs).values())
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def _by_kind(questions: Sequence[Question], values: Sequence[_T]) -> Mapping[str, list[_T]]:
    grouped: dict[str, list[_T]] = {}
    for question, value in zip(questions, values, strict=True):
        grouped.setdefault(question.kind or "other", []).append(value)
    return grouped


def auroc_by_kind(inside: Sequence[Searched], outside: Sequence[Question], found: Sequence[Searched]) -> dict[str, Any]:
    """Return how well the confidence tells questions that have an article from the others, and from each kind."""
    positive = [one.confidence for one in inside]
    grouped = _by_kind(outside, [one.confidence for one in found])
    return {
        "auroc": auroc(positive, [one.confidence for one in found]),
        "auroc_by_kind": {kind: auroc(positive, values) for kind, values in grouped.items()},
    }
