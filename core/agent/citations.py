"""Citations by index: the model names numbers, and only numbers registered in this run become sources.

An address stays in a text only where one of the registered passages holds the very same, or the owner or the
customer gave it: none can be invented or smuggled in.
"""

import re
from collections.abc import Iterable, Sequence

from core import addresses
from core.addresses import LINK, bare
from core.grounding import Passage
from core.messages import Citation

_MARK = re.compile(r"(?P<before>\s?)[\[【]\s*(?P<numbers>\d{1,3}(?:\s*,\s*\d{1,3})*)\s*(?:†[^\]】]*)?[\]】]")


class Sources:
    """The passages an agent run has seen; a passage keeps its number through several searches."""

    def __init__(self) -> None:
        self._trusted: tuple[str, ...] = ()
        self._numbers: dict[str, int] = {}
        self._addresses: set[str] = set()
        self._hosts: set[str] = set()
        self.passages: list[Passage] = []

    def register(self, passages: Sequence[Passage]) -> list[tuple[int, Passage]]:
        """Return `passages` with their numbers, counted from 1 in the order first seen."""
        for passage in passages:
            if passage.id not in self._numbers:
                self.passages.append(passage)
                self._numbers[passage.id] = len(self.passages)
                for text in (passage.text, addresses.undisguised(passage.text)):
                    self.allow(match[0] for match in addresses.found(text))
                self.allow([passage.source, *(target for _, target in LINK.findall(passage.text))])
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

        clean = _MARK.sub(renumber, self.without_foreign(text))
        return clean, tuple(self._citation(index, self.passages[number - 1]) for number, index in cited.items())

    def allow(self, known: Iterable[str], *, hosts: bool = True) -> None:
        """Let these addresses stand in an answer; and the names of their `hosts`."""
        for address in filter(None, map(bare, known)):
            self._addresses.update({address, address.lower()})
            if hosts and (host := addresses.host_of(address)):
                self._hosts.add(host)

    def trust(self, hosts: Iterable[str]) -> None:
        """Let every web address of these hosts stand in an answer; '.example.com' are all below example.com."""
        self._trusted = tuple(host.lower() for host in hosts)

    @property
    def published(self) -> str:
        """All that the passages say."""
        return "\n".join(passage.text for passage in self.passages)

    def disguised(self, text: str) -> str:
        """Return an address that is not known and that `resolve` has missed, for how it is written; else ''."""
        found = addresses.found(addresses.undisguised(text))
        return next((match[0] for match in found if not self._knows(match)), "")

    def without_foreign(self, text: str, *, names: bool = False) -> str:
        """Return `text` without the addresses that are not known, and without the signs that nobody sees.

        `names` stay: 'notes.md' may be a host's or a file's, and operators read both.
        """

        def shown(match: re.Match[str]) -> str:
            return match[0] if self._knows(match) or (names and match["host"] and not match["rest"]) else ""

        text = addresses.visible(text)
        labelled = LINK.sub(lambda link: link[0] if self._holds(link[2]) else link[1], text)
        return addresses.replaced(shown, labelled)

    def _knows(self, found: re.Match[str]) -> bool:
        """Whether it is a known address whole (a part of one may be another site's), or the mere host of one."""
        mere_host = found["host"] if found["host"] and not found["rest"] else ""
        return self._holds(found[0]) or (bool(mere_host) and mere_host.lower() in self._hosts)

    def _holds(self, address: str) -> bool:
        return bare(address) in self._addresses or self._trusts(addresses.web_host(bare(address)))

    def _trusts(self, host: str) -> bool:
        return bool(host) and any(host == one or (one[:1] == "." and host.endswith(one)) for one in self._trusted)

    def _citation(self, index: int, passage: Passage) -> Citation:
        return Citation(index, passage.title, passage.source, passage.heading, passage.text)
