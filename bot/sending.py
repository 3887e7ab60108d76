"""How a part goes out: to a customer's channel or to a desk, by what that place can do. Called by the worker.

What a channel can't do ends in words a person reads: a file that it does not carry is refused, an edit
that it can't show becomes a line that says so.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from channels.base import CarriesFiles, Channel, Desk, Edits, Encloses, Fetches, LooksUp, Sent, Streams
from core import wording
from core.delivery import DeliveryState, Part, PartKind
from core.errors import PermanentError, TemporaryError, ThreadlineError
from core.ids import FileId
from core.store.files import Files
from core.wording import Line

log = structlog.get_logger()

_NO_FILES = "This channel takes no files. Send it another way, or put a link into a reply."
_NO_LOOKING = "This channel can't say whether it arrived. Ask the customer, or send it again."
_WITHDRAWN = "It was withdrawn before it was sent."
_A_DAY = 86_400.0
_NOT_LIVE = "Customers who are written to are not told who joins or leaves."
_NO_CARD = "Its card is not on the desk; the card shows what was said once it is."


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends parts through `channels` (by the channel's word) and `desks` (by the desk's name)."""

    channels: Mapping[str, Channel]
    desks: Mapping[str, Desk]
    files: Files

    def __post_init__(self) -> None:
        for place in (*self.channels.values(), *self.desks.values()):
            if isinstance(place, Encloses):
                place.enclose_from(self.content)

    async def send(self, part: Part, *, dropped: bool) -> Sent:
        """Send `part`; `dropped`: an earlier sender vanished with it in hand.

        Raises `TemporaryError` when it may be tried again, `PermanentError` when that won't help.
        """
        if part.kind.for_desk:
            desk = self._desk(part)
            return await _attempt(part, lambda: self._to_desk(part, desk), desk.deduplicates, dropped)
        channel = self._channel(part)
        deduplicates = channel.deduplicates or part.kind in {PartKind.CHECK, PartKind.CUT_OFF}
        return await _attempt(part, lambda: self._to_customer(part, channel), deduplicates, dropped)

    async def content(self, file: FileId) -> bytes:
        """Return a file's bytes, fetched from its platform if that still keeps it.

        Raises LookupError if they are gone, `TemporaryError`, or `PermanentError` with the platform's refusal.
        """
        origin = await self.files.origin(file)
        if origin is None:
            return await self.files.read(file)
        channel = self.channels.get(str(origin.get("channel")))
        if not isinstance(channel, Fetches):
            raise TemporaryError("The channel that the file came by is not configured here.", retry_after=60)
        content = await channel.fetch(origin)
        await self.files.arrive(file, content)
        return content

    def patience(self, part: Part) -> float:
        """Return for how many seconds sending is tried, beside a few attempts: a letter may come a day late."""
        channel = self.channels.get(part.thread.key.channel) if part.thread and not part.kind.for_desk else None
        return 0.0 if channel is None or channel.live else _A_DAY

    def _desk(self, part: Part) -> Desk:
        if part.desk not in self.desks:
            raise TemporaryError(f"The desk {part.desk!r} is not configured here.", retry_after=60)
        return self.desks[part.desk]

    def _channel(self, part: Part) -> Channel:
        name = part.thread.key.channel if part.thread else ""
        if name not in self.channels:
            raise TemporaryError(f"The channel {name!r} is not configured here.", retry_after=60)
        return self.channels[name]

    async def _to_desk(self, part: Part, desk: Desk) -> Sent:
        match part.kind:
            case PartKind.CARD:
                return await desk.show_card(part)
            case PartKind.REMINDER:
                return await desk.remind(part)
            case PartKind.DIGEST:
                return await desk.post_digest(part)
            case _ if not part.desk_thread:
                return Sent(DeliveryState.SUPERSEDED, error=_NO_CARD)
            case PartKind.OUTCOME:
                return await desk.show_outcome(part)
            case _:
                return await desk.post_line(part)

    async def _to_customer(self, part: Part, channel: Channel) -> Sent:
        if part.kind in {PartKind.TEXT, PartKind.FILE} and part.message and part.message.withdrawn:
            return Sent(DeliveryState.SUPERSEDED, error=_WITHDRAWN)
        if part.message and part.message.presence and not channel.live:
            return Sent(DeliveryState.SUPERSEDED, error=_NOT_LIVE)
        match part.kind:
            case PartKind.FILE:
                return await self._file(part, channel)
            case PartKind.EDIT:
                return await self._edit(part, channel)
            case PartKind.CUT_OFF:
                if isinstance(channel, Streams):
                    await channel.cut_off(part)
                return Sent(DeliveryState.PARTIAL)
            case PartKind.CHECK:
                if not isinstance(channel, LooksUp):
                    return Sent(DeliveryState.UNKNOWN, error=_NO_LOOKING)
                return Sent(await channel.look_up(part))
            case _:
                return await channel.send(part)

    async def _file(self, part: Part, channel: Channel) -> Sent:
        file = part.file
        if file is None or not isinstance(channel, CarriesFiles):
            return Sent(DeliveryState.REFUSED, error=_NO_FILES)
        try:
            return await channel.send_file(part, lambda: self.content(file.id))
        except LookupError as gone:
            raise PermanentError(str(gone)) from gone

    async def _edit(self, part: Part, channel: Channel) -> Sent:
        """Change the message where it stands, or say in a line of its own what is right now."""
        message, thread = part.message, part.thread
        if message is None or thread is None:
            return Sent(DeliveryState.SUPERSEDED)
        if isinstance(channel, Edits):
            return await channel.edit(part)
        line = Line.WITHDRAWN if message.withdrawn else Line.CORRECTED
        said = wording.text(line, thread.language, operator=message.name)
        words = said if message.withdrawn else f"{said}\n\n{message.text}"
        return await channel.send(replace(part, message=replace(message, text=words, withdrawn=False, files=())))


async def _attempt(part: Part, work: Callable[[], Awaitable[Sent]], deduplicates: bool, dropped: bool) -> Sent:
    """Do `work` unless it may have been done before; what a platform's SDK raises says nothing about the outcome."""
    if dropped and not deduplicates:
        return Sent(DeliveryState.UNKNOWN, error="The program stopped while this was on its way.")
    try:
        return await work()
    except ThreadlineError:
        raise
    except Exception as error:  # the edge to a platform
        log.exception("send_failed", delivery=part.id, kind=part.kind.value)
        if deduplicates:
            raise TemporaryError(str(error)) from error
        return Sent(DeliveryState.UNKNOWN, error=f"{type(error).__name__}: {error}"[:300])
