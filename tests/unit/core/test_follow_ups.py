"""A question in the middle of a conversation: what the answerer without a model searches for."""

import pytest

from core.agent.extractive import looked_for

ASKED = "Can I extend the web chat?"


@pytest.mark.parametrize(
    "follow_up",
    ["How does it work?", "And for students?", "virtualization", "Why?", "What about those from last year?"],
)
def test_a_follow_up_that_names_too_little_is_searched_with_the_question_before_it(follow_up: str) -> None:
    assert looked_for([ASKED, follow_up]) == [f"{follow_up}\n{ASKED}"]


@pytest.mark.parametrize("short", ["How do I return an article?", "How do returns work?", "Which bank accounts?"])
def test_a_short_question_is_searched_alone_and_only_then_with_the_one_before(short: str) -> None:
    assert looked_for([ASKED, short]) == [short, f"{short}\n{ASKED}"]


@pytest.mark.parametrize(
    "question",
    [
        "Is the web chat secure enough for sensitive data?",
        "How do I update my credit card details?",
        "It keeps showing errors when I update my credit card",
    ],
)
def test_a_question_that_stands_alone_is_searched_alone(question: str) -> None:
    assert looked_for([ASKED, question]) == [question]


def test_the_first_question_is_searched_as_it_is() -> None:
    assert looked_for(["Why?"]) == ["Why?"]
    assert looked_for([]) == [""]


@pytest.mark.parametrize("between", ["Hello!", "Thank you"])
def test_a_greeting_or_thanks_is_not_what_was_asked_before(between: str) -> None:
    assert looked_for([ASKED, between, "How long?"]) == [f"How long?\n{ASKED}"]
    assert looked_for([between, "How long?"]) == ["How long?"]
