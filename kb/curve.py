"""What every floor of confidence would let through: the whole curve behind 'cautious', 'balanced', 'eager'.

`kb.evaluate` adds it to the figures of `eval`, so that an owner sees what another setting would
cost on their own questions. The agent's rules (a person asked for, a greeting) are not in it:
only the grounding's confidence against a floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEP = 0.05
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """One question as the search judged it.

    `kind` is '' for one that has an answer; `right` whether the first document found is one of its.
    """

    kind: str
    confidence: float
    right: bool


def curve(judged: Sequence[Judged], points: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return for each floor, from low to high, the shares (0 to 1) that would be answered.

    Floors are every 0.05 and those of the operating `points`, which carry their name in `point`.
    """
    named = {round(floor, _DIGITS): name for name, floor in points.items()}
    floors = {round(_STEP * at, _DIGITS) for at in range(1, round(1 / _STEP))} | set(named)
    return [{"floor": floor, "point": named.get(floor, ""), **shares(judged, floor)} for floor in sorted(floors)]


def shares(judged: Sequence[Judged], floor: float) -> dict[str, Any]:
    """Return what passes `floor`: of the questions with an answer, with the right document first, and of the others."""
    inside = [one for one in judged if not one.kind]
    outside = [one for one in judged if one.kind]
    kinds = sorted({one.kind for one in outside})
    return {
        "answered": _passing(inside, floor),
        "answered_with_right_document": _share([one.right and one.confidence >= floor for one in inside]),
        "out_of_scope": _passing(outside, floor),
        "by_kind": {kind: _passing([one for one in outside if one.kind == kind], floor) for kind in kinds},
    }


def _passing(judged: Sequence[Judged], floor: float) -> float:
    return _share([one.confidence >= floor for one in judged])


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), _DIGITS) if values else 0.0
