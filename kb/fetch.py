"""Pages fetched from the web: only where we may, only as much as we want, and only when they have changed.

The only module of the knowledge base that opens a connection to a web site. `kb.web` makes one `Fetcher` for a
sync. Redirects are followed by hand, so that every step of them is checked like the first one; names are
resolved here, and the connection goes to the addresses that were checked.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from kb.addresses import host_of, is_allowed, is_ip, is_public, is_same_site, normal
from kb.documents import SourceError
from kb.load import LOADER_VERSION

ROBOT = "ThreadlineBot"
"""Our name in robots.txt."""

_AGENT = f"{ROBOT}/1.0 (reads help pages for a support assistant)"
_ACCEPT = "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,application/xml;q=0.9,*/*;q=0.5"
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_LONGEST_PAUSE = 20.0  # seconds that a busy server may ask for; it is asked again once
Room = Callable[[str, str], int]
"""Told the media type and address of an answer: how many bytes of it are read at most; raises for what is not read."""

_CHUNK = 64 * 1024
_LONGEST_VALIDATOR = 1_000


class AnswerError(SourceError):
    """The server answers with something else than the page: `status` says with what."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class GoneError(AnswerError):
    """The server says that there is no such page: what was indexed of it goes."""


class AwayError(SourceError):
    """The address leads away from its site, or nowhere."""


class SilentError(SourceError):
    """The server cannot be reached, or does not answer in time."""


class PrivateAddressError(OSError):
    """A name leads to an address that is not public."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server sent for `url`, where the redirects ended; `body` is None when nothing has changed."""

    url: str
    body: bytes | None
    type: str
    charset: str
    validator: str


class _Guard(AbstractResolver):
    """Resolves names and refuses those of which any address is private, unless the owner allows the host."""

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._inner = ThreadedResolver()
        self._private_hosts = private_hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, all of them checked."""
        found = await self._inner.resolve(host, port, family)
        for one in found:
            self.check(host, one["host"])
        return found

    def check(self, host: str, address: str) -> None:
        """Raise `PrivateAddressError` unless `address` may be connected to."""
        if not is_public(address) and not is_allowed(host, self._private_hosts):
            raise PrivateAddressError(
                f"{host} is not on the public internet ({address}): if it is yours, allow it with "
                f"KB_PRIVATE_HOSTS={host}"
            )

    async def close(self) -> None:
        """Let go of the resolver inside."""
        await self._inner.close()


class Fetcher:
    """One session with web sites; an asynchronous context manager.

    `seconds` bounds one request, answer included. `may_read` is asked for every address that is fetched, and
    raises `SourceError` for one that robots.txt keeps to itself.
    """

    def __init__(self, *, private_hosts: Collection[str], seconds: float) -> None:
        """Prepare without connecting."""
        self._guard = _Guard(private_hosts)
        self._seconds = seconds
        self.may_read: Callable[[str], None] = lambda _: None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._guard, limit_per_host=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            headers={"User-Agent": _AGENT, "Accept": _ACCEPT},
            trust_env=False,  # a proxy would connect where we can't look
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._guard.close()

    async def get(self, address: str, room: Room, validator: Callable[[str], str] = lambda _: "") -> Fetched:
        """Fetch `address`. `validator` returns what was kept of an address when it was last read.

        Raises `AnswerError` (a `GoneError` among them), `SilentError`, or another `SourceError` with the reason.
        """
        url = start = normal(address)
        for _ in range(_MOST_REDIRECTS + 1):
            self.may_read(url)
            async with self._asked(url, validator(url)) as response:
                if response.status not in _REDIRECTS:
                    return await _read(response, url, room)
                url = normal(response.headers.get("Location", ""), url)
            if not is_same_site(url, start):
                raise AwayError(f"it leads to another site, {host_of(url)}: give the address there instead")
        raise AwayError(f"it is redirected more than {_MOST_REDIRECTS} times")

    @contextlib.asynccontextmanager
    async def _asked(self, url: str, validator: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask once, and once more if the server is busy and says when to come back."""
        try:
            host = host_of(url)
            if is_ip(host):
                self._guard.check(host, host)
            headers = _conditions(validator)
            response = await self._session.get(url, headers=headers, allow_redirects=False)
            pause = response.headers.get("Retry-After", "")
            if response.status in _BUSY and pause.isdecimal() and float(pause) <= _LONGEST_PAUSE:
                response.release()
                await asyncio.sleep(float(pause))
                response = await self._session.get(url, headers=headers, allow_redirects=False)
            async with response:
                yield response
        except TimeoutError as error:
            raise SilentError(f"its server did not answer within {self._seconds:g} s") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddressError):
                raise SourceError(str(error.os_error)) from error
            raise SilentError(f"its server cannot be reached: {error.os_error.strerror or error.os_error}") from error
        except PrivateAddressError as error:
            raise SourceError(str(error)) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise SourceError(f"it is not an address: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SilentError(f"its server's answer cannot be read: {error or type(error).__name__}") from error


def _conditions(validator: str) -> dict[str, str]:
    """Return the headers that ask for a page only if it has changed since `validator` was given."""
    if not validator:
        return {}
    kept = json.loads(validator)
    if kept.get("loader") != LOADER_VERSION:  # the same bytes would give another document now
        return {}
    names = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
    return {header: kept[name] for name, header in names.items() if kept.get(name)}


def _validator(response: aiohttp.ClientResponse) -> str:
    given = {"etag": response.headers.get("ETag", ""), "modified": response.headers.get("Last-Modified", "")}
    kept = {name: value for name, value in given.items() if value and len(value) <= _LONGEST_VALIDATOR}
    return json.dumps({"loader": LOADER_VERSION, **kept}) if kept else ""


async def _read(response: aiohttp.ClientResponse, url: str, room: Room) -> Fetched:
    """Read an answer that is no redirect; one that is too large is not read to its end."""
    if response.status == HTTPStatus.NOT_MODIFIED:
        return Fetched(url, None, "", "", "")
    told = f"its server answers {response.status} {response.reason or ''}".strip()
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise GoneError(response.status, f"there is no such page: {told}")
    if response.status != HTTPStatus.OK:
        raise AnswerError(response.status, told)
    most = room(response.content_type, url)
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most:
            response.close()
            raise SourceError(f"it is larger than {most // 1_000_000} MB")
    return Fetched(url, bytes(body), response.content_type, response.charset or "", _validator(response))
