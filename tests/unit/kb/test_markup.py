"""What a page says, and what only stands around it."""

import pytest

from kb.documents import EmptySourceError, SourceError
from kb.markup import declared_charset, read_html, read_markdown

TEXT = "<h1>Ways to pay</h1><p>By card, by invoice, or in cash when you collect your bicycle in the shop.</p>"
FRAME = '<div class="header">Home Shop Cart</div>'


@pytest.mark.parametrize(
    "body",
    [
        f"{FRAME}<main>{TEXT}</main>",
        f'{FRAME}<div role="main">{TEXT}</div>',
        f"{FRAME}<article>{TEXT}</article>",
        f'{FRAME}<div id="content">{TEXT}</div>',
        f'<main><div class="breadcrumbs">Home</div>{TEXT}<div class="page-toc toc">On this page</div></main>',
        f'<main>{TEXT}<div id="cookie-consent" class="cookie">We use cookies.</div></main>',
        f'<header>Shop</header>{TEXT}<div role="dialog">Subscribe!</div><div role="contentinfo">Imprint</div>',
        '<main><h1>Ways to pay<a class="headerlink" href="#pay">¶</a></h1>'
        "<p>By card, by invoice, or in cash when you collect your bicycle in the shop.</p></main>",
    ],
)
def test_only_the_text_of_a_page_is_kept(body: str) -> None:
    content = read_html(f"<html><head><title>Pay | Shop</title></head><body>{body}</body></html>")
    assert content.title == "Ways to pay"
    assert content.body.strip() == "By card, by invoice, or in cash when you collect your bicycle in the shop."


def test_a_page_of_several_articles_is_kept_whole() -> None:
    content = read_html("<body><h1>News</h1><article><p>One.</p></article><article><p>Two.</p></article></body>")
    assert "One." in content.body
    assert "Two." in content.body


def test_a_page_whose_text_only_looks_like_a_frame_is_kept() -> None:
    content = read_html(f'<body><div class="sidebar-layout toc">{TEXT}</div></body>')
    assert "By card" in content.body


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        (b'<meta charset="iso-8859-1">', "iso8859-1"),
        (b"<meta http-equiv=content-type content='text/html; charset=windows-1252'>", "cp1252"),
        (b"<meta charset=never-heard-of>", ""),
        (b"<title>charset=utf-16</title>", ""),
    ],
)
def test_the_character_set_is_the_one_that_the_page_names(head: bytes, charset: str) -> None:
    assert declared_charset(b"<html><head>" + head) == charset


def test_a_page_that_is_nested_without_end_says_so() -> None:
    with pytest.raises(SourceError, match="nested too deeply"):
        read_html("<div>" * 100_000 + "text")


def test_a_page_without_words_is_empty() -> None:
    with pytest.raises(EmptySourceError):
        read_html("")
    assert read_html('<body><div id="root"></div><script>draw()</script></body>').body == ""


def test_comments_go_and_an_unclosed_one_stays() -> None:
    assert read_markdown("One <!-- two -->three {/* four */}five\n").body == "One three five"
    assert read_markdown("One <!-- two").body == "One <!-- two"
    assert len(read_markdown("<!-- " * 200_000).body) > 200_000
