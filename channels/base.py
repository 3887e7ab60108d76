"""What a channel and a desk are: small required Protocols, and smaller ones named by capability.

The worker asks `isinstance(channel, Streams)`, never 'is this Slack?'. A channel hands what it
receives to `core.store.inbox.Inbox` and is handed `Part`s to send.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.delivery import DeliveryState, Part
from core.ids import FileId

Content = Callable[[], Awaitable[bytes]]
"""Reads a file's bytes when they are needed. Raises LookupError if they are gone."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a part: its state, and the platform's id for it if it gave one."""

    state: DeliveryState = DeliveryState.DELIVERED
    platform_id: str = ""
    error: str = ""


class Channel(Protocol):
    """One place customers write from."""

    @property
    def name(self) -> str:
        """The channel's word in `ThreadKey.channel`."""
        ...

    @property
    def deduplicates(self) -> bool:
        """Whether the receiver drops a part it already has: only then may one be sent again after a crash."""
        ...

    @property
    def live(self) -> bool:
        """Whether customers are there while it happens: a chat is live, a mailbox is not.

        Where it is not, nobody is sent a line that only says who joined or left.
        """
        ...

    async def send(self, part: Part) -> Sent:
        """Send a message's text to the customer of `part.thread`.

        Raises `TemporaryError` when it is known not to have gone out and may be tried again, and
        `PermanentError` when it never will.
        """
        ...


@runtime_checkable
class Streams(Protocol):
    """A channel that can show an answer while it grows."""

    async def stream(self, part: Part, text: str) -> str:
        """Show `text`, all of the answer so far, as what `part.run` says; return what the platform calls it.

        That id comes back as `platform_id`, maybe in another process: with the next piece, with the whole
        message in `send`, and in `cut_off`.
        """
        ...

    async def cut_off(self, part: Part) -> None:
        """End the stream `part.platform_id` of `part.run`: no message follows it. It may have ended already.

        People have taken over, a newer question has come, or its message could not be sent. Raises as
        `Channel.send` does.
        """
        ...


@runtime_checkable
class CarriesFiles(Protocol):
    """A channel that takes files to the customer; elsewhere a file ends refused, and the operator is told."""

    async def send_file(self, part: Part, content: Content) -> Sent:
        """Send `part.file`. Raises as `Channel.send` does."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """A channel whose platform keeps files until they are fetched: those that `Files.expect` was told of."""

    async def fetch(self, origin: Mapping[str, object]) -> bytes:
        """Return the bytes of the file at `origin`. Raises `TemporaryError`, or `PermanentError` with a sentence."""
        ...


@runtime_checkable
class Edits(Protocol):
    """A channel whose sent messages can be changed; elsewhere a line says that one was corrected or withdrawn."""

    async def edit(self, part: Part) -> Sent:
        """Bring the message `part.platform_id` in line with `part.message`, which may be withdrawn."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A channel that can say afterwards whether a part arrived: what makes an unknown outcome known."""

    async def look_up(self, part: Part) -> DeliveryState:
        """Return DELIVERED, FAILED (it surely never arrived), or UNKNOWN. Raises as `Channel.send` does."""
        ...


@runtime_checkable
class Encloses(Protocol):
    """A channel or desk whose messages carry their files within them, as mails do."""

    def enclose_from(self, content: Callable[[FileId], Awaitable[bytes]]) -> None:
        """Take the files from `content` from now on: it fetches those that are still with their platform."""
        ...


@runtime_checkable
class Desk(Protocol):
    """A channel where operators work. Every case has one card there, and its thread below it.

    Raises everywhere as `Channel.send` does. A desk hands what operators do to the inbox as `DeskEvent`s,
    and tells each operator in private what `Inbox.told` says.
    """

    @property
    def deduplicates(self) -> bool:
        """As for `Channel`."""
        ...

    async def show_card(self, part: Part) -> Sent:
        """Bring the card of `part.case` in line with the case as it is now.

        The first time post it, with what was said so far and the files, and return its id as
        `platform_id`: it comes back as `part.desk_thread`.
        """
        ...

    async def post_line(self, part: Part) -> Sent:
        """Post `part.message` (the customer's, or a colleague's from another desk) into the case's thread.

        Return the line's id as `platform_id`. A changed or withdrawn message comes again, with that id (or
        that of the line as its writer wrote it there): mark it as changed.
        """
        ...

    async def show_outcome(self, part: Part) -> Sent:
        """Show at the operator's line `part.message` what became of each of its parts, `part.fates`.

        Where one is of unknown fate offer 'check' and 'resend', where one failed 'resend'.
        """
        ...

    async def remind(self, part: Part) -> Sent:
        """Say `part.text` about the case where operators see it; `part.everyone` calls all of them.

        On a second desk there is no card: name the case.
        """
        ...

    async def post_digest(self, part: Part) -> Sent:
        """Post the day's digest or the week's report: `part.headed`."""
        ...
