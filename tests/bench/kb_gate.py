"""Makes `kb/gate.json`: trains the gates of `kb.rank` on dev splits and cross-validates them.

Run `python -m tests.bench.kb_gate` (about six minutes); `--write` replaces the file. It needs the
data sets in `../shared/data`; only the weights are committed. 'related' is trained on answerable
questions against other people's; 'answerable' on those whose first document is the right one,
against the others and those of the field that have no answer.
"""

import argparse
import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.embed import Embedder
from kb.measures import auroc
from kb.questions import read_questions
from kb.rank import Evidence, Gate, Logistic
from tests.bench.kb_bench import DATA, knowledge_of

SETS = ("bench_support", "bench_webapps")
HARD = "in_domain_unanswerable"
FEATURES = {
    "vectors": (("cosine", "title"), ("document_lead", "words_lead")),
    "words": (("covered", "title_covered"), ("words_lead", "covered")),
}
KEPT = {"cautious": 0.75, "balanced": 0.85, "eager": 0.95}
RIDGE = 1e-3
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its evidence; `kind` is '' for an answerable one, `right` whether its document came first."""

    dataset: str
    kind: str
    right: bool
    evidence: Evidence


async def collect(mode: str) -> list[Row]:
    """Ask every dev question of both sets; without a model for the mode 'words'."""
    embedder = Embedder(None if mode == "vectors" else "no-such-model")
    rows: list[Row] = []
    for name in SETS:
        async with knowledge_of([DATA / name / "kb"], embedder) as (knowledge, _):
            for file in ("queries", "out_of_scope"):
                for question in read_questions(DATA / name / f"{file}.jsonl", split="dev"):
                    found = await knowledge.look(question.query)
                    if found is not None:
                        first = found.snapshot.document(int(found.rows[int(np.argmax(found.scores))])).id
                        rows.append(Row(name, question.kind, first in question.doc_ids, found.evidence))
    await embedder.close()
    return rows


def train(rows: Sequence[Row], names: Sequence[str], positive: NDArray[np.bool_]) -> Logistic:
    """Fit a ridge logistic model by Newton's method; sets and classes weigh the same."""
    features = np.array([[row.evidence[name] for name in names] for row in rows])
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    inputs = np.c_[np.ones(len(rows)), (features - middle) / spread]
    weights = _balanced(rows, positive)
    solution = np.zeros(inputs.shape[1])
    penalty = RIDGE * np.diag([0.0, *[1.0] * len(names)])
    for _ in range(30):
        expected = 1 / (1 + np.exp(-inputs @ solution))
        gradient = inputs.T @ (weights * (expected - positive)) + penalty @ solution
        curvature = (inputs * (weights * expected * (1 - expected))[:, None]).T @ inputs + penalty
        solution -= np.linalg.solve(curvature + 1e-9 * np.eye(len(solution)), gradient)
    slopes = solution[1:] / spread
    return Logistic(
        bias=float(solution[0] - slopes @ middle),
        weights={name: float(slope) for name, slope in zip(names, slopes, strict=True)},
    )


def _balanced(rows: Sequence[Row], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    groups = [f"{row.dataset} {sign}" for row, sign in zip(rows, positive, strict=True)]
    sizes = {group: groups.count(group) for group in set(groups)}
    weights = np.array([1 / sizes[group] for group in groups])
    return np.asarray(weights / weights.sum())


def train_gate(rows: Sequence[Row], mode: str) -> Gate:
    """Train both judgements, then the scale of their product."""
    first, second = FEATURES[mode]
    others = [row for row in rows if row.kind != HARD]
    near = [row for row in rows if row.kind in ("", HARD) and row.dataset == SETS[0]]
    unscaled = Gate(
        related=train(others, first, _answerable(others)),
        answerable=train(near, second, _right(near)),
        scale=Logistic(0.0, {"product": 1.0}),
    )
    products = [replace(row, evidence={"product": unscaled.product(row.evidence)}) for row in rows]
    return Gate(unscaled.related, unscaled.answerable, train(products, ("product",), _right(rows)))


def _answerable(rows: Sequence[Row]) -> NDArray[np.bool_]:
    return np.array([row.kind == "" for row in rows])


def _right(rows: Sequence[Row]) -> NDArray[np.bool_]:
    return np.array([row.right for row in rows])


def cross_validated(rows: Sequence[Row], mode: str) -> list[float]:
    """Return a confidence for each row from a gate that has not seen it."""
    folds = np.random.default_rng(7).permutation(len(rows)) % FOLDS
    scores = np.zeros(len(rows))
    for fold in range(FOLDS):
        gate = train_gate([row for row, of in zip(rows, folds, strict=True) if of != fold], mode)
        for at in np.flatnonzero(folds == fold).tolist():
            scores[at] = gate.confidence(rows[at].evidence)
    return [float(score) for score in scores]


def measure(rows: Sequence[Row], scores: Sequence[float]) -> dict[str, Any]:
    """Return AUROC by set and kind, and what passes each operating point's floor."""
    measured: dict[str, Any] = {}
    for name in SETS:
        mine = [(row, score) for row, score in zip(rows, scores, strict=True) if row.dataset == name]
        inside = [score for row, score in mine if not row.kind]
        kinds = {kind: [score for row, score in mine if row.kind == kind] for kind in sorted({r.kind for r, _ in mine})}
        del kinds[""]
        measured[name] = {
            "auroc": auroc(inside, [score for values in kinds.values() for score in values]),
            "auroc_by_kind": {kind: auroc(inside, values) for kind, values in kinds.items()},
            "passed": {point: _passed(mine, float(np.quantile(inside, 1 - kept))) for point, kept in KEPT.items()},
        }
    return measured


def _passed(scored: Sequence[tuple[Row, float]], floor: float) -> dict[str, float]:
    """Return which share of each kind passes `floor`, and of the answerable ones with the right document."""
    outside = [score >= floor for row, score in scored if row.kind]
    right = [score >= floor and row.right for row, score in scored if not row.kind]
    hard = [score >= floor for row, score in scored if row.kind == HARD]
    shares = {"answered_with_right_document": right, "out_of_scope": outside, HARD: hard}
    return {name: round(float(np.mean(values)), 3) for name, values in shares.items() if values}


def _as_json(model: Logistic) -> dict[str, Any]:
    return {
        "bias": round(model.bias, 4),
        "weights": {name: round(weight, 4) for name, weight in model.weights.items()},
    }


def floors_of(rows: Sequence[Row], gate: Gate) -> tuple[dict[str, float], float]:
    """Return the floors of confidence, and that of relatedness, from the set with the hard questions."""
    inside = [row.evidence for row in rows if row.kind == "" and row.dataset == SETS[0]]
    confidences = [gate.confidence(evidence) for evidence in inside]
    floors = {name: round(float(np.quantile(confidences, 1 - kept)), 3) for name, kept in KEPT.items()}
    return floors, round(float(np.quantile([gate.relatedness(one) for one in inside], 0.02)), 3)


async def make_gates() -> str:
    """Collect, train and cross-validate for both ways of searching; return the file's text."""
    result: dict[str, Any] = {
        "made_by": "python -m tests.bench.kb_gate --write",
        "model": "all-MiniLM-L6-v2",
        "trained_on": [f"{name}, split dev" for name in SETS],
    }
    for mode in FEATURES:
        rows = await collect(mode)
        gate = train_gate(rows, mode)
        measured = measure(rows, cross_validated(rows, mode))
        result[mode] = {
            "related": _as_json(gate.related),
            "answerable": _as_json(gate.answerable),
            "scale": _as_json(gate.scale),
            "cross_validated": measured,
        }
        if mode == "vectors":
            result["floors"], result["related_floor"] = floors_of(rows, gate)
        assert all(math.isfinite(value) for value in gate.scale.weights.values())
    return json.dumps(result, indent=2) + "\n"


def main() -> None:
    """Train, report, and write when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = asyncio.run(make_gates())
    print(text)
    if arguments.write:
        (Path(__file__).resolve().parents[2] / "kb" / "gate.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
