"""What people wrote in Slack, as they read it themselves. Shapes from docs.slack.dev, 'Formatting message text'."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.slack import words

NAMES = {"U1": "Kim", "W2": "Lee Ann"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello", "Hello"),
        ("", ""),
        ("a &lt; b &amp; c &gt; d", "a < b & c > d"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&quot; &nbsp; &#39;", "&quot; &nbsp; &#39;"),
        ("Ask <@U1>, please", "Ask @Kim, please"),
        ("Ask <@W2>, please", "Ask @Lee Ann, please"),
        ("Ask <@U3|lou>, please", "Ask @lou, please"),
        ("Ask <@U3>, please", "Ask @somebody, please"),
        ("See <#C1|general>", "See #general"),
        ("See <#C1|>", "See #C1"),
        ("See <#C1>", "See #C1"),
        ("<!here> come", "@here come"),
        ("<!channel> <!everyone>", "@channel @everyone"),
        ("<!subteam^S1|@support> come", "@support come"),
        ("<!subteam^S1> come", "@a-group come"),
        ("On <!date^1392734382^{date}>", "On some time"),
        ("<!brand^new>", "brand"),
        ("On <!date^1392734382^{date}|Feb 18, 2014>", "On Feb 18, 2014"),
        ("<https://shop.example/a?b=1&amp;c=2>", "https://shop.example/a?b=1&c=2"),
        ("<https://shop.example|the shop>", "the shop (https://shop.example)"),
        ("<http://shop.example|shop.example>", "http://shop.example"),
        ("<https://shop.example/|https://shop.example>", "https://shop.example/"),
        ("<mailto:kim@example.com|kim@example.com>", "kim@example.com"),
        ("<tel:+441632960000|01632 960000>", "01632 960000 (+441632960000)"),
        ("*bold* _italic_ ~struck~ `code`", "*bold* _italic_ ~struck~ `code`"),
        ("  two\n\nlines ", "two\n\nlines"),
        ("1 &lt;!channel&gt; 2", "1 <!channel> 2"),
        ("<>", "<>"),
        ("a < b", "a < b"),
    ],
)
def test_slacks_tokens_are_read_as_words(written: str, read: str) -> None:
    assert words.read(written, names=NAMES) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<@UBOT> How much is it?", "How much is it?"),
        ("<@UBOT|threadline>: hi", ": hi"),
        ("How much, <@UBOT>?", "How much, ?"),
        ("<@UBOT>", ""),
        ("<@UBOT> <@UBOT>", ""),
        ("<@UBOT>\nFirst\n    second", "First\nsecond"),
        ("<@UBOTTLE> hi", "@somebody hi"),
        ("Ask <@U1> or <@UBOT>", "Ask @Kim or"),
    ],
)
def test_our_own_name_is_no_part_of_what_was_said_to_us(written: str, read: str) -> None:
    assert words.read(written, own="UBOT", names=NAMES) == read


def test_code_keeps_its_margin_where_we_are_not_named() -> None:
    assert words.read("```\nif a:\n    b\n```", own="UBOT") == "```\nif a:\n    b\n```"


@pytest.mark.parametrize(
    ("written", "people"),
    [
        ("", []),
        ("<@U1> and <@W2|lee>, and <@U1> again", ["U1", "W2"]),
        ("<#C1> <!here> &lt;@U9&gt; <@u1>", []),
    ],
)
def test_who_is_mentioned_is_known_once_each_in_their_order(written: str, people: list[str]) -> None:
    assert words.mentioned(written) == people


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [*elements]}]}]}


def emoji(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {"type": "emoji", "name": name, "unicode": code, **more}


@pytest.mark.parametrize(
    ("text", "event", "shown"),
    [
        ("My :bike:", rich(emoji("bike", "1f6b2")), "My 🚲"),
        ("I :heart: it", rich(emoji("heart", "2764-fe0f")), "I ❤️ it"),
        (":wave::skin-tone-3:", rich(emoji("wave", "1f44b-1f3fc", skin_tone=3)), "👋🏼"),
        ("Our :parrot:", rich({"type": "emoji", "name": "parrot"}), "Our :parrot:"),
        (":bike: :bike:", rich(emoji("bike", "1f6b2")), "🚲 🚲"),
        ("10:30:15", rich({"type": "text", "text": "10:30:15"}), "10:30:15"),
        (":bike:", {}, ":bike:"),
        (":x:", rich(emoji("x", "not hexadecimal")), ":x:"),
        (":x:", rich(emoji("x", "ffffffffff")), ":x:"),
        (":x:", rich(emoji("x", "1f6b2" * 400)), ":x:"),
    ],
)
def test_pictures_are_seen_and_what_has_no_sign_keeps_its_name(text: str, event: dict[str, Any], shown: str) -> None:
    assert words.with_pictures(text, words.pictures(event)) == shown


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["type", "elements", "unicode", "name", "skin_tone", "blocks"]), inner)
    ),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["blocks", "text"]), ANYTHING), st.text())
def test_pictures_of_anything_are_found_or_not(event: dict[str, Any], text: str) -> None:
    words.with_pictures(text, words.pictures(event)).encode()


def test_a_nest_of_blocks_has_an_end() -> None:
    nest: Any = [emoji("bike", "1f6b2")]
    for _ in range(5_000):
        nest = [{"elements": nest}]
    assert words.pictures({"blocks": nest}) == {}


@settings(deadline=None)
@given(st.text(alphabet="<>@#!|^&;amplgtU1C:/\n h", max_size=200), st.dictionaries(st.just("U1"), st.text()))
def test_any_text_is_read(text: str, names: dict[str, str]) -> None:
    words.read(text, own="U1", names=names)
    words.mentioned(text)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="<>&", exclude_categories=["Cs"])))
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert words.read(text) == text.strip()


@settings(deadline=None)
@given(st.text(alphabet="<>& ab", max_size=100))
def test_what_people_typed_comes_back_from_what_slack_makes_of_it(typed: str) -> None:
    escaped = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert words.read(escaped) == typed.strip()


def test_a_long_text_of_open_brackets_is_read_at_once() -> None:
    assert len(words.read("<" * 40_000)) == 40_000
