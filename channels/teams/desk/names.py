"""What the desk calls what it has posted in Teams, as the store keeps it for us: cards, and lines in their threads.

These names come back with later parts, so any replica knows what stands in Teams, without tables or memory of its own.
"""

from dataclasses import dataclass
from typing import Self

from channels.teams.names import channel_of, root_of


@dataclass(frozen=True, slots=True)
class Card:
    """A case's card, named by the thread it begins ('19:...@thread.tacv2;messageid=1'); in a chat, by its own id so.

    Its thread showed the messages up to `seq` at first; `look` stands for what it shows.
    """

    thread: str
    seq: int = 0
    look: str = ""

    def __str__(self) -> str:
        return f"{self.thread} {self.seq} {self.look}".rstrip()

    @property
    def line(self) -> "Line":
        """Return the card as what was posted first in its thread."""
        return Line(self.thread, root_of(self.thread))

    @classmethod
    def parse(cls, text: str, channel: str) -> Self | None:
        """Read what `str(card)` wrote; None for '' and for what stands in no place of that id."""
        thread, _, rest = text.partition(" ")
        if channel_of(thread) != channel or not root_of(thread):
            return None
        seq, _, look = rest.partition(" ")
        return cls(thread, int(seq) if seq.isdecimal() else 0, look)


@dataclass(frozen=True, slots=True)
class Line:
    """Something that we posted: the activity `id` in a thread. What operators wrote has names of another form."""

    thread: str
    id: str

    def __str__(self) -> str:
        return f"{self.thread}/{self.id}" if self.id else ""

    @classmethod
    def parse(cls, text: str, channel: str) -> Self | None:
        """Read what `str(line)` wrote; None for everything else."""
        thread, slash, one = text.rpartition("/")
        return cls(thread, one) if slash and one and channel_of(thread) == channel else None
