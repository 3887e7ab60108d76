"""Texts within Teams' limits: blocks shared out, and divided where one alone is too long. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from channels.cutting import cut
from channels.teams.rich.elements import AT, Block, Code, List, Quote, Run, Words, parted, size, solid
from channels.teams.rich.marks import MARKS
from channels.teams.rich.writing import STEP, code_lines, lines_of, marks_of


@dataclass(frozen=True, slots=True)
class Room:
    """What a piece still holds, and from which size on a block is divided rather than moved. `margin` of each line."""

    left: int
    large: int
    margin: int = 0

    def less(self, used: int) -> "Room":
        """Return the room that is left when `used` is taken."""
        return replace(self, left=self.left - used)

    def within(self, margin: int) -> "Room":
        """Return the room within a quote or a list, whose lines begin with `margin` more."""
        return replace(self, margin=self.margin + margin)

    def of(self, blocks: Sequence[Block]) -> int:
        """Return how much `blocks` take, with an empty line before them."""
        lines = lines_of(blocks, rich=True)
        return sum(size(line) + 2 + self.margin for line in lines) + 2 + self.margin


def take(blocks: list[Block], room: Room, *, fresh: bool) -> tuple[list[Block], list[Block]]:
    """Return the blocks that there is room for, and the others; if `fresh`, something is taken in any case."""
    taken: list[Block] = []
    for at, block in enumerate(blocks):
        used = room.of([block])
        if used <= room.left:
            taken.append(block)
            room = room.less(used)
            continue
        part: list[Block] = []
        rest: list[Block] = [block]
        must = fresh and not taken
        if must or used > room.large:
            part, rest = _divide(block, room, fresh=must)
        return [*taken, *part], [*rest, *blocks[at + 1 :]]
    return taken, []


def _divide(block: Block, room: Room, *, fresh: bool) -> tuple[list[Block], list[Block]]:
    match block:
        case Words():
            return _divide_words(block, room, fresh=fresh)
        case Code():
            return _divide_code(block, room, fresh=fresh)
        case Quote():
            part, rest = take(block.blocks, room.within(2), fresh=fresh)
            return [Quote(part)] if part else [], [Quote(rest)] if rest else []
        case List():
            return _divide_list(block, room, fresh=fresh)


def _divide_list(block: List, room: Room, *, fresh: bool) -> tuple[list[Block], list[Block]]:
    """Return the items that there is room for, and the others, which go on counting; an item's rest before them."""
    inner = room.within(max(len(f"{mark} ") for mark in (*marks_of(block, rich=True, other=False), " " * (STEP - 1))))
    for at, item in enumerate(block.items):
        used = max(inner.of(item) - 2 - inner.margin, 2 + inner.margin)  # no empty line between items
        if used <= inner.left:
            inner = inner.less(used)
            continue
        part: list[Block] = []
        rest: list[Block] = item
        if used > room.large or (fresh and at == 0):
            part, rest = take(item, inner, fresh=fresh and at == 0)
        number = None if block.first is None else block.first + at + bool(part)
        before = [*block.items[:at], *([part] if part else [])]
        after = block.items[at + 1 :] if part else block.items[at:]
        return (
            [List(before, block.first)] if before else [],
            [*(rest if part else ()), *([List(after, number)] if after else [])],
        )
    return [block], []


def _divide_code(code: Code, room: Room, *, fresh: bool) -> tuple[list[Block], list[Block]]:
    fence, *_ = code_lines(code, rich=True)
    left = room.left - room.of([Code((fence, *code.head))])
    for at, line in enumerate(code.lines):
        used = size(line) + 2 + room.margin + 2 * len(AT.findall(line))
        if used <= left:
            left -= used
            continue
        if at == 0 and fresh:  # by its signs, however little room there is
            end = max(cut(line, _reach(line, left - 2 - room.margin, _code_cost)), 1)
            return [Code((line[:end],), code.head)], [Code((line[end:], *code.lines[1:]), code.head)]
        part: list[Block] = [Code(code.lines[:at], code.head)] if at else []
        return part, [Code(code.lines[at:], code.head)]
    return [code], []


def _divide_words(words: Words, room: Room, *, fresh: bool) -> tuple[list[Block], list[Block]]:
    """Return the words that there is room for, cut where it hurts least, and the others."""
    text = "".join(run.words for run in words.runs)
    end = _whole_links(words.runs, cut(text, _fitting(words.runs, room)), fresh=fresh)
    between_words = text[end : end + 1].isspace() or text[end - 1 : end].isspace()
    if not text[:end].strip() or not (fresh or between_words):
        if not fresh:
            return [], [words]
        if words.runs[0].url:
            return _divide(Words((replace(words.runs[0], url=""), *words.runs[1:])), room, fresh=True)
        end = max(end, 1)
    before, after = parted(words.runs, end)
    return solid(Words(before, whole=words.whole)), solid(Words(after, whole=words.whole))


def _whole_links(runs: Iterable[Run], end: int, *, fresh: bool) -> int:
    """Return `end`, or where the link or code begins that it is within; if `fresh`, not the very beginning."""
    start = 0
    for run in runs:
        if start < end < start + len(run.words) and (run.url or run.code):
            return start if start or not fresh else end
        start += len(run.words)
    return end


def _fitting(runs: Iterable[Run], room: Room) -> int:
    """Return how many characters of `runs` surely fit: as many marks as possible are counted."""
    left, at = room.left - 3 * room.margin - 10, 0
    for run in runs:
        ticks = 4 + 2 * max((len(found) for found in re.findall("`+", run.words)), default=0) if run.code else 0
        link = 5 + size(run.url) + 4 * run.url.count("&") if run.url else 0
        left -= sum(2 * len(MARKS[style]) for style in run.styles) + ticks + link + 2
        for sign in run.words:
            left -= cost(sign) + (room.margin if sign == "\n" else 0)
            if left < 0:
                return at
            at += 1
    return at


def cost(sign: str) -> int:
    """Return the most that `size` counts for a sign with what it needs to be one."""
    if sign == "\n":
        return 7  # with two spaces before, and '\\' before the next
    return 5 if sign in '&<>\\"' else 3 if unicodedata.category(sign)[0] in "PS" and sign < "\x7f" else size(sign)


def _code_cost(sign: str) -> int:
    return size(sign) + (sign == "<")


def halves(words: str, most: int, form: Callable[[str], str], weight: Callable[[str], int]) -> list[str]:
    """Return `words` as texts in a `form` in which no sign is larger than its `weight`, of at most `most` each."""
    made, rest = [], words
    while rest:
        end = max(cut(rest, _reach(rest, most, weight)), 1)
        if piece := rest[:end].strip():
            made.append(form(piece))
        rest = rest[end:].lstrip()
    return made


def _reach(text: str, most: int, weight: Callable[[str], int]) -> int:
    """Return how many of `text`'s first characters have no more than `most` weight."""
    sums = accumulate(map(weight, text))
    return next((at for at, total in enumerate(sums) if total > most), len(text))
