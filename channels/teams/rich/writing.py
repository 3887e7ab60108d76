"""Blocks as the lines of a text: Markdown that Teams reads back as them, or their words. Pure.

`marks` writes the words of one paragraph.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from channels.markdown import words_and_address
from channels.teams.rich.elements import AT, JOINER, Block, Code, List, Quote, Run, Words
from channels.teams.rich.marks import written

STEP = 4
"""Columns of one level of a list, which every reader of Markdown nests."""


def lines_of(blocks: Sequence[Block], *, rich: bool, within: bool = False) -> list[str]:
    """Return blocks as lines: Markdown if `rich`, else words. `within` an item a list follows its words at once."""
    lines: list[str] = []
    last: Block | None = None
    other = False
    for block in blocks:
        other = isinstance(block, List) and isinstance(last, List) and _alike(last, block) and not other
        made = _block_lines(block, rich=rich, other=other)
        if not any(made):
            continue
        if lines and not (within and isinstance(block, List)):
            lines.append("")
        lines += made
        last = block
    return lines


def _alike(one: List, another: List) -> bool:
    return (one.first is None) is (another.first is None)


def _block_lines(block: Block, *, rich: bool, other: bool) -> list[str]:
    match block:
        case Words():
            return written(block.runs) if rich else _said(block.runs)
        case Code():
            return code_lines(block, rich=rich)
        case Quote():
            return [f"> {line}".rstrip() for line in lines_of(block.blocks, rich=rich)]
        case List():
            marks = marks_of(block, rich=rich, other=other)
            items = (
                (mark, lines_of(item, rich=rich, within=True)) for mark, item in zip(marks, block.items, strict=True)
            )
            return [line for mark, inside in items for line in _hung(mark.ljust(STEP if rich else 0), inside)]


def code_lines(code: Code, *, rich: bool) -> list[str]:
    """Return code as lines, between its fences if `rich`."""
    content = [*code.head, *code.lines]
    if not rich or not content:
        return content
    fence = "`" * max(3, *(len(ticks) + 1 for line in content for ticks in re.findall("`+", line)), 3)
    return [fence, *(AT.sub(f"<{JOINER}", line) for line in content), fence]


def marks_of(block: List, *, rich: bool, other: bool) -> list[str]:
    """Return what stands before each item; `other` signs where two lists would become one."""
    if block.first is None:
        sign = ("*" if other else "-") if rich else "•"
        return [sign] * len(block.items)
    sign = ")" if other and rich else "."
    return [f"{number}{sign}" for number, _ in enumerate(block.items, block.first)]


def _hung(mark: str, lines: list[str]) -> list[str]:
    """Return an item's lines, the first behind its mark."""
    mark = mark if mark.endswith(" ") else f"{mark} "
    margins = [mark, *[" " * len(mark)] * len(lines)]
    return [f"{margin}{line}" if line else "" for margin, line in zip(margins, lines, strict=False)] or [mark.rstrip()]


def _said(runs: Iterable[Run]) -> list[str]:
    together = groupby(runs, lambda run: run.url)
    words = "".join(words_and_address("".join(run.words for run in group), url) for url, group in together)
    return [line.strip() for line in words.strip().split("\n")]
