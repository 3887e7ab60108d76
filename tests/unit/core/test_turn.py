"""What a run is given of a conversation: the words that wait for an answer, and those asked last."""

import pytest

from core.ids import FileId, MessageId, ThreadId, ThreadKey
from core.messages import Author, File, Message
from core.thread import Thread
from core.turn import Turn

THREAD = Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_1"), "web:s_1")
CUSTOMER, BOT, OPERATOR, SYSTEM = Author.CUSTOMER, Author.BOT, Author.OPERATOR, Author.SYSTEM
FILE = File(FileId("f_1"), "bill.pdf", "application/pdf", 1)

Said = list[tuple[Author, str]]


def turn(said: Said) -> Turn:
    return Turn(THREAD, tuple(Message(MessageId(f"m_{n}"), n, who, text, 0.0) for n, (who, text) in enumerate(said, 1)))


@pytest.mark.parametrize(
    ("said", "question", "asked_last"),
    [
        ([], "", ""),
        ([(CUSTOMER, "Hello"), (CUSTOMER, "Delivery?")], "Hello\nDelivery?", "Hello\nDelivery?"),
        ([(CUSTOMER, "Delivery?"), (BOT, "Two days.")], "", "Delivery?"),
        ([(CUSTOMER, "Delivery?"), (BOT, "Two days."), (CUSTOMER, "No.")], "No.", "No."),
        ([(CUSTOMER, "Delivery?"), (SYSTEM, "Handed off.")], "", "Delivery?"),
        ([(CUSTOMER, "Delivery?"), (SYSTEM, "Handed off."), (CUSTOMER, "By post")], "By post", "Delivery?\nBy post"),
        ([(CUSTOMER, "A"), (OPERATOR, "B"), (CUSTOMER, "C"), (SYSTEM, "Left."), (CUSTOMER, "D")], "D", "C\nD"),
        ([(CUSTOMER, "A"), (CUSTOMER, ""), (CUSTOMER, "B")], "A\nB", "A\nB"),
    ],
    ids=[
        "nothing was said",
        "two messages wait",
        "answered",
        "a new one after the answer",
        "handed over",
        "written while people wait",
        "between two operators",
        "one was withdrawn",
    ],
)
def test_the_question_waits_for_an_answer_and_what_was_asked_last_may_have_had_one(
    said: Said, question: str, asked_last: str
) -> None:
    found = turn(said)
    assert (found.question, found.asked_last) == (question, asked_last)
    assert [*found.history, *found.waiting] == list(found.messages)
    assert all(message.author is CUSTOMER for message in found.waiting)


def test_a_file_without_words_waits_for_an_answer_too() -> None:
    sent = Message(MessageId("m_1"), 1, CUSTOMER, "", 0.0, files=(FILE,))
    found = Turn(THREAD, (sent,))
    assert (found.question, found.waiting) == ("", (sent,))
