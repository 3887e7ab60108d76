"""Messages, threads and cases as JSON: what the contract promises is there, and nothing that must not leave."""

import json
from dataclasses import replace

import pytest

from channels.web import render
from core.case import Case
from core.delivery import DeliveryState
from core.events import HandoffReason, Outcome, RunResult, TraceStep
from core.grounding import Grounding, Passage
from core.ids import CaseId, MessageId, OperatorId, RunId, ThreadId, ThreadKey
from core.messages import Author, Citation, Message
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Thread

ADA = OperatorId("o_ada")
NAMES = {ADA: "Ada"}
MOMENT = 1_800_000_000.1234
THREAD = Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_abcd1234"), "web:s_abcd1234", owner=DESK)
PASSAGE = Passage("p1", "delivery", "Delivery", "Times", "delivery.md", "Two days.", 1.23456)
RESULT = RunResult(
    Outcome.HANDED_OFF,
    reason=HandoffReason.WEAK_GROUNDING,
    detail="Nothing fits.",
    question="How long?",
    grounding=Grounding((PASSAGE,), 0.34567, 0.9),
    trace=(TraceStep("Searched", "x"),),
)


def said(author: Author, text: str = "Hello", *, seq: int = 1, name: str = "") -> Message:
    return Message(MessageId(f"m_{seq}"), seq, author, text, MOMENT, name=name)


def case(**changes: object) -> Case:
    made = Case(
        id=CaseId("c_1"),
        number=7,
        thread=THREAD,
        is_open=True,
        outcome="",
        closed_by="",
        reason=HandoffReason.WEAK_GROUNDING,
        summary="How long?",
        result=RESULT,
        opened_at=MOMENT,
        updated_at=MOMENT,
        last=said(Author.CUSTOMER),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_times_are_utc_to_the_millisecond() -> None:
    assert render.at(MOMENT) == "2027-01-15T08:00:00.123Z"


def test_a_message_has_the_fields_of_the_contract() -> None:
    source = Citation(1, "Delivery", "delivery.md", "Times", "Two days.")
    shown = render.message(replace(said(Author.BOT, "Two days. [1]"), citations=(source,)))
    assert shown == {
        "id": "m_1",
        "author": "bot",
        "name": None,
        "text": "Two days. [1]",
        "citations": [
            {"index": 1, "title": "Delivery", "source": "delivery.md", "heading": "Times", "text": "Two days."}
        ],
        "files": [],
        "at": "2027-01-15T08:00:00.123Z",
    }


@pytest.mark.parametrize(
    ("thread", "status"),
    [
        (None, {"owner": "bot", "operator": None, "typing": False}),
        (replace(THREAD, owner=BOT), {"owner": "bot", "operator": None, "typing": False}),
        (replace(THREAD, owner=BOT, run=ActiveRun(RunId("r"), 1)), {"owner": "bot", "operator": None, "typing": True}),
        (THREAD, {"owner": "desk", "operator": None, "typing": False}),
        (
            replace(THREAD, owner=Owner(OwnerKind.OPERATOR, ADA)),
            {"owner": "operator", "operator": "Ada", "typing": False},
        ),
        (
            replace(THREAD, owner=Owner(OwnerKind.OPERATOR, OperatorId("o_gone"))),
            {"owner": "operator", "operator": None, "typing": False},
        ),
    ],
)
def test_the_customer_is_told_who_speaks_by_name_and_never_by_id(
    thread: Thread | None, status: dict[str, object]
) -> None:
    assert render.status(thread, NAMES) == status


def test_a_case_has_the_fields_of_the_contract() -> None:
    line = render.case_line(case(), NAMES)
    assert {key: line[key] for key in ("id", "state", "owner", "reason", "summary", "channel", "customer")} == {
        "id": "c_1",
        "state": "open",
        "owner": "desk",
        "reason": "weak_grounding",
        "summary": "How long?",
        "channel": "web",
        "customer": "Customer 1234",
    }
    assert line["opened_at"] == line["waiting_since"] == "2027-01-15T08:00:00.123Z"


def test_nobody_waits_once_they_were_answered_or_the_case_is_closed() -> None:
    assert render.case_line(case(last=said(Author.OPERATOR)), NAMES)["waiting_since"] is None
    assert render.case_line(case(last=None), NAMES)["waiting_since"] is None
    closed = render.case_line(case(is_open=False, outcome="handed_back", closed_by="Ada"), NAMES)
    assert (closed["state"], closed["outcome"], closed["closed_by"]) == ("resolved", "handed_back", "Ada")
    assert closed["waiting_since"] is None


def test_a_case_in_full_shows_what_was_found_and_what_may_be_done() -> None:
    shown = render.case_detail(case(), [], {}, NAMES, ADA)
    assert shown["passages"] == [
        {
            "index": 1,
            "title": "Delivery",
            "heading": "Times",
            "source": "delivery.md",
            "text": "Two days.",
            "score": 1.235,
        }
    ]
    assert (shown["question"], shown["detail"], shown["confidence"]) == ("How long?", "Nothing fits.", 0.346)
    assert shown["trace"] == [{"step": "Searched", "detail": "x"}]
    assert shown["actions"] == ["claim", "note", "resolve", "hand_back"]
    assert json.dumps(shown)


def test_the_desk_reads_what_became_of_each_line_that_went_out() -> None:
    lines = [said(author, seq=seq) for seq, author in enumerate(Author, 1)]
    outcomes = {line.id: DeliveryState.DELIVERED for line in lines}
    shown = render.case_detail(case(), lines, outcomes, NAMES, ADA)["messages"]
    assert {line["author"]: line["delivery"] for line in shown} == {
        "customer": None,
        "note": None,
        "bot": "delivered",
        "operator": "delivered",
        "system": "delivered",
    }


def test_a_line_nobody_has_tried_to_send_yet_has_no_outcome() -> None:
    [line] = render.case_detail(case(), [said(Author.BOT)], {}, NAMES, ADA)["messages"]
    assert line["delivery"] is None
