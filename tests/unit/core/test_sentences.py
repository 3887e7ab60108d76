"""Text is let go in whole sentences, and what was let go is never taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.sentences import finished, sentence_before, split

ENDS = (".", "!", "?", "。", "؟", "...", "\n", "\n\n", "”", ")", "]")
REST = (
    "Two days",
    "e.g.",
    "No. 5",
    "B",
    "b",
    "é",
    "É",
    "- ",
    "1",
    "[",
    "[1]",
    " [2]",
    " ",
    "  ",
    "\t",
    "\r\n",
    "\u2028",
)
pieces = st.lists(st.sampled_from((*ENDS, *REST)), max_size=20).map("".join)
any_text = st.one_of(st.text(max_size=80), pieces)


@given(any_text)
def test_the_sentences_of_a_text_joined_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text
    assert all(split(text))


@given(any_text)
def test_what_is_finished_is_the_beginning_of_the_text(text: str) -> None:
    assert text.startswith(finished(text))


@given(pieces)
def test_what_is_finished_only_grows_while_the_text_grows(text: str) -> None:
    let_go = ""
    for end in range(len(text) + 1):
        now = finished(text[:end])
        assert now.startswith(let_go)
        let_go = now


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Two days. A week.", ["Two days. ", "A week."]),
        ("Two days [1]. A week [2].", ["Two days [1]. ", "A week [2]."]),
        ("Two days. [1] [2] A week.", ["Two days. [1] [2] ", "A week."]),
        ("Really?! “Yes.” Good.", ["Really?! ", "“Yes.” ", "Good."]),
        ("See e.g. the manual. See No. 5 there.", ["See e.g. the manual. ", "See No. 5 there."]),
        ("It costs 3.50 pounds.", ["It costs 3.50 pounds."]),
        ("First line\nSecond line", ["First line\n", "Second line"]),
        ("两天。 一周。", ["两天。 ", "一周。"]),
        ("", []),
    ],
)
def test_a_sentence_ends_where_a_reader_thinks_so(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_a_sentence_is_finished_once_the_next_one_has_begun() -> None:
    assert finished("Two days. [1]") == ""
    assert finished("Two days. [1] ") == ""
    assert finished("Two days. [1] A") == "Two days. [1] "
    assert finished("- Two days\n") == "- Two days\n"


@given(any_text, st.integers(-5, 100))
def test_a_sentence_begins_before_each_of_its_characters(text: str, at: int) -> None:
    start = sentence_before(text, at)
    assert 0 <= start <= max(at, 0)
    assert "".join(split(text)).startswith(text[:start])


def test_the_sentence_of_a_character_is_found() -> None:
    text = "One here. Two here. Three here."
    assert [sentence_before(text, at) for at in (-1, 0, 5, 12, 25)] == [0, 0, 0, 10, 20]
