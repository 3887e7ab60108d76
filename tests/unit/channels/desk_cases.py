"""A case for the tests of what operators see in chat programs, in each of its states."""

from dataclasses import replace

from core.case import Case
from core.events import HandoffReason, Outcome, RunResult, Suggestion, TraceStep
from core.grounding import Grounding, Passage
from core.ids import CaseId, MessageId, OperatorId, ThreadId, ThreadKey
from core.messages import Author, Citation, Message
from core.thread import BOT, DESK, Owner, OwnerKind, Thread

NOW = 1_800_000_000.0
ADA, BOB = OperatorId("o_ada"), OperatorId("o_bob")
PASSAGE = Passage("p1", "delivery", "Delivery", "", "delivery.md", "Four pounds.", 1.0)
RESULT = RunResult(
    Outcome.HANDED_OFF,
    reason=HandoffReason.CUSTOMER_ASKED,
    detail="It was asked for in so many words.",
    question="How much?",
    grounding=Grounding((PASSAGE,), 0.9),
    trace=(TraceStep("search", "1 passage"),),
)
THREAD = Thread(
    ThreadId("t_1"),
    ThreadKey("email", "support", "abcd1234"),
    "email:kim@example.com",
    "Kim",
    owner=DESK,
    case=CaseId("c_1"),
)
FREE = Case(
    id=CaseId("c_1"),
    number=12,
    thread=THREAD,
    is_open=True,
    outcome="",
    closed_by="",
    reason=HandoffReason.CUSTOMER_ASKED,
    summary="Wants to know what delivery costs",
    result=RESULT,
    opened_at=NOW,
    updated_at=NOW,
    last=None,
    waiting_since=NOW,
    unclaimed_since=NOW,
    desk="slack:C1",
    desk_thread="C1:1800000000.000100 3 a1",
)
HELD = replace(FREE, thread=replace(THREAD, owner=Owner(OwnerKind.OPERATOR, ADA)), unclaimed_since=None)
RESOLVED = replace(FREE, thread=replace(THREAD, owner=BOT, case=None), is_open=False, outcome="solved", closed_by="Ada")
SUGGESTED = Suggestion("It costs *four* pounds. [1]", (Citation(1, "Delivery", "delivery.md"),))


def message(text: str, author: Author = Author.CUSTOMER, seq: int = 1, name: str = "Kim") -> Message:
    """Return something said."""
    return Message(MessageId(f"m_{seq}"), seq, author, text, NOW, name)
