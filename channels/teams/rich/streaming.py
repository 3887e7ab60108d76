"""What is settled of an answer that grows: no later text changes it. Called by `channels.teams.text`. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from sys import maxsize

from channels.teams.rich.elements import Block, List, Quote, Run, Words, parted, solid


@dataclass(frozen=True, slots=True)
class End:
    """How a growing text ends: whether its last line, and whether its last paragraph is over."""

    line: bool
    paragraph: bool

    @classmethod
    def of(cls, markdown: str) -> "End":
        """Return how `markdown` ends."""
        return cls(markdown.endswith("\n"), bool(re.search(r"\n[ \t]*\n[ \t]*\Z", markdown)))


def settled(blocks: list[Block], end: End) -> list[Block]:
    """Return what no later text changes: only the last block is still open."""
    if not blocks:
        return []
    *before, last = blocks
    match last:
        case Words():
            return [*before, *_settled_words(last, end)]
        case Quote():
            inside = settled(last.blocks, end)
            return [*before, *([Quote(inside)] if inside else ())]
        case List() if last.items and not last.table:
            inside = settled(last.items[-1], end)
            items = [*last.items[:-1], *([inside] if inside else ())]
            return [*before, *([replace(last, items=items)] if items else ())]
        case _:
            return before


def _settled_words(words: Words, end: End) -> list[Block]:
    if words.whole or end.paragraph:
        return [words] if end.paragraph or (end.line and not words.loose) else []
    text = "".join(run.words for run in words.runs)
    until = 0 if words.loose else min(_opens(words.runs), len(text))
    if _HEAD.match(words.source.rsplit("\n", 1)[-1]):  # with the next line it may be a table
        until = min(until, text.rfind("\n") + 1)
    if until == len(text):
        return [words]
    places = [found.end() for found in _STOP.finditer(text[:until])]
    place = next((at for at in reversed(places) if _between(words.runs, at)), 0)
    return solid(Words(parted(words.runs, place)[0]))


# Where a text may be cut: behind a sentence and its citations, or a line.
_STOP = re.compile(r"[.!?:…。！？؟][\"'”’)]*(?:\s*\[\d+\])*\s+|\n")
# A line that may become the head of a table, of which no sentence was let go before its first '|'.
_HEAD = re.compile(r"(?:(?![.!?:…。！？؟][\"'”’)]*(?:\s*\[\d+\])*\s)[^|\n])*\|")
# Signs that more text could make marks: those of code, links, crossing out, and stars and low lines before a word.
_OPEN = re.compile(r"`|~~|\\(?=\s*\Z)|\[(?!\d{1,3}\])|\*(?=\S)|(?P<line>_)(?=\S)")


def _opens(runs: Sequence[Run]) -> int:
    """Return where the first sign stands that more text could make a mark; a large number if none does.

    A '_' within a word is none, but marks may stand before it where a run begins.
    """
    starts = set(accumulate((len(run.words) for run in runs), initial=0))
    text = "".join("x" * len(run.words) if run.code else run.words for run in runs)
    for found in _OPEN.finditer(text):
        at = found.start()
        if not found["line"] or at in starts or not text[at - 1].isalnum():
            return at
    return maxsize


def _between(runs: Iterable[Run], place: int) -> bool:
    """Return whether nothing that belongs together stands at both sides of `place`."""
    before, after = parted(tuple(runs), place)
    if not (before and after):
        return True
    one, other = before[-1], after[0]
    return not one.styles & other.styles and not (one.url and one.url == other.url) and not (one.code and other.code)
