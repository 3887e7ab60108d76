"""Slack as a channel: parts go out as posts in the customer's thread. Called by `bot.sending` and by runs that speak.

An answer streams where Slack lets it (`streams`); everything else is posted (`posting`).
"""

from collections.abc import Mapping

import structlog

from channels.base import Content, Sent
from channels.parts import message_of, thread_of
from channels.slack import render
from channels.slack.api import Api, SaidNo
from channels.slack.names import CHANNEL, Place, posted
from channels.slack.posting import LOOKED, Posting, around, payloads
from channels.slack.streams import Stream, Streams
from core.delivery import DeliveryState, Part
from core.errors import PermanentError
from core.store.files import MAX_FILE

log = structlog.get_logger()

_PAGES = 5


class SlackChannel:
    """A workspace as a channel. Slack drops no copies, so nothing is sent twice without knowing."""

    name = CHANNEL
    deduplicates = False
    live = True

    def __init__(self, api: Api) -> None:
        self._api = api
        self._posting = Posting(api)
        self._streams = Streams(api, self._posting)

    async def send(self, part: Part) -> Sent:
        """Post the message, or end the stream that showed it. Raises as `Channel.send`."""
        message, thread = message_of(part), thread_of(part)
        posts = render.posts(message, **around(thread))
        stream = Stream.parse(part.platform_id)
        if stream:
            return await self._streams.end(stream, message, thread, posts)
        return await self._posting.post_all(Place.parse(thread.key.conversation), message, posts)

    async def stream(self, part: Part, text: str) -> str:
        """Show `text` so far. Where Slack doesn't let it flow nothing is lost: the message comes whole at the end."""
        return await self._streams.show(part, text)

    async def cut_off(self, part: Part) -> None:
        """End the stream; it may have ended already. Raises as `Channel.send`."""
        await self._streams.cut_off(part)

    async def edit(self, part: Part) -> Sent:
        """Bring the posts in line with the message; those of a withdrawn one are deleted. Raises as `Channel.send`."""
        message, thread = message_of(part), thread_of(part)
        old = posted(part.platform_id)
        new = [] if message.withdrawn else render.posts(message, **around(thread))
        more: list[render.Post] = []
        for post, one in zip(old, new, strict=False):
            more += await self._posting.update(post, message, one, len(new))
        for post in old[len(new) :]:
            await self._posting.delete(post)
        left = [*more, *new[len(old) :]]
        return await self._posting.post_all(Place.parse(thread.key.conversation), message, left, *old[: len(new)])

    async def send_file(self, part: Part, content: Content) -> Sent:
        """Put the file into the thread. Raises as `Channel.send`."""
        if part.file is None:
            raise PermanentError("There is no file.")
        where, body = Place.parse(thread_of(part).key.conversation), await content()
        if not body:
            return Sent(DeliveryState.REFUSED, error="Slack takes no empty file.")
        return Sent(platform_id=await self._api.upload(where.channel, where.root, part.file.name, body))

    async def fetch(self, origin: Mapping[str, object]) -> bytes:
        """Return the bytes of a file that Slack keeps. Raises `TemporaryError`, `PermanentError`."""
        url, size = str(origin.get("url") or ""), origin.get("size")
        if not url:  # shared from another organisation: Slack tells more only when asked
            found = (await self._api.call("files.info", file=str(origin.get("id")))).get("file") or {}
            url, size = str(found.get("url_private_download") or found.get("url_private") or ""), found.get("size")
        if not url:
            raise PermanentError("Slack does not say where this file is kept.")
        return await self._api.fetch(url, size if isinstance(size, int) else 0, MAX_FILE)

    async def look_up(self, part: Part) -> DeliveryState:
        """Read the thread back: every post of ours carries its message's id. Raises as `Channel.send`."""
        message, where = message_of(part), Place.parse(thread_of(part).key.conversation)
        found: set[int] = set()
        cursor, among, withheld = "", 1, False  # posts of bots that don't say what they are may be ours
        for _ in range(_PAGES):
            try:
                page = await self._posting.page(where, message.at - LOOKED, cursor)
            except SaidNo as no:
                log.info("slack_history_closed", why=str(no))
                return DeliveryState.UNKNOWN
            withheld = withheld or any(
                one.get("bot_id") and not one.get("metadata") for one in page.get("messages") or ()
            )
            for payload in payloads(page):
                if payload.get("message") == message.id:
                    among = int(payload.get("of") or 1)
                    found.add(int(payload.get("n") or 0))
            if len(found) >= among:
                return DeliveryState.DELIVERED
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return DeliveryState.UNKNOWN if found or withheld else DeliveryState.FAILED
        return DeliveryState.UNKNOWN
