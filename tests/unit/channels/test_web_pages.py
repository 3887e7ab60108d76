"""The chat page may be framed by the sites the owner lists, when it is asked for as a widget, and by nobody else."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.web.pages import HEADERS, POLICY, Pages, embedding_policy, site_origin

SITES = ["https://www.example.com", "http://localhost:3000"]


def rules(policy: str) -> dict[str, str]:
    return dict(rule.split(" ", 1) for rule in policy.split("; "))


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application()
    application.add_routes(Pages(lambda: {"name": "Larkfield", "widget_origins": SITES}).routes())
    async with TestClient(TestServer(application, host="127.0.0.1")) as made:
        yield made


async def test_the_widgets_page_may_be_framed_by_the_listed_sites_alone(
    client: TestClient[web.Request, web.Application],
) -> None:
    answer = await client.get("/?embed=1")
    found = rules(answer.headers["Content-Security-Policy"])
    assert found.pop("frame-ancestors") == "https://www.example.com http://localhost:3000"
    assert {**found, "frame-ancestors": "'none'"} == rules(POLICY)


@pytest.mark.parametrize(
    "path", ["/", "/desk", "/desk?embed=1", "/?embed=0", "/?embed=", "/?embed=2", "/static/chat.html?embed=1"]
)
async def test_no_other_page_may_be_framed(client: TestClient[web.Request, web.Application], path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 200
    shown = answer.headers.get("Content-Security-Policy", HEADERS["Content-Security-Policy"])
    assert rules(shown)["frame-ancestors"] == "'none'"


async def test_the_page_is_told_which_sites_may_speak_to_it(client: TestClient[web.Request, web.Application]) -> None:
    assert (await (await client.get("/api/v1/chat/config")).json())["widget_origins"] == SITES


async def test_the_widget_is_a_script_any_site_can_load(client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.get("/static/widget.js")
    assert (answer.status, answer.content_type) == (200, "text/javascript")


def test_without_listed_sites_nobody_may_frame_the_page() -> None:
    assert embedding_policy([]) == POLICY


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        (" HTTPS://WWW.Example.COM/ ", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("http://localhost:03000", "http://localhost:3000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
    ],
)
def test_an_origin_is_written_as_browsers_do(written: str, origin: str) -> None:
    assert site_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "",
        "*",
        "null",
        "'self'",
        "example.com",
        "https:",
        "https://",
        "https://*",
        "https://*.example.com",
        "https://example.com/shop",
        "https://example.com?x",
        "https://me@example.com",
        "https://example.com:99999",
        "https://example.com:",
        "https://a.example https://b.example",
        "https://a.example; script-src *",
        "https://a.example\nX-Header: 1",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://müller.example",
        "https://example.com:١",
    ],
)
def test_what_is_no_origin_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"origin|xn--"):
        site_origin(written)
