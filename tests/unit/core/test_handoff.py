"""Giving a thread to people and taking it back: the customer's one line, with the time a person answers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core import wording
from core.decide import decide
from core.effects import (
    OpenCase,
    Post,
    Remember,
    ReopenCase,
    ShowCard,
    StartDraft,
    StartRun,
    SupersedeRun,
    SupersedeSends,
)
from core.events import CustomerSaid, HandoffReason, Outcome, RunEnded, RunResult
from core.handoff import person_when
from core.hours import Hours
from core.ids import FileId
from core.messages import Author
from core.policy import Moment, Policy
from core.thread import BOT, DESK, Owner, OwnerKind, Resolved, Thread
from core.wording import Line
from tests.unit.core.states import (
    ADA,
    ANSWER,
    AT_WORK,
    CASE,
    HANDOFF,
    IDLE,
    MOMENT,
    NOW,
    RESOLVED,
    RUN,
    SPEAKING,
    kinds,
    only,
    posts,
)

OFFICE = Hours.parse("Mon-Fri 09:00-17:00", "Europe/Berlin", "2027-01-18")
FRIDAY = datetime(2027, 1, 15, 8, 0, tzinfo=UTC).timestamp()  # 09:00 in Berlin
HOUR, DAY = 3600.0, 86_400.0

LINES = {
    HandoffReason.CUSTOMER_ASKED: Line.HANDED_OFF_ASKED,
    HandoffReason.WEAK_GROUNDING: Line.HANDED_OFF,
    HandoffReason.MODEL_ASKED: Line.HANDED_OFF,
    HandoffReason.MODEL_FAILED: Line.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EMPTY: Line.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EXHAUSTED: Line.HANDED_OFF_FAILED,
    HandoffReason.PROMISED_PERSON: Line.HANDED_OFF,
    HandoffReason.INTERNAL_ERROR: Line.HANDED_OFF_FAILED,
    HandoffReason.NOT_HELPFUL: Line.HANDED_OFF,
    HandoffReason.SENSITIVE: Line.HANDED_OFF_SENSITIVE,
    HandoffReason.BUDGET_USED: Line.HANDED_OFF,
    HandoffReason.MODEL_BUDGET: Line.HANDED_OFF,
    HandoffReason.UNSAFE_ANSWER: Line.HANDED_OFF,
    HandoffReason.FILE_SENT: Line.HANDED_OFF_FILE,
    HandoffReason.TOOL_FAILED: Line.HANDED_OFF_FAILED,
}


def test_every_reason_has_its_line() -> None:
    assert set(LINES) == set(HandoffReason) - {HandoffReason.SHADOW}, "of that one the customer hears nothing"


@pytest.mark.parametrize(("reason", "line"), LINES.items())
def test_a_handoff_opens_a_case_says_one_line_shows_the_card_and_asks_for_a_draft(
    reason: HandoffReason, line: Line
) -> None:
    result = RunResult(Outcome.HANDED_OFF, reason=reason)
    decision = decide(AT_WORK, RunEnded(RUN, 0, result), MOMENT)
    assert kinds(decision.effects) == [OpenCase, Post, ShowCard, StartDraft]
    opened = only(decision, OpenCase)
    assert opened.result == result
    assert posts(decision) == [Post(Author.SYSTEM, wording.text(line))]
    draft = only(decision, StartDraft)
    assert (draft.case, draft.hint) == (opened.case, "")
    assert decision.thread == replace(
        AT_WORK, owner=DESK, epoch=1, run=None, case=opened.case, last_seq=6, turn_over_up_to=5, answered_up_to=5
    )


def test_what_had_been_streamed_stays_with_its_sources_and_closes_the_stream() -> None:
    broken = replace(HANDOFF, text="Two days. [1]", citations=ANSWER.citations)
    spoken, line = posts(decide(SPEAKING, RunEnded(RUN, 0, broken), MOMENT))
    assert spoken == Post(Author.BOT, "Two days. [1]", citations=ANSWER.citations, run=RUN)
    assert line.author is Author.SYSTEM


def test_a_handoff_counts_for_everything_the_customer_has_asked() -> None:
    asked_more = replace(SPEAKING, last_seq=6, asked_up_to=6)
    assert decide(asked_more, RunEnded(RUN, 0, HANDOFF), MOMENT).thread.turn_over_up_to == 6


def test_what_the_agent_was_told_to_remember_is_kept_at_a_handoff_too() -> None:
    decision = decide(AT_WORK, RunEnded(RUN, 0, replace(HANDOFF, facts=("Rides a Tern",))), MOMENT)
    assert only(decision, Remember) == Remember("Rides a Tern")


def test_a_new_case_makes_the_one_resolved_before_it_history() -> None:
    thread = replace(AT_WORK, resolved=Resolved(CASE, ADA, "Ada", NOW))
    assert decide(thread, RunEnded(RUN, 0, HANDOFF), MOMENT).thread.resolved is None


# When a person answers


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (FRIDAY, Line.PERSON_NOW),
        (FRIDAY + 8 * HOUR - 1, Line.PERSON_NOW),
        (FRIDAY - 1, "A person answers from 09:00 (CET)."),
        (FRIDAY + 8 * HOUR, "A person answers from Tuesday 09:00 (CET)."),
        (FRIDAY + 3 * DAY, "A person answers from Tuesday 09:00 (CET)."),
        (FRIDAY + 4 * DAY, Line.PERSON_NOW),
    ],
    ids=["opening", "a second before the end", "just before opening", "closing", "a holiday", "after the holiday"],
)
def test_the_customer_hears_when_a_person_answers_by_the_desks_hours(at: float, expected: Line | str) -> None:
    said = person_when(IDLE, Moment(at, Policy(hours=OFFICE)))
    assert said == (wording.text(expected) if isinstance(expected, Line) else expected)


@pytest.mark.parametrize("hours", ["", "closed"], ids=["around the clock", "never"])
def test_nothing_is_said_of_a_desk_that_never_closes_or_never_opens(hours: str) -> None:
    assert person_when(IDLE, Moment(FRIDAY, Policy(hours=Hours.parse(hours)))) == ""


def test_the_time_is_in_the_customers_language() -> None:
    moment = Moment(FRIDAY - 1, Policy(hours=OFFICE))
    assert person_when(replace(IDLE, language="de"), moment) != person_when(IDLE, moment)
    assert "09:00" in person_when(replace(IDLE, language="de"), moment)


@pytest.mark.parametrize(
    ("at", "language"),
    [(FRIDAY, ""), (FRIDAY - 1, ""), (FRIDAY - 1, "fr")],
    ids=["open", "closed", "closed, in French"],
)
def test_a_handoff_and_a_return_tell_the_time_in_the_same_line(at: float, language: str) -> None:
    moment = Moment(at, Policy(hours=OFFICE))
    when = person_when(replace(IDLE, language=language), moment)
    assert when
    handed = decide(replace(AT_WORK, language=language), RunEnded(RUN, 0, HANDOFF), moment)
    assert [post.text for post in posts(handed)] == [f"{wording.text(Line.HANDED_OFF, language)} {when}"]
    resolved = replace(RESOLVED, language=language, resolved=Resolved(CASE, ADA, "Ada", at))
    back = decide(resolved, CustomerSaid("4711"), moment)
    assert posts(back)[-1].text == f"{wording.text(Line.REOPENED, language, operator='Ada')} {when}"


# The customer comes back


def test_a_message_soon_after_a_resolution_goes_to_the_person_who_had_the_case() -> None:
    decision = decide(RESOLVED, CustomerSaid("4711"), MOMENT)
    assert kinds(decision.effects) == [Post, SupersedeSends, ReopenCase, Post, ShowCard]
    assert only(decision, ReopenCase) == ReopenCase(CASE)
    said, line = posts(decision)
    assert said == Post(Author.CUSTOMER, "4711")
    assert line == Post(Author.SYSTEM, wording.text(Line.REOPENED, operator="Ada"))
    assert decision.thread == replace(
        RESOLVED,
        owner=Owner(OwnerKind.OPERATOR, ADA),
        epoch=4,
        case=CASE,
        resolved=None,
        last_seq=6,
        asked_up_to=5,
        turn_over_up_to=5,
    )


@pytest.mark.parametrize(
    ("days", "after", "back"),
    [(7, 7 * DAY, True), (7, 7 * DAY + 1, False), (1, DAY, True), (1, DAY + 1, False), (0, 1.0, False)],
)
def test_after_the_owners_days_a_message_is_the_bots_again(days: float, after: float, *, back: bool) -> None:
    moment = Moment(NOW + after, Policy(reopen=days * DAY))
    decision = decide(RESOLVED, CustomerSaid("It broke again"), moment)
    assert (ReopenCase in kinds(decision.effects)) == back
    assert (StartRun in kinds(decision.effects)) == (not back)
    assert (decision.thread.owner == BOT) == (not back)


@pytest.mark.parametrize("text", ["Thank you!", "thanks a lot", "Danke schön", "👍", "👍🏽", "❤️", "👍👍!"])
def test_a_thank_you_does_not_open_the_case_again(text: str) -> None:
    decision = decide(RESOLVED, CustomerSaid(text), MOMENT)
    assert kinds(decision.effects) == [Post, StartRun]
    assert decision.thread.resolved == RESOLVED.resolved, "what comes after it still does"


@pytest.mark.parametrize("text", ["Thanks, but it broke again", "👎", "?", "👍 but it is still broken"])
def test_more_than_a_thank_you_does(text: str) -> None:
    assert ReopenCase in kinds(decide(RESOLVED, CustomerSaid(text), MOMENT).effects)


def test_a_file_is_more_than_the_thank_you_beside_it() -> None:
    said = CustomerSaid("Thank you!", files=(FileId("f_1"),))
    assert ReopenCase in kinds(decide(RESOLVED, said, MOMENT).effects)


def test_the_bots_answer_to_a_thank_you_is_stopped_when_the_customer_comes_back() -> None:
    thanked = decide(RESOLVED, CustomerSaid("Thank you!"), MOMENT).thread
    assert thanked.run
    decision = decide(thanked, CustomerSaid("But it broke again"), MOMENT)
    assert only(decision, SupersedeRun) == SupersedeRun(thanked.run.id)
    assert decision.thread.run is None


def test_a_thread_without_a_resolved_case_has_nothing_to_come_back_to() -> None:
    thread: Thread = replace(RESOLVED, resolved=None)
    assert StartRun in kinds(decide(thread, CustomerSaid("Hello again, a question"), MOMENT).effects)
