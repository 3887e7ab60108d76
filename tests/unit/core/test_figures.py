"""A day at the desk in figures, and a case's wait in the desk's hours."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.case import Case
from core.events import HandoffReason, Outcome, RunResult
from core.figures import Figures, Waiting, digest, duration
from core.hours import Hours
from core.ids import CaseId, OperatorId, ThreadId, ThreadKey
from core.policy import Policy
from core.thread import DESK, Owner, OwnerKind, Thread

MONDAY = datetime(2027, 1, 18, 9, 0, tzinfo=UTC).timestamp()
OFFICE = Hours.parse("Mon-Fri 09:00-17:00")
HOUR, MINUTE = 3600.0, 60.0
HELD = Owner(OwnerKind.OPERATOR, OperatorId("o_ada"))
UNCLAIMED = Case(
    id=CaseId("c_1"),
    number=1,
    thread=Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_1"), "web:s_1", owner=DESK),
    is_open=True,
    outcome="",
    closed_by="",
    reason=HandoffReason.CUSTOMER_ASKED,
    summary="Delivery?",
    result=RunResult(Outcome.HANDED_OFF, reason=HandoffReason.CUSTOMER_ASKED),
    opened_at=MONDAY,
    updated_at=MONDAY,
    last=None,
    waiting_since=MONDAY,
    unclaimed_since=MONDAY,
)
CLAIMED = replace(UNCLAIMED, thread=replace(UNCLAIMED.thread, owner=HELD), unclaimed_since=None)


@pytest.mark.parametrize(
    ("case", "late", "word"), [(UNCLAIMED, 10 * MINUTE, "unclaimed"), (CLAIMED, 30 * MINUTE, "unanswered")]
)
def test_a_case_is_overdue_when_the_owners_patience_is_over(case: Case, late: float, word: str) -> None:
    assert case.overdue(MONDAY + late - 1, Policy()) is None
    assert case.overdue(MONDAY + late, Policy()) == word


@pytest.mark.parametrize("case", [UNCLAIMED, CLAIMED], ids=["unclaimed", "claimed"])
def test_a_case_never_waits_too_long_where_there_is_no_limit_or_nothing_to_wait_for(case: Case) -> None:
    later = MONDAY + 1_000 * HOUR
    assert case.overdue(later, Policy(unclaimed=0, unanswered=0)) is None
    assert replace(case, waiting_since=None, unclaimed_since=None).overdue(later, Policy()) is None
    assert replace(case, is_open=False).overdue(later, Policy()) is None


def test_only_opening_time_counts() -> None:
    friday_evening = MONDAY - 3 * 24 * HOUR + 7 * HOUR + 55 * MINUTE  # 16:55
    case = replace(UNCLAIMED, unclaimed_since=friday_evening)
    policy = Policy(hours=OFFICE)
    assert case.overdue(MONDAY - 1, policy) is None, "a whole weekend is five minutes"
    assert case.overdue(MONDAY + 5 * MINUTE - 1, policy) is None
    assert case.overdue(MONDAY + 5 * MINUTE, policy) == "unclaimed"


def test_how_the_desk_stands_is_counted_from_its_open_cases() -> None:
    answered = replace(CLAIMED, waiting_since=None)
    older = replace(CLAIMED, waiting_since=MONDAY - HOUR)
    now = MONDAY + 5 * MINUTE
    assert Waiting.of([UNCLAIMED, answered, older], now, Policy()) == Waiting(3, 1, 1, HOUR + 5 * MINUTE)
    assert Waiting.of([], now, Policy()) == Waiting(0, 0, 0, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (5399, "90 min"),
        (5400, "2 h"),
        (3 * HOUR, "3 h"),
        (47 * HOUR, "47 h"),
        (48 * HOUR, "2 days"),
        (240 * HOUR, "10 days"),
    ],
)
def test_a_span_of_time_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_quiet_day_is_told_in_two_lines_under_a_heading() -> None:
    assert digest(Figures(), Waiting(0, 0, 0, None)).splitlines() == [
        "The desk today",
        "The last 24 hours: 0 opened, 0 resolved, 0 handed back to the assistant.",
        "Now: 0 open, 0 unclaimed, 0 overdue.",
    ]


def test_a_busy_day_is_told_in_full() -> None:
    figures = Figures(
        opened=4,
        resolved=3,
        handed_back=1,
        first_answer=90.0,
        surveys=2,
        survey_average=4.5,
        drafts=Counter(used=1, edited=2),
    )
    assert digest(figures, Waiting(2, 1, 1, 3 * HOUR)).splitlines() == [
        "The desk today",
        "The last 24 hours: 4 opened, 3 resolved, 1 handed back to the assistant.",
        "Now: 2 open, 1 unclaimed, 1 overdue.",
        "The longest wait: 3 h.",
        "First answer by a person after 2 min (median).",
        "Survey: 4.5 of 5, from 2 answers.",
        "Suggested replies: 2 edited, 1 used.",
    ]
