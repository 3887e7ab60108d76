"""Examples out of conversations: the question, what was said before it, and nothing that is the customer's own."""

from dataclasses import replace

import pytest

from core.examples import MOST_HISTORY, Ended, Line, of_answers, of_case
from core.ids import MessageId
from core.messages import Author, Citation, Message, Rating

CASE = Ended("c_1", "weak_grounding", "", opened_at=10.0)
CITED = (Citation(1, "Delivery", "delivery.md"), Citation(2, "Delivery", "delivery.md"))


def said(*lines: tuple[Author, str], start: float = 1.0) -> list[Message]:
    """Return a conversation, a second for each line; the case of these tests was opened at the tenth."""
    return [
        Message(MessageId(f"m_{at}"), at, author, text, start + at, name="Ada" if author is Author.OPERATOR else "")
        for at, (author, text) in enumerate(lines, start=1)
    ]


def test_a_solved_case_is_its_question_with_what_was_said_before() -> None:
    transcript = said(
        (Author.CUSTOMER, "Hello"),
        (Author.BOT, "Hello! How can I help?"),
        (Author.CUSTOMER, "Kim Lane here. Can I rent a bike?"),
        (Author.SYSTEM, "A colleague will answer."),
        (Author.NOTE, "A regular."),
        (Author.OPERATOR, "Yes, Kim, for 35 EUR a day."),
        start=9.0,
    )
    found = of_case(replace(CASE, question="Kim Lane here. Can I rent a bike?"), transcript, "Kim Lane")
    assert found
    assert (found.id, found.kind) == ("c_1", "weak_grounding")
    assert found.question == "[name] here. Can I rent a bike?"
    assert found.answer == "Yes, [name], for 35 EUR a day."
    assert found.history == (Line("Hello", by_customer=True), Line("Hello! How can I help?", by_customer=False))


def test_a_case_that_nobody_answered_is_no_example() -> None:
    assert of_case(CASE, said((Author.CUSTOMER, "Can I rent a bike?"), (Author.BOT, "No.")), "") is None


@pytest.mark.parametrize(
    "change",
    [{"rating": None}, {"rating": Rating(-1)}, {"citations": ()}, {"withdrawn": True}, {"author": Author.OPERATOR}],
)
def test_only_a_quoted_answer_that_was_called_helpful_is_an_example(change: dict[str, object]) -> None:
    asked, answer = said((Author.CUSTOMER, "How much is delivery?"), (Author.BOT, "3.95 [1]"))
    helpful = replace(answer, rating=Rating(1), citations=CITED)
    [found] = of_answers([asked, helpful], "")
    assert (found.question, found.sources, found.kind) == ("How much is delivery?", ("delivery.md",), "")
    assert of_answers([asked, replace(helpful, **change)], "") == []  # type: ignore[arg-type]


def test_a_long_history_is_kept_from_its_end() -> None:
    lines = [(Author.BOT if at % 2 else Author.CUSTOMER, f"line {at}") for at in range(60)]
    transcript = said(*lines, (Author.CUSTOMER, "How much is delivery?"), (Author.BOT, "3.95 [1]"))
    transcript[-1] = replace(transcript[-1], rating=Rating(1), citations=CITED)
    [found] = of_answers(transcript, "")
    assert [one.text for one in found.history] == [f"line {at}" for at in range(60 - MOST_HISTORY, 60)]
