"""Messages, threads and cases as JSON: what the contract promises is there, and nothing that must not leave."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from channels.web import render
from core.case import Case, Earlier
from core.delivery import Delivery, DeliveryState, PartKind
from core.desk import DraftFate
from core.events import HandoffReason, OperatorDid, Outcome, RunResult, Suggestion, TraceStep
from core.figures import Figures, Waiting
from core.grounding import Grounding, Passage
from core.hours import Hours
from core.ids import CaseId, FileId, MessageId, OperatorId, RunId, ThreadId, ThreadKey
from core.messages import Author, Citation, DeskAction, File, FileOutcome, Message, Rating, Resolution
from core.policy import Policy
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Thread

ADA = OperatorId("o_ada")
BILL = File(FileId("f_1"), "bill.pdf", "application/pdf", 7)
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
        waiting_since=MOMENT,
        unclaimed_since=MOMENT,
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
        "changed": None,
        "withdrawn": False,
        "rating": None,
        "survey": None,
    }


def test_a_message_shows_its_files_what_was_thought_of_it_and_that_it_was_changed_but_not_from_what() -> None:
    rated = replace(
        said(Author.BOT, "Three days."),
        files=(BILL,),
        original="Two days.",
        changed_at=MOMENT + 60,
        rating=Rating(-1, "Wrong bike"),
    )
    shown = render.message(rated)
    assert shown["files"] == [{"id": "f_1", "name": "bill.pdf", "type": "application/pdf", "size": 7}]
    assert shown["changed"] == {"at": "2027-01-15T08:01:00.123Z"}
    assert shown["rating"] == {"score": -1, "reason": "Wrong bike"}
    assert "Two days." not in json.dumps(shown)


def test_a_thumb_is_no_change_of_the_words() -> None:
    assert render.message(replace(said(Author.BOT), changed_at=MOMENT, rating=Rating(1)))["changed"] is None


def test_a_withdrawn_message_has_no_words() -> None:
    gone = replace(said(Author.OPERATOR, ""), original="Oops", changed_at=MOMENT, withdrawn=True)
    shown = render.message(gone)
    assert (shown["text"], shown["withdrawn"]) == ("", True)
    assert "Oops" not in json.dumps(shown)


@pytest.mark.parametrize("rating", [None, Rating(5)])
def test_a_survey_says_for_which_case_and_whether_it_has_its_answer(rating: Rating | None) -> None:
    asked = replace(said(Author.SYSTEM), survey=CaseId("c_1"), rating=rating)
    shown = render.message(asked)
    assert shown["survey"] == {"case_id": "c_1", "answered": rating is not None}
    assert shown["rating"] is None


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
    assert render.status(thread, NAMES, Policy()) == status


def test_a_case_has_the_fields_of_the_contract() -> None:
    line = render.case_line(case(), NAMES, MOMENT, Policy())
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


def test_who_waits_for_nothing_and_a_case_that_is_closed_are_shown_as_such() -> None:
    assert render.case_line(case(waiting_since=None), NAMES, MOMENT, Policy())["waiting_since"] is None
    closed = case(is_open=False, outcome="handed_back", closed_by="Ada", waiting_since=None)
    line = render.case_line(closed, NAMES, MOMENT, Policy())
    assert (line["state"], line["outcome"], line["closed_by"]) == ("resolved", "handed_back", "Ada")
    assert (line["waiting_since"], line["overdue"]) == (None, None)


def test_a_case_that_waits_too_long_says_for_what() -> None:
    held = replace(THREAD, owner=Owner(OwnerKind.OPERATOR, ADA))
    for waits, late, word in (
        (case(), Policy().unclaimed, "unclaimed"),
        (case(thread=held, unclaimed_since=None), Policy().unanswered, "unanswered"),
    ):
        assert render.case_line(waits, NAMES, MOMENT + late - 1, Policy())["overdue"] is None
        assert render.case_line(waits, NAMES, MOMENT + late, Policy())["overdue"] == word


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        ("", "2027-01-15T08:10"),
        ("Mon-Fri 09:00-17:00", "2027-01-15T09:10"),
        ("Mon-Fri 09:00-09:06", "2027-01-18T09:04"),  # the Friday's six minutes, and four of the Monday's
        ("closed", None),
    ],
)
def test_a_case_says_when_it_will_be_overdue_by_the_desks_hours(hours: str, due: str | None) -> None:
    line = render.case_line(case(), NAMES, MOMENT, Policy(hours=Hours.parse(hours)))
    assert (line["due_at"] and line["due_at"][:16]) == due


def test_a_case_that_nobody_waits_for_is_never_due() -> None:
    held = replace(THREAD, owner=Owner(OwnerKind.OPERATOR, ADA))
    for quiet in (case(is_open=False), case(thread=held, waiting_since=None)):
        assert render.case_line(quiet, NAMES, MOMENT, Policy())["due_at"] is None
    assert render.case_line(case(), NAMES, MOMENT, Policy(unclaimed=0))["due_at"] is None


def test_a_case_shows_who_the_customer_is_and_where_it_is_posted() -> None:
    thread = replace(THREAD, customer_name="Kim", verified=True, language="de")
    posted = case(thread=thread, desk="slack:C1", desk_error="No such channel.", times_reopened=2)
    line = render.case_line(posted, NAMES, MOMENT, Policy())
    assert {key: line[key] for key in ("customer", "verified", "language")} == {
        "customer": "Kim",
        "verified": True,
        "language": "de",
    }
    assert (line["desk"], line["desk_error"], line["times_reopened"]) == ("slack:C1", "No such channel.", 2)


def detail(
    of: Case, lines: Sequence[Message] = (), fates: Mapping[MessageId, Sequence[Delivery]] | None = None
) -> dict[str, Any]:
    return render.case_detail(of, lines, fates or {}, NAMES, ADA, MOMENT, Policy())


def test_a_case_in_full_shows_what_was_found_and_what_may_be_done() -> None:
    shown = detail(case())
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
    assert shown["actions"] == ["claim", "assign", "note", "draft", "resolve", "hand_back"]
    assert [one["id"] for one in shown["resolutions"]] == ["solved", "unsolved", "no_reply", "duplicate", "spam"]
    assert (shown["suggestion"], shown["survey"]) == (None, None)
    assert json.dumps(shown)


@pytest.mark.parametrize(
    ("changes", "suggestion"),
    [
        ({}, None),
        ({"drafting": True}, {"text": "", "citations": [], "writing": True, "fate": ""}),
        ({"suggestion": Suggestion()}, {"text": "", "citations": [], "writing": False, "fate": ""}),
        (
            {"suggestion": Suggestion("Two days."), "suggestion_fate": DraftFate.USED, "drafting": True},
            {"text": "Two days.", "citations": [], "writing": True, "fate": "used"},
        ),
    ],
    ids=["none", "being written", "nothing to suggest", "used, and another is being written"],
)
def test_a_case_shows_the_suggestion_and_what_became_of_it(
    changes: dict[str, object], suggestion: dict[str, object] | None
) -> None:
    assert detail(case(**changes))["suggestion"] == suggestion


def test_the_answer_to_the_survey_is_shown_on_its_case() -> None:
    assert detail(case(survey=Rating(4, "Friendly")))["survey"] == {"score": 4, "reason": "Friendly"}


def test_the_desk_reads_what_became_of_each_line_that_went_out() -> None:
    lines = [said(author, seq=seq) for seq, author in enumerate(Author, 1)]
    fates = {line.id: [Delivery(PartKind.TEXT, DeliveryState.DELIVERED)] for line in lines}
    assert {line["author"]: line["delivery"] for line in detail(case(), lines, fates)["messages"]} == {
        "customer": None,
        "note": None,
        "bot": "delivered",
        "operator": "delivered",
        "system": "delivered",
    }


def test_a_line_nobody_has_tried_to_send_yet_has_no_outcome() -> None:
    [line] = detail(case(), [said(Author.BOT)])["messages"]
    assert line["delivery"] is None


def test_a_line_with_files_stands_for_its_worst_part_and_each_file_for_itself() -> None:
    held = case(thread=replace(THREAD, owner=Owner(OwnerKind.OPERATOR, ADA)))
    sent = replace(said(Author.OPERATOR), operator=ADA, files=(BILL, replace(BILL, id=FileId("f_2"))))
    fates = [
        Delivery(PartKind.TEXT, DeliveryState.DELIVERED),
        Delivery(PartKind.FILE, DeliveryState.REFUSED, "Too large.", FileId("f_1")),
    ]
    [line] = detail(held, [sent], {sent.id: fates})["messages"]
    assert (line["delivery"], line["delivery_error"]) == ("refused", "Too large.")
    assert [(file["delivery"], file["error"]) for file in line["files"]] == [("refused", "Too large."), (None, "")]
    assert line["actions"] == ["edit", "withdraw", "resend"]


def test_the_desk_reads_the_first_words_of_a_changed_line() -> None:
    changed = replace(said(Author.CUSTOMER, "Three"), original="Two", changed_at=MOMENT)
    [line] = detail(case(), [changed])["messages"]
    assert line["changed"] == {"at": "2027-01-15T08:00:00.123Z", "original": "Two"}


def test_an_entry_of_the_log_names_whom_and_how_and_why_not() -> None:
    def entry(action: DeskAction, refused: str = "") -> dict[str, Any]:
        done = OperatorDid(CaseId("c_1"), ADA, "Ada", action, "Words", to_name="Bob", outcome=Resolution.SPAM)
        return render.action(MOMENT, done, refused)

    assert entry(DeskAction.CLAIM) == {
        "at": "2027-01-15T08:00:00.123Z",
        "case_id": "c_1",
        "operator": "Ada",
        "action": "claim",
        "detail": "",
    }
    assert entry(DeskAction.ASSIGN)["detail"] == "to Bob"
    assert entry(DeskAction.RESOLVE)["detail"] == "Spam"
    assert entry(DeskAction.RESOLVE, "Claim the case first.")["detail"] == "refused: Claim the case first."
    assert "Words" not in json.dumps(entry(DeskAction.REPLY)), "the words stand in the transcript"


def test_of_a_customers_file_operators_see_what_became_of_reading_it_and_customers_do_not() -> None:
    scan = replace(BILL, outcome=FileOutcome.REFUSED, note="It is a scan.")
    sent = replace(said(Author.CUSTOMER), files=(scan, BILL))
    detail = render.case_detail(case(), [sent], {}, NAMES, ADA, MOMENT, Policy())
    assert [file["reading"] for file in detail["messages"][0]["files"]] == [
        {"outcome": "refused", "note": "It is a scan."},
        None,
    ]
    assert "reading" not in render.message(sent)["files"][0]
    assert render.file_text(BILL, "Invoice")["text"] == "Invoice"


def test_an_earlier_conversation_shows_its_last_words_and_its_cases() -> None:
    other = Earlier(ThreadId("t_2"), "slack", MOMENT, "x" * 300, 7, ((CaseId("c_2"), 4, "solved"),))
    shown = render.earlier(other)
    assert (shown["thread_id"], shown["channel"], shown["messages"]) == ("t_2", "slack", 7)
    assert shown["last_text"] == "x" * 200
    assert shown["cases"] == [{"id": "c_2", "number": 4, "outcome": "solved"}]


def test_the_digest_counts_what_happened_and_how_the_desk_stands() -> None:
    day = Figures(
        opened=3, resolved=2, first_answer=60.0, drafts=Counter(used=1), reasons=Counter(customer_asked=2, sensitive=1)
    )
    shown = render.figures(day, Waiting(4, 3, 1, 90.0), MOMENT)
    assert (shown["day"], shown["opened"], shown["open"], shown["longest_wait_seconds"]) == ("2027-01-15", 3, 4, 90.0)
    assert shown["suggestions"] == {"used": 1, "edited": 0, "ignored": 0}
    assert shown["survey"] == {"answers": 0, "average": None}
    assert shown["reasons"] == [
        {"reason": "The customer asked for a person.", "count": 2},
        {"reason": "The customer wrote about a sensitive subject.", "count": 1},
    ]
    assert json.dumps(shown)
