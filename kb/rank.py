"""Which passages come first, and how far they can be trusted; arithmetic on arrays, nothing else.

`kb.search` calls this for every question. Fusion is a weighted sum of z-scores: reciprocal rank
fusion throws away by how much the first passage leads, and lost 8-13 points of hit@1 in our trials.
The gates are logistic models over a few signals; `tests/bench/kb_gate.py` makes `gate.json`.
"""

import json
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Evidence = dict[str, float]

_HUB_TITLES = 30
_LEAD_DENSE, _LEAD_TITLE = 0.7, 0.3
_LEAD_DOCUMENTS = 5
_LEAD_TITLES = 10
_UNRELATED = 0.1
"""About the cosine of two unrelated texts with the packaged model; counts in knowledge bases of a few documents."""
_GATE_FILE = Path(__file__).with_name("gate.json")


@dataclass(frozen=True, slots=True)
class Signals:
    """The scores of some documents for one question, each by its best passage; `dense` and `title` are cosines.

    Without vectors `dense` is zero and `title` the BM25 score of the title.
    `hub` does not depend on the question: how near the document is to questions in general, in
    standard deviations (`hubs`).
    """

    dense: Scores
    title: Scores
    words: Scores
    hub: Scores


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts in the sum; a document's hub is subtracted."""

    dense: float
    title: float
    words: float
    hub: float = 0.0


TOGETHER = Weights(dense=0.55, title=0.25, words=0.20, hub=0.12)
"""Round numbers near what a cross-validated listwise model gave on the dev splits of two sets."""
WORDS_ALONE = Weights(dense=0.0, title=0.3, words=0.7)
"""Without vectors. On the same splits every weight of the title from 0.15 to 0.45 gained 3 to 7 points of hit@1."""


def z_scores(values: Scores, reference: Scores) -> Scores:
    """Return `values` in standard deviations from the mean of `reference`; zeros where it is flat."""
    spread = float(reference.std()) if len(reference) else 0.0
    if spread < 1e-6:
        return np.zeros_like(values)
    return np.asarray((values - reference.mean()) / spread, dtype=np.float32)


def fuse(found: Signals, reference: Signals, weights: Weights = TOGETHER) -> Scores:
    """Return one score a document: the weighted sum of its z-scores against `reference` documents, less its hub."""
    return np.asarray(
        weights.dense * z_scores(found.dense, reference.dense)
        + weights.title * z_scores(found.title, reference.title)
        + weights.words * z_scores(found.words, reference.words)
        - weights.hub * found.hub,
        dtype=np.float32,
    )


def hubs(scores: Scores) -> Scores:
    """Return the hub of each document (a column) from its scores for questions of others (the rows).

    In a space of many dimensions some texts are near to everything and come first too often
    (Radovanović et al. 2010, 'Hubs in space'); subtracting a text's mean score over its nearest
    questions mends that (as CSLS does, Conneau et al. 2018). Minus infinity leaves a score out.
    """
    count = min(_HUB_TITLES, max(1, len(scores) // 4))
    nearest = -np.sort(-scores, axis=0)[:count]
    known = np.isfinite(nearest)
    means = np.where(known, nearest, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return z_scores(np.asarray(means, dtype=np.float32), np.asarray(means, dtype=np.float32))


def passage_scores(
    dense: Scores,
    words: Scores,
    reference: Signals,
    starts: NDArray[np.intp],
    whole: Scores,
    weights: Weights = TOGETHER,
) -> Scores:
    """Return one score a passage: that of its document (`whole`), less what it lacks to the document's best passage.

    The passages of document `i` begin at `starts[i]`.
    """
    own = np.asarray(
        weights.dense * z_scores(dense, reference.dense) + weights.words * z_scores(words, reference.words),
        dtype=np.float32,
    )
    sizes = np.diff(np.append(starts, len(own)))
    return np.asarray(own + np.repeat(whole - np.maximum.reduceat(own, starts), sizes), dtype=np.float32)


def pick(
    scores: Scores,
    *,
    count: int,
    document_of: Callable[[int], Hashable],
    text_of: Callable[[int], Hashable],
    each: int,
    accepts: Callable[[int], bool] = lambda _: True,
) -> list[int]:
    """Return the rows of the `count` best passages: at most `each` of a document, no text twice.

    `accepts` is asked last, best first: what it says no to is left out.
    """
    chosen: list[int] = []
    taken: dict[Hashable, int] = {}
    texts: set[Hashable] = set()
    for row in np.argsort(-scores, kind="stable").tolist():
        document, text = document_of(row), text_of(row)
        if taken.get(document, 0) >= each or text in texts or not accepts(row):
            continue
        chosen.append(row)
        taken[document] = taken.get(document, 0) + 1
        texts.add(text)
        if len(chosen) == count:
            break
    return chosen


def lead(values: Scores, others: int, *, elsewhere: float = 0.0) -> float:
    """Return by how much the largest value stands above the mean of the `others` next ones.

    Where there are fewer, `elsewhere` stands for those that are missing: what an unrelated one would have.
    """
    ordered = np.sort(values)[::-1]
    rest = ordered[1 : 1 + others]
    missing = others - len(rest)
    return float(ordered[0] - (rest.sum() + missing * min(elsewhere, float(ordered[0]))) / others)


def vector_evidence(found: Signals, titles: Scores) -> Evidence:
    """Return what vectors and words say about answerability; `titles` are the cosines of all titles.

    How near the nearest passage and title are tells related from not; how far the first stands out
    from the next ones, in vectors and in words, tells an answer from a neighbour of one.
    """
    near = np.asarray(_LEAD_DENSE * found.dense + _LEAD_TITLE * found.title, dtype=np.float32)
    return {
        "cosine": float(found.dense.max()),
        "title": float(titles.max()),
        "title_lead": lead(titles, _LEAD_TITLES, elsewhere=_UNRELATED),
        "document_lead": lead(near, _LEAD_DOCUMENTS, elsewhere=_UNRELATED),
        "words_lead": words_lead(found.words),
    }


def words_evidence(found: Signals, *, covered: float, title: float) -> Evidence:
    """Return the same for a search without a model.

    `covered` is the share of the question's weight of words in the best passage, `title` the share
    of its title's in the question.
    """
    return {"covered": covered, "title_covered": title, "words_lead": words_lead(found.words)}


def words_lead(words: Scores) -> float:
    """Return the lead of the best document by words as a share of its score; 0 where no word occurs."""
    top = float(words.max())
    return lead(words, _LEAD_DOCUMENTS) / top if top > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model: a bias and a weight for each signal it looks at."""

    bias: float
    weights: Mapping[str, float]

    def __call__(self, evidence: Mapping[str, float]) -> float:
        """Return a probability."""
        total = self.bias + sum(weight * evidence[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges evidence: is the question one of ours (`related`), and is this its answer (`answerable`)?

    The two are trained on different opposites (other people's questions; questions of our field
    that have no answer) and multiplied; `scale` makes the product a probability again.
    """

    related: Logistic
    answerable: Logistic
    scale: Logistic

    def relatedness(self, evidence: Evidence) -> float:
        """Return how likely the question is about what the knowledge base speaks of."""
        return self.related(evidence)

    def product(self, evidence: Evidence) -> float:
        """Return the logarithm of both judgements multiplied, before scaling."""
        return math.log(max(self.related(evidence) * self.answerable(evidence), 1e-12))

    def confidence(self, evidence: Evidence) -> float:
        """Return how likely the first passages hold the answer."""
        return self.scale({"product": self.product(evidence)})


def _logistic(data: Mapping[str, Any]) -> Logistic:
    return Logistic(bias=float(data["bias"]), weights=dict(data["weights"]))


@cache
def _gate_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_GATE_FILE.read_text("utf-8"))
    return data


def gate(mode: str) -> Gate:
    """Return the gate for a search by 'vectors' (and words) or by 'words' alone."""
    data = _gate_data()[mode]
    return Gate(_logistic(data["related"]), _logistic(data["answerable"]), _logistic(data["scale"]))


def floors() -> dict[str, float]:
    """Return suggested floors of `confidence` by operating point: 'cautious', 'balanced', 'eager'.

    They keep about 75, 86 and 95 of 100 answerable questions of the dev splits.
    """
    return {name: float(value) for name, value in _gate_data()["floors"].items()}


def related_floor() -> float:
    """Return the suggested floor of `relatedness`: it keeps about 98 of 100 answerable questions."""
    return float(_gate_data()["related_floor"])
