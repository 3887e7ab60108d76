"""Markdown as the two bodies of a mail: simple HTML with its styles inline, and plain text a person can read.

A mail client shows what it is given. So nothing is passed on as HTML, links are those that `channels.markdown` lets
through, and no picture is fetched from anywhere: a picture is its description and a link. `render.compose` calls
both functions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from markdown_it.token import Token

from channels.markdown import (
    ADDRESS,
    in_columns,
    is_safe,
    parse,
    with_honest_labels,
    without_punctuation,
    words_and_address,
)

__all__ = ["is_safe", "to_html", "to_text"]

_EDGE = "#8a9691"  # seen on white and on black: no other colour is set, so that a dark client stays dark
_MONO = "font-family:Consolas,Menlo,'DejaVu Sans Mono',monospace;font-size:0.92em"
_HEADING = "margin:20px 0 8px;line-height:1.3;font-size:"
_STYLES = {
    "p": "margin:0 0 14px",
    "h1": f"{_HEADING}20px",
    "h2": f"{_HEADING}18px",
    "h3": f"{_HEADING}16px",
    "h4": f"{_HEADING}15px",
    "h5": f"{_HEADING}15px",
    "h6": f"{_HEADING}15px",
    "ul": "margin:0 0 14px;padding:0 0 0 26px",
    "ol": "margin:0 0 14px;padding:0 0 0 26px",
    "li": "margin:0 0 4px",
    "blockquote": f"margin:0 0 14px;padding:0 0 0 12px;border-left:3px solid {_EDGE}",
    "table": "border-collapse:collapse;margin:0 0 14px",
    "th": f"border:1px solid {_EDGE};padding:5px 9px;vertical-align:top",
    "td": f"border:1px solid {_EDGE};padding:5px 9px;vertical-align:top",
}
_PRE = f"{_MONO};margin:0 0 14px;padding:8px 10px;border:1px solid {_EDGE};white-space:pre-wrap;overflow-wrap:anywhere"
_DIRECTED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "blockquote", "th", "td"})
_PLAIN_TAGS = frozenset({"thead", "tbody", "tr", "strong", "em", "s"})

_SPECIAL = re.compile(rf"(?P<url>{ADDRESS})|\[(?P<cite>\d{{1,3}}(?:, ?\d{{1,3}}){{0,9}})\]")
_WIDEST = 76  # characters; a wider table is written row by row


def to_html(text: str, sources: Mapping[int, str] | None = None) -> str:
    """Return `text` as HTML that is safe to put into a page: elements without classes, styles inline.

    `sources` are the numbers that may be cited: each `[n]` of them links to its address, if that is a safe one.
    """
    return "".join(_html(parse(text), _Citations(sources or {})))


def to_text(text: str) -> str:
    """Return `text` for people without HTML: marks are gone, a link is 'words (address)', lines are not wrapped."""
    page = _Page()
    tokens = iter(parse(text))
    for token in tokens:
        if token.type == "table_open":
            page.block(_table(tokens))
        else:
            page.take(token)
    return "\n".join(page.lines)


@dataclass(frozen=True, slots=True)
class _Citations:
    addresses: Mapping[int, str]

    def html(self, numbers: str) -> str:
        """Return the marker of the sources `numbers` ('1' or '1, 3'); text, if one of them is unknown."""
        cited = [int(number) for number in numbers.split(",")]
        if any(number not in self.addresses for number in cited):
            return f"[{numbers}]"
        return f"[{', '.join(self._one(number) for number in cited)}]"

    def _one(self, number: int) -> str:
        address = self.addresses[number]
        return _anchor(address, str(number)) if is_safe(address) else str(number)


def _html(tokens: Sequence[Token], cites: _Citations) -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "inline":
                yield from _inline_html(token.children or (), cites)
            case "fence" | "code_block":
                yield f'<pre style="{_PRE}">{escape(token.content)}</pre>\n'
            case "hr":
                yield f'<hr style="border:0;border-top:1px solid {_EDGE};margin:18px 0">\n'
            case _ if not token.hidden:
                yield _tag(token)


def _tag(token: Token) -> str:
    """Return the opening or closing tag of a token; one we don't know is its text."""
    tag = token.tag
    if tag not in _STYLES and tag not in _PLAIN_TAGS:
        return escape(token.content)
    if token.nesting < 0:
        return f"</{tag}>" if tag in {"strong", "em", "s"} else f"</{tag}>\n"
    align = str(token.attrs.get("style", "text-align:left")) if tag in {"th", "td"} else ""
    inner = "margin:4px 0 0" if tag in {"ul", "ol"} and token.level > 1 else ""
    style = ";".join(filter(None, (_STYLES.get(tag, ""), inner, align)))
    start = f' start="{int(token.attrs["start"])}"' if "start" in token.attrs else ""
    direction = ' dir="auto"' if tag in _DIRECTED else ""
    return f"<{tag}{start}{direction}" + (f' style="{style}">' if style else ">")


def _inline_html(tokens: Sequence[Token], cites: _Citations) -> Iterator[str]:
    links = 0
    rest = list(with_honest_labels(tokens))
    for token in rest:
        match token.type:
            case "text" if links:
                yield escape(token.content)
            case "text":
                yield _linked(token.content, cites)
            case "code_inline":
                yield f'<code style="{_MONO}">{escape(token.content)}</code>'
            case "softbreak" | "hardbreak":
                yield "<br>\n"
            case "image":
                yield _picture_html(token, in_link=bool(links))
            case "link_open":
                links += 1
                yield f'<a href="{escape(str(token.attrs["href"]))}">'
            case "link_close":
                links -= 1
                yield "</a>"
            case _:
                yield _tag(token)


def _anchor(url: str, label: str) -> str:
    return f'<a href="{escape(url)}">{escape(label)}</a>'


def _picture_html(token: Token, *, in_link: bool) -> str:
    address = str(token.attrs.get("src", ""))
    return escape(token.content) if in_link else _anchor(address, token.content or address)


def _linked(text: str, cites: _Citations) -> str:
    """Return plain words as HTML, with links for the addresses and the citations in them."""
    out: list[str] = []
    at = 0
    for found in _SPECIAL.finditer(text):
        out.append(escape(text[at : found.start()]))
        at = found.end()
        if numbers := found["cite"]:
            out.append(cites.html(numbers))
            continue
        url = without_punctuation(found["url"])
        out.append(_anchor(url, url) if is_safe(url) else escape(url))
        at = found.start() + len(url)
    return "".join((*out, escape(text[at:])))


def _inline_text(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    link, start = "", 0
    for token in with_honest_labels(tokens):
        match token.type:
            case "link_open":
                link, start = str(token.attrs["href"]), len(out)
            case "link_close":
                out[start:] = [words_and_address("".join(out[start:]), link)]
                link = ""
            case "image":
                address = "" if link else str(token.attrs.get("src", ""))
                out.append(words_and_address(token.content, address))
            case "softbreak" | "hardbreak":
                out.append("\n")
            case "s_open" | "s_close":
                out.append("~~")
            case _:
                out.append(token.content)
    return "".join(out)


@dataclass(slots=True)
class _Holder:
    """A quote or a list's item: what stands before its first line and before the others."""

    first: str
    rest: str
    begun: bool = False


@dataclass(slots=True)
class _Page:
    """Lines of plain text, as blocks come in."""

    lines: list[str] = field(default_factory=list)
    holders: list[_Holder] = field(default_factory=list)
    counters: list[int | None] = field(default_factory=list)
    """The next number of each list that is open; None in a list with bullets."""
    gap: int | None = None
    """A blank line is due before the next block, within so many holders."""

    def take(self, token: Token) -> None:
        """Add what `token` brings."""
        match token.type:
            case "inline":
                self.block(_inline_text(token.children or ()).split("\n"), gap=False)
            case "paragraph_close" | "heading_close":
                self.gap = self.gap if token.hidden else len(self.holders)
            case "fence" | "code_block":
                self.block([f"    {line}".rstrip() for line in token.content.rstrip("\n").split("\n")])
            case "hr":
                self.block(["-" * 20])
            case "blockquote_open":
                self.holders.append(_Holder("> ", "> "))
            case "bullet_list_open":
                self.counters.append(None)
            case "ordered_list_open":
                self.counters.append(int(token.attrs.get("start", 1)))
            case "list_item_open":
                self._open_item()
            case "list_item_close" | "blockquote_close":
                self._close_holder()
            case "bullet_list_close" | "ordered_list_close":
                self.counters.pop()
                self.gap = self.gap if self.counters else len(self.holders)
            case _:
                pass

    def block(self, lines: Sequence[str], *, gap: bool = True) -> None:
        """Add `lines` below what is there; a blank line follows them if `gap`."""
        if self.gap is not None and self.lines:
            self.lines.append("".join(holder.rest for holder in self.holders[: self.gap]).rstrip())
        self.gap = len(self.holders) if gap else None
        self.lines += [(self._margin() + line).rstrip() for line in lines]

    def _margin(self) -> str:
        margin = "".join(holder.rest if holder.begun else holder.first for holder in self.holders)
        for holder in self.holders:
            holder.begun = True
        return margin

    def _open_item(self) -> None:
        number = self.counters[-1]
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self.counters[-1] = number + 1
        self.holders.append(_Holder(mark, " " * len(mark)))

    def _close_holder(self) -> None:
        if not self.holders[-1].begun:
            self.block([""], gap=False)
        self.holders.pop()
        if self.gap is not None:
            self.gap = min(self.gap, len(self.holders))


def _table(tokens: Iterator[Token]) -> list[str]:
    """Take a table's tokens, and return it as lines: in columns, or row by row where it is wide."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline_text(token.children or ()).replace("\n", " "))
    return in_columns(rows, _WIDEST) or _row_by_row(rows)


def _row_by_row(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *others = rows
    lines: list[str] = []
    for row in others:
        lines += ["", *(f"{name}: {cell}" if name else cell for name, cell in zip(head, row, strict=False) if cell)]
    return lines[1:] or [" | ".join(head)]
