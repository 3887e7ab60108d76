"""How the channel posts to customers: in their thread, every post marked as its message's, and none of them twice.

Called by `channel` and `streams`. What went out before something failed stands, and is told apart from what is missing.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import structlog

from channels.base import Sent
from channels.parts import in_pieces
from channels.slack import render
from channels.slack.api import BAD_BLOCKS, Api, SaidNo
from channels.slack.names import Place, Posted, platform_id
from core import wording
from core.errors import PermanentError
from core.messages import Message
from core.thread import OwnerKind, Thread
from core.wording import Line

log = structlog.get_logger()

LOOKED = 300.0
"""Seconds before a message was written from which on it is looked for: clocks differ."""
_GONE = frozenset({"message_not_found", "thread_not_found"})
_KIND = "threadline_message"


class Posting:
    """Writes to the customers of one workspace. Raises as `Api`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def post_all(self, where: Place, message: Message, posts: Sequence[render.Post], *sent: Posted) -> Sent:
        """Post `posts`, after those that were `sent`; one whose blocks Slack refuses goes out without them.

        That may need several, if its words are long.
        """

        def otherwise(post: render.Post, error: Exception) -> list[render.Post] | None:
            if not (post.blocks and isinstance(error, SaidNo) and error.code in BAD_BLOCKS):
                return None
            log.error("slack_blocks_refused", message=message.id, exc_info=error)
            return [render.Post(text, []) for text in render.plain(post)]

        def post(one: render.Post, number: int, among: int) -> Awaitable[Posted]:
            return self._say(where, one, metadata_of(message, number, among))

        return await in_pieces(posts, sent, post, otherwise, platform_id)

    async def tell(self, where: Place, words: str) -> None:
        """Say a sentence of our own, which is no message of the conversation."""
        await self._say(where, render.Post(words, []), {"event_type": _KIND, "event_payload": {}})

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
        await self.in_its_thread(where, post_, answer)
        return post_

    async def in_its_thread(self, where: Place, post: Posted, answer: Mapping[str, Any]) -> None:
        """Take a post away that stands for all to read, as Slack posts the answer to a message that was deleted.

        Raises `PermanentError` then.
        """
        stands = answer.get("message")
        if where.root and stands and stands.get("thread_ts") != where.root:
            await self.delete(post)
            raise PermanentError("The message that this answers was deleted in Slack.")

    async def update(self, post: Posted, message: Message, new: render.Post, among: int) -> list[render.Post]:
        """Change the first of `among` posts in its place; where Slack refuses the blocks return what has no room."""
        arguments = {
            "channel": post.channel,
            "ts": post.ts,
            "mrkdwn": False,
            "metadata": metadata_of(message, 0, among),
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

    async def delete(self, post: Posted) -> None:
        """Delete a post, if it is still there."""
        try:
            await self._api.call("chat.delete", channel=post.channel, ts=post.ts)
        except SaidNo as no:
            if no.code not in _GONE:
                raise

    async def page(self, where: Place, since: float, cursor: str = "") -> dict[str, Any]:
        """Return a page of what stands in a conversation since then."""
        arguments: dict[str, Any] = {"channel": where.channel, "oldest": f"{since:.6f}", "include_all_metadata": True}
        if cursor:
            arguments["cursor"] = cursor
        if where.root:
            return await self._api.call("conversations.replies", ts=where.root, limit=200, **arguments)
        return await self._api.call("conversations.history", limit=200, **arguments)


def around(thread: Thread) -> dict[str, Any]:
    """Return in whose language posts are, and with which buttons: whether a person can still be called."""
    lines = (Line.HELPFUL, Line.UNHELPFUL, Line.ASK_PERSON)
    labels = render.Labels(*(wording.text(line, thread.language) for line in lines))
    return {"labels": labels, "offers": thread.owner.kind is OwnerKind.BOT}


def metadata_of(message: Message, number: int, among: int) -> dict[str, Any]:
    """Return what says which message a post is of; every app in the workspace can read it."""
    return {"event_type": _KIND, "event_payload": {"message": message.id, "n": number, "of": among}}


def payloads(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the posts of ours on a page of messages say of themselves."""
    found = (one.get("metadata") or {} for one in page.get("messages") or ())
    return [one.get("event_payload") or {} for one in found if one.get("event_type") == _KIND]
