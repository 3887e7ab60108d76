"""What goes out: one part at a time, each with a stated outcome."""

from dataclasses import dataclass
from enum import StrEnum

from core.ids import CaseId, DeliveryId
from core.messages import Message
from core.thread import Thread


class DeliveryState(StrEnum):
    """What became of a part."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """One part to send: a message of a thread, or the card of a case. `key` stays the same over all attempts."""

    id: DeliveryId
    key: str
    kind: str
    thread: Thread
    message: Message | None = None
    case: CaseId | None = None
