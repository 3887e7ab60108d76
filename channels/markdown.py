"""Markdown as every channel reads it: CommonMark with tables, and a judgement on each link.

Answers come from a model, operators and documents, and a customer sees what they become. So HTML is words, no
definition elsewhere in the text gives a link its address, only http, https and mailto may become links, and a link
says where it really goes. `channels.email.letters.markdown`, `channels.slack.rich` and `channels.teams.rich` write what
`parse` has read.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ADDRESS = r"\bhttps?://[^\s<>\"'`|\u00ab\u00bb]{1,2000}"
"""Pattern of a web address in plain words; `without_punctuation` takes off what belongs to the sentence."""

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MAILBOX = re.compile(r"mailto:[^\s@?&<>\"]+@[^\s@?&<>\"]+(?:\?[^\s<>\"]*)?", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,24})(?:[/:?#]\S*)?", re.IGNORECASE)


class _Reader(MarkdownIt):
    """CommonMark with tables, without HTML and without definitions of links elsewhere in the text.

    `[1]: https://...` would give a citation's number another address.
    """

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable(["table", "strikethrough"])
        self.disable(["reference", "html_block", "html_inline"])

    def validateLink(self, url: str) -> bool:  # noqa: N802 (markdown-it-py's name)
        return is_safe(url)


_READER = _Reader()


def parse(text: str) -> Sequence[Token]:
    """Return `text` as markdown-it's tokens: those of blocks, each 'inline' one with its words as children."""
    return _READER.parse(text)


def cleaned(text: str) -> str:
    """Return `text` with one kind of line end, and a sign in the place of what can't be written."""
    return _UNWRITABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def normal(url: str) -> str:
    """Return a link's address as `parse` writes it: percent signs for what addresses can't hold."""
    return _READER.normalizeLink(url)


def is_safe(url: str) -> bool:
    """Return whether `url` may become a link: http, https or mailto, and no user name before the host.

    https://shop.example@evil.example looks like the shop.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme == "mailto":
        return bool(_MAILBOX.fullmatch(url))
    return parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc


def without_punctuation(url: str) -> str:
    """Leave the punctuation of the sentence outside an address that was found in it."""
    end = len(url)
    while url[end - 1] in ".,;:!?*_]}" or (url[end - 1] == ")" and "(" not in url[:end]):
        end -= 1
    return url[:end]


def with_honest_labels(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield `tokens`; where a link's words look like another address, the real one stands in their place."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        yield token
        at += 1
        if token.type != "link_open":
            continue
        end = next(place for place in range(at, len(tokens)) if tokens[place].type == "link_close")
        inside = tokens[at:end]
        href = str(token.attrs["href"])
        if misleads("".join(part.content for part in inside), href):
            inside = [Token("text", "", 0, content=href)]
        yield from inside
        at = end


def misleads(label: str, href: str) -> bool:
    """Return whether a link's words look like another address than the one it goes to."""
    seen = _HOST.fullmatch(label.strip())
    if not seen:
        return "://" in label and label.strip() != href
    return seen[1].lower().removeprefix("www.") != (urlsplit(href).hostname or "").removeprefix("www.")


def words_and_address(words: str, url: str) -> str:
    """Return a link as text, 'words (address)'; just one of them where that says it all."""
    address = url.removeprefix("mailto:")
    same = {address, unquote(address), address.rstrip("/")}
    if not address or words.strip() in same:
        return words or address
    return f"{words} ({address})" if words.strip() else address


def in_columns(rows: Sequence[Sequence[str]], widest: int) -> list[str]:
    """Return a table, its head first, as lines of letters of one width; none if they were longer than `widest`."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    if sum(widths) + 3 * len(widths) - 3 > widest:
        return []
    lines = [" | ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [lines[0], "-+-".join("-" * width for width in widths), *lines[1:]]
