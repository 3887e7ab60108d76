"""What is said in a thread, and what a channel makes of a platform's event.

Channels parse platform payloads into `InboundMessage`, `DeskEvent` or `Ignored`; the store keeps
`Message` rows; channels render those again. Plain values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from core.ids import CaseId, MessageId, OperatorId, ThreadKey


class Author(StrEnum):
    """Who said a message. A note is an operator's, and never leaves the desk."""

    CUSTOMER = "customer"
    BOT = "bot"
    OPERATOR = "operator"
    SYSTEM = "system"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of an answer, numbered as in its text; `text` is the passage itself, `source` where it comes from."""

    index: int
    title: str
    source: str
    heading: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said in a thread. `seq` counts from 1 within the thread; `at` is in seconds since the epoch, UTC."""

    id: MessageId
    seq: int
    author: Author
    text: str
    at: float
    name: str = ""
    citations: tuple[Citation, ...] = ()

    @property
    def for_customer(self) -> bool:
        """Whether the customer may see it: everything but notes."""
        return self.author is not Author.NOTE


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A customer's message as its channel read it. `event_id` is the same in repeats."""

    key: ThreadKey
    event_id: str
    customer: str
    text: str
    name: str = ""
    raw: dict[str, object] = field(default_factory=dict)


class DeskAction(StrEnum):
    """What an operator can do to a case."""

    CLAIM = "claim"
    RELEASE = "release"
    REPLY = "reply"
    NOTE = "note"
    RESOLVE = "resolve"
    HAND_BACK = "hand_back"


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """An operator's action on a case, from whatever desk. `text` is what a reply or a note says."""

    case: CaseId
    event_id: str
    operator: OperatorId
    name: str
    action: DeskAction
    text: str = ""
    raw: dict[str, object] = field(default_factory=dict)


class IgnoredBecause(StrEnum):
    """Why an event was stored and left unanswered. Silence always has one of these."""

    EMPTY = "empty"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A platform event that asks nothing of us."""

    reason: IgnoredBecause
