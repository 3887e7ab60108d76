"""How every channel reads Markdown, and which addresses may become links."""

import pytest

from channels.markdown import cleaned, in_columns, is_safe, misleads, parse, without_punctuation, words_and_address


def hrefs(text: str) -> list[str]:
    children = [child for token in parse(text) for child in token.children or ()]
    return [str(child.attrs["href"]) for child in children if child.type == "link_open"]


def kinds(text: str) -> set[str]:
    return {token.type for token in parse(text)}


def test_a_text_has_one_kind_of_line_end_and_nothing_that_cannot_be_written() -> None:
    assert cleaned("a\r\nb\rc\td\x00\ud83d\x7f") == "a\nb\nc\td\ufffd\ufffd\ufffd"


def test_html_is_words() -> None:
    [paragraph] = [token for token in parse("a <b>b</b>\n<script>x</script>") if token.type == "inline"]
    assert paragraph.children is not None
    assert {child.type for child in paragraph.children} == {"text", "softbreak"}


def test_no_definition_elsewhere_gives_a_citation_an_address() -> None:
    assert hrefs("It is so [1], see [the page].\n\n[1]: https://evil.example\n[the page]: https://evil.example") == []


def test_tables_and_struck_words_are_read() -> None:
    assert "table_open" in kinds("|a|\n|-|\n|1|")
    assert hrefs("~~[a](https://a.example)~~") == ["https://a.example"]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example/x?y=1#z", True),
        ("http://a.example", True),
        ("mailto:a@b.example?subject=Hi", True),
        ("mailto:a", False),
        ("https://shop.example@evil.example", False),
        ("https://", False),
        ("http://[::1", False),
        ("javascript:alert(1)", False),
        ("slack://channel?id=C1", False),
        ("data:text/html,x", False),
        ("//a.example", False),
        ("", False),
    ],
)
def test_only_web_and_mail_addresses_become_links(url: str, safe: bool) -> None:
    assert is_safe(url) is safe
    assert bool(hrefs(f"[x](<{url}>)")) is safe


@pytest.mark.parametrize(
    ("label", "misleading"),
    [
        ("bank.example", True),
        ("https://bank.example/login", True),
        ("go to https://bank.example", True),
        ("www.evil.example", False),
        ("https://evil.example/x", False),
        ("the page", False),
        ("", False),
    ],
)
def test_words_that_look_like_another_address_mislead(label: str, misleading: bool) -> None:
    assert misleads(label, "https://evil.example/x") is misleading


@pytest.mark.parametrize(
    ("found", "url"),
    [
        ("https://a.example/b.", "https://a.example/b"),
        ("https://a.example/b).", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("https://a.example/?q=1!", "https://a.example/?q=1"),
    ],
)
def test_the_punctuation_of_the_sentence_is_not_part_of_an_address(found: str, url: str) -> None:
    assert without_punctuation(found) == url


@pytest.mark.parametrize(
    ("words", "url", "text"),
    [
        ("the page", "https://a.example/b", "the page (https://a.example/b)"),
        ("https://a.example", "https://a.example/", "https://a.example"),
        ("a@b.example", "mailto:a@b.example", "a@b.example"),
        ("us", "mailto:a@b.example", "us (a@b.example)"),
        ("", "https://a.example", "https://a.example"),
        ("words", "", "words"),
    ],
)
def test_a_link_as_text_says_its_address_once(words: str, url: str, text: str) -> None:
    assert words_and_address(words, url) == text


def test_a_table_is_written_in_columns_unless_it_is_too_wide() -> None:
    rows = [["Plan", "Price"], ["Basic", "5"]]
    assert in_columns(rows, 13) == ["Plan  | Price", "------+------", "Basic | 5"]
    assert in_columns(rows, 12) == []
