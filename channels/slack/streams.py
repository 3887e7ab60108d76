"""Answers that flow: shown in Slack while they grow, and ended with what belongs below them. Called by `channel`.

What was streamed so far is in the stream's own name ('C1:ts:120:9f3a...', so many characters, and which), so that any
replica may go on with it; if that fails, the words come whole at the end.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from channels.base import Sent
from channels.parts import thread_of
from channels.slack import render
from channels.slack.api import BAD_BLOCKS, Api, SaidNo
from channels.slack.names import CHANNEL, Place, Posted
from channels.slack.posting import LOOKED, Posting, around, metadata_of
from channels.slack.rich import reading
from channels.slack.streamed import streamed
from channels.slack.words import unescape_signs
from core.delivery import DeliveryState, Part
from core.errors import PermanentError, ThreadlineError
from core.messages import Message
from core.thread import Thread

log = structlog.get_logger()

_LONGEST_STREAM = 9_000  # characters; a longer answer comes in several posts
_LONGEST_PIECE = 12_000  # characters of markdown_text that Slack takes at once; entities make words longer


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream's name: its post, how many characters it shows, and a check of which."""

    post: Posted
    length: int
    check: str

    @classmethod
    def of(cls, post: Posted, text: str) -> "Stream":
        """Return the name of a stream that shows `text`."""
        return cls(post, len(text), _check(text))

    @classmethod
    def parse(cls, text: str) -> "Stream | None":
        """Read a stream's name; None for that of a message, or none."""
        parts = text.split(":")
        if len(parts) != 4 or not parts[2].isdecimal():
            return None
        return cls(Posted(parts[0], parts[1]), int(parts[2]), parts[3])

    @classmethod
    def lost(cls, channel: str) -> "Stream":
        """Return the name of a stream that may have begun, in a post that we were never told of."""
        return cls(Posted(channel, ""), 0, "lost")

    @property
    def is_lost(self) -> bool:
        """Whether nobody has told us which post it is."""
        return not self.post.ts

    def __str__(self) -> str:
        return f"{self.post}:{self.length}:{self.check}"

    def is_start_of(self, text: str) -> bool:
        """Whether `text` begins with what it shows."""
        return len(text) >= self.length and _check(text[: self.length]) == self.check

    def grown(self, text: str) -> "Stream":
        """Return its name when it shows `text`."""
        return self.of(self.post, text)

    def broken(self) -> "Stream":
        """Return the name of this stream when nobody knows how much of it is shown: its words are put in anew."""
        return Stream(self.post, self.length, "broken")


class Streams:
    """The streams of one workspace."""

    def __init__(self, api: Api, posting: Posting) -> None:
        self._api = api
        self._posting = posting

    async def show(self, part: Part, text: str) -> str:
        """Show `text` so far. Where Slack doesn't let it flow nothing is lost: the message comes whole at the end."""
        thread = thread_of(part)
        where = Place.parse(thread.key.conversation)
        stream = Stream.parse(part.platform_id)
        if not where.root or len(text) > _LONGEST_STREAM or (stream and not stream.is_start_of(text)):
            return part.platform_id
        try:
            more = streamed(text, stream.length if stream else 0)
            if len(more) > _LONGEST_PIECE:
                return part.platform_id
            if stream is None:
                return await self._begin(where, thread, more, text)
            post = stream.post
            await self._api.call("chat.appendStream", channel=post.channel, ts=post.ts, markdown_text=more)
            return str(stream.grown(text))
        except Exception as error:  # the edge to a platform: an answer must not fail because it could not flow
            away = isinstance(error, ThreadlineError)
            log.warning("slack_stream_stopped", thread=thread.id, why=str(error), exc_info=not away)
            return str(stream.broken()) if stream else ""

    async def _begin(self, where: Place, thread: Thread, words: str, text: str) -> str:
        """Start a stream of `text` with its `words`, and return its name. Raises where surely none has begun."""
        try:
            return str(Stream.of(await self._start(where, thread, words), text))
        except ThreadlineError:
            raise
        except Exception as error:  # noqa: BLE001 (the edge to a platform: it may have begun all the same)
            log.warning("slack_stream_lost", thread=thread.id, why=str(error))
            return str(Stream.lost(where.channel))

    async def _start(self, where: Place, thread: Thread, words: str) -> Posted:
        team, _, user = thread.customer.removeprefix(f"{CHANNEL}:").partition("/")
        answer = await self._api.call(
            "chat.startStream",
            channel=where.channel,
            thread_ts=where.root,
            recipient_team_id=team,
            recipient_user_id=user,
            markdown_text=words,
        )
        return Posted(where.channel, str(answer["ts"]))

    async def cut_off(self, part: Part) -> None:
        """End the stream; it may have ended already. Raises as `Channel.send`."""
        stream = Stream.parse(part.platform_id)
        if stream is None or stream.is_lost:
            return  # one that is lost ends by itself, after five minutes
        where, post = Place.parse(thread_of(part).key.conversation), stream.post
        try:
            answer = await self._api.call("chat.stopStream", channel=post.channel, ts=post.ts)
        except SaidNo as ended:
            log.info("slack_stream_had_ended", why=str(ended))
        else:
            with suppress(PermanentError):
                await self._posting.in_its_thread(where, post, answer)

    async def end(self, stream: Stream, message: Message, thread: Thread, posts: list[render.Post]) -> Sent:
        """End the stream with what is missing; where its words can't just go on, the message is put in their place."""
        where = Place.parse(thread.key.conversation)
        post = stream.post
        if stream.is_lost:
            found = await self._find(where, message)
            if found is None:
                return await self._posting.post_all(where, message, posts)
            post = found
        goes_on = stream.is_start_of(message.text) and len(message.text) <= _LONGEST_STREAM
        rest = streamed(message.text, stream.length) if goes_on else ""
        goes_on = goes_on and len(rest) <= _LONGEST_PIECE
        arguments: dict[str, Any] = {"channel": post.channel, "ts": post.ts, "metadata": metadata_of(message, 0, 1)}
        if goes_on:
            last = {"markdown_text": rest, "blocks": render.closing(message, **around(thread))}
            arguments |= {name: value for name, value in last.items() if value}
        try:
            await self._posting.in_its_thread(where, post, await self._stop(arguments))
        except SaidNo as ended:
            if ended.code == "stopped_by_user":
                return Sent(DeliveryState.PARTIAL, platform_id=str(post), error="The customer stopped the answer.")
            log.info("slack_stream_had_ended", why=str(ended))
            goes_on = False
        if goes_on or not posts:
            return Sent(platform_id=str(post))
        more = await self._posting.update(post, message, posts[0], len(posts))
        return await self._posting.post_all(where, message, [*more, *posts[1:]], post)

    async def _find(self, where: Place, message: Message) -> Posted | None:
        """Return the post that shows the beginning of `message`, of which we were never told; None if there is none."""
        try:
            me = str((await self._api.me()).get("bot_id"))
            page = await self._posting.page(where, message.at - LOOKED)
        except SaidNo as no:
            log.info("slack_history_closed", why=str(no))
            return None
        said = _letters(message.text)
        for one in reversed(page.get("messages") or ()):
            begun = _letters(unescape_signs(str(one.get("text") or "")))
            if one.get("bot_id") == me and not one.get("metadata") and begun and said.startswith(begun):
                return Posted(where.channel, str(one["ts"]))
        return None

    async def _stop(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """End a stream, and return Slack's answer.

        Where Slack refuses what stands below its words, that comes in words, without buttons.
        """
        try:
            return await self._api.call("chat.stopStream", **arguments)
        except SaidNo as no:
            if no.code not in BAD_BLOCKS or "blocks" not in arguments:
                raise
            log.exception("slack_blocks_refused", ts=arguments["ts"])
            below = streamed(reading.words(arguments.pop("blocks")))
            said = "\n\n".join(filter(None, (arguments.get("markdown_text", ""), below)))
            if said and len(said) <= _LONGEST_PIECE:
                arguments["markdown_text"] = said
            return await self._api.call("chat.stopStream", **arguments)


def _letters(text: str) -> str:
    """Return the letters of `text`: what stays of it whatever Slack makes of its marks and its lists' numbers."""
    return "".join(filter(str.isalpha, text))


def _check(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
