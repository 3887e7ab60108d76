"""What goes out: one part at a time, each with a stated outcome."""

from dataclasses import dataclass
from enum import StrEnum

from core.ids import CaseId, DeliveryId, FileId, RunId
from core.messages import File, Message
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


class PartKind(StrEnum):
    """What a part is. The first go to the customer, CHECK asks about one of them, the last go to a desk.

    A STREAM is worked by its run; it ends as TEXT, the whole message, or as CUT_OFF, without one.
    """

    TEXT = "text"
    FILE = "file"
    EDIT = "edit"
    STREAM = "stream"
    CUT_OFF = "cut_off"
    CHECK = "check"
    CARD = "card"
    LINE = "line"
    OUTCOME = "outcome"
    REMINDER = "reminder"
    DIGEST = "digest"

    @property
    def for_desk(self) -> bool:
        """Whether operators get it, not the customer."""
        return self in {PartKind.CARD, PartKind.LINE, PartKind.OUTCOME, PartKind.REMINDER, PartKind.DIGEST}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one part of a message: its text or one file."""

    kind: PartKind
    state: DeliveryState
    error: str = ""
    file: FileId | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part to send. `key` stays the same over all attempts.

    `message` is what to send or change; `run` wrote it. `file` is one file of it, `text` the words of a
    reminder or a digest (whose `thread` is None). `desk` names the desk, `desk_thread` is what that desk
    answered for the case's card ('' before it was posted). `platform_id` is what the channel answered for the
    message when it was sent first, for an EDIT or a CHECK of it, for the words that a FILE goes with, or for the
    stream that this part continues or ends; for a LINE or an OUTCOME it is what the desk calls that line, if it
    stands there already. `fates` are an OUTCOME's news: what became of each part of the message. `everyone` calls
    all who work at the desk.
    """

    id: DeliveryId
    key: str
    kind: PartKind
    thread: Thread | None
    message: Message | None = None
    run: RunId | None = None
    file: File | None = None
    case: CaseId | None = None
    desk: str = ""
    desk_thread: str = ""
    text: str = ""
    platform_id: str = ""
    fates: tuple[Delivery, ...] = ()
    everyone: bool = False

    @property
    def headed(self) -> tuple[str, str]:
        """A digest's heading, which is its first line, and what stands under it."""
        heading, _, under = self.text.partition("\n")
        return heading, under
