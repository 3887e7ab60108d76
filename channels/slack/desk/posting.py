"""How the desk writes to its Slack channel: posts, changes, reactions, forms and private words.

Called by `channel`, `actions` and `home`. What stands in Slack once is never posted again here: where a later post of
the same thing is refused or busy, it is waited for, and given up with a word in the log.
"""

from typing import Any

import structlog

from channels.patience import patiently
from channels.slack.api import BAD_BLOCKS, Api, SaidNo
from channels.slack.desk.blocks import JSON, Post
from channels.slack.desk.render import verbatim
from channels.slack.names import Posted
from core.errors import ThreadlineError

log = structlog.get_logger()

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"})
"""Slack's words for a message that can't be changed any more: it was deleted, or was never ours."""
KIND = "threadline_desk"


class Poster:
    """Writes to one channel."""

    def __init__(self, api: Api, channel: str) -> None:
        self._api = api
        self.channel = channel

    async def post(self, post: Post, *, root: str = "", broadcast: bool = False, **about: object) -> Posted:
        """Post, into the thread `root` if it is named; `about` goes along where only apps see it. Raises as `Api`."""
        arguments: dict[str, Any] = {
            "channel": self.channel,
            "text": post.text,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": KIND, "event_payload": about},
        }
        if root:
            arguments |= {"thread_ts": root, "reply_broadcast": broadcast}
        answer = await self._with_blocks("chat.postMessage", post, arguments)
        return Posted(self.channel, str(answer["ts"]))

    async def update(self, ts: str, post: Post) -> bool:
        """Change what was posted; False if it is not there any more, or not ours. Raises as `Api`."""
        arguments = {"channel": self.channel, "ts": ts, "text": post.text}
        try:
            await self._with_blocks("chat.update", post, arguments)
        except SaidNo as no:
            if no.code not in GONE:
                raise
            return False
        return True

    async def _with_blocks(self, method: str, post: Post, arguments: dict[str, Any]) -> dict[str, Any]:
        """Post words without blocks where Slack refuses those: what was said is not lost."""
        try:
            return await self._api.call(method, blocks=post.blocks, **arguments)
        except SaidNo as no:
            if no.code not in BAD_BLOCKS or not post.blocks:
                raise
            log.exception("slack_blocks_refused", method=method)
            return await self._api.call(method, blocks=[], **arguments)

    async def upload(self, root: str, name: str, content: bytes) -> None:
        """Put a file into a thread. Raises as `Api`."""
        await self._api.upload(self.channel, root, name, content)

    async def react(self, ts: str, *, add: str = "", remove: str = "") -> None:
        """Change the reaction on a message. One that is there, or is gone, is no error. Raises `TemporaryError`."""
        for method, name in (("reactions.remove", remove), ("reactions.add", add)):
            if not name:
                continue
            try:
                await self._api.call(method, channel=self.channel, timestamp=ts, name=name)
            except SaidNo as no:
                log.info("slack_reaction_refused", method=method, why=no.code)

    async def whisper(self, user: str, text: str, root: str = "") -> None:
        """Say something that only `user` sees. It is a courtesy: what they did is stored, seen or not."""
        post = verbatim(text)
        thread = {"thread_ts": root} if root else {}
        arguments = {"channel": self.channel, "user": user, "text": post.text, "blocks": post.blocks, **thread}
        try:
            await patiently(lambda: self._api.call("chat.postEphemeral", **arguments))
        except ThreadlineError as away:
            log.warning("operator_not_told", user=user, why=str(away))

    async def open(self, trigger: str, view: JSON) -> None:
        """Open a form; it has to be within three seconds of the press. Raises as `Api`."""
        await self._api.call("views.open", trigger_id=trigger, view=view)

    async def link(self, posted: Posted) -> str:
        """Return the address of a message, '' while Slack does not say where the workspace is."""
        return address(await self.base(), posted)

    async def base(self) -> str:
        """Return where the workspace is ('https://larkfield.slack.com/'), '' while Slack does not say."""
        return str((await self.me()).get("url") or "")

    async def me(self) -> dict[str, Any]:
        """Return who the app is (auth.test); {} while Slack does not say."""
        try:
            return await self._api.me()
        except ThreadlineError as away:
            log.info("slack_self_unknown", why=str(away))
            return {}

    async def history(self, since: float, *, pages: int = 5) -> list[dict[str, Any]]:
        """Return what was posted in the channel since then, the newest first; [] where the app may not read it."""
        return await self._read("conversations.history", pages, oldest=f"{since:.6f}")

    async def thread(self, root: str, *, most: int = 2) -> list[dict[str, Any]]:
        """Return a thread's beginning; [] if it is not there, or the app may not read it. Raises `TemporaryError`."""
        return await self._read("conversations.replies", 1, ts=root, limit=most)

    async def _read(self, method: str, pages: int, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        arguments = {"limit": 200, "include_all_metadata": True, **arguments, "channel": self.channel}
        for _ in range(pages):
            try:
                page = await self._api.call(method, **arguments)
            except SaidNo as no:
                log.info("slack_history_closed", why=str(no))
                break
            found += [one for one in page.get("messages") or () if isinstance(one, dict)]
            arguments["cursor"] = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not arguments["cursor"]:
                break
        return found


def address(base: str, posted: Posted) -> str:
    """Return the address of a message in the workspace at `base`, '' if that is none."""
    return f"{base}archives/{posted.channel}/p{posted.ts.replace('.', '')}" if base.startswith("https://") else ""


def about(message: dict[str, Any], me: dict[str, Any]) -> dict[str, Any]:
    """Return what we sent along with a message of ours; {} for anybody else's, whatever stands in it."""
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != KIND or not message.get("bot_id") or message["bot_id"] != me.get("bot_id"):
        return {}
    return dict(metadata.get("event_payload") or {})
