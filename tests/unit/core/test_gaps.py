"""What counts as a question the knowledge base did not carry, and which questions are the same."""

import pytest

from core.decide import decide
from core.effects import NoteGap
from core.events import HandoffReason, Outcome, RunEnded, RunResult
from core.gaps import is_gap, likeness
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
