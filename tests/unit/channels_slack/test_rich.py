"""Markdown in Slack: each construct as Slack shows it, nothing that Slack refuses, and no mention that nobody meant."""

import re
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from json import dumps
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from channels.cutting import cut
from channels.email.letters.markdown import to_text
from channels.markdown import cleaned, is_safe
from channels.slack.rich.cutting import reach, short_elements, shortened
from channels.slack.rich.elements import LONGEST_TEXT, Block, escape
from channels.slack.rich.page import parts
from channels.slack.rich.reading import words
from channels.slack.rich.table import Table
from channels.slack.streamed import streamed

# What Slack takes, by docs.slack.dev/reference/block-kit (blocks and their elements, composition objects)

STYLES = {"bold", "italic", "strike", "code"}
KEYS = {
    "rich_text": {"type", "elements", "block_id"},
    "rich_text_section": {"type", "elements"},
    "rich_text_quote": {"type", "elements", "border"},
    "rich_text_preformatted": {"type", "elements", "border"},
    "rich_text_list": {"type", "elements", "style", "indent", "offset", "border"},
    "text": {"type", "text", "style"},
    "link": {"type", "url", "text", "style"},
    "divider": {"type", "block_id"},
    "table": {"type", "rows", "column_settings", "block_id"},
    "actions": {"type", "elements", "block_id"},
    "context_actions": {"type", "elements", "block_id"},
    "button": {"type", "action_id", "text", "value", "style", "accessibility_label"},
    "feedback_buttons": {"type", "action_id", "positive_button", "negative_button"},
    "plain_text": {"type", "text", "emoji"},
}


def blocks(text: str) -> list[Block]:
    """Return Markdown as blocks of one message that has room for all: it may have one table."""
    made: list[Block] = []
    for part in parts(text):
        if not isinstance(part, Table):
            made.append(part)
        elif part.fits and all(block["type"] != "table" for block in made):
            made.append(part.block(part.rows))
        else:
            made += part.written()
    return made


def plain(text: str) -> str:
    """Return Markdown as the words of a `text` field."""
    return shortened(escape(words(blocks(text))), LONGEST_TEXT)


def refused(message: list[Block]) -> list[str]:
    """Return what Slack would have against the blocks of one message."""
    found = [problem for block in message for problem in _in_block(block)]
    ids = [block["block_id"] for block in message if "block_id" in block]
    if not 0 < len(message) <= 50:
        found.append(f"{len(message)} blocks")
    if len(set(ids)) < len(ids) or any(not 0 < len(name) <= 255 for name in ids):
        found.append(f"block_ids {ids}")
    tables = [block for block in message if block["type"] == "table"]
    if len(tables) > 1 or sum(map(_letters, tables)) > 10_000:
        found.append("only_one_table_allowed")
    others = [block for block in message if block["type"] != "table"]
    weight = sum(map(_letters, tables)) + len(dumps(others, ensure_ascii=False)) + 125 * len(message)
    if weight > 13_200:
        found.append(f"msg_blocks_too_long: {weight}")
    return found


def _in_block(block: Block) -> Iterator[str]:
    if block["type"] not in {"rich_text", "divider", "table", "actions", "context_actions"}:
        yield f"a block of type {block['type']}"
    yield from _keys(block)
    match block["type"]:
        case "rich_text":
            if not block["elements"]:
                yield "an empty rich_text"
            yield from (problem for element in block["elements"] for problem in _in_element(element))
        case "table":
            yield from _in_table(block)
        case "actions" | "context_actions":
            yield from _in_actions(block)


def _keys(thing: Block) -> Iterator[str]:
    if unknown := thing.keys() - KEYS.get(thing["type"], set()):
        yield f"{thing['type']} with {sorted(unknown)}"


def _in_element(element: Block) -> Iterator[str]:
    yield from _keys(element)
    if not element["type"].startswith("rich_text_"):
        yield f"an element of type {element['type']}"
    if not element["elements"]:
        yield f"an empty {element['type']}"
    if element.get("border", 1) != 1 or not 0 < element.get("indent", 1) <= 8 or element.get("offset", 1) < 1:
        yield f"{element['type']} with {element}"
    if element["type"] == "rich_text_list":
        if element["style"] not in {"bullet", "ordered"}:
            yield f"a list of style {element['style']}"
        for item in element["elements"]:
            if item["type"] != "rich_text_section":
                yield f"{item['type']} in a list"
            yield from _in_element(item)
        return
    for inline in element["elements"]:
        yield from _in_inline(inline)
        if element["type"] == "rich_text_preformatted" and "style" in inline:
            yield "a style in code"


def _in_inline(inline: Block) -> Iterator[str]:
    yield from _keys(inline)
    if inline["type"] not in {"text", "link"}:
        yield f"words of type {inline['type']}"
    if not inline.get("text", "x") or (inline["type"] == "text" and "text" not in inline):
        yield "text must be more than 0 characters"
    if re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", inline.get("text", "")):
        yield "signs that can't be written"
    if inline["type"] == "link" and not (is_safe(inline["url"]) and len(inline["url"]) <= 3_000):
        yield f"a link to {inline['url']}"
    style = inline.get("style", {"bold": True})
    if not style or not style.keys() <= STYLES or set(style.values()) != {True}:
        yield f"a style {style}"


def _in_table(table: Block) -> Iterator[str]:
    widths = {len(row) for row in table["rows"]}
    if not 0 < len(table["rows"]) <= 100 or len(widths) != 1 or not 0 < max(widths) <= 20:
        yield f"a table of {len(table['rows'])} rows and {widths} columns"
    if len(table["column_settings"]) > max(widths):
        yield "settings of columns that are not there"
    for setting in table["column_settings"]:
        if setting.keys() - {"align", "is_wrapped"} or setting["align"] not in {"left", "center", "right"}:
            yield f"a column with {setting}"
    for cell in (cell for row in table["rows"] for cell in row):
        if [element["type"] for element in cell["elements"]] != ["rich_text_section"]:
            yield "a cell that is not one section"
        yield from _in_block(cell)


def _in_actions(block: Block) -> Iterator[str]:
    allowed, most = ({"button"}, 25) if block["type"] == "actions" else ({"feedback_buttons"}, 5)
    names = [element["action_id"] for element in block["elements"]]
    if not 0 < len(names) <= most or len(set(names)) < len(names) or max(map(len, names)) > 255:
        yield f"actions {names}"
    for element in block["elements"]:
        yield from _keys(element)
        if element["type"] not in allowed:
            yield f"{element['type']} in {block['type']}"
        sides = [element] if element["type"] == "button" else [element["positive_button"], element["negative_button"]]
        for side in sides:
            yield from _keys(side["text"])
            label = side["text"]["text"]
            if side["text"]["type"] != "plain_text" or not 0 < len(label) <= 75 or len(side["value"]) > 2_000:
                yield f"a button {side}"


def _letters(thing: Any) -> int:
    """Return the characters of all words and addresses in blocks."""
    if isinstance(thing, list):
        return sum(map(_letters, thing))
    if not isinstance(thing, dict):
        return 0
    own = sum(len(thing[key]) for key in ("text", "url") if isinstance(thing.get(key), str))
    return own + sum(_letters(value) for value in thing.values())


# What people write: each construct, with words that occur once


class Words:
    """A writer who never uses a word twice."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, many: int = 3) -> str:
        return " ".join(f"wd{next(self._numbers):05}" for _ in range(many))


CONSTRUCTS: dict[str, Callable[[Words], str]] = {
    "paragraph": lambda w: f"{w()}. {w()}, {w(1)}!\n{w()}\\\n{w()}  \n{w()}",
    "styles": lambda w: f"**{w()} *{w()}*** ~~{w()}~~ `{w()}` ***{w(1)}*** __{w(1)}__",
    "heading": lambda w: f"## {w()} `{w(1)}`\n{w()}",
    "bullets": lambda w: f"- {w()}\n- {w()}\n  - {w()}\n    - {w()}\n- {w()}",
    "numbers": lambda w: f"7. {w()}\n8. {w()}\n   1. {w()}\n\n      {w()}\n9. {w()}",
    "from zero": lambda w: f"0. {w()}\n1. {w()}",
    "code in an item": lambda w: (
        f"1. {w()}\n\n   ```\n   {w()}\n   ```\n\n   {w()}\n2. {w()}\n   > {w()}\n3.\n4. - {w()}"
    ),
    "quote": lambda w: f"> {w()}\n> {w()}\n>\n> {w()}\n> > {w()}\n> - {w()}\n> ```\n> {w()}\n> ```",
    "fence": lambda w: f"```py\n{w()} <!channel>\n\n    {w()} & <@U1>\n```",
    "indented code": lambda w: f"    {w()}\n      {w()}",
    "table": lambda w: f"| {w(1)} | {w(1)} |\n|:-:|--:|\n| **{w(1)}** | [{w(1)}](https://a.example) |\n| | {w(2)} |",
    "table in a list": lambda w: f"- {w()}\n\n  |{w(1)}|\n  |-|\n  |{w(1)}|",
    "rule": lambda _: "---",
    "link": lambda w: f"[{w()} **{w(1)}**](https://a.example/?a=1&b=2 'title') <https://b.example> mailto:x",
    "mail": lambda w: f"[{w(1)}](mailto:help@a.example) <help@a.example>",
    "address": lambda w: f"{w()} https://a.example/b_(c)?d=e&f, {w()}",
    "unsafe link": lambda w: f"[{w()}](javascript:alert(1)) [{w(1)}](slack://x)",
    "picture": lambda w: f"![{w()}](https://a.example/p.png) [![{w(1)}](https://a.example/q.png)](https://b.example)",
    "tokens": lambda w: (
        f"<!channel> {w(1)} <@U1> <#C1> <!subteam^S1|x> <https://evil.example|bank> &lt;!here&gt; \\<!here>"
    ),
    "html": lambda w: f"<b>{w(1)}</b> <!-- {w(1)} -->",
    "long paragraph": lambda w: " ".join(f"{w(12)}." for _ in range(60)),
    "long line": lambda w: w(700),
    "long item": lambda w: f"- {w(500)}\n- {w(3)}",
    "long list": lambda w: "\n".join(f"{n}. {w(4)}" for n in range(1, 120)),
    "long code": lambda w: "```\n" + "\n".join(f"  {w(5)}" for _ in range(120)) + "\n```",
    "long quote": lambda w: "> " + w(600),
    "long table": lambda w: "|a|b|\n|-|-|\n" + "\n".join(f"|{w(1)}|{w(2)}|" for _ in range(130)),
    "styled to the last word": lambda w: " ".join(f"**{w(1)}** `{w(1)}`" for _ in range(120)),
}
UNLIKE_TABLES = sorted(CONSTRUCTS.keys() - {"long table"})


@st.composite
def documents(draw: st.DrawFn, kinds: list[str] = UNLIKE_TABLES, most: int = 6) -> list[str]:
    """Markdown as its blocks, in which every word is its own."""
    w = Words()
    return [CONSTRUCTS[kind](w) for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most))]


PIECES = (*"ab1[]()<>!*_`~|-:#.\n\\\"'&=/@ \t\u2060\u00a0\ud83d\x00😀", "https://", "javascript:", "mailto:",
          "<!channel>", "<@U1>", "&lt;", "```", "    ", "[1]: ", "](", "|-|\n", "1. ", "> ")  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES)).map("".join)


def own(text: str) -> list[str]:
    """Return the words of a document in their order."""
    return re.findall(r"wd\d{5}", text)


# Constructs


def section(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def said(text: str, *styles: str) -> Block:
    return {"type": "text", "text": text} | ({"style": dict.fromkeys(styles, True)} if styles else {})


def listed(*items: str, **rest: Any) -> Block:
    return {"type": "rich_text_list", "style": "bullet", **rest, "elements": [section(said(item)) for item in items]}


@pytest.mark.parametrize(
    ("markdown", "elements"),
    [
        ("Two *or* **three**", [section(said("Two "), said("or", "italic"), said(" "), said("three", "bold"))]),
        ("***a*** ~~b~~", [section(said("a", "bold", "italic"), said(" "), said("b", "strike"))]),
        ("Run `a < b`", [section(said("Run "), said("a < b", "code"))]),
        ("one\ntwo\\\nthree", [section(said("one\ntwo\nthree"))]),
        ("one\n\ntwo", [section(said("one\n\ntwo"))]),
        ("# Title\nwords", [section(said("Title", "bold"), said("\nwords"))]),
        ("- a\n- b", [listed("a", "b")]),
        ("- a\n  - b\n- c", [listed("a"), listed("b", indent=1), listed("c")]),
        ("1. a\n2. b", [listed("a", "b", style="ordered")]),
        ("3. a\n4. b", [listed("a", "b", style="ordered", offset=2)]),
        ("0. a\n1. b", [listed("0. a", "1. b")]),
        (
            "1. a\n   - b\n2. c",
            [listed("a", style="ordered"), listed("b", indent=1), listed("c", style="ordered", offset=1)],
        ),
        ("- a\n\n  b", [listed("a\nb")]),
        ("-\n- b", [listed(" ", "b")]),
        ("- ```\n  x\n  ```", [listed(" "), {"type": "rich_text_preformatted", "elements": [said("x")]}]),
        ("> a\n>\n> b", [{"type": "rich_text_quote", "elements": [said("a\n\nb")]}]),
        ("> - a", [listed("a", border=1)]),
        ("```py\n  x = 1\n\ny\n```", [{"type": "rich_text_preformatted", "elements": [said("  x = 1\n\ny")]}]),
        ("    x", [{"type": "rich_text_preformatted", "elements": [said("x")]}]),
        ("<b>a</b> <!channel> <@U1>", [section(said("<b>a</b> <!channel> <@U1>"))]),
        (r"5 \* 3 &amp; 2", [section(said("5 * 3 & 2"))]),
        ("*alone", [section(said("*alone"))]),
    ],
)  # fmt: skip
def test_each_construct_has_its_element(markdown: str, elements: list[Block]) -> None:
    assert blocks(markdown) == [{"type": "rich_text", "elements": elements}]


LINKS = [
    ("[the page](https://a.example/b)", {"url": "https://a.example/b", "text": "the page"}),
    ("[**the page**](https://a.example)", {"url": "https://a.example", "text": "the page", "style": {"bold": True}}),
    ("[us](mailto:a@b.example)", {"url": "mailto:a@b.example", "text": "us"}),
    ("https://a.example/?b=1&c", {"url": "https://a.example/?b=1&c"}),
    ("![A tyre](https://a.example/t.png)", {"url": "https://a.example/t.png", "text": "A tyre"}),
    ("![](https://a.example/t.png)", {"url": "https://a.example/t.png"}),
    ("[![A tyre](https://t.example/t.png)](https://a.example)", {"url": "https://a.example", "text": "A tyre"}),
    ("[](https://a.example)", {"url": "https://a.example"}),
    ("[bank.example](https://evil.example)", {"url": "https://evil.example", "text": "https://evil.example"}),
    ("[a\nb](https://a.example)", {"url": "https://a.example", "text": "a b"}),
]


@pytest.mark.parametrize(("markdown", "link"), LINKS)
def test_a_link_is_one_and_says_where_it_goes(markdown: str, link: Block) -> None:
    [block] = blocks(markdown)
    assert block["elements"] == [section({"type": "link", **link})]


@pytest.mark.parametrize(
    "markdown",
    ["[x](javascript:alert(1))", "[x](slack://open)", "https://shop.example@evil.example", "<tel:1>", "![x](data:a)",
     "[1]: //evil.example\n\n[1] [x]"],
)  # fmt: skip
def test_what_is_not_safe_is_words(markdown: str) -> None:
    assert '"link"' not in dumps(blocks(markdown))


def test_the_punctuation_of_a_sentence_stays_outside_the_link() -> None:
    [block] = blocks("See https://a.example/b_(c), or (https://d.example).")
    assert [element.get("url", element.get("text")) for element in block["elements"][0]["elements"]] == [
        "See ", "https://a.example/b_(c)", ", or (", "https://d.example", ").",
    ]  # fmt: skip


def test_an_address_that_is_too_long_for_a_link_stays_as_words() -> None:
    url = "https://a.example/" + "x" * 3_000
    assert words(blocks(f"[here]({url})")) == f"here ({url})"
    assert '"link"' not in dumps(blocks(f"[here]({url})"))


def test_a_rule_divides() -> None:
    assert [block["type"] for block in blocks("a\n\n---\n\nb")] == ["rich_text", "divider", "rich_text"]


def cell(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": [section(*elements)]}


def test_a_table_is_one_with_its_head_in_bold_and_no_empty_cell() -> None:
    assert blocks("|Plan|Price|\n|:-:|-:|\n|*Pro*||") == [
        {
            "type": "table",
            "column_settings": [{"align": "center", "is_wrapped": True}, {"align": "right", "is_wrapped": True}],
            "rows": [
                [cell(said("Plan", "bold")), cell(said("Price", "bold"))],
                [cell(said("Pro", "italic")), cell(said(" "))],
            ],
        }
    ]


def test_a_second_table_is_written_in_columns_because_slack_takes_one() -> None:
    table, second = blocks("|a|\n|-|\n|1|\n\n|Plan|Price|\n|-|-|\n|Pro|5|")
    assert table["type"] == "table"
    assert second["elements"] == [
        {"type": "rich_text_preformatted", "elements": [said("Plan | Price\n-----+------\nPro  | 5")]}
    ]


def test_a_wide_second_table_is_written_row_by_row_with_its_links() -> None:
    long = ("word " * 20).strip()
    _, first, second = blocks(f"|a|\n|-|\n|1|\n\n|Plan|About|\n|-|-|\n|Pro|{long}|\n|Max|[{long}](https://a.example)|")
    assert words([first]) == f"Plan: Pro\nAbout: {long}"
    assert words([second]) == f"Plan: Max\nAbout: {long} (https://a.example)"
    assert '"link"' in dumps(second)


@pytest.mark.parametrize("rows", [99, 100])
def test_a_table_of_more_than_a_hundred_rows_is_no_table_block(rows: int) -> None:
    made = blocks("|a|\n|-|\n" + "|1|\n" * rows)
    assert (made[0]["type"] == "table") is (rows < 100)
    assert words(made).count("1") == rows


@pytest.mark.parametrize("markdown", ["#", "&nbsp;", "[](javascript:x)", "``` \n```", "|||\n|-|-|\n|||"])
def test_what_has_nothing_to_show_is_shown_as_it_is_written(markdown: str) -> None:
    assert not refused(blocks(markdown))
    assert words(blocks(markdown)) == markdown.strip()


@pytest.mark.parametrize("nothing", ["", "  \n\t\n"])
def test_nothing_is_no_block(nothing: str) -> None:
    assert blocks(nothing) == []
    assert plain(nothing) == ""


# Words beside the blocks


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Two **years** & <!channel>", "Two years &amp; &lt;!channel&gt;"),
        ("[the page](https://a.example/?b&c)", "the page (https://a.example/?b&amp;c)"),
        ("- a\n  1. b", "• a\n    1. b"),
        ("> a\n> b", "&gt; a\n&gt; b"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("|a|b|\n|-|-|\n|1|2|", "a | b\n1 | 2"),
        ("```\n<@U1>\n```", "&lt;@U1&gt;"),
    ],
)
def test_the_notification_has_the_same_words_without_markup(markdown: str, text: str) -> None:
    assert plain(markdown) == text


def test_a_long_notification_is_cut_between_words_and_never_within_an_entity() -> None:
    assert re.fullmatch(r"(many words )+many( words)?…", plain("many words " * 1_000))
    for shift in range(5):
        text = plain("x" * shift + "&" * 3_000)
        assert len(text) <= LONGEST_TEXT
        assert re.fullmatch("x*(&amp;)*…", text)


# Shorter pieces


def test_an_emoji_counts_as_two() -> None:
    assert reach("😀" * 10, 6) == 3
    assert reach("ab😀cd", 4) == 3
    assert reach("abc", 10) == 3


@given(st.text(), st.integers(1, 40))
def test_a_piece_is_never_too_long_and_never_empty(text: str, most: int) -> None:
    at = cut(text, reach(text, most))
    assert at <= most
    assert at or not text or most < 2
    assert len(shortened(text, most)) <= most


@settings(deadline=None, max_examples=60)
@given(documents())
def test_a_long_element_becomes_several_that_say_the_same(document: list[str]) -> None:
    text = "\n\n".join(document)
    whole = [element for block in blocks(text) for element in block.get("elements", ())]
    short = [piece for element in whole for piece in short_elements(element)]
    assert all(_letters(piece) - sum(map(len, re.findall(r'"url": "[^"]*', dumps(piece)))) <= 3_000 for piece in short)
    assert own(words([{"type": "rich_text", "elements": short}])) == own(
        words([{"type": "rich_text", "elements": whole}])
    )


def test_a_list_that_is_divided_goes_on_counting() -> None:
    [block] = blocks("\n".join(f"{n}. {'word ' * 50}" for n in range(5, 45)))
    short = list(short_elements(block["elements"][0]))
    assert len(short) > 3
    starts = [piece["offset"] for piece in short]
    assert starts[0] == 4
    assert starts[1:] == [piece["offset"] + len(piece["elements"]) for piece in short[:-1]]


def test_a_link_that_is_divided_stays_a_link() -> None:
    [block] = blocks(f"[{'word ' * 1_000}](https://a.example)")
    short = list(short_elements(block["elements"][0]))
    assert len(short) == 2
    assert all(inline["url"] == "https://a.example" for piece in short for inline in piece["elements"])


# Whatever is written


@settings(deadline=None)
@given(documents())
def test_every_word_of_every_construct_is_there_in_its_order(document: list[str]) -> None:
    text = "\n\n".join(document)
    assert own(words(blocks(text))) == own(text)
    assert own(plain(text)) == own(text)[: len(own(plain(text)))]


@settings(deadline=None)
@given(st.one_of(HOSTILE, st.text(), documents(most=3).map("\n".join)))
def test_slack_refuses_nothing_and_no_word_is_lost(text: str) -> None:
    made = blocks(text)
    problems = refused(made) if made else []
    assert all(problem.startswith(("msg_blocks_too_long", "51 blocks")) for problem in problems), problems
    rest = iter(re.findall(r"\w", words(made)))
    if "|" not in text:
        assert all(letter in rest for letter in re.findall(r"\w", to_text(cleaned(text))))
    assert not re.search("[<>]", plain(text))
    assert len(plain(text)) <= LONGEST_TEXT


# Streams


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**a** *b* ~~c~~ `d`", "**a** *b* ~~c~~ `d`"),
        ("# a\n\n- b\n  1. c\n\n---", "# a\n\n- b\n  1. c\n\n---"),
        ("> a\n> > b\n\n- > c > d", "> a\n> > b\n\n- > c &gt; d"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("&lt;b&gt; &amp; &copy; &#42;", "&lt;\u2060b&gt; &amp; © &amp;#42;"),
        ("<!channel>", "&lt;\u2060!channel&gt;"),
        ("&lt;!here&gt; \\<@U1>", "&lt;\u2060!here&gt; &lt;\u2060@U1&gt;"),
        ("<*!here*> <`!here`> `<`!here>", "&lt;\u2060*!here*&gt; &lt;\u2060`!here`&gt; `<\u2060`!here&gt;"),
        ("`&lt;!here&gt; &lt; &amp;`", "`&lt;\u2060!here&gt; &lt; &amp;`"),
        ("a<5 b <= c < d", "a&lt;5 b &lt;= c &lt; d"),
        ("~~~\n[a](https://b.example) <@U1>\n~~~", "~~~\n[a]\u2060(https://b.example) <\u2060@U1>\n~~~"),
        ("<https://evil.example|bank>", "https://evil.example|bank"),
        ("<script:x|y>", "script:\u2060x|y"),
        ("`a<b <!here> <#C1>`", "`a<b <\u2060!here> <\u2060#C1>`"),
        ("```\n<@U1> a<b && c\n```", "```\n<\u2060@U1> a<b && c\n```"),
        ("    <!here> [a](https://b.example)", "    <\u2060!here> [a]\u2060(https://b.example)"),
        ("|a|b|\n|-|-|\n|`<@U1>`|<@U1>|", "|a|b|\n|-|-|\n|`<\u2060@U1>`|&lt;\u2060@U1&gt;|"),
        ("[a](https://a.example/?b=1&c 'title')", "[a](https://a.example/?b=1&amp;c)"),
        ("[a](<https://a.example/b(c>)", "[a](https://a.example/b%28c)"),
        ("[**a** <b>](https://a.example)", "[**a** &lt;\u2060b&gt;](https://a.example)"),
        ("[a](javascript:alert(1)) [b](slack://x)", "a b"),
        ("[bank.example](https://evil.example)", "[https://evil.example](https://evil.example)"),
        ("![p](https://a.example/p.png)", "[p](https://a.example/p.png)"),
        ("![](https://a.example/p.png)", "[https://a.example/p.png](https://a.example/p.png)"),
        ("[![p](https://a.example/p.png)](https://b.example)", "[p](https://b.example)"),
        ("<https://a.example> <help@a.example>", "https://a.example help@a.example"),
        ("https://a.example/?b&c.", "https://a.example/?b&amp;c."),
        ("https://shop.example@evil.example", "https:\u2060//shop.example@evil.example"),
        ("so [1].\n\n[1]: https://evil.example", "so [1].\n\n[1]\u2060: https://evil.example"),
    ],
)
def test_a_stream_stays_markdown_without_slacks_own_markup(markdown: str, shown: str) -> None:
    assert streamed(markdown) == shown


ALIVE = re.compile(r"<(?:[!@#]|(?:https?|mailto|tel|slack):)")


@settings(deadline=None)
@given(st.one_of(HOSTILE, documents(most=4).map("\n".join)), st.lists(st.integers(0, 200), max_size=4))
def test_however_a_stream_is_cut_nothing_in_it_is_a_mention(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(place, len(text)) for place in cuts), len(text)]
    pairs = list(pairwise(places))
    for sent in (
        "".join(streamed(text[first:last]) for first, last in pairs),
        "".join(streamed(text[:last], first) for first, last in pairs),
    ):
        assert not ALIVE.search(sent)
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(streamed(text)):
        assert not ALIVE.search("".join(child.content for child in token.children or ()) or token.content)


@settings(deadline=None)
@given(st.one_of(HOSTILE, documents(most=4).map("\n".join)))
def test_a_stream_has_no_link_that_is_not_safe(text: str) -> None:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(streamed(text)):
        for child in token.children or ():
            if child.type in {"link_open", "image"}:
                assert child.type == "link_open"
                assert is_safe(str(child.attrs["href"]))


@settings(deadline=None)
@given(documents(), st.data())
def test_a_stream_in_pieces_is_the_stream_in_one(document: list[str], data: st.DataObject) -> None:
    text, first = "\n\n".join(document), data.draw(st.integers(0, len(document)))
    at = len("\n\n".join([*document[:first], ""])) if first else 0
    assert streamed(text[:at]) + streamed(text[at:]) == streamed(text)
    assert streamed(text[:at]) + streamed(text, at) == streamed(text)
    assert own(streamed(text)) == own(text)


def test_a_stream_that_is_cut_in_a_fence_goes_on_as_code() -> None:
    text = "```\na < b\n\n<!here> c && d\n```\ne & f"
    at = text.index("<!")
    assert streamed(text[:at]) + streamed(text, at) == streamed(text)


def test_a_stream_has_one_kind_of_line_end_wherever_it_is_cut() -> None:
    text = "a\\\r\nb\r\n\r\nc\r\n"
    for at in range(len(text)):
        assert (
            streamed(text, at)
            == streamed(text.replace("\r\n", "\n"))[len(text[:at].replace("\r\n", "\n").replace("\r", "\n")) :]
        )


# Time


@pytest.mark.parametrize(
    "hostile",
    ["*_" * 10_000, "[" * 20_000, ">" * 20_000, "![" * 10_000, "[a](" * 6_000, "`" + "``" * 10_000, "http://" * 3_000,
     "https://a.example/" + "(" * 2_000 + ")" * 20_000, "- " * 10_000, "|a" * 1_500 + "\n" + "|-" * 1_500,
     "[![a]" * 4_000, "[" + "![a](b)" * 3_000, "[a](" + "(b)" * 6_000, "<" * 20_000, "e" + "\u0301" * 20_000,
     " " * 20_000, "&" * 20_000, "`".join("`" * n for n in range(200)), "|a|\n|-|\n" + "|b|\n" * 5_000],
)  # fmt: skip
def test_hostile_text_costs_no_more_than_long_text(hostile: str) -> None:
    started = process_time()
    made = blocks(hostile)
    for block in made:
        for element in block.get("elements", ()):
            list(short_elements(element))
    shortened(escape(words(made)), LONGEST_TEXT)
    streamed(hostile)
    assert (
        process_time() - started < 4
    )  # seconds; each takes less than one, and would take minutes if it grew with both


def test_escape_writes_slacks_three_entities() -> None:
    assert escape("<!channel> & &lt;") == "&lt;!channel&gt; &amp; &amp;lt;"
