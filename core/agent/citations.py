"""Citations by index: the model names numbers, and only numbers registered in this run become sources.

An address stays in a text only where one of the registered passages holds the very same: none can be
invented or smuggled in.
"""

import re
from collections.abc import Sequence

from core.grounding import Passage
from core.messages import Citation

_MARK = re.compile(r"(?P<before>\s?)[\[【]\s*(?P<numbers>\d{1,3}(?:\s*,\s*\d{1,3})*)\s*(?:†[^\]】]*)?[\]】]")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)]*)\)")
_ADDRESS = re.compile(r"\b(?:https?|ftp|mailto|data|javascript):[^\s<>)\]]*|\bwww\.[^\s<>)\]]+", re.IGNORECASE)


def _bare(address: str) -> str:
    """Return `address` without the punctuation of the sentence around it."""
    return address.rstrip(".,;:!?*\"'`")


class Sources:
    """The passages an agent run has seen; a passage keeps its number through several searches."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._addresses: set[str] = set()
        self.passages: list[Passage] = []

    def register(self, passages: Sequence[Passage]) -> list[tuple[int, Passage]]:
        """Return `passages` with their numbers, counted from 1 in the order first seen."""
        for passage in passages:
            if passage.id not in self._numbers:
                self.passages.append(passage)
                self._numbers[passage.id] = len(self.passages)
                self._addresses.update(map(_bare, _ADDRESS.findall(passage.text)))
                self._addresses.update(target for _, target in _LINK.findall(passage.text))
        return [(self._numbers[passage.id], passage) for passage in passages]

    def resolve(self, text: str) -> tuple[str, tuple[Citation, ...]]:
        """Return `text` with its marks renumbered from 1 in order of appearance, and the passages behind them.

        Marks that name no registered passage are dropped, and so are addresses that stand in none.
        A growing text keeps the numbers it had.
        """
        cited: dict[int, int] = {}

        def renumber(mark: re.Match[str]) -> str:
            shown = ""
            for number in map(int, re.findall(r"\d+", mark["numbers"])):
                if 1 <= number <= len(self.passages):
                    shown += f" [{cited.setdefault(number, len(cited) + 1)}]"
            return f"\n{shown[1:]}" if mark["before"] == "\n" else shown  # a line of its own stays one

        clean = _MARK.sub(renumber, self._without_foreign_addresses(text))
        return clean, tuple(self._citation(index, self.passages[number - 1]) for number, index in cited.items())

    def _without_foreign_addresses(self, text: str) -> str:
        known = self._addresses  # whole ones: a part of an address may be another site's
        labelled = _LINK.sub(lambda link: link[0] if link[2] in known or _bare(link[2]) in known else link[1], text)
        return _ADDRESS.sub(lambda bare: bare[0] if _bare(bare[0]) in known else "", labelled)

    def _citation(self, index: int, passage: Passage) -> Citation:
        return Citation(index, passage.title, passage.source, passage.heading, passage.text)
