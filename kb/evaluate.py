"""Measures the knowledge base and the agent's decisions on an evaluation folder.

The command `eval` calls `evaluate` with a knowledge base of its own that already holds the folder's
`kb/`, and with a `decide` that asks the real agent: the agent lives in another package. The folder's
form and the json are those of the contract.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from core.grounding import Knowledge, Passage, documents_of
from kb import rank
from kb.curve import Judged, curve
from kb.documents import OnProgress, Progress, SourceError

_T = TypeVar("_T")
Outcome = Literal["answered", "clarified", "declined", "handed_off"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "clarified", "declined", "handed_off")
RANKED_DOCUMENTS = 10
_PASSAGES_ASKED = 2 * RANKED_DOCUMENTS  # a search gives at most two passages of a document
_DIGITS = 4
_MISSES = 10
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"\[\d{1,3}\]")


class Decision(NamedTuple):
    """What the agent did with one question, the documents it cited, and what it wrote."""

    outcome: Outcome
    documents: Sequence[str] = ()
    text: str = ""


Decide = Callable[[str], Awaitable[Decision]]
Compare = Callable[[str], Awaitable[Mapping[str, Sequence[str]]]]
"""Ranks the documents for a question in other ways, by name: `KnowledgeBase.rankings`."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of `queries.jsonl` (with `doc_ids`) or `out_of_scope.jsonl` (with `kind`).

    `answer` is what a person answered, kept where `answer_in_kb` says that the documents hold it.
    """

    id: str
    query: str
    doc_ids: tuple[str, ...] = ()
    kind: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class _Searched:
    ranked: tuple[str, ...]
    confidence: float
    milliseconds: float
    first: Passage | None = None


def read_questions(path: Path, *, split: str | None = None, limit: int | None = None) -> list[Question]:
    """Read a file of questions, keeping one split and the first `limit`; a missing file has none."""
    if not path.is_file():
        return []
    questions = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if split is None or row.get("split") == split:
                questions.append(_question(row))
        except (ValueError, KeyError, AttributeError) as error:
            raise SourceError(f"{path.name}, line {number}: {error}") from error
    return questions[:limit]


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        id=str(row["id"]),
        query=row["query"],
        doc_ids=tuple(row.get("doc_ids") or ()),
        kind=row.get("kind") or "",
        answer=(row.get("answer") or "") if row.get("answer_in_kb") else "",
    )


async def evaluate(
    folder: Path,
    knowledge: Knowledge,
    decide: Decide | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    compare: Compare | None = None,
    progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Return the contract's json for `folder`; `knowledge` must hold `folder`/kb already.

    Beside what the contract names there are `beside` (the same figures for what `compare` found),
    `misses` (the questions whose document came latest), in `decisions` the number of `questions` and a
    `curve` (`kb.curve`), and in `in_scope` an `answer_f1` where the folder knows answers. An empty
    question is asked like any other: it finds nothing and counts as a miss. Without `decide` the shares
    of the decisions are left out. Raises
    `SourceError` when the folder holds no questions.
    """
    queries = read_questions(folder / "queries.jsonl", split=split, limit=limit)
    outside = read_questions(folder / "out_of_scope.jsonl", split=split, limit=limit)
    if not queries:
        raise SourceError(f"{folder / 'queries.jsonl'} holds no questions" + (f" of split {split}" if split else ""))
    total = (len(queries) + len(outside)) * (2 if decide else 1)
    count = _Counter(total, progress)
    await knowledge.search("warm up")
    inside_found = [await _search(knowledge, one, clock, count) for one in queries]
    outside_found = [await _search(knowledge, one, clock, count) for one in outside]
    decisions: dict[str, Any] = {}
    if decide is not None:
        inside_said = [await _decide(decide, one, count) for one in queries]
        outside_said = [await _decide(decide, one, count) for one in outside]
        decisions = _shares(queries, inside_said, outside, outside_said)
    return {
        "retrieval": retrieval_metrics(queries, inside_found),
        "beside": await _beside(queries, compare) if compare else {},
        "misses": worst_misses(queries, inside_found),
        "decisions": {
            "questions": {"in_scope": len(queries), "out_of_scope": len(outside)},
            **decisions,
            **_auroc_by_kind(inside_found, outside, outside_found),
            "curve": curve(_judged([*queries, *outside], [*inside_found, *outside_found]), rank.floors()),
        },
    }


def _judged(questions: Sequence[Question], found: Sequence[_Searched]) -> list[Judged]:
    return [
        Judged(
            kind="" if question.doc_ids else question.kind or "other",
            confidence=one.confidence,
            right=any(document in question.doc_ids for document in one.ranked[:1]),
        )
        for question, one in zip(questions, found, strict=True)
    ]


class _Counter:
    """Tells `progress` after each question."""

    def __init__(self, total: int, progress: OnProgress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def step(self, source: str) -> None:
        self._done += 1
        if self._progress:
            self._progress(Progress(self._done, self._total, source))


async def _search(knowledge: Knowledge, question: Question, clock: Callable[[], float], count: _Counter) -> _Searched:
    started = clock()
    grounding = await knowledge.search(question.query, k=_PASSAGES_ASKED)
    elapsed = (clock() - started) * 1000
    count.step(question.id)
    ranked = tuple(documents_of(grounding.passages)[:RANKED_DOCUMENTS])
    return _Searched(ranked, grounding.confidence, elapsed, next(iter(grounding.passages), None))


async def _decide(decide: Decide, question: Question, count: _Counter) -> Decision:
    said = await decide(question.query)
    count.step(question.id)
    return Decision(*said)


def retrieval_metrics(queries: Sequence[Question], found: Sequence[_Searched]) -> dict[str, Any]:
    """Return hit@k, MRR@10, nDCG@10 (gains of one) over documents, and the times of a search."""
    times = [one.milliseconds for one in found]
    return {
        "queries": len(queries),
        **_ranking_metrics(queries, [one.ranked for one in found]),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }


def _ranking_metrics(queries: Sequence[Question], ranked: Sequence[Sequence[str]]) -> dict[str, float]:
    pairs = [(one, question.doc_ids) for one, question in zip(ranked, queries, strict=True)]
    ranks = [_first_rank(one, wanted) for one, wanted in pairs]
    return {
        **{f"hit@{k}": _mean(rank <= k for rank in ranks) for k in (1, 3, 5)},
        "mrr@10": _mean(1 / rank if rank <= RANKED_DOCUMENTS else 0.0 for rank in ranks),
        "ndcg@10": _mean(_ndcg(one, wanted) for one, wanted in pairs),
    }


async def _beside(queries: Sequence[Question], compare: Compare) -> dict[str, dict[str, float]]:
    """Return the figures of every other way to rank."""
    found = [await compare(question.query) for question in queries]
    ways = dict.fromkeys(name for one in found for name in one)
    return {name: _ranking_metrics(queries, [one.get(name, ())[:RANKED_DOCUMENTS] for one in found]) for name in ways}


def worst_misses(queries: Sequence[Question], found: Sequence[_Searched]) -> list[dict[str, Any]]:
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


def _shares(
    queries: Sequence[Question],
    inside: Sequence[Decision],
    outside: Sequence[Question],
    said: Sequence[Decision],
) -> dict[str, Any]:
    right = [
        decision.outcome == "answered" and any(document in question.doc_ids for document in decision.documents)
        for question, decision in zip(queries, inside, strict=True)
    ]
    by_kind = {kind: _outcome_shares(decisions) for kind, decisions in _by_kind(outside, said).items()}
    in_scope = _outcome_shares(inside)
    return {
        "in_scope": {
            "answered": in_scope["answered"],
            "answered_with_right_document": _mean(right),
            **in_scope,
            **_answers(queries, inside),
        },
        "out_of_scope": {**_outcome_shares(said), "by_kind": by_kind},
    }


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


def _auroc_by_kind(
    inside: Sequence[_Searched], outside: Sequence[Question], found: Sequence[_Searched]
) -> dict[str, Any]:
    positive = [one.confidence for one in inside]
    grouped = _by_kind(outside, [one.confidence for one in found])
    return {
        "auroc": auroc(positive, [one.confidence for one in found]),
        "auroc_by_kind": {kind: auroc(positive, values) for kind, values in grouped.items()},
    }
