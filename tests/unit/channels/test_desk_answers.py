"""What operators in chat programs are told when what they did comes to nothing."""

from dataclasses import replace

import pytest

from channels.desk.answers import (
    NO_NOTE_OF_IT,
    NOTE_CHANGED,
    NOTE_DELETED,
    STAYS_DELETED,
    no_change,
    private_word,
    refused,
)
from core.ids import MessageId, ReceiptId, ThreadId
from core.messages import Author, Message
from core.store.receipts import Receipt
from tests.unit.channels.desk_cases import ADA, BOB, FREE, HELD, RESOLVED, message

NOTE = message("Careful.", Author.NOTE, name="Ada")
REPLY = message("Four pounds.", Author.OPERATOR, name="Ada")


@pytest.mark.parametrize(
    ("said", "text", "told"),
    [
        (REPLY, "Five pounds.", ""),
        (REPLY, None, ""),
        (REPLY, "! Careful.", NO_NOTE_OF_IT),
        (REPLY, "@Bob look", NO_NOTE_OF_IT),
        (NOTE, "Very careful.", NOTE_CHANGED),
        (NOTE, None, NOTE_DELETED),
        (replace(REPLY, withdrawn=True), "Six pounds.", STAYS_DELETED),
        (replace(REPLY, withdrawn=True), None, ""),
        (None, "Five pounds.", ""),
    ],
)
def test_a_change_that_does_not_reach_the_customer_says_why(said: Message | None, text: str | None, told: str) -> None:
    assert no_change(said, text, ADA) == told


def test_only_who_holds_an_open_case_can_reply() -> None:
    assert refused(HELD, ADA) == ""
    assert "colleague holds this case" in refused(HELD, BOB)
    assert "Claim the case first" in refused(FREE, ADA)
    assert "resolved" in refused(RESOLVED, ADA)


@pytest.mark.parametrize(
    ("state", "result", "word"),
    [
        ("done", "Kept inside.", "Kept inside."),
        ("refused", "No.", "No."),
        ("done", "", ""),
        ("waiting", "", ""),
        ("ignored", "bot", ""),
    ],
)
def test_an_operator_is_told_only_what_was_decided(state: str, result: str, word: str) -> None:
    assert private_word(Receipt(ReceiptId("e_1"), ThreadId("t_1"), MessageId("m_1"), state, result)) == word
