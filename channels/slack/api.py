"""Slack's Web API: every call of ours goes through `Api.call`, which keeps Slack's pace and tells its errors apart.

An error that leaves no doubt is `TemporaryError` or `PermanentError`, with a sentence for people. Where a post may or
may not have gone out (a time limit, a lost connection, a fault of Slack's) the SDK's own exception passes, and the
part's fate is unknown: it is never repeated blindly. Calls that may safely be repeated are `TemporaryError` then.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from channels.fetching import bounded, too_large
from channels.pace import Pace
from core.errors import PermanentError, TemporaryError

SLACK = "https://slack.com/api/"
_SECONDS = 30
_APART = 1.0  # seconds between two posts in one channel (docs.slack.dev, rate limits)
_HOST = re.compile(r"[a-z0-9.-]+")

_CREATES = frozenset(
    {
        "chat.postMessage",
        "chat.postEphemeral",
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "files.completeUploadExternal",
    }
)
"""Doing these twice shows: without Slack's answer their fate is unknown."""

_LATER = {
    "ratelimited": "Slack asks for a pause.",
    "rate_limited": "Slack asks for a pause.",
    "service_unavailable": "Slack is away.",
    "team_added_to_org": "The workspace is being moved.",
}
_TOKEN = "Slack does not take SLACK_BOT_TOKEN any more. Install the app again and set the new token."  # noqa: S105
_OWNERS = dict.fromkeys(("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"), _TOKEN)
_NEVER = {
    "channel_not_found": "There is no such Slack channel, or the app is not in it.",
    "not_in_channel": "The app is not in this Slack channel. Invite it there: /invite @its-name.",
    "is_archived": "The Slack channel is archived.",
    "thread_not_found": "The Slack thread was deleted.",
    "message_not_found": "The message was deleted in Slack.",
    "cant_update_message": "Slack doesn't let the app change this message.",
    "edit_window_closed": "The workspace allows no change of a message this old.",
    "user_disabled": "This person's Slack account is switched off.",
    "cannot_dm_bot": "Slack does not let the app write to a bot.",
    "messages_tab_disabled": "The app's Messages tab is switched off in its settings.",
    "restricted_action": "The workspace does not let the app post here.",
    "restricted_action_read_only_channel": "Only some may post in this Slack channel.",
    "restricted_action_thread_locked": "The Slack thread is locked.",
    "msg_too_long": "Slack takes no message this long.",
    "no_permission": "The workspace does not let the app do this.",
}


BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_arguments"})
"""Slack's words for a message whose blocks it does not take: without them it may."""


class SaidNo(PermanentError):  # noqa: N818 (an answer)
    """Slack said no; `code` is its own word for why, such as 'invalid_blocks'."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """One workspace's Web API, with the bot's token."""

    def __init__(self, token: str, url: str = SLACK, *, apart: float = _APART) -> None:
        """`url` is another server's in tests; `apart`: seconds between two posts in one channel."""
        self._token = token
        self._url = url
        self._pace = Pace(apart)
        self._opened: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self._me: dict[str, Any] = {}

    @property
    def client(self) -> AsyncWebClient:
        """The SDK's client, on one session of ours; it repeats nothing by itself."""
        if self._client is None:
            self._client = AsyncWebClient(self._token, self._url, timeout=_SECONDS, session=self._session)
            self._client.retry_handlers = []
        return self._client

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        return self._opened

    async def close(self) -> None:
        """Close the connections."""
        opened, self._opened, self._client = self._opened, None, None
        if opened:
            await opened.close()

    async def call(self, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a method by Slack's name for it ('chat.postMessage') and return its answer. Raises as said above."""
        lane = str(arguments.get("channel") or arguments.get("channel_id") or "")
        self._pace.check(f"{method} {lane}", _LATER["ratelimited"])
        if method in {"chat.postMessage", "chat.startStream"}:
            await self._pace.turn(lane)
        function = getattr(self.client, method.replace(".", "_"))
        try:
            answer = await function(**arguments)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise self._meaning(error, method, lane) from error
        return dict(answer.data)

    async def me(self) -> dict[str, Any]:
        """Return who the app is in its workspace (auth.test), which is asked once. Raises as `call`."""
        if not self._me:
            self._me = await self.call("auth.test")
        return self._me

    async def scopes(self) -> frozenset[str]:
        """Return what the bot's token may do: Slack says it beside each answer. Raises as `call`."""
        try:
            answer = await self.client.auth_test()
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise self._meaning(error, "auth.test", "") from error
        return frozenset(scope.strip() for scope in str(answer.headers.get("x-oauth-scopes", "")).split(","))

    async def upload(self, channel: str, root: str, name: str, content: bytes) -> str:
        """Put a file into a conversation and return Slack's id of it. Raises as `call` does."""
        place = await self.call("files.getUploadURLExternal", filename=name, length=len(content))
        url, file = str(place["upload_url"]), str(place["file_id"])
        if not self._is_slacks(url):
            raise PermanentError("Slack names a place outside Slack for the file, so it was not sent.")
        try:
            async with self._session.post(url, data=content) as answer:
                if answer.status != 200:
                    raise TemporaryError(f"Slack can't take the file now ({answer.status}).", retry_after=5)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(f"Slack can't be reached for the file ({type(error).__name__}).") from error
        await self.call(
            "files.completeUploadExternal",
            files=[{"id": file, "title": name}],
            channel_id=channel,
            thread_ts=root or None,
        )
        return file

    async def fetch(self, url: str, size: int, most: int) -> bytes:
        """Return the bytes of a file that Slack keeps, `size` of them as it says and at most `most`.

        The token is shown to Slack's own hosts only. Raises `TemporaryError`, `PermanentError` with a sentence.
        """
        if not self._is_slacks(url):
            raise PermanentError("The file is kept outside Slack, so it was not fetched.")
        if size > most:
            raise too_large(most)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status >= 500 or answer.status == 429:
                    raise TemporaryError(f"Slack can't give the file now ({answer.status}).", retry_after=5)
                if answer.status != 200:
                    raise PermanentError(f"Slack does not give the file ({answer.status}).")
                content = await bounded(answer, most)
                is_page = answer.content_type == "text/html"
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(f"Slack can't be reached for the file ({type(error).__name__}).") from error
        if is_page and size and len(content) != size:
            raise PermanentError("Slack showed a sign-in page instead of the file: the app lacks the scope files:read.")
        return content

    def _is_slacks(self, url: str) -> bool:
        """Whether `url` is on Slack's own hosts, or on the server that stands for it."""
        try:
            found, own = urlsplit(url), urlsplit(self._url)
            host, port = found.hostname or "", found.port
        except ValueError:
            return False
        if not _HOST.fullmatch(host):
            return False
        if self._url != SLACK:
            return (found.scheme, found.netloc) == (own.scheme, own.netloc)
        return found.scheme == "https" and port in {None, 443} and f".{host}".endswith(".slack.com")

    def _meaning(self, error: Exception, method: str, lane: str) -> Exception:
        """Return what `error` says about the call: sure to be tried again, sure to be refused, or itself: unknown."""
        if isinstance(error, SlackApiError):
            found = self._answered(error, method, lane)
            if found:
                return found
        elif isinstance(error, aiohttp.ClientConnectorError):
            return TemporaryError("Slack can't be reached.")
        if method in _CREATES:
            return error
        return TemporaryError(f"Slack gave no proper answer ({type(error).__name__}).")

    def _answered(self, error: SlackApiError, method: str, lane: str) -> Exception | None:
        """Return what Slack's answer says; None if it says nothing about what was done."""
        status = int(getattr(error.response, "status_code", 0) or 0)
        data = getattr(error.response, "data", None)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in _LATER:
            seconds = _seconds(error)
            self._pace.close(f"{method} {lane}", seconds)
            return TemporaryError(_LATER.get(code, _LATER["ratelimited"]), retry_after=seconds)
        if status >= 500 or code in {"", "internal_error", "fatal_error", "request_timeout"}:
            return None
        if code in _OWNERS:
            return TemporaryError(_OWNERS[code], retry_after=60)
        if code == "missing_scope":
            needed = data.get("needed", "") if isinstance(data, dict) else ""
            return SaidNo(f"The Slack app lacks the scope {needed}. Add it in the app's settings, install again.", code)
        return SaidNo(_NEVER.get(code, f"Slack refused it: {code}."), code)


def _seconds(error: SlackApiError) -> float:
    """Return Slack's Retry-After, in seconds; its documented least where it is missing or no number."""
    headers = getattr(error.response, "headers", None) or {}
    try:
        return min(max(float(headers.get("Retry-After", 1)), 1.0), 3600.0)
    except ValueError:
        return 1.0
