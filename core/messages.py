"""What is said in a thread, and what a channel makes of a platform's event.

Channels parse platform payloads into `InboundMessage`, `DeskEvent` or `Ignored`; the store keeps
`Message` rows; channels render those again. Plain values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from core.ids import CaseId, DeliveryId, FileId, MessageId, OperatorId, ThreadKey


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


class FileOutcome(StrEnum):
    """What became of reading a customer's file."""

    WAITING = "waiting"
    READ = "read"
    PICTURE = "picture"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class File:
    """A file that was sent with a message and is stored with us. `type` is a media type, `size` in bytes.

    `outcome` and `note` tell of a customer's file what became of reading it (None: nobody reads it); the note is
    a sentence, '' where there is nothing to say. A file that was READ has a text.
    """

    id: FileId
    name: str
    type: str
    size: int
    outcome: FileOutcome | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """What a customer thought: of an answer (1 or -1), or of the help after a case (1 to 5)."""

    score: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said in a thread. `seq` counts from 1 within the thread; `at` is in seconds since the epoch, UTC.

    `presence`: it only says who is there, which is told where customers are there too (a chat, not a mailbox).
    `full` is everything that was written, where `text` is only what is new in it (a mail's quotes are cut away).
    `operator` wrote it, where a person did. `survey` names the case whose survey this line asks.
    A changed message keeps its first words in `original`; a withdrawn one has no text any more. `rating`
    is what the customer thought of it, or answered to it if it asks a survey.
    """

    id: MessageId
    seq: int
    author: Author
    text: str
    at: float
    name: str = ""
    citations: tuple[Citation, ...] = ()
    files: tuple[File, ...] = ()
    operator: OperatorId | None = None
    survey: CaseId | None = None
    original: str | None = None
    changed_at: float | None = None
    withdrawn: bool = False
    rating: Rating | None = None
    full: str = ""
    presence: bool = False

    @property
    def for_customer(self) -> bool:
        """Whether the customer may see it: everything but notes."""
        return self.author is not Author.NOTE


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A customer's message as its channel read it. `event_id` is the same in repeats.

    `full` is everything that was written, if `text` is only what is new in it; `subject` the conversation's title.
    `verified`: somebody vouches for who wrote it; `trust` says so, or not, in a sentence for operators. `email` is an
    address that somebody vouches is theirs, in lower case ('' none): by it they are one on every channel. `alone`:
    nobody but the customer reads what is answered. `route` is what the channel will need to answer, as JSON values that
    only it reads.
    """

    key: ThreadKey
    event_id: str
    customer: str
    text: str
    name: str = ""
    verified: bool = False
    files: tuple[FileId, ...] = ()
    full: str = ""
    subject: str = ""
    trust: str = ""
    email: str = ""
    alone: bool = True
    route: dict[str, object] = field(default_factory=dict)
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundIgnored:
    """Something that is never answered: it is kept with its reason, and `note` is shown on the thread's open case."""

    key: ThreadKey
    event_id: str
    reason: "IgnoredBecause"
    note: str = ""
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundBounce:
    """The platform says that a part it had taken did not arrive: `detail` is why, in its words."""

    delivery: DeliveryId
    event_id: str
    detail: str
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundChange:
    """A customer edited (`text`) or withdrew (None) what came in as the event `of`."""

    key: ThreadKey
    event_id: str
    of: str
    text: str | None
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundRating:
    """A customer judged the bot's message `message` (1 or -1), or answered the survey of `case` (1 to 5)."""

    key: ThreadKey
    event_id: str
    score: int
    reason: str = ""
    message: MessageId | None = None
    case: CaseId | None = None
    raw: dict[str, object] = field(default_factory=dict)


class DeskAction(StrEnum):
    """What an operator can do to a case. WRITE is a line in the case's desk thread that names no command."""

    CLAIM = "claim"
    RELEASE = "release"
    ASSIGN = "assign"
    REPLY = "reply"
    NOTE = "note"
    WRITE = "write"
    DRAFT = "draft"
    RESOLVE = "resolve"
    HAND_BACK = "hand_back"
    REOPEN = "reopen"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    CHECK = "check"
    RESEND = "resend"
    FORGET = "forget"


class Resolution(StrEnum):
    """How a case ended; `words` is what operators read."""

    SOLVED = "solved"
    UNSOLVED = "unsolved"
    NO_REPLY = "no_reply"
    DUPLICATE = "duplicate"
    SPAM = "spam"

    @property
    def words(self) -> str:
        """The outcome in words."""
        return _RESOLUTIONS[self]


_RESOLUTIONS = {
    Resolution.SOLVED: "Solved",
    Resolution.UNSOLVED: "Could not be solved",
    Resolution.NO_REPLY: "Needs no answer",
    Resolution.DUPLICATE: "Duplicate",
    Resolution.SPAM: "Spam",
}


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """An operator's action on a case, from whatever desk (`desk` is its name).

    `text` is what a reply, a note or an edit says, or the hint for a draft; `to` is whom a case is
    assigned to, `outcome` how it is resolved, `message` which one is edited, withdrawn, checked or resent.
    """

    case: CaseId
    event_id: str
    operator: OperatorId
    name: str
    action: DeskAction
    text: str = ""
    to: OperatorId | None = None
    outcome: Resolution = Resolution.SOLVED
    message: MessageId | None = None
    files: tuple[FileId, ...] = ()
    desk: str = "web"
    raw: dict[str, object] = field(default_factory=dict)


class IgnoredBecause(StrEnum):
    """Why an event was stored and left unanswered. Silence always has one of these."""

    EMPTY = "empty"
    STALE = "stale"
    GONE = "gone"
    OWN_MAIL = "own_mail"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    LIST_MAIL = "list_mail"
    DELIVERY_REPORT = "delivery_report"
    FEEDBACK_REPORT = "feedback_report"
    NO_SENDER = "no_sender"
    BLOCKED = "blocked"
    OVER_BUDGET = "over_budget"
    UNAUTHENTIC = "unauthentic"

    @property
    def sentence(self) -> str:
        """The reason in words for operators."""
        return _SENTENCES[self]


_SENTENCES = {
    IgnoredBecause.EMPTY: "There was nothing in it.",
    IgnoredBecause.STALE: "It was overtaken by what happened since.",
    IgnoredBecause.GONE: "What it is about is no longer there.",
    IgnoredBecause.OWN_MAIL: "We wrote it ourselves.",
    IgnoredBecause.BOUNCE: "A mail server sent it, with an empty return path: such mail is never answered.",
    IgnoredBecause.AUTOMATIC: "A program wrote it, such as an out-of-office notice.",
    IgnoredBecause.LIST_MAIL: "It came through a mailing list or is a newsletter.",
    IgnoredBecause.DELIVERY_REPORT: "It reports what became of a mail of ours.",
    IgnoredBecause.FEEDBACK_REPORT: "It reports that somebody marked a mail of ours as spam.",
    IgnoredBecause.NO_SENDER: "It names nobody who could be answered.",
    IgnoredBecause.BLOCKED: "The sender is blocked.",
    IgnoredBecause.OVER_BUDGET: "The sender or the conversation had more answers than are given in so short a time.",
    IgnoredBecause.UNAUTHENTIC: "Nobody vouches for the sender's address.",
}


@dataclass(frozen=True, slots=True)
class Ignored:
    """A platform event that asks nothing of us."""

    reason: IgnoredBecause
