"""The pages in a real browser: headless Chromium, driven by playwright-core over the scripts in `tests/browser`."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path

import pytest
from aiohttp import web

from bot.http import listen
from tests.conftest import Launch

BROWSER = Path(__file__).resolve().parents[1] / "browser"
MISSING = [
    what
    for what, there in {
        "node": shutil.which("node"),
        "Chromium at /usr/bin/chromium": Path("/usr/bin/chromium").exists(),
        "playwright-core (cd tests/browser && npm ci)": (BROWSER / "node_modules" / "playwright-core").exists(),
    }.items()
    if not there
]
SECRET = "the-secret-a-site-shares-with-the-tests"
AT_ONCE = 0.01  # minutes

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


async def run(script: str, *arguments: str, folder: Path) -> None:
    """Run a script of `tests/browser`; its last argument is where screenshots go."""
    shots = os.environ.get("THREADLINE_SCREENSHOTS") or str(folder)
    process = await asyncio.create_subprocess_exec("node", script, *arguments, shots, cwd=BROWSER, stdout=-1, stderr=-2)
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()


async def test_a_customer_and_an_operator_meet_on_the_two_pages(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    await run("main_job.mjs", client.url, (await client.operator("Ada")).token, folder=tmp_path)


async def test_two_operators_get_through_a_day_with_ten_customers_at_once(launch: Launch, tmp_path: Path) -> None:
    client = await launch(widget_secret=SECRET, remind_unclaimed_minutes=AT_ONCE)
    ada, bob = await client.operator("Ada"), await client.operator("Bob")
    await run("desk_day.mjs", client.url, ada.token, bob.token, SECRET, folder=tmp_path)


async def test_operators_approve_and_drop_what_people_answered(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    await client.threadline.knowledge.embedder.ready()
    ada, bob = await client.operator("Ada"), await client.operator("Bob")
    await run("articles.mjs", client.url, ada.token, bob.token, folder=tmp_path)


class Site:
    """Somebody's web site that shows the widget, under a policy that allows the widget's two needs and no more."""

    def __init__(self) -> None:
        self.widget = ""

    async def page(self, request: web.Request) -> web.Response:
        """Return the site's only page, for the customer of `?identity=`."""
        identity = escape(request.query.get("identity", ""))
        script = f'<script src="{self.widget}/static/widget.js" async data-identity="{identity}"></script>'
        policy = f"default-src 'none'; script-src {self.widget}; frame-src {self.widget}"
        text = f"<!doctype html><title>Shop</title><h1>A shop of its own</h1><p>With a page about bicycles.</p>{script}"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve the site on a free port while the block lasts; gives its origin."""
        application = web.Application()
        application.router.add_get("/", self.page)
        runner, port = await listen(application, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()


async def test_the_widget_serves_the_customers_of_the_sites_that_are_listed(launch: Launch, tmp_path: Path) -> None:
    shop, stranger = Site(), Site()
    async with shop.serving() as listed, stranger.serving() as unlisted:
        client = await launch(widget_secret=SECRET, widget_origins=[listed])
        shop.widget = stranger.widget = client.url
        token = (await client.operator("Ada")).token
        await run("widget.mjs", client.url, listed, unlisted, SECRET, token, folder=tmp_path)
