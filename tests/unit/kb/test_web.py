"""Web sites as sources: what is read of them, what is not, and how little is asked for the second time."""

import gzip
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from kb.addresses import is_below, is_public, is_same_site, normal
from kb.documents import EmptySourceError, SourceError
from kb.sitemap import read_sitemap
from kb.web import Gathered, Limits, Web
from tests.fakes.web_server import ENDLESS, FakeWeb, Served, page, sitemap, sitemap_index

OURS = ("127.0.0.1", "localhost")


@pytest.fixture
async def site() -> AsyncIterator[FakeWeb]:
    """A site with three pages and a sitemap."""
    async with FakeWeb() as server:
        server.pages = {
            "/help/": page("Help", "Everything we know.", "/help/refunds", "/help/delivery", "/shop", "#top"),
            "/help/refunds": page("Refunds", "Within 30 days.", etag='"r1"'),
            "/help/delivery": page("Delivery", "Two days.", etag='"d1"'),
            "/shop": page("Shop", "Buy!"),
        }
        yield server


async def gather(
    source: str,
    folder: Path,
    known: Mapping[str, str] | None = None,
    *,
    allowed: tuple[str, ...] = OURS,
    **limits: float,
) -> Gathered:
    into = Path(tempfile.mkdtemp(dir=folder))
    return await Web(private_hosts=allowed, limits=Limits(**limits)).gather(source, known or {}, into)  # type: ignore[arg-type]


def paths(gathered: Gathered, site: FakeWeb) -> list[str]:
    return sorted(url.removeprefix(site.url) for url in gathered.pages)


def reasons(gathered: Gathered, site: FakeWeb) -> dict[str, str]:
    return {failure.source.removeprefix(site.url): failure.reason for failure in gathered.failed}


# Which pages


async def test_an_address_that_ends_in_a_slash_is_a_site_read_by_its_sitemap(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/sitemap.xml"] = sitemap(f"{site.url}/help/refunds", f"{site.url}/help/delivery", f"{site.url}/shop")
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert paths(gathered, site) == ["/help/delivery", "/help/refunds"]
    assert gathered.failed == []


async def test_a_sitemap_that_robots_txt_names_is_found(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = Served(f"Sitemap: {site.url}/maps/all.xml\n", "text/plain")
    site.pages["/maps/all.xml"] = sitemap(f"{site.url}/help/refunds")
    assert paths(await gather(f"{site.url}/", tmp_path), site) == ["/help/refunds"]


async def test_a_site_without_a_sitemap_is_its_start_and_what_it_links_to_below_itself(
    site: FakeWeb, tmp_path: Path
) -> None:
    site.pages["/sitemap.xml"] = page("Not found", "A page that says so with a 200.")
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert paths(gathered, site) == ["/help/", "/help/delivery", "/help/refunds"]


async def test_any_other_address_is_one_page(site: FakeWeb, tmp_path: Path) -> None:
    gathered = await gather(f"{site.url}/help/refunds#how", tmp_path)
    assert paths(gathered, site) == ["/help/refunds"]
    assert site.asked() == ["/help/refunds"]


async def test_sitemaps_that_lead_to_each_other_are_read_once_each(site: FakeWeb, tmp_path: Path) -> None:
    a, b = f"{site.url}/a.xml", f"{site.url}/b.xml.gz"
    site.pages["/a.xml"] = sitemap_index(a, b)
    site.pages["/b.xml.gz"] = Served(
        gzip.compress(str(sitemap_index(a, b, f"{site.url}/c.xml").body).encode()), "application/gzip"
    )
    site.pages["/c.xml"] = sitemap(f"{site.url}/help/refunds")
    gathered = await gather(a, tmp_path)
    assert paths(gathered, site) == ["/help/refunds"]
    assert site.asked() == ["/a.xml", "/b.xml.gz", "/c.xml", "/help/refunds"]


async def test_sitemaps_without_end_are_given_up(site: FakeWeb, tmp_path: Path) -> None:
    for at in range(20):
        site.pages[f"/{at}.xml"] = sitemap_index(f"{site.url}/{at + 1}.xml")
    with pytest.raises(SourceError, match="more than 5 sitemaps"):
        await gather(f"{site.url}/0.xml", tmp_path, sitemaps=5)


async def test_pages_on_other_hosts_are_left_out_and_counted(site: FakeWeb, tmp_path: Path) -> None:
    elsewhere = f"http://localhost:{site.port}/help/delivery"
    site.pages["/map.xml"] = sitemap(f"{site.url}/help/refunds", elsewhere, "https://other.example/page")
    gathered = await gather(f"{site.url}/map.xml", tmp_path)
    assert paths(gathered, site) == ["/help/refunds"]
    assert reasons(gathered, site) == {"/map.xml": f"2 pages on other hosts are left out, {elsewhere} for one"}


async def test_of_a_large_site_the_first_pages_are_read_and_that_is_said(site: FakeWeb, tmp_path: Path) -> None:
    addresses = [f"{site.url}/p/{at}" for at in range(30)]
    site.pages["/map.xml"] = sitemap(*addresses)
    site.pages |= {f"/p/{at}": page(f"Page {at}", "Text.") for at in range(30)}
    gathered = await gather(f"{site.url}/map.xml", tmp_path, pages=10)
    assert sorted(gathered.pages) == sorted(addresses[:10])
    assert reasons(gathered, site) == {"/map.xml": "it has more than 10 pages; only the first 10 are read"}


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (sitemap(), "it names no pages"),
        (Served(str(sitemap("http://a/b").body)[:-12], "application/xml"), "ends in the middle"),
        (Served(b"\x1f\x8b broken", "application/gzip"), "packed, and damaged"),
        (Served(status=503), "its server answers 503"),
    ],
)
async def test_a_sitemap_that_can_not_be_used_has_a_reason(
    served: Served, reason: str, site: FakeWeb, tmp_path: Path
) -> None:
    site.pages["/map.xml"] = served
    with pytest.raises(SourceError, match=reason):
        await gather(f"{site.url}/map.xml", tmp_path)


async def test_a_sitemap_that_can_not_be_read_today_is_not_taken_for_none(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/sitemap.xml"] = Served(status=500)
    with pytest.raises(SourceError, match="answers 500"):
        await gather(f"{site.url}/help/", tmp_path)


# What is asked, and how often


async def test_a_page_that_has_not_changed_is_not_sent_again(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/help/delivery"].headers = {"Last-Modified": "Fri, 20 Nov 2026 09:00:00 GMT"}
    site.pages["/map.xml"] = sitemap(f"{site.url}/help/refunds", f"{site.url}/help/delivery")
    first = await gather(f"{site.url}/map.xml", tmp_path)
    known = {url: one.validator for url, one in first.pages.items()}
    assert [one.path is None for one in first.pages.values()] == [False, False]
    second = await gather(f"{site.url}/map.xml", tmp_path, known)
    assert [one.path for one in second.pages.values()] == [None, None]
    site.pages["/help/refunds"] = page("Refunds", "Within 60 days.", etag='"r2"')
    third = await gather(f"{site.url}/map.xml", tmp_path, known)
    changed = {url: one.path for url, one in third.pages.items() if one.path}
    assert list(changed) == [f"{site.url}/help/refunds"]
    assert b"60 days" in next(iter(changed.values())).read_bytes()


async def test_robots_txt_is_kept_to(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = Served("User-agent: *\nDisallow: /*/delivery$\nCrawl-delay: 0.01\n", "text/plain")
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert paths(gathered, site) == ["/help/", "/help/refunds"]
    assert "robots.txt" in reasons(gathered, site)["/help/delivery"]
    assert "/help/delivery" not in site.asked()


async def test_while_robots_txt_can_not_be_read_nothing_is(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = Served(status=500)
    with pytest.raises(SourceError, match="cannot be read"):
        await gather(f"{site.url}/help/", tmp_path)
    assert site.asked() == []


async def test_a_busy_server_is_asked_again_when_it_said(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/help/refunds"] = Served(
        str(page("Refunds", "Now.").body), headers={"Retry-After": "0"}, statuses=[429]
    )
    gathered = await gather(f"{site.url}/help/refunds", tmp_path)
    assert paths(gathered, site) == ["/help/refunds"]


async def test_a_site_that_stops_answering_is_left_alone_and_keeps_its_pages(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/map.xml"] = sitemap(*(f"{site.url}/p/{at}" for at in range(50)))
    site.pages |= {f"/p/{at}": Served(seconds=30) for at in range(50)}
    gathered = await gather(f"{site.url}/map.xml", tmp_path, seconds=0.2, patience=3, at_once=2)
    assert len(site.asked()) < 10
    assert len(gathered.kept) == 50
    assert "stopped answering" in reasons(gathered, site)["/map.xml"]


# What is not read


async def test_a_page_of_fifty_megabytes_is_not_read_to_its_end(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/help/refunds"] = Served(endless=ENDLESS)
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert reasons(gathered, site) == {"/help/refunds": "it is larger than 5 MB"}
    assert f"{site.url}/help/refunds" in gathered.kept
    assert site.sent < ENDLESS / 2


async def test_a_small_answer_that_unpacks_to_gigabytes_is_not_unpacked(site: FakeWeb, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(200_000_000))
    site.pages["/help/refunds"] = Served(bomb, headers={"Content-Encoding": "gzip"})
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert reasons(gathered, site) == {"/help/refunds": "it is larger than 5 MB"}


async def test_what_is_gone_goes_and_what_fails_is_kept(site: FakeWeb, tmp_path: Path) -> None:
    start = ["/help/refunds", "/help/delivery", "/help/movie", "/help/secret"]
    site.pages["/help/"] = page("Help", "All.", *start)
    del site.pages["/help/refunds"]
    site.pages["/help/delivery"].status = 500
    site.pages["/help/movie"] = Served(b"...", "video/mp4")
    site.pages["/help/secret"] = Served(status=401)
    gathered = await gather(f"{site.url}/help/", tmp_path)
    told = reasons(gathered, site)
    assert "no such page" in told["/help/refunds"]
    assert "500" in told["/help/delivery"]
    assert "video/mp4" in told["/help/movie"]
    assert "401" in told["/help/secret"]
    assert {url.removeprefix(site.url) for url in gathered.kept} == {"/help/delivery", "/help/movie", "/help/secret"}


async def test_redirects_are_followed_within_the_site_and_no_further(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/help/old"] = Served(status=301, headers={"Location": "refunds"})
    site.pages["/help/out"] = Served(status=302, headers={"Location": f"http://localhost:{site.port}/help/refunds"})
    site.pages["/help/loop"] = Served(status=302, headers={"Location": "/help/loop"})
    site.pages["/help/"] = page("Help", "All.", "old", "out", "loop", "refunds")
    gathered = await gather(f"{site.url}/help/", tmp_path)
    assert paths(gathered, site) == ["/help/", "/help/refunds"]
    assert "another site, localhost" in reasons(gathered, site)["/help/out"]
    assert "redirected more than" in reasons(gathered, site)["/help/loop"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_not_read_unless_the_owner_says_so(host: str, site: FakeWeb, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"KB_PRIVATE_HOSTS|not an address"):
        await gather(f"http://{host}:{site.port}/help/", tmp_path, allowed=())
    assert site.requests == []


PRIVATE = """
    127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255
    ::1 :: fe80::1 fe80::1%eth0 fc00::1 ff02::1 ::ffff:10.0.0.1 2002:7f00:1:: 64:ff9b::a9fe:a9fe
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_of_private_networks_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_addresses_are_written_one_way() -> None:
    assert normal("HTTPS://Help.Example:443/a?b=1#c") == "https://help.example/a?b=1"
    assert normal("../b", "http://help.example/x/y/z") == "http://help.example/x/b"
    assert normal("http://help.example") == "http://help.example/"
    assert is_same_site("http://help.example/", "https://help.example/")
    assert not is_same_site("http://help.example/", "http://help.example:8080/")
    assert is_below("http://h.example/help/a/b", "http://h.example/help/")
    assert not is_below("http://h.example/helpless", "http://h.example/help/")
    for wrong in ("ftp://help.example/", "http:///nowhere", "http://a:b@help.example/", "http://help.example:99999/"):
        with pytest.raises(SourceError):
            normal(wrong)


def test_a_sitemap_with_an_entity_that_grows_names_nothing_of_it() -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY file SYSTEM "file:///etc/passwd">]>'
        b"<urlset><url><loc>http://h.example/&b;&file;</loc></url></urlset>"
    )
    found = read_sitemap(bomb, "http://h.example/map.xml")
    assert found is not None
    assert found.pages in ((), ("http://h.example/",))


async def test_a_site_with_nothing_on_it_says_so(site: FakeWeb, tmp_path: Path) -> None:
    site.pages["/map.xml"] = sitemap(f"{site.url}/help/gone")
    with pytest.raises(EmptySourceError, match="what was indexed from it before is kept"):
        await gather(f"{site.url}/map.xml", tmp_path)
