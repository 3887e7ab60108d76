"""What is remembered: facts about a customer, and what was said in a long conversation, in short. Plain values."""

from dataclasses import dataclass

from core.ids import FactId, ThreadId

MOST_RECAP = 2_000  # characters
MOST_SOURCES = 20
_NAME = 5  # letters and digits


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the assistant noted about a customer: when (seconds since 1970), and in which conversation.

    `channel` is that conversation's.
    """

    id: FactId
    text: str
    at: float
    thread: ThreadId
    channel: str = ""

    @property
    def name(self) -> str:
        """What operators call it where they type: short, and hardly ever another's of the same customer."""
        return self.id[-_NAME:]


@dataclass(frozen=True, slots=True)
class Recap:
    """What was said in a conversation up to its message number `up_to`, and the titles of what was quoted in it."""

    text: str
    up_to: int
    sources: tuple[str, ...] = ()
