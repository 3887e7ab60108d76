"""What an answer looks like in a mail: as HTML nothing can slip through, and as text a person can read."""

import re
from collections.abc import Mapping
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from channels.email.letters.markdown import is_safe, to_html, to_text

NO_SOURCES: Mapping[int, str] = {}
TAGS = frozenset(
    {"a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"}
    | {"strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
)
ATTRIBUTES = frozenset({"href", "style", "dir", "start"})


def shown(text: str, sources: Mapping[int, str] = NO_SOURCES) -> html.HtmlElement:
    return html.fragment_fromstring(to_html(text, sources), create_parent="div")


def links(text: str, sources: Mapping[int, str] = NO_SOURCES) -> list[tuple[str, str]]:
    return [(a.text_content(), str(a.get("href"))) for a in shown(text, sources).iter("a")]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Two **years**, *not* one.", "Two years, not one."),
        ("One line\nand the next", "One line\nand the next"),
        ("# Returns\nWithin 30 days.", "Returns\n\nWithin 30 days."),
        ("See [the page](https://kb.example/r).", "See the page (https://kb.example/r)."),
        ("See <https://kb.example/r>.", "See https://kb.example/r."),
        ("Write to <help@example.com>.", "Write to help@example.com."),
        ("Write to [us](mailto:help@example.com).", "Write to us (help@example.com)."),
        ("![A tyre](https://kb.example/t.png)", "A tyre (https://kb.example/t.png)"),
        ("![](https://kb.example/t.png)", "https://kb.example/t.png"),
        ("[![A tyre](https://kb.example/t.png)](https://kb.example)", "A tyre (https://kb.example)"),
        ("- a\n- b\n  - c\n\nend", "- a\n- b\n  - c\n\nend"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("1. a\n\n   more\n\n2. b", "1. a\n\n   more\n\n2. b"),
        ("-\n- b", "-\n- b"),
        ("> quoted\n> twice\n\nanswer", "> quoted\n> twice\n\nanswer"),
        ("> - a\n> - b", "> - a\n> - b"),
        ("a\n\n> b\n>\n> c", "a\n\n> b\n>\n> c"),
        ("Run `npm i`:\n```sh\nnpm i\n\nnpm t\n```", "Run npm i:\n\n    npm i\n\n    npm t"),
        ("a\n\n---\n\nb", "a\n\n--------------------\n\nb"),
        ("~~49~~ 39", "~~49~~ 39"),
        ("Cited [1] [2, 3].", "Cited [1] [2, 3]."),
        ("<b>bold</b> <!-- hidden -->", "<b>bold</b> <!-- hidden -->"),
        (r"5 \* 3 &amp; 2", "5 * 3 & 2"),
        (
            "| Plan | Price |\n|---|---|\n| Basic | 5 |\n| Pro | 15 |",
            "Plan  | Price\n------+------\nBasic | 5\nPro   | 15",
        ),
        ("Die Größe, 价格, السعر", "Die Größe, 价格, السعر"),
        ("", ""),
    ],
)
def test_plain_text_reads_as_if_a_person_had_typed_it(markdown: str, text: str) -> None:
    assert to_text(markdown) == text


def test_a_wide_table_is_written_row_by_row_in_plain_text() -> None:
    long = "a description of what this plan has that goes on and on and on and on"
    assert to_text(f"| Plan | About |\n|-|-|\n| Basic | {long} |\n| Pro | {long} |") == (
        f"Plan: Basic\nAbout: {long}\n\nPlan: Pro\nAbout: {long}"
    )


def test_every_part_of_markdown_has_its_element() -> None:
    page = shown(
        "# H\n\n**b** *i* ~~s~~ `c`\n\n3. x\n4. y\n\n- z\n\n> q\n\n```\ncode <b>\n```\n\n---\n\n|a|b|\n|-|-:|\n|1|2|"
        "\n\nx\ny"
    )
    for path in ("h1", "p/strong", "p/em", "p/s", "p/code", "ol[@start='3']/li", "ul/li", "blockquote/p", "pre", "hr",
                 "table/thead/tr/th", "table/tbody/tr/td[contains(@style,'text-align:right')]", "p/br"):  # fmt: skip
        assert page.xpath(path), path
    assert page.xpath("string(pre)") == "code <b>\n"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick='x'>b</b>\n\n<div style='position:fixed'>x</div>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](cid:1)",
        "![x](javascript:alert(1))",
        "![x](data:image/png;base64,AAAA)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        '[x](https://a.example "t\\" onmouseover=\\"alert(1)")',
        '```"><script>\nx\n```',
        "|<script>|\n|-|\n|<img src=x>|",
    ],
)
def test_no_html_and_no_script_comes_through(hostile: str) -> None:
    page = shown(hostile)
    assert {element.tag for element in page.iter()} - {"div"} <= TAGS
    assert all(href.startswith("https://a.example") for _, href in links(hostile))


PIECES = (*"ab1[]()<>!*_`~|-:#.\n\\\"'&=/ ", "https://", "javascript:", "mailto:", "<script", "[1]")


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_whatever_is_written_only_plain_elements_and_safe_links_come_out(text: str) -> None:
    page = shown(text, {1: "javascript:alert(1)"})
    for element in page.iterdescendants():
        assert element.tag in TAGS
        assert set(element.attrib) <= ATTRIBUTES
        assert element.tag != "a" or is_safe(str(element.get("href")))
        assert "url(" not in str(element.get("style"))


@settings(deadline=None)
@given(st.text())
def test_no_letter_is_lost_on_the_way_to_either_body(text: str) -> None:
    letters = re.findall(r"[^\W_]", re.sub(r"&#?\w*;?|[\x00-\x1f\x7f-\x9f]|^\s*\d+[.)]", "", text, flags=re.MULTILINE))
    for made in (to_text(text), shown(text).text_content()):
        rest = iter(made)
        assert all(letter in rest for letter in letters)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example/x?y=1#z", True),
        ("http://a.example", True),
        ("HTTPS://a.example", True),
        ("mailto:a@b.example", True),
        ("mailto:a@b.example?subject=Hi", True),
        ("mailto:a", False),
        ("https://shop.example@evil.example", False),
        ("https://u:p@evil.example", False),
        ("https://", False),
        ("http://[::1", False),
        ("javascript:alert(1)", False),
        ("ftp://a.example", False),
        ("//a.example", False),
        ("", False),
    ],
)
def test_only_web_and_mail_addresses_become_links(url: str, safe: bool) -> None:
    assert is_safe(url) is safe


def test_a_picture_is_a_link_and_nothing_is_fetched() -> None:
    text = "![A tyre](https://track.example/t.png) [![B](https://track.example/b.png)](https://kb.example)"
    assert links(text) == [("A tyre", "https://track.example/t.png"), ("B", "https://kb.example")]
    assert "<img" not in to_html(text)


@pytest.mark.parametrize(
    "label",
    [
        "https://bank.example",
        "bank.example",
        "www.bank.example/login",
        "**bank.example**",
        "go to https://bank.example",
    ],
)
def test_words_that_look_like_another_address_give_way_to_the_real_one(label: str) -> None:
    text = f"[{label}](https://evil.example/x)"
    assert links(text) == [("https://evil.example/x", "https://evil.example/x")]
    assert to_text(text) == "https://evil.example/x"


@pytest.mark.parametrize("label", ["kb.example", "www.kb.example", "https://kb.example/r", "the page"])
def test_honest_words_stay(label: str) -> None:
    assert links(f"[{label}](https://kb.example/r)") == [(label, "https://kb.example/r")]


def test_an_address_in_plain_words_becomes_a_link_without_the_sentences_punctuation() -> None:
    assert links("See https://kb.example/a_(b), or (https://kb.example/c).") == [
        ("https://kb.example/a_(b)", "https://kb.example/a_(b)"),
        ("https://kb.example/c", "https://kb.example/c"),
    ]
    assert links("`https://kb.example`") == []


def test_a_citation_leads_to_its_source_and_nowhere_else() -> None:
    sources = {1: "https://kb.example/r", 2: "returns.md", 3: "javascript:x"}
    assert links("a [1] b [1, 2] c [3] d [4]\n\n[1]: https://evil.example/", sources) == [
        ("1", "https://kb.example/r"),
        ("1", "https://kb.example/r"),
        ("1", "https://kb.example/r"),
        ("https://evil.example/", "https://evil.example/"),
    ]
    assert shown("a [1, 2] [4]", sources).text_content().strip() == "a [1, 2] [4]"


@pytest.mark.parametrize(
    "hostile",
    ["*_" * 20_000, "[" * 50_000, ">" * 50_000, "![" * 25_000, "[a](" * 15_000, "`" + "``" * 20_000, "http://" * 8_000,
     "https://a.example/" + "(" * 2_000 + ")" * 50_000, "- " * 25_000, "|a" * 1_500 + "\n" + "|-" * 1_500],
    ids=["emphasis", "brackets", "quotes", "pictures", "links", "code", "addresses", "parentheses", "lists", "table"],
)  # fmt: skip
def test_hostile_text_costs_no_more_than_long_text(hostile: str) -> None:
    started = process_time()
    to_html(hostile)
    to_text(hostile)
    assert process_time() - started < 10  # seconds; each takes less than two on an old machine
