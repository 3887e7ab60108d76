"""What counts as a question the knowledge base did not carry, and which questions are the same."""

import pytest

from core.decide import decide
from core.effects import NoteGap
from core.events import HandoffReason, Outcome, RunEnded, RunResult
from core.gaps import Missed, is_gap, likeness
from core.grounding import Grounding, Passage
from tests.unit.core.states import ANSWER, AT_WORK, MOMENT, RUN, every, only


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Do you deliver to Mars?", "do you  deliver to mars", True),
        ("Do you deliver to Mars?", "Do you deliver to Venus?", False),
        ("Übergröße?", "ÜBERGRÖSSE", True),
        ("???", "!!!", False),
        ("你们送货到火星吗？", "你们送货到火星吗", True),
    ],
)
def test_capitals_spaces_and_punctuation_make_no_other_question(one: str, other: str, same: bool) -> None:
    assert (likeness(one) == likeness(other)) is same
    assert len(likeness(one)) == 64


@pytest.mark.parametrize("reason", HandoffReason)
def test_only_weak_grounding_hands_over_a_gap(reason: HandoffReason) -> None:
    result = RunResult(Outcome.HANDED_OFF, reason=reason, question="Mars?")
    assert is_gap(result) is (reason is HandoffReason.WEAK_GROUNDING)


@pytest.mark.parametrize(
    ("outcome", "question", "gap"),
    [
        (Outcome.DECLINED, "Mars?", True),
        (Outcome.DECLINED, " ", False),
        (Outcome.ANSWERED, "Mars?", False),
        (Outcome.CLARIFIED, "Mars?", False),
    ],
)
def test_what_was_declined_is_a_gap_and_what_was_answered_is_none(outcome: Outcome, question: str, gap: bool) -> None:
    assert is_gap(RunResult(outcome, "Said.", question=question)) is gap


def test_a_run_that_found_nothing_leaves_one_gap_and_one_that_answered_none() -> None:
    weak = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.WEAK_GROUNDING, question="Mars?")
    assert only(decide(AT_WORK, RunEnded(RUN, 0, weak), MOMENT), NoteGap).result is weak
    assert every(decide(AT_WORK, RunEnded(RUN, 0, ANSWER), MOMENT), NoteGap) == []


def found(confidence: float, *passages: str) -> Grounding:
    """Return what a search found."""
    return Grounding(tuple(Passage(id_, id_, id_, "", "", "", 1.0) for id_ in passages), confidence)


@pytest.mark.parametrize(
    ("then", "now", "answered"),
    [
        (found(0.2, "old"), found(0.6, "new", "old"), True),
        (found(0.2, "old"), found(0.6, "old"), True),
        (found(0.0), found(0.5, "new"), True),
        (found(0.2, "old"), found(0.4, "new"), False),
        (found(0.2, "old"), found(0.9), False),
        (found(0.7, "old"), found(0.7, "old"), False),
        (found(0.7, "old"), found(0.7, "old", "new"), False),
        (found(0.7, "old"), found(0.7, "new", "old"), True),
    ],
    ids=[
        "a new article",
        "an article put right",
        "the first article",
        "still weak",
        "nothing",
        "sure before, and no answer",
        "a new one behind it",
        "a new one before it",
    ],
)
def test_a_question_is_missing_until_something_new_carries_it(then: Grounding, now: Grounding, answered: bool) -> None:
    assert Missed("", "Mars?", 0.0, then).is_answered_by(now, floor=0.5) is answered
