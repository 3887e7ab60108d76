"""An answer that grows, as Markdown for chat.appendStream: there Slack reads Markdown itself.

So what it could take for a mention, or for a link that it shouldn't be, is taken out before. Called by `channel`. Pure.
"""

import re
from collections.abc import Iterator
from html import unescape

from channels.markdown import (
    ADDRESS,
    cleaned,
    is_safe,
    misleads,
    normal,
    parse,
    without_punctuation,
)
from channels.slack.rich.elements import escape

_TOKEN = re.compile(r"<(?![\s\d=])")  # marks may stand between the signs of one: <*!here*>
_TOKEN_IN_CODE = re.compile(
    r"(<|&(?:lt|LT|#0{0,6}60|#[xX]0{0,6}3[cC]);)(?=[!@#`]|(?:https?|mailto|slack|tel):|[a-z]{0,6}\Z)"
)
_JOINER = "\u2060"
_LINK = re.compile(
    r"!?\[(?P<words>(?:[^\[\]\\\n]|\\.|\n(?!\s*\n)|\[[^\[\]\n]{0,500}\]){0,1000}+)\]\([ \n]*"
    r"(?:<(?P<pointed>[^<>\n]{0,2000})>|(?P<bare>[^\s()<>]{0,2000}+(?:\([^\s()<>]{0,2000}+\)[^\s()<>]{0,2000}+){0,8}))"
    r"(?:[ \n]+(?:\"[^\"]{0,500}\"|'[^']{0,500}'|\([^()]{0,500}\)))?[ \n]*\)"
)
_INNER = re.compile(r"!?\[([^\[\]\n]{0,500})\](?:\([^()\s]{0,2000}\))?")
_MARKED = re.compile(
    rf"(?P<code>(?<![`\\])(?P<ticks>`+)(?!`)(?s:.)+?(?<!`)(?P=ticks)(?!`))|(?P<link>{_LINK.pattern})"
    rf"|<(?P<auto>[A-Za-z][A-Za-z0-9+.-]{{1,31}}:[^\s<>]{{0,2000}}|[\w.+-]{{1,100}}@[\w.-]{{1,200}})>|(?P<address>{ADDRESS})"
)
_DEFINITION = re.compile(r"^([ >]*\[[^\]\n]+\])(?=:)", re.MULTILINE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_QUOTE_MARKS = re.compile(r"^(?:[ \t]*(?:[-*+]|\d{1,9}[.)])?[ \t]*&gt;)+", re.MULTILINE)


def streamed(text: str, start: int = 0) -> str:
    """Return Markdown for chat.appendStream's `markdown_text`: `text` from `start` on, as part of the whole.

    Words, emphasis, lists, quotes, tables and code stay Markdown. What Slack could read as a mention, a channel, a
    special word or its own kind of link is words: outside code & < > are entities, and a word joiner (U+2060) stands
    behind each '<' that could begin one, in code too. A link stays if it is safe and honest; an unsafe one is its
    words, one that shows another address shows its own, and a picture is a link.

    However an answer is cut into pieces, nothing in them together can be a mention. Where the cut is between
    paragraphs or sentences, outside a link or a code span, `streamed(text[:n]) + streamed(text, n)` is
    `streamed(text)`; and outside a code fence, so is `streamed(text[:n]) + streamed(text[n:])`.
    """
    begin = len(cleaned(text[:start]))
    text = cleaned(text)
    return "".join(_streamed(text, first, last, kind) for first, last, kind in _regions(text, begin))


def _regions(text: str, start: int) -> Iterator[tuple[int, int, str]]:
    """Yield `text` from `start` on in pieces: where each begins and ends, and what it is: 'inline' if words."""
    places = [0]
    for line in text.split("\n"):
        places.append(places[-1] + len(line) + 1)
    places[-1] = len(text)
    kinds: dict[tuple[int, int], str] = {}
    for token in parse(text):
        if token.map and token.type in {"fence", "code_block", "inline"}:
            kinds[token.map[0], token.map[1]] = token.type
    at = 0
    for (top, bottom), kind in sorted(kinds.items()):
        first, last = places[min(top, len(places) - 1)], places[min(bottom, len(places) - 1)]
        if first < at:
            continue
        yield from _from(start, at, first, "inline")
        yield from _from(start, first, last, kind)
        at = last
    yield from _from(start, at, len(text), "inline")


def _from(start: int, first: int, last: int, kind: str) -> Iterator[tuple[int, int, str]]:
    if max(first, start) < last:
        yield max(first, start), last, kind


def _streamed(text: str, first: int, last: int, kind: str) -> str:
    piece = text[first:last]
    if kind == "inline":
        return _QUOTE_MARKS.sub(lambda marks: marks[0].replace("&gt;", ">"), _marked(piece))
    code = _in_code(piece)
    # docs.slack.dev/reference/block-kit/blocks/markdown-block knows no code but between backticks
    return code if kind == "fence" and "`" in piece.split("\n")[0] else code.replace("](", f"]{_JOINER}(")


def _in_code(text: str) -> str:
    return _TOKEN_IN_CODE.sub(rf"\1{_JOINER}", text)


def _marked(text: str) -> str:
    """Return words with their marks as Slack may read them."""
    out: list[str] = []
    at = 0
    for found in _MARKED.finditer(text):
        out.append(_unmarked(text[at : found.start()]))
        at = found.end()
        if found["code"]:
            out.append(_in_code(found["code"]))
        elif found["link"]:
            out.append(_streamed_link(found))
        elif found["auto"]:
            out.append(_address(found["auto"]))
        else:
            url = without_punctuation(found["address"])
            out += [_address(url), _unmarked(found["address"][len(url) :])]
    return "".join((*out, _unmarked(text[at:])))


def _unmarked(text: str) -> str:
    """Return words outside code and links: nothing in them is one."""
    text = _DEFINITION.sub(rf"\1{_JOINER}", text.replace("](", f"]{_JOINER}("))
    text = _ENTITY.sub(_sign, re.sub(r"\\(?=[<>&])", "", text))
    return escape(_TOKEN.sub(f"<{_JOINER}", text))


def _sign(entity: re.Match[str]) -> str:
    """Return what an entity stands for, if that can't be taken for a mark."""
    sign = unescape(entity[0])
    return sign if sign in {"<", ">", "&", '"', "'"} or sign > "\x7f" else entity[0]


def _address(url: str) -> str:
    """Return an address that Slack makes a link, or one that it doesn't if that isn't safe."""
    if "@" in url and ":" not in url:
        return _unmarked(url)
    return escape(url) if is_safe(normal(url)) else escape(url.replace(":", f":{_JOINER}", 1))


def _streamed_link(found: re.Match[str]) -> str:
    """Return a link that is safe and honest, or words; a picture or a link within its words is words."""
    url = normal(unescape(found["pointed"] or found["bare"] or ""))
    label = _INNER.sub(r"\1", found["words"])
    if not is_safe(url):
        return _unmarked(label)
    if not label.strip() or misleads(label.strip("*_~` "), url):
        label = url
    target = escape(url).replace("(", "%28").replace(")", "%29")
    return f"[{_unmarked(label)}]({target})"
