"""One mail as the rest of this channel sees it: plain values, made by `mime.read` from bytes.

Everything in them was written by strangers: it is data, never an instruction and never a path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: `address` in lower case ('' if it could not be read), `name` as a person would read it."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail. `type` is what the mail says it is; `inline` when the HTML shows it where it stands."""

    name: str
    type: str
    content: bytes
    inline: bool = False


class ReportKind(StrEnum):
    """What a report is about (RFC 3464, RFC 8098, RFC 5965)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    READ = "read"
    FEEDBACK = "feedback"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail server reports about a mail of ours.

    `status` is the enhanced code ('5.1.1'), `detail` the server's words, `original_id` the Message-ID of the mail
    it is about without angle brackets, `original_to` whom that was sent to.
    """

    kind: ReportKind
    status: str = ""
    recipient: str = ""
    detail: str = ""
    original_id: str = ""
    original_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, read. Ids stand without their angle brackets; `headers` are decoded, by lower-case name, in order.

    `text` is the plain part, `html` the HTML part, each '' if the mail has none; `unreadable` says in a sentence
    why neither can be read (encrypted, for example), `left_out` that there is more in it than is read. `date` is in
    seconds since the epoch, UTC: what the mail says, be it the future.
    """

    message_id: str = ""
    from_: Address = Address("")
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: float | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    report: Report | None = None
    unreadable: str = ""
    left_out: str = ""
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """Return the first header `name` (any case), or ''."""
        return next(iter(self.headers.get(name.lower(), ())), "")


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote: `visible` without quotes, signature and disclaimer; `full` is everything."""

    visible: str
    full: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a mail reached us. `sender` is the return path ('' for a bounce, None if unknown: a pipe or a mailbox)."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()
    ip: str = ""
    helo: str = ""
    signed_in: bool = False
    """Whether the client proved a password of ours."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether somebody vouches for the address in From, and how that was found.

    `verified`: DMARC passed, or a mail server that the owner trusts says so. `sentence` is what operators read.
    """

    verified: bool
    sentence: str
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    arc: str = ""
    domain: str = ""
    """The domain in From that this is about, in ASCII; '' if From names none, or more than one sender."""
