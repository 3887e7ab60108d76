"""What leads to pages: sitemaps, packed or not, and the links of a page.

Pure functions for `kb.web`. A sitemap names pages or further sitemaps (sitemaps.org, protocol 0.9); the
address of anything unreadable is left out, not guessed.
"""

import contextlib
import gzip
import io
import re
import zlib
from dataclasses import dataclass

from lxml import etree, html

from kb.addresses import normal
from kb.documents import SourceError

MOST_BYTES = 50_000_000
"""A sitemap has 50 MB at most, unpacked."""

_GZIP = b"\x1f\x8b"
_NOT_PAGES = re.compile(
    r"\.(?:avif|css|gif|gz|ico|jpe?g|js|mov|mp[34]|png|rss|svg|tar|webm|webp|woff2?|xml|zip)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The addresses in one sitemap: of pages, and of further sitemaps."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def read_sitemap(body: bytes, address: str) -> Sitemap | None:
    """Return the sitemap in `body`, or None if it is none. Raises `SourceError` for one that is broken."""
    body = _unpacked(body)
    if b"<urlset" not in body[:4096] and b"<sitemapindex" not in body[:4096]:
        return None
    if not re.search(rb"</(?:urlset|sitemapindex)\s*>\s*\Z", body[-200:]):
        raise SourceError("the sitemap ends in the middle")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise SourceError(f"the sitemap is broken: {error}") from error
    if root is None:
        raise SourceError("the sitemap is broken")
    return Sitemap(_named(root, "url", address), _named(root, "sitemap", address))


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        with gzip.open(io.BytesIO(body)) as packed:
            unpacked = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError("the sitemap is packed, and damaged") from error
    if len(unpacked) > MOST_BYTES:
        raise SourceError(f"the sitemap unpacks to more than {MOST_BYTES // 1_000_000} MB")
    return unpacked


def _named(root: etree._Element, what: str, address: str) -> tuple[str, ...]:
    found = root.xpath(f"/*/*[local-name()='{what}']/*[local-name()='loc']")
    return _addresses([element.text or "" for element in found], address)


def links(body: bytes, address: str) -> tuple[str, ...]:
    """Return the addresses that a page links to, each once, in order; files that are no pages are left out."""
    try:
        tree = html.document_fromstring(body)
    except (etree.ParserError, ValueError):
        return ()
    base = str(tree.xpath("string(//base/@href)")) or address
    found = _addresses([str(href) for href in tree.xpath("//a/@href[not(../@rel='nofollow')]")], base)
    return tuple(one for one in found if not _NOT_PAGES.search(one.partition("?")[0]))


def _addresses(found: list[str], base: str) -> tuple[str, ...]:
    addresses: dict[str, None] = {}
    for one in found:
        with contextlib.suppress(SourceError):
            addresses[normal(one, base)] = None
    return tuple(addresses)
