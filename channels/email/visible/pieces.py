"""A mail's text cut into pieces: lines, runs of '>' lines, fenced code. `quotes` and its helpers mark and choose them.

Work grows with the length of the text only: a run of '>' lines is one piece, and what follows the first `_PIECES`
pieces is one piece more, which counts as written.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

LONG = 400
"""Characters: a longer line is neither a lead nor a header, and is not looked at."""

_PIECES = 2500
_QUOTED = re.compile(r"(?:[ \t]{0,3}>[^\n]*(?:\n|\Z))++")
_FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_DELIMITER = re.compile(r"[\s>*]*[-_=*~—–#]{2,}[\s*]*")
_WORD = re.compile(r"\w")
_BLANK = " \t\n\xa0\u200b\ufeff"


class Kind(StrEnum):
    """What a piece of a mail is."""

    BLANK = "blank"
    WORDS = "words"
    CODE = "code"
    QUOTE = "quote"
    LEAD = "lead"
    ENDING = "ending"


@dataclass(slots=True)
class Piece:
    """A line with its line break, or a run of quoted lines. `line` is the number of its first line, from 0."""

    kind: Kind
    text: str
    line: int


def pieces(text: str) -> Iterator[Piece]:
    """Cut `text` (line breaks are LF) into lines and runs of '>' lines; what stands in code fences is code."""
    fences = _fences(text)
    position = line = unclosed = 0
    for _ in range(_PIECES):
        if position == len(text):
            return
        kind, end = _next(text, position, fences, unclosed=unclosed > 0)
        part = text[position:end]
        yield Piece(kind, part, line)
        line += part.count("\n")
        position = end
        unclosed = max(0, unclosed + part.count("<") - part.count(">")) if kind is Kind.WORDS else 0
    if position < len(text):
        yield Piece(Kind.WORDS, text[position:], line)


def _next(text: str, position: int, fences: dict[int, int], *, unclosed: bool) -> tuple[Kind, int]:
    """The kind of piece at `position` and its end. A '>' that closes an address broken over lines quotes nothing."""
    if position in fences:
        return Kind.CODE, fences[position]
    quoted = _QUOTED.match(text, position)
    if quoted and not unclosed:
        return Kind.QUOTE, quoted.end()
    end = text.find("\n", position) + 1 or len(text)
    return (Kind.WORDS if quoted or text[position:end].strip(_BLANK) else Kind.BLANK), end


def _fences(text: str) -> dict[int, int]:
    """Where fenced code begins, and where it ends. A fence that is never closed is none."""
    marks = [mark.start() for mark in islice(_FENCE.finditer(text), _PIECES)]
    return {begin: text.find("\n", end) + 1 or len(text) for begin, end in zip(marks[::2], marks[1::2], strict=False)}


def is_delimiter(text: str) -> bool:
    """Whether the line is a rule of dashes or underscores."""
    return len(text) < LONG and _DELIMITER.fullmatch(text.rstrip("\n")) is not None


def has_words(text: str) -> bool:
    """Whether a person could have written it: it has a letter, a digit or a picture, not only rules and signs."""
    return len(text) > 10_000 or _WORD.search(text) is not None or any(ord(sign) > 0x2190 for sign in text[:LONG])


def is_own(piece: Piece) -> bool:
    """Whether the piece holds words of the writer."""
    return piece.kind is Kind.CODE or (piece.kind is Kind.WORDS and has_words(piece.text))


def skip_blank(parts: Sequence[Piece], index: int) -> int:
    """The first piece from `index` on that is not a blank line."""
    while index < len(parts) and parts[index].kind is Kind.BLANK:
        index += 1
    return index


def is_announced(parts: Sequence[Piece], index: int) -> bool:
    """Whether the line above `index` ends with ':': the writer shows what follows ('here is what I got:')."""
    before = index - 1
    while before >= 0 and parts[before].kind is Kind.BLANK:
        before -= 1
    return before >= 0 and parts[before].kind is Kind.WORDS and parts[before].text.rstrip()[-1:] in (":", "：")
