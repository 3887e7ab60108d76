"""Web sites as sources: which pages a site has, and those of them that have changed.

`kb.sync` calls `Web.gather` for each source that is an address; what has changed lies in a temporary folder
then, and is indexed like files. An address that ends in '/' is a site: its sitemap is read, or else the
page and what it links to below it. Any other address is one sitemap, or one page.
"""

import asyncio
import codecs
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from protego import Protego

from kb.addresses import is_below, is_same_site, normal
from kb.documents import EmptySourceError, Failure, OnProgress, Progress, SourceError
from kb.fetch import ROBOT, AnswerError, AwayError, Fetched, Fetcher, GoneError, Room, SilentError
from kb.load import SUFFIXES, most_bytes
from kb.sitemap import MOST_BYTES, Sitemap, links, read_sitemap

_ROBOTS_BYTES = 5_000_000  # ten times what RFC 9309 asks to read at least
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_TEXTS = {".html", ".md", ".txt", ".csv", ".json"}
_VAGUE = {"", "application/octet-stream", "text/plain"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one site is read: pages, bytes in all, seconds for one request.

    `at_once` requests run side by side, one if robots.txt asks for a delay; of such a delay `longest_delay`
    seconds are kept at most. A site that fails to answer `patience` times in a row is left alone.
    """

    pages: int = 2_000
    bytes: int = 1_000_000_000
    seconds: float = 30.0
    at_once: int = 4
    sitemaps: int = 200
    longest_delay: float = 10.0
    patience: int = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its `path` holds what the server sent, None when it says what it said before."""

    url: str
    path: Path | None = None
    suffix: str = ".html"
    validator: str = ""


@dataclass(slots=True)
class Gathered:
    """What a site gave: its pages, what went wrong, and the addresses that keep what was indexed of them."""

    pages: dict[str, Page] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)


class Web:
    """Reads sites within `limits`; hosts in `private_hosts` may lie in a private network."""

    def __init__(self, *, private_hosts: Collection[str] = (), limits: Limits | None = None) -> None:
        """Prepare without connecting."""
        self._private_hosts = frozenset(private_hosts)
        self._limits = limits or Limits()

    async def gather(
        self, source: str, known: Mapping[str, str], into: Path, progress: OnProgress | None = None
    ) -> Gathered:
        """Return the pages of `source`; those that have changed are written into the folder `into`.

        `known` has the validators of pages by address. Raises `SourceError` when the site cannot be read at all.
        """
        start = normal(source)
        async with Fetcher(private_hosts=self._private_hosts, seconds=self._limits.seconds) as fetcher:
            visit = _Visit(start, known, into, fetcher, self._limits, progress or (lambda _: None))
            await visit.read_robots()
            await visit.go()
        return visit.gathered


class _Visit:
    """One reading of one site."""

    def __init__(
        self, start: str, known: Mapping[str, str], into: Path, fetcher: Fetcher, limits: Limits, progress: OnProgress
    ) -> None:
        self.gathered = Gathered()
        self._start = start
        self._known = known
        self._into = into
        self._fetcher = fetcher
        self._limits = limits
        self._progress = progress
        self._robots: Protego | None = None
        self._pause = 0.0
        self._slots = asyncio.Semaphore(limits.at_once)
        self._room = limits.bytes
        self._silent = 0
        self._skipped = 0
        self._done = 0

    async def read_robots(self) -> None:
        """Read robots.txt. Without one everything may be read; while it cannot be read, nothing (RFC 9309)."""
        try:
            fetched = await self._fetcher.get(normal("/robots.txt", self._start), lambda *_: _ROBOTS_BYTES)
        except AwayError:
            return
        except AnswerError as error:
            if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return
            raise SourceError(f"its robots.txt cannot be read: {error}") from error
        self._robots = robots = Protego.parse((fetched.body or b"").decode("utf-8", "replace"))
        self._fetcher.may_read = self._check_robots
        if delay := robots.crawl_delay(ROBOT):
            self._pause = min(float(delay), self._limits.longest_delay)
            self._slots = asyncio.Semaphore(1)

    def _check_robots(self, url: str) -> None:
        if self._robots is not None and not self._robots.can_fetch(url, ROBOT):
            raise SourceError("the site's robots.txt asks robots not to read it")

    async def go(self) -> None:
        """Find the pages and fetch them."""
        is_site = urlsplit(self._start).path.endswith("/")
        pages = await (self._pages_of_site() if is_site else self._pages_of_address())
        most = self._limits.pages
        if len(pages) > most:
            self._fail(self._start, f"it has more than {most:,} pages; only the first {most:,} are read")
        await self._fetch_all(pages[:most])
        if not self.gathered.pages and not self.gathered.kept:
            raise EmptySourceError("it names no pages that can be read; what was indexed from it before is kept")

    def _fail(self, source: str, reason: str) -> None:
        self.gathered.failed.append(Failure(source, reason))

    async def _get(self, address: str, room: Room, *, whole: bool = False) -> Fetched:
        """Fetch an address when its turn has come: `whole`, or only if it has changed."""
        async with self._slots:
            fetched = await self._fetcher.get(address, room, lambda url: "" if whole else self._known.get(url, ""))
            await asyncio.sleep(self._pause)
            return fetched

    async def _pages_of_site(self) -> list[str]:
        """Return the pages below the start: those of the site's sitemaps, else those that the start links to."""
        named = [normal(one, self._start) for one in self._robots.sitemaps] if self._robots else []
        for address in [one for one in named if is_same_site(one, self._start)] or [
            normal("/sitemap.xml", self._start)
        ]:
            try:
                pages = await self._pages_of_sitemap(address)
            except (_NoSitemapError, AnswerError) as error:
                if isinstance(error, AnswerError) and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise  # it has one, which cannot be read now: its pages must not go for that
                continue
            if below := [page for page in pages if is_below(page, self._start)]:
                return below
        fetched = await self._get(self._start, _room_for_page, whole=True)  # its links are needed
        self._keep(fetched)
        found = links(fetched.body or b"", fetched.url) if _suffix(fetched.type, fetched.url) == ".html" else ()
        return [page for page in found if is_below(page, self._start) and page != fetched.url]

    async def _pages_of_address(self) -> list[str]:
        """Return the pages of the sitemap at the start; a page there is kept at once."""
        fetched = await self._get(self._start, _room_for_either)
        if fetched.body is None or read_sitemap(fetched.body, fetched.url) is None:
            self._keep(fetched)
            return []
        return await self._pages_of_sitemap(fetched.url, fetched)

    async def _pages_of_sitemap(self, address: str, first: Fetched | None = None) -> list[str]:
        """Return the pages of a sitemap and of those that it names, each read once, however they lead to each other."""
        pages: dict[str, None] = {}
        foreign: list[str] = []
        waiting, seen = deque([address]), {address}
        while waiting and len(pages) <= self._limits.pages:
            at = waiting.popleft()
            try:
                sitemap = await self._sitemap(at, first)
            except GoneError as error:
                if at == address:
                    raise
                self._fail(at, str(error))
                continue
            first = None
            for page in sitemap.pages:
                if is_same_site(page, self._start):
                    pages[page] = None
                else:
                    foreign.append(page)
            for one in sitemap.sitemaps:
                if one not in seen and is_same_site(one, self._start):
                    seen.add(one)
                    waiting.append(one)
            if len(seen) > self._limits.sitemaps:
                raise SourceError(f"it names more than {self._limits.sitemaps} sitemaps")
        if foreign:
            self._fail(address, f"{len(foreign)} pages on other hosts are left out, {foreign[0]} for one")
        return list(pages)

    async def _sitemap(self, address: str, first: Fetched | None) -> Sitemap:
        fetched = first or await self._get(address, lambda *_: MOST_BYTES)
        sitemap = read_sitemap(fetched.body or b"", fetched.url)
        if sitemap is None:
            raise _NoSitemapError(f"{address} is not a sitemap")
        return sitemap

    async def _fetch_all(self, pages: Sequence[str]) -> None:
        total = len(pages)
        waiting = iter(pages)

        async def work() -> None:
            for page in waiting:
                await self._fetch(page)
                self._done += 1
                self._progress(Progress(self._done, total, page, "Fetching"))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._limits.at_once, total)):
                group.create_task(work())
        if self._skipped:
            told = f"its server stopped answering; {self._skipped} pages keep what was indexed of them"
            self._fail(self._start, told)

    async def _fetch(self, page: str) -> None:
        if self._silent >= self._limits.patience:
            self.gathered.kept.add(page)
            self._skipped += 1
            return
        try:
            self._keep(await self._get(page, _room_for_page))
        except SourceError as error:
            self._silent = self._silent + 1 if isinstance(error, SilentError) else 0
            self._fail(page, str(error))
            if not isinstance(error, GoneError):
                self.gathered.kept.add(page)
        else:
            self._silent = 0

    def _keep(self, fetched: Fetched) -> None:
        """Keep a page, in a file if it is new or has changed; two addresses may lead to one page."""
        if fetched.url in self.gathered.pages:
            return
        if fetched.body is None:
            self.gathered.pages[fetched.url] = Page(fetched.url)
            return
        self._room -= len(fetched.body)
        if self._room < 0:
            raise SourceError(f"the site has more than the {self._limits.bytes // 1_000_000:,} MB that are read of one")
        suffix = _suffix(fetched.type, fetched.url)
        path = self._into / f"{len(self.gathered.pages)}{suffix}"
        path.write_bytes(_as_utf8(fetched.body, fetched.charset) if suffix in _TEXTS else fetched.body)
        self.gathered.pages[fetched.url] = Page(fetched.url, path, suffix, fetched.validator)


class _NoSitemapError(SourceError):
    """What lies at the address of a sitemap is none."""


def _suffix(type_: str, url: str) -> str:
    """Return the suffix that says how a page is read, '' for one that is not read."""
    by_name = PurePosixPath(urlsplit(url).path).suffix.lower()
    by_name = by_name if by_name in SUFFIXES else ""
    return (by_name if type_ in _VAGUE else "") or _TYPES.get(type_, "")


def _room_for_page(type_: str, url: str) -> int:
    suffix = _suffix(type_, url)
    if not suffix:
        raise SourceError(f"it is of the kind {type_ or 'unknown'}, which is not read")
    return most_bytes(suffix)


def _room_for_either(type_: str, url: str) -> int:
    return MOST_BYTES if "xml" in type_ or "gzip" in type_ or url.endswith(".gz") else _room_for_page(type_, url)


def _as_utf8(body: bytes, charset: str) -> bytes:
    """Return a text in UTF-8 where its server says that it is in another character set."""
    try:
        return body if codecs.lookup(charset or "utf-8").name == "utf-8" else body.decode(charset, "replace").encode()
    except LookupError:
        return body
