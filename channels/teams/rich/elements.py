"""What Markdown says, in the pieces that Teams can show: runs of words, paragraphs, code, quotes, lists. Pure.

`reading` makes them, `writing` makes text of them, `cutting` divides them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

LONGEST_URL = 2_000
"""Characters of a link's address; a longer one is words. Chosen: Teams documents no limit."""

JOINER = "\u2060"
"""What parts signs that Teams would read together."""
AT = re.compile(r"<(?=/?at)", re.IGNORECASE)
"""Where a mention could begin."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words that look the same. A line end in them is one on the screen."""

    words: str
    styles: frozenset[str] = frozenset()
    url: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph. `source` is its Markdown; a heading and a rule stand in one line, which is `whole` or not there.

    `loose`: more text may make something else of it, a link in it or a row below it.
    """

    runs: tuple[Run, ...]
    source: str = ""
    whole: bool = False
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of letters of one width; `head` stands above them again where they are divided."""

    lines: tuple[str, ...]
    head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: list["Block"]


@dataclass(frozen=True, slots=True)
class List:
    """A list; `first` is the number of its first item, None if it has none. `table`: it was one."""

    items: list[list["Block"]]
    first: int | None
    table: bool = False


Block = Words | Code | Quote | List


def has_words(runs: Iterable[Run]) -> bool:
    """Return whether there is anything to see in `runs`."""
    return any(run.words.strip() for run in runs)


def solid(words: Words) -> list[Block]:
    """Return a paragraph, if there is anything to see in it."""
    return [words] if has_words(words.runs) else []


def parted(runs: tuple[Run, ...], end: int) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Return `runs` up to the character `end`, and from there."""
    before: list[Run] = []
    for place, run in enumerate(runs):
        if end >= len(run.words):
            before.append(run)
            end -= len(run.words)
            continue
        halves = replace(run, words=run.words[:end]), replace(run, words=run.words[end:])
        return (*before, *(halves[:1] if end else ())), (halves[1], *runs[place + 1 :])
    return tuple(before), ()


def target(url: str) -> str:
    """Return an address as it may stand behind a link's words."""
    return url.replace("(", "%28").replace(")", "%29")


def size(text: str) -> int:
    """Return how large Teams finds a text: the UTF-16 units that it takes as JSON. A unit is two bytes."""
    return len(text) + sum(sign > "\uffff" or sign in '"\\\n\t' for sign in text)
