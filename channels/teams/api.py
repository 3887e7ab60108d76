"""What we say to Teams: every call goes through `Api`, which keeps Teams' pace and tells its errors apart.

As with every platform: an error that leaves no doubt is `TemporaryError` or `PermanentError`, with a sentence for
people. Where an activity may or may not have gone out what was raised passes, and the part's fate is unknown.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import structlog

from channels.fetching import bounded
from channels.pace import Pace
from channels.teams.adapter import Adapter
from channels.teams.adapter import SaidNo as Refusal
from channels.teams.parse import Place
from channels.teams.tokens import AppToken, ServiceAddresses
from core.errors import PermanentError, TemporaryError

T = TypeVar("T")
JSON = dict[str, Any]
log = structlog.get_logger()

APART = 0.25  # seconds: Teams takes 7 a second in one conversation, and 60 in 30 s (learn.microsoft.com, rate-limit)
_SECONDS = 30
_PAUSE = "Teams asks for a pause."
_LATER = frozenset(
    {408, 412, 429, 502, 503, 504}
)  # learn.microsoft.com, 'rate-limit': 412, 502 and 504 are tried again
_HOSTS = (".sharepoint.com", ".sharepoint.us", ".sharepoint.cn", ".1drv.com", ".1drv.ms", ".onedrive.com")
_NEVER = {
    "ConversationBlockedByUser": "The customer has blocked the app in Teams.",
    "MessageWritesBlocked": "The customer has blocked the app in Teams, or removed it.",
    "BotNotInConversationRoster": "The app is no longer in this conversation: it was removed there.",
    "BotDisabledByAdmin": "An administrator has switched the app off in Teams.",
    "UserNotInConversation": "The customer has left this conversation.",
    "ConversationNotFound": "There is no such conversation in Teams any more.",
    "ActivityNotFoundInConversation": "The message was deleted in Teams.",
    "MessageSizeTooBig": "Teams takes no message this large.",
}
_BY_STATUS = {
    403: "Teams does not let the app write here: it was blocked or removed.",
    404: "Teams knows neither this conversation nor this message any more.",
    413: _NEVER["MessageSizeTooBig"],
}


class SaidNo(PermanentError):  # noqa: N818 (an answer)
    """Teams said no for good: its status, its own word for why, and what else it says."""

    def __init__(self, message: str, status: int, code: str, words: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.words = words


class Api:
    """One app's way to speak in Teams."""

    def __init__(
        self, adapter: Adapter, token: AppToken, services: ServiceAddresses, session: "Session", *, apart: float = APART
    ) -> None:
        """`apart`: seconds between two activities in one conversation."""
        self.adapter = adapter
        self._token = token
        self._services = services
        self._session = session
        self._pace = Pace(apart)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def send(self, where: Place, activity: Mapping[str, Any], *, paced: bool = True) -> str:
        """Send an activity and return its id. Raises as said above."""
        self._pace.check(where.conversation, _PAUSE)
        if paced:
            await self._pace.turn(where.conversation)
        written = {**activity, "from": {"id": where.bot}, "conversation": {"id": where.conversation}}
        service = self._trusted(where.service)
        return await self._told(self.adapter.send(service, where.conversation, written), where, creates=True)

    async def update(self, where: Place, one: str, activity: Mapping[str, Any]) -> None:
        """Put `activity` in the place of `one`. Raises as said above."""
        self._pace.check(where.conversation, _PAUSE)
        written = {**activity, "id": one, "from": {"id": where.bot}, "conversation": {"id": where.conversation}}
        await self._told(self.adapter.update(self._trusted(where.service), where.conversation, one, written), where)

    async def delete(self, where: Place, one: str) -> None:
        """Delete `one`. Raises as said above."""
        await self._told(self.adapter.delete(self._trusted(where.service), where.conversation, one), where)

    async def begin(self, where: Place, parameters: Mapping[str, Any]) -> tuple[str, str]:
        """Begin a thread in a channel, or a chat; returns its id and its first activity's. Raises as said above."""
        self._pace.check(where.conversation, _PAUSE)
        await self._pace.turn(where.conversation)
        begun = self.adapter.begin(self._trusted(where.service), dict(parameters))
        return await self._told(begun, where, creates=True)

    async def member(self, where: Place, user: str) -> JSON:
        """Return what Teams tells of a member of a conversation. Raises as said above."""
        return await self._told(self.adapter.member(self._trusted(where.service), where.conversation, user), where)

    async def members(self, where: Place) -> list[JSON]:
        """Return the first members of a conversation that we are in. Raises as said above."""
        return await self._told(self.adapter.members(self._trusted(where.service), where.conversation), where)

    def _trusted(self, service: str) -> str:
        if not self._services.trusts(service):
            raise PermanentError("The conversation names an address that is not Teams', so nothing was sent there.")
        return service

    async def _told(self, call: Awaitable[T], where: Place, *, creates: bool = False) -> T:
        try:
            return await call
        except Refusal as no:
            raise self._meaning(no, where, creates=creates) from no
        except aiohttp.ClientConnectorError as error:
            raise TemporaryError("Teams can't be reached.") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            if creates:
                raise
            raise TemporaryError(f"Teams gave no proper answer ({type(error).__name__}).") from error

    def _meaning(self, no: Refusal, where: Place, *, creates: bool) -> Exception:
        if no.status == 429:
            self._pace.close(where.conversation, no.wait or 2.0)
        if no.status in _LATER:
            return TemporaryError(_PAUSE if no.status == 429 else "Teams is away.", retry_after=no.wait)
        if no.status == 401:
            sentence = "Teams does not take the app's token: check TEAMS_APP_ID and TEAMS_APP_PASSWORD."
            return TemporaryError(sentence, retry_after=60)
        if no.status >= 500:
            return no if creates else TemporaryError("Teams is away.")
        sentence = _NEVER.get(no.code) or _BY_STATUS.get(no.status) or f"Teams refused it: {no.code or no.status}."
        return SaidNo(sentence, no.status, no.code, no.words)

    # Files

    async def fetch(self, url: str, most: int, *, token: bool) -> tuple[bytes, str]:
        """Return a file's bytes, at most `most`, and the type its server names.

        With `token` it lies at Teams' own address; else at Microsoft's store of files, which needs none. Raises
        `TemporaryError`, `PermanentError` with a sentence.
        """
        if not (self._services.trusts(url) if token else self.keeps_files(url)):
            raise PermanentError("The file is kept outside Microsoft's stores, so it was not fetched.")
        shown = await self._token.get() if token else ""
        try:
            return await self._got(url, most, shown)
        except SaidNo as no:
            if no.status != 401 or not shown:
                raise
            return await self._got(url, most, await self._token.get(refused=shown))

    async def _got(self, url: str, most: int, token: str) -> tuple[bytes, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session().get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status >= 500 or answer.status == 429:
                    raise TemporaryError(f"Teams can't give the file now ({answer.status}).", retry_after=5)
                if answer.status != 200:
                    why = f"Teams does not give the file ({answer.status}): its link may have ended."
                    raise SaidNo(why, answer.status, "")
                return await bounded(answer, most), answer.content_type
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(f"Teams can't be reached for the file ({type(error).__name__}).") from error

    async def upload(self, url: str, content: bytes) -> None:
        """Put a file where Teams said it goes. Raises `TemporaryError`, `PermanentError`."""
        if not self.keeps_files(url):
            raise PermanentError("Teams names a place outside Microsoft's stores for the file, so it was not sent.")
        headers = {"Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}
        try:
            async with self._session().put(url, data=content, headers=headers, allow_redirects=False) as answer:
                if answer.status >= 500 or answer.status == 429:
                    raise TemporaryError(f"Teams can't take the file now ({answer.status}).", retry_after=5)
                if answer.status not in {200, 201}:
                    raise PermanentError(f"Teams does not take the file ({answer.status}).")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(f"Teams can't be reached for the file ({type(error).__name__}).") from error

    def keeps_files(self, url: str) -> bool:
        """Say whether `url` is in one of Microsoft's stores of files, or at an address that the owner trusts."""
        try:
            found = urlsplit(url)
            host, port = (found.hostname or "").lower(), found.port
        except ValueError:
            return False
        ours = found.scheme == "https" and port in {None, 443} and "@" not in found.netloc and host.endswith(_HOSTS)
        return ours or self._services.names(url)


class Session:
    """Our own connections, opened when they are first needed."""

    def __init__(self) -> None:
        self._opened: aiohttp.ClientSession | None = None

    def __call__(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        return self._opened

    async def close(self) -> None:
        """Close them."""
        opened, self._opened = self._opened, None
        if opened:
            await opened.close()
