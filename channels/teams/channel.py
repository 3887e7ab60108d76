"""Teams as a channel: parts go out as activities in the customer's conversation. Called by `bot.sending` and by runs.

In personal chats an answer streams. Teams takes the whole text so far each time, once a second; which text it has is in
the stream's own name, so that any replica may go on with it, and if that fails the words come whole at the end.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from channels.base import Content, Sent
from channels.parts import in_pieces, message_of, thread_of
from channels.teams import names, render
from channels.teams.api import Api, SaidNo
from channels.teams.names import CHANNEL
from channels.teams.parse import Place, Scope
from channels.teams.streams import Stream, had_ended, stopped_by_customer
from channels.teams.text import streamed
from core import wording
from core.delivery import DeliveryState, Part
from core.errors import PermanentError, ThreadlineError
from core.messages import Message
from core.store.files import MAX_FILE
from core.thread import OwnerKind, Thread
from core.wording import Line

log = structlog.get_logger()

_LONGEST_STREAM = 9_000  # characters; a longer answer comes in several activities
_MOST_STREAMS = 1_000
_NOT_HERE = "Teams takes files from apps in personal chats only. Write where the customer finds it."


class TeamsChannel:
    """Teams as a channel. It drops no copies, so nothing is sent twice without knowing."""

    name = CHANNEL
    deduplicates = False
    live = True

    def __init__(self, api: Api, clock: Callable[[], float], *, own: str = "", stream_apart: float = 1.0) -> None:
        """`own`: the organisation whose app we are. `stream_apart`: seconds between two pieces of one stream."""
        self._api = api
        self._clock = clock
        self._own = own
        self._apart = stream_apart
        self._shown: OrderedDict[str, str] = OrderedDict()

    async def send(self, part: Part) -> Sent:
        """Send the message, or end the stream that showed it. Raises as `Channel.send`."""
        message, thread = message_of(part), thread_of(part)
        where = self._place(thread)
        activities = _activities(message, thread, where.scope)
        stream = Stream.parse(part.platform_id)
        if stream:
            return await self._end(stream, where, message, thread, activities)
        return await self._send_all(where, message, activities)

    def _place(self, thread: Thread) -> Place:
        route = thread.route
        service, bot = str(route.get("service") or ""), str(route.get("bot") or "")
        if not service:
            raise PermanentError("Teams has not said how to answer in this conversation.")
        return Place(service, thread.key.conversation, Scope(str(route.get("scope"))), bot, self._own)

    async def _send_all(
        self, where: Place, message: Message, activities: Sequence[Mapping[str, Any]], *sent: str
    ) -> Sent:
        """Send `activities`, after those that were `sent`; one that Teams does not take goes out as plain words."""

        def otherwise(activity: Mapping[str, Any], error: Exception) -> Sequence[Mapping[str, Any]] | None:
            refused = isinstance(error, SaidNo) and error.status in {400, 413}
            if not refused or "plain" in str(activity.get("textFormat")):
                return None
            log.error("teams_activity_refused", message=message.id, exc_info=error)
            return render.last_resort_of(dict(activity), message)

        return await in_pieces(
            activities, sent, lambda one, *_: self._api.send(where, one), otherwise, names.platform_id
        )

    # Streams

    async def stream(self, part: Part, text: str) -> str:
        """Show `text` so far. Where Teams doesn't let it flow nothing is lost: the message comes whole at the end."""
        where = self._place(thread_of(part))
        stream = Stream.parse(part.platform_id)
        now, shown = self._clock(), streamed(text)
        if where.scope is not Scope.PERSONAL or len(shown) > _LONGEST_STREAM or not shown:
            return part.platform_id
        if stream and not (stream.flows and stream.is_start_of(shown) and stream.is_due(now, self._apart)):
            return part.platform_id
        number = stream.number + 1 if stream else 1
        about = {"streamType": "streaming", "streamSequence": number, **({"streamId": stream.id} if stream else {})}
        piece = {
            "type": "typing",
            "text": shown,
            "textFormat": "markdown",
            "entities": [{"type": "streaminfo", **about}],
            "channelData": about,
        }
        try:
            begun = await self._api.send(where, piece, paced=False)
        except Exception as error:  # the edge to a platform: an answer must not fail because it could not flow
            log.warning("teams_stream_stopped", why=str(error), exc_info=not isinstance(error, ThreadlineError))
            return str(stream.stopped(error)) if stream else ""
        following = stream or Stream(begun, 0, now, now, 0, "")
        self._remember(following.id, shown)
        return str(following.grown(shown, now))

    def _remember(self, stream: str, shown: str) -> None:
        """Keep what a stream shows: to end one, Teams wants all of its text once more."""
        self._shown[stream] = shown
        self._shown.move_to_end(stream)
        while len(self._shown) > _MOST_STREAMS:
            self._shown.popitem(last=False)

    async def cut_off(self, part: Part) -> None:
        """End the stream, if it has not ended already. Raises as `Channel.send`."""
        stream = Stream.parse(part.platform_id)
        if stream is None or not stream.flows:
            return
        where, shown = self._place(thread_of(part)), self._shown.get(stream.id, "")
        await self._pause(stream)
        try:
            await self._api.send(where, render.ended(f"{shown} …".strip(), stream.id), paced=False)
        except SaidNo as no:
            log.info("teams_stream_had_ended", why=no.words)
            if not shown and not had_ended(no):  # another process has shown it, and Teams wants its words
                await self._delete(where, stream.id)
        self._shown.pop(stream.id, None)

    async def _end(
        self, stream: Stream, where: Place, message: Message, thread: Thread, activities: list[dict[str, Any]]
    ) -> Sent:
        """End the stream with the whole message; where its words can't just go on, the message comes below it."""
        if stream.was_stopped:
            return Sent(DeliveryState.PARTIAL, platform_id=stream.id, error="The customer stopped the answer.")
        first = activities[0] if activities else {}
        if not (stream.flows and stream.is_start_of(str(first.get("text") or ""))):
            return await self._send_all(where, message, activities)
        await self._pause(stream)
        try:
            sent = await self._api.send(where, render.final(first, stream.id, language=thread.language), paced=False)
        except SaidNo as no:
            if stopped_by_customer(no):
                return Sent(DeliveryState.PARTIAL, platform_id=stream.id, error="The customer stopped the answer.")
            log.info("teams_stream_had_ended", why=str(no))
            return await self._send_all(where, message, activities)
        self._shown.pop(stream.id, None)
        return await self._send_all(where, message, activities[1:], sent or stream.id)

    async def _pause(self, stream: Stream) -> None:
        """Teams takes one piece of a stream in a second."""
        await asyncio.sleep(max(0.0, min(stream.at + self._apart - self._clock(), self._apart)))

    # Changes and files

    async def edit(self, part: Part) -> Sent:
        """Bring the activities in line with the message; those too many are deleted. Raises as `Channel.send`."""
        message, thread = message_of(part), thread_of(part)
        where, old = self._place(thread), names.activities(part.platform_id)
        new = render.edited(message, **_around(thread), scope=where.scope.value)
        for one, activity in zip(old, new, strict=False):
            await self._api.update(where, one, activity)
        for one in old[len(new) :]:
            await self._delete(where, one)
        return await self._send_all(where, message, new[len(old) :], *old[: len(new)])

    async def _delete(self, where: Place, one: str) -> None:
        try:
            await self._api.delete(where, one)
        except SaidNo as no:
            if no.status != 404:
                raise

    async def send_file(self, part: Part, content: Content) -> Sent:
        """Offer the file: Teams lets an app put it into the customer's own store once they agree. Raises as `send`."""
        thread = thread_of(part)
        where = self._place(thread)
        if part.file is None:
            raise PermanentError("There is no file.")
        if where.scope is not Scope.PERSONAL:
            return Sent(DeliveryState.REFUSED, error=_NOT_HERE)
        if not await content():
            return Sent(DeliveryState.REFUSED, error="Teams takes no empty file.")
        about = {"file": part.file.id, "delivery": part.id}
        card = {
            "contentType": "application/vnd.microsoft.teams.card.file.consent",
            "name": part.file.name,
            "content": {
                "description": part.file.name,
                "sizeInBytes": part.file.size,
                "acceptContext": about,
                "declineContext": about,
            },
        }
        return Sent(platform_id=await self._api.send(where, {"type": "message", "attachments": [card]}))

    async def fetch(self, origin: Mapping[str, object]) -> bytes:
        """Return the bytes of a file that a customer sent. Raises `TemporaryError`, `PermanentError`."""
        content, _ = await self._api.fetch(str(origin.get("url") or ""), MAX_FILE, token=origin.get("token") is True)
        return content


def _activities(message: Message, thread: Thread, scope: Scope) -> list[dict[str, Any]]:
    return render.activities(message, **_around(thread), scope=scope.value)


def _around(thread: Thread) -> dict[str, Any]:
    """Return in whose language, and with which buttons: whether a person can still be called."""
    labels = render.Labels(wording.text(Line.ASK_PERSON, thread.language))
    return {"language": thread.language, "labels": labels, "offers": thread.owner.kind is OwnerKind.BOT}
