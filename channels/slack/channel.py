"""Slack as a channel: parts go out as posts in the customer's thread. Called by `bot.sending` and by runs that speak.

An answer streams where Slack lets it. What was streamed so far is in the stream's own name ('C1:ts:120:9f3a...',
so many characters, and which), so that any replica may go on with it; if that fails, the words come whole at the end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from channels.base import Content, Sent
from channels.slack import render
from channels.slack.api import BAD_BLOCKS, Api, SaidNo, patiently
from channels.slack.names import CHANNEL, Place, Posted, platform_id, posted
from channels.slack.rich import reading
from channels.slack.rich.elements import Block
from channels.slack.streamed import streamed
from channels.slack.words import unescape_signs
from core import wording
from core.delivery import DeliveryState, Part
from core.errors import PermanentError, ThreadlineError
from core.messages import Message
from core.store.files import MAX_FILE
from core.thread import OwnerKind, Thread
from core.wording import Line

log = structlog.get_logger()

_LONGEST_STREAM = 9_000  # characters; a longer answer comes in several posts
_LONGEST_PIECE = 12_000  # characters of markdown_text that Slack takes at once; entities make words longer
_GONE = frozenset({"message_not_found", "thread_not_found"})
_LOOKED = 300.0  # seconds before a message was written from which on it is looked for: clocks differ
_PAGES = 5
_KIND = "threadline_message"


class SlackChannel:
    """A workspace as a channel. Slack drops no copies, so nothing is sent twice without knowing."""

    name = CHANNEL
    deduplicates = False
    live = True

    def __init__(self, api: Api) -> None:
        self._api = api

    async def send(self, part: Part) -> Sent:
        """Post the message, or end the stream that showed it. Raises as `Channel.send`."""
        message, thread = _message(part), _thread(part)
        posts = _posts(message, thread)
        where = Place.parse(thread.key.conversation)
        stream = _Stream.parse(part.platform_id)
        if stream:
            return await self._end(stream, message, thread, posts)
        return await self._post_all(where, message, posts)

    async def _post_all(self, where: Place, message: Message, posts: Sequence[render.Post], *sent: Posted) -> Sent:
        """Post `posts`, after those that were `sent` already: nothing is repeated, and what is missing is said.

        A post whose blocks Slack refuses goes out without them, as several if its words need that.
        """
        left, done = list(posts), list(sent)
        while left:
            try:
                metadata = _metadata(message, len(done), len(done) + len(left))
                done.append(await self._one(where, left[0], metadata, again=bool(done)))
                left.pop(0)
            except Exception as error:  # the edge to a platform: the first posts stand, whatever it was
                if left[0].blocks and isinstance(error, SaidNo) and error.code in BAD_BLOCKS:
                    log.exception("slack_blocks_refused", message=message.id)
                    left[:1] = [render.Post(text, []) for text in render.plain(left[0])]
                    continue
                if not done:
                    raise
                log.exception("slack_message_cut", message=message.id)
                missing = f"Only {len(done)} of its {len(done) + len(left)} posts have surely arrived: {error}"
                return Sent(DeliveryState.PARTIAL, platform_id=platform_id(done), error=missing[:300])
        return Sent(platform_id=platform_id(done))

    async def _one(self, where: Place, post: render.Post, metadata: dict[str, Any], *, again: bool) -> Posted:
        if again:
            return await patiently(lambda: self._say(where, post, metadata))
        return await self._say(where, post, metadata)

    async def _say(self, where: Place, post: render.Post, metadata: dict[str, Any]) -> Posted:
        answer = await self._api.call(
            "chat.postMessage",
            channel=where.channel,
            text=post.text,
            mrkdwn=False,
            unfurl_links=False,
            unfurl_media=False,
            metadata=metadata,
            **({"blocks": post.blocks} if post.blocks else {}),
            **({"thread_ts": where.root} if where.root else {}),
        )
        post_ = Posted(where.channel, str(answer["ts"]))
        await self._in_its_thread(where, post_, answer)
        return post_

    async def _in_its_thread(self, where: Place, post: Posted, answer: Mapping[str, Any]) -> None:
        """Take a post away that stands for all to read, as Slack posts the answer to a message that was deleted.

        Raises `PermanentError` then.
        """
        stands = answer.get("message")
        if where.root and stands and stands.get("thread_ts") != where.root:
            await self._delete(post)
            raise PermanentError("The message that this answers was deleted in Slack.")

    # Streams

    async def stream(self, part: Part, text: str) -> str:
        """Show `text` so far. Where Slack doesn't let it flow nothing is lost: the message comes whole at the end."""
        thread = _thread(part)
        where = Place.parse(thread.key.conversation)
        stream = _Stream.parse(part.platform_id)
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
            return str(_Stream.of(await self._start(where, thread, words), text))
        except ThreadlineError:
            raise
        except Exception as error:  # noqa: BLE001 (the edge to a platform: it may have begun all the same)
            log.warning("slack_stream_lost", thread=thread.id, why=str(error))
            return str(_Stream.lost(where.channel))

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
        stream = _Stream.parse(part.platform_id)
        if stream is None or stream.is_lost:
            return  # one that is lost ends by itself, after five minutes
        where, post = Place.parse(_thread(part).key.conversation), stream.post
        try:
            answer = await self._api.call("chat.stopStream", channel=post.channel, ts=post.ts)
        except SaidNo as ended:
            log.info("slack_stream_had_ended", why=str(ended))
        else:
            with suppress(PermanentError):
                await self._in_its_thread(where, post, answer)

    async def _end(self, stream: "_Stream", message: Message, thread: Thread, posts: list[render.Post]) -> Sent:
        """End the stream with what is missing; where its words can't just go on, the message is put in their place."""
        where = Place.parse(thread.key.conversation)
        post = stream.post
        if stream.is_lost:
            found = await self._find(where, message)
            if found is None:
                return await self._post_all(where, message, posts)
            post = found
        goes_on = stream.is_start_of(message.text) and len(message.text) <= _LONGEST_STREAM
        rest = streamed(message.text, stream.length) if goes_on else ""
        goes_on = goes_on and len(rest) <= _LONGEST_PIECE
        arguments: dict[str, Any] = {"channel": post.channel, "ts": post.ts, "metadata": _metadata(message, 0, 1)}
        if goes_on:
            last = {"markdown_text": rest, "blocks": _closing(message, thread)}
            arguments |= {name: value for name, value in last.items() if value}
        try:
            await self._in_its_thread(where, post, await self._stop(arguments))
        except SaidNo as ended:
            if ended.code == "stopped_by_user":
                return Sent(DeliveryState.PARTIAL, platform_id=str(post), error="The customer stopped the answer.")
            log.info("slack_stream_had_ended", why=str(ended))
            goes_on = False
        if goes_on or not posts:
            return Sent(platform_id=str(post))
        more = await self._update(post, message, posts[0], len(posts))
        return await self._post_all(where, message, [*more, *posts[1:]], post)

    async def _find(self, where: Place, message: Message) -> Posted | None:
        """Return the post that shows the beginning of `message`, of which we were never told; None if there is none."""
        try:
            me = str((await self._api.me()).get("bot_id"))
            page = await self._page(where, message.at - _LOOKED, "")
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

    async def _update(self, post: Posted, message: Message, new: render.Post, among: int) -> list[render.Post]:
        """Change the first of `among` posts in its place; where Slack refuses the blocks return what has no room."""
        arguments = {
            "channel": post.channel,
            "ts": post.ts,
            "mrkdwn": False,
            "metadata": _metadata(message, 0, among),
        }
        try:
            await self._api.call("chat.update", text=new.text, blocks=new.blocks, **arguments)
        except SaidNo as no:
            if no.code not in BAD_BLOCKS:
                raise
            log.exception("slack_blocks_refused", message=message.id)
            first, *more = render.plain(new)
            await self._api.call("chat.update", text=first, blocks=[], **arguments)
            return [render.Post(text, []) for text in more]
        return []

    # Changes, files, what became of it

    async def edit(self, part: Part) -> Sent:
        """Bring the posts in line with the message; those of a withdrawn one are deleted. Raises as `Channel.send`."""
        message, thread = _message(part), _thread(part)
        old = posted(part.platform_id)
        new = [] if message.withdrawn else _posts(message, thread)
        more: list[render.Post] = []
        for post, one in zip(old, new, strict=False):
            more += await self._update(post, message, one, len(new))
        for post in old[len(new) :]:
            await self._delete(post)
        left = [*more, *new[len(old) :]]
        return await self._post_all(Place.parse(thread.key.conversation), message, left, *old[: len(new)])

    async def _delete(self, post: Posted) -> None:
        try:
            await self._api.call("chat.delete", channel=post.channel, ts=post.ts)
        except SaidNo as no:
            if no.code not in _GONE:
                raise

    async def send_file(self, part: Part, content: Content) -> Sent:
        """Put the file into the thread. Raises as `Channel.send`."""
        if part.file is None:
            raise PermanentError("There is no file.")
        where, body = Place.parse(_thread(part).key.conversation), await content()
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
        message, where = _message(part), Place.parse(_thread(part).key.conversation)
        found: set[int] = set()
        cursor, among, withheld = "", 1, False  # posts of bots that don't say what they are may be ours
        for _ in range(_PAGES):
            try:
                page = await self._page(where, message.at - _LOOKED, cursor)
            except SaidNo as no:
                log.info("slack_history_closed", why=str(no))
                return DeliveryState.UNKNOWN
            withheld = withheld or any(
                one.get("bot_id") and not one.get("metadata") for one in page.get("messages") or ()
            )
            for payload in _payloads(page):
                if payload.get("message") == message.id:
                    among = int(payload.get("of") or 1)
                    found.add(int(payload.get("n") or 0))
            if len(found) >= among:
                return DeliveryState.DELIVERED
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return DeliveryState.UNKNOWN if found or withheld else DeliveryState.FAILED
        return DeliveryState.UNKNOWN

    async def _page(self, where: Place, since: float, cursor: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {"channel": where.channel, "oldest": f"{since:.6f}", "include_all_metadata": True}
        if cursor:
            arguments["cursor"] = cursor
        if where.root:
            return await self._api.call("conversations.replies", ts=where.root, limit=200, **arguments)
        return await self._api.call("conversations.history", limit=200, **arguments)


class _Stream:
    """A stream's name: its post, how many characters it shows, and a check of which."""

    def __init__(self, post: Posted, length: int, check: str) -> None:
        self.post = post
        self.length = length
        self._check = check

    @classmethod
    def of(cls, post: Posted, text: str) -> "_Stream":
        return cls(post, len(text), _check(text))

    @classmethod
    def parse(cls, text: str) -> "_Stream | None":
        """Read a stream's name; None for that of a message, or none."""
        parts = text.split(":")
        if len(parts) != 4 or not parts[2].isdecimal():
            return None
        return cls(Posted(parts[0], parts[1]), int(parts[2]), parts[3])

    @classmethod
    def lost(cls, channel: str) -> "_Stream":
        """Return the name of a stream that may have begun, in a post that we were never told of."""
        return cls(Posted(channel, ""), 0, "lost")

    @property
    def is_lost(self) -> bool:
        return not self.post.ts

    def __str__(self) -> str:
        return f"{self.post}:{self.length}:{self._check}"

    def is_start_of(self, text: str) -> bool:
        return len(text) >= self.length and _check(text[: self.length]) == self._check

    def grown(self, text: str) -> "_Stream":
        return self.of(self.post, text)

    def broken(self) -> "_Stream":
        """Return the name of this stream when nobody knows how much of it is shown: its words are put in anew."""
        return _Stream(self.post, self.length, "broken")


def _letters(text: str) -> str:
    """Return the letters of `text`: what stays of it whatever Slack makes of its marks and its lists' numbers."""
    return "".join(filter(str.isalpha, text))


def _check(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _posts(message: Message, thread: Thread) -> list[render.Post]:
    return render.posts(message, labels=_labels(thread.language), offers=_offers(thread))


def _closing(message: Message, thread: Thread) -> list[Block]:
    return render.closing(message, labels=_labels(thread.language), offers=_offers(thread))


def _labels(language: str) -> render.Labels:
    lines = (Line.HELPFUL, Line.UNHELPFUL, Line.ASK_PERSON)
    return render.Labels(*(wording.text(line, language) for line in lines))


def _offers(thread: Thread) -> bool:
    """Whether a person can still be called: nobody has the conversation yet."""
    return thread.owner.kind is OwnerKind.BOT


def _metadata(message: Message, number: int, among: int) -> dict[str, Any]:
    """What says which message a post is of; every app in the workspace can read it."""
    return {"event_type": _KIND, "event_payload": {"message": message.id, "n": number, "of": among}}


def _payloads(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = (one.get("metadata") or {} for one in page.get("messages") or ())
    return [one.get("event_payload") or {} for one in found if one.get("event_type") == _KIND]


def _message(part: Part) -> Message:
    if part.message is None:
        raise PermanentError("There is nothing to send.")
    return part.message


def _thread(part: Part) -> Thread:
    if part.thread is None:
        raise PermanentError("There is nobody to send to.")
    return part.thread
