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


LONG = " ".join(["A bike in a box comes ready to ride."] * 9)
FEW = "We deliver bikes in a box."


def bikes(text: str, heading: str, position: int = 0) -> Numbered:
    return Numbered(position + 1, "Delivery", text, heading, position)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (bikes(LONG, "Bikes"), bikes("A bike in a box is not offered in the north.", "The north", 1), False),
        (bikes(LONG, "Bikes"), bikes("A bike in a box can be sent to work.", "Bikes", 1), True),
        (bikes(LONG, "Bikes"), bikes("Nothing else matters.", "Bikes", 1), False),
        (bikes(FEW, ""), bikes("It takes a week.", "How long", 1), True),
        (bikes(FEW, ""), Numbered(2, "Returns", "A bike in a box can be sent back.", "", 0), False),
    ],
)
def test_a_second_passage_is_quoted_where_it_goes_on_from_the_first(
    first: Numbered, second: Numbered, joined: bool
) -> None:
    said = quote("Do you send a bike in a box?", [first, second])
    assert said.endswith("[2]") is joined
    assert said.startswith(first.text)


def test_two_passages_are_quoted_in_the_order_of_their_document() -> None:
    later, sooner = bikes("2. Open the box.", "Steps", 4), bikes("1. Cut the tape of the box.", "Steps", 1)
    assert quote("How do I open the box?", [later, sooner]) == "1. Cut the tape of the box. [2]\n\n2. Open the box. [5]"


@pytest.mark.parametrize("end", ["To change it later:", "**Next steps:**", "---", "Add a note:\n\n---"])
def test_a_quote_does_not_end_with_the_announcement_of_what_does_not_follow(end: str) -> None:
    assert quote("How do I change my address?", [Numbered(1, "Address", f"{ADVICE}\n\n{end}")]) == f"{ADVICE} [1]"


def test_an_announcement_that_is_all_there_is_stays() -> None:
    assert quote("How do I change my address?", [Numbered(1, "Address", "Choose one:")]) == "Choose one: [1]"
