"""Documents cut into passages of about 60 words along their headings.

`kb.sync` embeds and stores what comes out. Short passages with title and heading in front were the
biggest single gain in our retrieval trials, for vectors and BM25 alike; what is shown of a document
is longer (`kb.snapshot`). A list step or a code block is cut only when it alone is longer than a
passage may be.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kb.documents import Document
from kb.markup import plain

SPLITTER_VERSION = "2"
"""Part of the collection name: raise it when the same document would give other passages."""

TARGET_WORDS = 60
"""Of 45, 60, 80, 110 and 170 tried on the dev splits of two sets, 60 and 80 were the best."""
MAX_WORDS = 200
SMALL_WORDS = 30
MAX_CHARACTERS = 3_000
"""A bound for text without spaces: base64, some scripts; well above 200 words of prose."""

_SENTENCE_END = re.compile(r"(?<=[.!?。！？])(?:\s+|(?=[A-Z]))(?<![A-Z.][.])")
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d+[.)])[ \t]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is stored: `heading` is the path of headings above it, joined by ' > '."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines that belong together; `level` > 0 makes it a heading."""

    text: str
    level: int = 0


def embedded_text(title: str, heading: str, text: str) -> str:
    """Return what is embedded and searched for a passage: title and heading in front of its text."""
    return "\n".join(part for part in (title, heading, text) if part)


def split(document: Document) -> list[Piece]:
    """Cut `document` into passages; every word of it is in one of them, or in their headings."""
    units = _text_units(document.text) if document.format == "text" else _markdown_units(document.text)
    pieces: list[Piece] = []
    path: list[tuple[int, str]] = []
    section: list[str] = []
    for unit in units:
        if not unit.level:
            section.append(unit.text)
            continue
        pieces += _section(path, section)
        # A heading that another of the same rank follows at once has no passage to carry it.
        if path and not section and path[-1][0] >= unit.level:
            pieces.append(Piece(_joined(path[:-1]), path[-1][1]))
        path = [entry for entry in path if entry[0] < unit.level] + [(unit.level, unit.text)]
        section = []
    pieces += _section(path, section)
    if path and not section:
        pieces.append(Piece(_joined(path[:-1]), path[-1][1]))
    return pieces or [Piece("", document.title)]


def _joined(path: Sequence[tuple[int, str]]) -> str:
    return " > ".join(text for _, text in path)


def _section(path: Sequence[tuple[int, str]], units: Iterable[str]) -> list[Piece]:
    heading = _joined(path)
    return [Piece(heading, text) for text in _pack([part for unit in units for part in _bounded(unit)])]


def _words(text: str) -> int:
    return len(text.split())


def _pack(units: Sequence[str]) -> list[str]:
    """Join neighbouring units up to the target; a small rest joins the passage before it."""
    packed: list[str] = []
    previous = ""
    for unit in units:
        longer = f"{packed[-1]}{_glue(previous, unit)}{unit}" if packed else unit
        previous = unit
        limit = MAX_WORDS if _words(unit) < SMALL_WORDS and unit is units[-1] else TARGET_WORDS
        if packed and _words(longer) <= limit and len(longer) <= MAX_CHARACTERS:
            packed[-1] = longer
        else:
            packed.append(unit)
    return packed


def _glue(before: str, after: str) -> str:
    """Return what stands between two units: list items keep their lines together."""
    return "\n" if is_item(before) and is_item(after) else "\n\n"


def is_item(text: str) -> bool:
    """Return whether `text` begins with an item of a list."""
    return _LIST_ITEM.match(text) is not None


def rejoined(texts: Sequence[str]) -> str:
    """Return neighbouring passages as one text again."""
    whole = texts[0] if texts else ""
    for text in texts[1:]:
        last_line = whole.rpartition("\n")[2]
        whole += _glue(last_line, text) + text
    return whole


def _bounded(unit: str) -> Iterator[str]:
    """Yield `unit`, or its parts when it is longer than a passage may be: lines, sentences, words."""
    if _words(unit) <= MAX_WORDS and len(unit) <= MAX_CHARACTERS:
        yield unit
        return
    for cut in (re.compile(r"\n"), _SENTENCE_END, re.compile(r"\s+")):
        parts = [part for part in cut.split(unit) if part.strip()]
        if len(parts) > 1:
            glue = "\n" if cut.pattern == r"\n" else " "
            for part in _grouped(parts, glue):
                yield from _bounded(part)
            return
    yield from (unit[at : at + MAX_CHARACTERS] for at in range(0, len(unit), MAX_CHARACTERS))


def _grouped(parts: Sequence[str], glue: str) -> Iterator[str]:
    group: list[str] = []
    words = characters = 0
    for part in parts:
        if group and (words + _words(part) > TARGET_WORDS or characters + len(part) > MAX_CHARACTERS):
            yield glue.join(group)
            group, words, characters = [], 0, 0
        group.append(part)
        words += _words(part)
        characters += len(part) + 1
    yield glue.join(group)


def _text_units(text: str) -> Iterator[_Unit]:
    for block in re.split(r"\n[ \t]*\n", text):
        if block.strip():
            yield from _prose(block.strip("\n"))


def _prose(text: str) -> Iterator[_Unit]:
    """Yield a paragraph, as groups of sentences where it is long."""
    if _words(text) <= TARGET_WORDS:
        yield _Unit(text)
        return
    sentences = [part for part in _SENTENCE_END.split(text) if part.strip()]
    yield from (_Unit(part) for part in _grouped(sentences, " "))


def _markdown_units(text: str) -> Iterator[_Unit]:
    """Yield the blocks of a Markdown text in order, with the lines no block covers (link definitions)."""
    lines = text.split("\n")
    at = 0
    for token, content in _blocks(_MARKDOWN.parse(text)):
        begin, end = token.map or (at, at)
        start = max(begin, at)
        yield from _lines(lines[at:start])
        at = max(end, at)
        block = "\n".join(lines[start:end]).strip("\n")
        if token.type == "heading_open":
            yield _Unit(plain(content), int(token.tag[1]))
        elif token.type == "paragraph_open" and not token.level:
            yield from _prose(block)
        elif block.strip():
            yield _Unit(block)
    yield from _lines(lines[at:])


def _lines(lines: Sequence[str]) -> Iterator[_Unit]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield _Unit(text)


def _blocks(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Yield the opening tokens of blocks that stay whole: list items, and everything else at the top."""
    for at, token in enumerate(tokens):
        is_item = token.type == "list_item_open" and token.level == 1
        is_list = token.type in ("bullet_list_open", "ordered_list_open")
        if is_item or (token.level == 0 and token.map and token.nesting >= 0 and not is_list):
            yield token, tokens[at + 1].content if at + 1 < len(tokens) else ""
