"""The desk's rules as tables: who may do what to a case, what leaves it, and the sentence for everybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery import DeliveryState
from core.desk import (
    ALWAYS,
    KEPT_AS_NOTE,
    KEPT_HELD,
    KEPT_MENTION,
    KEPT_RESOLVED,
    KEPT_UNCLAIMED,
    MAX_TEXT,
    RESENDABLE,
    DraftFate,
    Line,
    allowed,
    allowed_on,
    judge_draft,
    read_line,
    refusal,
)
from core.events import OperatorDid
from core.ids import CaseId, FileId, MessageId, OperatorId
from core.messages import Author, DeskAction, Message
from core.thread import BOT, DESK, Owner, OwnerKind

ADA, BOB = OperatorId("o_ada"), OperatorId("o_bob")
HELD_BY_ADA = Owner(OwnerKind.OPERATOR, ADA)

ON_MESSAGES = {"edit", "withdraw", "check", "resend"}
MINE = {"reply", "note", "draft", "resolve", "hand_back", "release", "assign"} | ON_MESSAGES
TABLE = {
    ("unclaimed", ADA): {"claim", "assign", "note", "draft", "resolve", "hand_back"},
    ("held by Ada", ADA): MINE,
    ("held by Ada", BOB): {"assign", "note", "draft"},
    ("resolved", ADA): {"note", "reopen"},
    ("resolved, and the thread has a new case that Ada holds", ADA): {"note", "reopen"},
}
OWNERS = {
    "unclaimed": (DESK, True),
    "held by Ada": (HELD_BY_ADA, True),
    "resolved": (BOT, False),
    "resolved, and the thread has a new case that Ada holds": (HELD_BY_ADA, False),
}


def did(action: DeskAction, operator: OperatorId = ADA, text: str = "Hello") -> OperatorDid:
    """Return a whole action: with words, somebody to assign to and a message."""
    return OperatorDid(CaseId("c_1"), operator, "Ada", action, text, to=BOB, to_name="Bob", message=MessageId("m_1"))


@pytest.mark.parametrize(("state", "operator"), TABLE)
def test_a_case_allows_what_the_table_says(state: str, operator: OperatorId) -> None:
    owner, is_open = OWNERS[state]
    actions = allowed(owner, is_open=is_open, operator=operator)
    assert set(actions) == TABLE[state, operator]
    assert len(set(actions)) == len(actions)


@pytest.mark.parametrize(("state", "operator"), TABLE)
@pytest.mark.parametrize("action", DeskAction)
def test_what_is_not_allowed_is_refused_in_a_sentence(state: str, operator: OperatorId, action: DeskAction) -> None:
    owner, is_open = OWNERS[state]
    sentence = refusal(did(action, operator), owner, is_open=is_open)
    assert (sentence is None) == (action in TABLE[state, operator] | ALWAYS)
    if sentence:
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_the_sentence_names_what_would_help() -> None:
    assert "Claim the case first" in str(refusal(did(DeskAction.REPLY), DESK, is_open=True))
    assert "assign it to yourself" in str(refusal(did(DeskAction.REPLY, BOB), HELD_BY_ADA, is_open=True))
    assert "already" in str(refusal(did(DeskAction.CLAIM), HELD_BY_ADA, is_open=True))
    assert "Reopen it" in str(refusal(did(DeskAction.REPLY), BOT, is_open=False))
    assert "open already" in str(refusal(did(DeskAction.REOPEN), HELD_BY_ADA, is_open=True))


@pytest.mark.parametrize("action", [DeskAction.REPLY, DeskAction.NOTE, DeskAction.EDIT])
def test_words_are_needed_and_have_a_bound(action: DeskAction) -> None:
    def said(text: str) -> str | None:
        return refusal(did(action, text=text), HELD_BY_ADA, is_open=True)

    assert said("x" * MAX_TEXT) is None
    assert "20,001" in str(said("x" * (MAX_TEXT + 1)))
    assert "needs some text" in str(said(" \n "))


def test_a_file_needs_no_words_beside_it() -> None:
    event = OperatorDid(CaseId("c_1"), ADA, "Ada", DeskAction.REPLY, "", files=(FileId("f_1"),))
    assert refusal(event, HELD_BY_ADA, is_open=True) is None


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (DeskAction.ASSIGN, "Say whom the case is for: no operator of that name can sign in."),
        (DeskAction.EDIT, "Say which message to edit."),
        (DeskAction.WITHDRAW, "Say which message to withdraw."),
        (DeskAction.CHECK, "Say which message to check."),
        (DeskAction.RESEND, "Say which message to resend."),
    ],
)
def test_an_action_that_names_nobody_or_nothing_is_asked_for_it(action: DeskAction, sentence: str) -> None:
    event = OperatorDid(CaseId("c_1"), ADA, "Ada", action, "Hello")
    assert refusal(event, HELD_BY_ADA, is_open=True) == sentence


# A line written in a case's desk thread

REPLIES = ["Hello Kim", "It costs 3!", "Please note: we are closed", "me@example.com is my address", "@", "10 @ 5 EUR"]


@pytest.mark.parametrize("text", REPLIES)
def test_a_line_of_the_operator_who_holds_the_case_goes_to_the_customer(text: str) -> None:
    assert read_line(text, HELD_BY_ADA, is_open=True, operator=ADA) == Line(DeskAction.REPLY, text)


@pytest.mark.parametrize(
    "text",
    ["!careful", "! careful", "note: careful", "NOTE : careful", "Notes:careful", "  note:  careful", "\n!\ncareful"],
)
@pytest.mark.parametrize(
    ("owner", "is_open"), OWNERS.values(), ids=["unclaimed", "held by Ada", "resolved", "resolved and held"]
)
def test_a_line_marked_as_a_note_stays_inside_without_its_mark(text: str, owner: Owner, *, is_open: bool) -> None:
    line = read_line(text, owner, is_open=is_open, operator=ADA)
    assert line == Line(DeskAction.NOTE, "careful", KEPT_AS_NOTE)


@pytest.mark.parametrize("text", ["@Bob can you look?", " @bob", "@Bób, please"])
def test_a_line_that_calls_a_colleague_stays_inside_and_its_writer_is_told(text: str) -> None:
    assert read_line(text, HELD_BY_ADA, is_open=True, operator=ADA) == Line(DeskAction.NOTE, text, KEPT_MENTION)


@pytest.mark.parametrize(
    ("owner", "is_open", "told"),
    [
        (DESK, True, KEPT_UNCLAIMED),
        (HELD_BY_ADA, True, KEPT_HELD),
        (BOT, False, KEPT_RESOLVED),
        (Owner(OwnerKind.OPERATOR, BOB), False, KEPT_RESOLVED),
    ],
    ids=["unclaimed", "held by another", "resolved", "resolved, with a newer case of theirs"],
)
def test_lines_of_everybody_else_stay_inside_and_their_writer_is_told_why(
    owner: Owner, told: str, *, is_open: bool
) -> None:
    for text in [*REPLIES, "@Ada I know this one"]:
        assert read_line(text, owner, is_open=is_open, operator=BOB) == Line(DeskAction.NOTE, text, told)


@given(st.text(max_size=40), st.sampled_from(list(OWNERS.values())), st.sampled_from([ADA, BOB]))
def test_only_the_claiming_operators_lines_ever_leave(text: str, state: tuple[Owner, bool], who: OperatorId) -> None:
    owner, is_open = state
    line = read_line(text, owner, is_open=is_open, operator=who)
    if line.action is DeskAction.REPLY:
        assert is_open
        assert owner.held_by(who)
        assert (line.text, line.told) == (text, "")
    else:
        assert line.action is DeskAction.NOTE
        assert line.told.startswith("Kept inside as a note")
        assert text.endswith(line.text)


# What may be done with one message


def said(author: Author, *, withdrawn: bool = False) -> Message:
    return Message(MessageId("m_1"), 1, author, "Hello", 0.0, operator=ADA, withdrawn=withdrawn)


@pytest.mark.parametrize("state", [None, *DeliveryState])
def test_an_own_line_can_be_changed_asked_about_when_unknown_and_sent_again_when_it_did_not_arrive(
    state: DeliveryState | None,
) -> None:
    actions = allowed(HELD_BY_ADA, is_open=True, operator=ADA)
    found = allowed_on(said(Author.OPERATOR), state, actions, ADA)
    assert set(found) == (
        {DeskAction.EDIT, DeskAction.WITHDRAW}
        | ({DeskAction.CHECK} if state is DeliveryState.UNKNOWN else set())
        | ({DeskAction.RESEND} if state in RESENDABLE else set())
    )


def test_who_took_a_case_over_sends_a_colleagues_lines_again_and_leaves_their_words_alone() -> None:
    actions = allowed(HELD_BY_ADA, is_open=True, operator=ADA)
    of_bob = Message(MessageId("m_1"), 1, Author.OPERATOR, "Hello", 0.0, operator=BOB)
    assert allowed_on(of_bob, DeliveryState.UNKNOWN, actions, ADA) == [DeskAction.CHECK, DeskAction.RESEND]


def test_what_has_arrived_is_on_its_way_or_was_overtaken_is_not_sent_again() -> None:
    assert not RESENDABLE & {DeliveryState.DELIVERED, DeliveryState.WAITING, DeliveryState.SUPERSEDED}


@pytest.mark.parametrize("author", [author for author in Author if author is not Author.OPERATOR])
def test_nothing_can_be_done_with_what_no_operator_wrote(author: Author) -> None:
    assert allowed_on(said(author), DeliveryState.UNKNOWN, tuple(DeskAction), ADA) == []


def test_nothing_can_be_done_with_a_line_that_was_withdrawn_or_on_a_case_that_does_not_allow_it() -> None:
    assert allowed_on(said(Author.OPERATOR, withdrawn=True), DeliveryState.UNKNOWN, tuple(DeskAction), ADA) == []
    for owner, is_open in (HELD_BY_ADA, True), (DESK, True), (BOT, False):
        looking_on = allowed(owner, is_open=is_open, operator=BOB)
        assert allowed_on(said(Author.OPERATOR), DeliveryState.UNKNOWN, looking_on, BOB) == []


# What became of a suggested reply

SUGGESTED = "Parcels take two days [1].\n\nBikes take a week, and we call you before [2]."


@pytest.mark.parametrize(
    ("sent", "fate"),
    [
        (SUGGESTED, DraftFate.USED),
        ("Parcels take two days .\nBikes take a week, and we call you before .", DraftFate.USED),
        ("Hello Kim! Parcels take two days. Bikes take a week, and we call you before.", DraftFate.EDITED),
        ("Parcels take two days. Bikes take ten days, and we call you before. Ada", DraftFate.EDITED),
        ("Could you tell me your order number, please?", DraftFate.IGNORED),
        ("No.", DraftFate.IGNORED),
        ("", DraftFate.IGNORED),
    ],
)
def test_a_suggestion_was_used_edited_or_ignored(sent: str, fate: DraftFate) -> None:
    assert judge_draft(SUGGESTED, sent) is fate


@given(st.text(max_size=200))
def test_a_suggestion_sent_as_it_is_was_used(text: str) -> None:
    assert judge_draft(text, text) is DraftFate.USED
