"""What the desk calls what it has posted, as the store keeps it for us: cards, and notices of what became of a line.

These names come back with later parts, so any replica knows what stands in Slack, without tables or memory of its own.
"""

from dataclasses import dataclass
from typing import Self

from channels.slack.names import Posted


@dataclass(frozen=True, slots=True)
class Card:
    """A case's card 'C1:ts'; its thread showed the messages up to `seq` at first; `look` stands for what it shows."""

    posted: Posted
    seq: int = 0
    look: str = ""

    def __str__(self) -> str:
        return f"{self.posted} {self.seq} {self.look}".rstrip()

    @classmethod
    def parse(cls, text: str, channel: str) -> Self | None:
        """Read what `str(card)` wrote; None for '' and for what stands in no channel of that id."""
        name, _, rest = text.partition(" ")
        posted = Posted.parse(name)
        if posted.channel != channel or not posted.ts:
            return None
        seq, _, look = rest.partition(" ")
        return cls(posted, int(seq) if seq.isdecimal() else 0, look)


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown of an operator's line: the reaction `mark` on it, and the `ts` of a notice in the thread."""

    mark: str = ""
    notice: str = ""

    def __str__(self) -> str:
        return f"{self.mark} {self.notice}".strip(" ") if self.mark else f"- {self.notice}".rstrip("- ")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str(told)` wrote."""
        mark, _, notice = text.partition(" ")
        return cls("" if mark == "-" else mark, notice)
