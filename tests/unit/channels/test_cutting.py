"""Where a text is cut for a platform that takes no more of it: where it hurts least, and never within a sign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.cutting import cut, shortened

FAMILY, FLAG, THUMB, ACCENT = "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "e\u0301"


@pytest.mark.parametrize("sign", [FAMILY, FLAG, THUMB, ACCENT, "❤\ufe0f"])
def test_a_cut_never_divides_what_is_read_as_one_sign(sign: str) -> None:
    text = sign * 20
    for end in range(1, len(text)):
        at = cut(text, end)
        assert at % len(sign) == 0 or end < len(sign)


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("One two.\n\nThree four five six", "One two."),
        ("One two three\nfour five six seven", "One two three"),
        ("It is so. And then some more", "It is so."),
        ("これは文です。次の文もここにあります", "これは文です。"),
        ("some words without an end", "some words"),
        ("x" * 30, "x" * 14),
        (" " * 10 + "x" * 30, " " * 10 + "x" * 4),
    ],
)
def test_a_cut_is_where_it_hurts_least(text: str, head: str) -> None:
    assert text[: cut(text, 14)] == head


@given(st.text(), st.integers(1, 40))
def test_a_piece_is_never_too_long_and_never_empty(text: str, most: int) -> None:
    at = cut(text, most)
    assert at <= most
    assert at or not text
    assert len(shortened(text, most)) <= most


def test_a_shortened_text_says_so() -> None:
    assert shortened("one two three", 9) == "one two…"
    assert shortened("one", 3) == "one"
