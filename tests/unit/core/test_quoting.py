"""Where a quotation begins: with the answer, not with the question that the article repeats."""

import pytest

from core.agent.extractive import Numbered, quote

ADVICE = "Open the settings, choose the second tab, and enter the new address; it counts from the next order on."


@pytest.mark.parametrize(
    "text",
    [
        f"QUESTION\nHow do I change my address?\n\nANSWER\n{ADVICE}",
        f"Symptom: the old address is shown.\n\n**Solution:**\n\n{ADVICE}",
        f"How do I change my address? {ADVICE}",
        f"Wie ändere ich meine Adresse？\n{ADVICE}",
    ],
)
def test_a_question_repeated_in_front_of_the_answer_is_left_out(text: str) -> None:
    assert quote("How do I change my address?", [Numbered(1, "Address", text)]) == f"… {ADVICE} [1]"


@pytest.mark.parametrize(
    "text",
    [
        f"{ADVICE} Is it still the old one? Then reload the page.",
        f"How do I change it? {ADVICE} Can I go back? Yes, {ADVICE.lower()}",
        "ANSWER\nSee below.",
        "The answer depends on your plan, and so does the solution.",
    ],
)
def test_what_is_no_repeated_question_stays(text: str) -> None:
    assert quote("How do I change my address?", [Numbered(1, "Address", text)]) == f"{text} [1]"
