"""A help site on a loopback port, for tests of what is read from the web.

`pages` are what it serves, by path; each may have headers, lead elsewhere, be busy, or never come to an end.
It answers conditional requests as servers do: 304 where the ETag or the date of the request is still that of
the page. Every request is recorded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

ENDLESS = 60 * 1024 * 1024


@dataclass
class Served:
    """What lies at a path. `endless` sends so many bytes, `statuses` are answered first, one a request.

    It is sent after so many `seconds`, and not before `until` is set.
    """

    body: bytes | str = ""
    type: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    endless: int = 0
    seconds: float = 0.0
    until: asyncio.Event | None = None


def page(title: str, text: str, *links: str, etag: str = "") -> Served:
    """Return a page with a navigation around its text."""
    hrefs = "".join(f'<a href="{link}">{link}</a> ' for link in links)
    html = (
        f"<html><head><title>{title} | Help</title></head><body><nav>Home Shop Cart</nav>"
        f"<main><h1>{title}</h1><p>{text}</p>{hrefs}</main><footer>Imprint</footer></body></html>"
    )
    return Served(html, headers={"ETag": etag} if etag else {})


def sitemap(*addresses: str) -> Served:
    """Return a sitemap of pages."""
    locs = "".join(f"<url><loc>{address}</loc></url>" for address in addresses)
    return Served(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</urlset>',
        "application/xml",
    )


def sitemap_index(*addresses: str) -> Served:
    """Return a sitemap of sitemaps."""
    locs = "".join(f"<sitemap><loc>{address}</loc></sitemap>" for address in addresses)
    return Served(
        f'<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</sitemapindex>',
        "application/xml",
    )


class FakeWeb:
    """The server, while its block lasts."""

    def __init__(self) -> None:
        self.pages: dict[str, Served] = {}
        self.requests: list[web.BaseRequest] = []
        self.sent = 0

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.wait_for(self._runner.cleanup(), 10)

    def asked(self) -> Sequence[str]:
        """Return the paths that were asked for, robots.txt left out, and forget them."""
        paths = [request.path_qs for request in self.requests if request.path != "/robots.txt"]
        self.requests.clear()
        return paths

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        served = self.pages.get(request.path_qs)
        if served is None:
            return web.Response(status=404, text="no such page")
        await asyncio.sleep(served.seconds)
        if served.until:
            await served.until.wait()
        if served.statuses:
            return web.Response(status=served.statuses.pop(0), headers=served.headers)
        if served.endless:
            return await self._pour(request, served)
        same_tag = request.headers.get("If-None-Match", "-") == served.headers.get("ETag")
        same_date = request.headers.get("If-Modified-Since", "-") == served.headers.get("Last-Modified")
        if same_tag or same_date:
            return web.Response(status=304, headers=served.headers)
        body = served.body.encode() if isinstance(served.body, str) else served.body
        headers = {"Content-Type": served.type, **served.headers}
        return web.Response(status=served.status, body=body, headers=headers)

    async def _pour(self, request: web.BaseRequest, served: Served) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": served.type})
        await response.prepare(request)
        chunk = b"<p>more</p>\n" * 5_000
        while self.sent < served.endless:
            await response.write(chunk)
            self.sent += len(chunk)
        return response
