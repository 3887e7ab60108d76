"""What a start says, whom it lets in, and how it fails."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.assistant import NO_MODEL
from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.http import listen
from bot.serve import OWNER, banner, owner_token, serve
from core.errors import SetupError, ThreadlineError
from core.store.migrations import migrate
from kb.embed import Embedder
from tests.support import plain_settings

LONG = "a-token-that-nobody-guesses"
Made = Callable[..., Threadline]


@pytest.fixture
async def made(home: Path) -> AsyncIterator[Made]:
    """Return a function that wires the program on one HOME, nothing started."""
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> Threadline:
            threadline = build(plain_settings(home, **settings), Home(home), embedder=Embedder("none"))
            stack.push_async_callback(threadline.store.close)
            return threadline

        await migrate(make().store.database)
        yield make


async def test_the_first_start_makes_the_owner_and_shows_the_token_once(made: Made) -> None:
    token = await owner_token(made())
    assert token
    owner = await made().store.credentials.operator(token, 0.0)
    assert owner
    assert owner.name == OWNER
    assert await owner_token(made()) is None


async def test_a_token_from_the_settings_is_taken_and_never_shown(made: Made) -> None:
    assert await owner_token(made(operator_token=LONG)) is None
    assert await made().store.credentials.operator(LONG, 0.0)
    assert await owner_token(made(operator_token=LONG)) is None


async def test_a_changed_token_ends_the_one_before(made: Made) -> None:
    first = await owner_token(made())
    assert first
    await owner_token(made(operator_token=LONG))
    await owner_token(made(operator_token=LONG + "-2"))
    credentials = made().store.credentials
    assert [bool(await credentials.operator(token, 0.0)) for token in (first, LONG, LONG + "-2")] == [
        False,
        False,
        True,
    ]
    assert [operator.name for operator in await credentials.operators()] == [OWNER]


async def test_an_owner_revoked_by_hand_stays_revoked(made: Made) -> None:
    await owner_token(made())
    await made().store.credentials.revoke_operator(OWNER, 0.0)
    assert await owner_token(made()) is None
    assert [operator.active for operator in await made().store.credentials.operators()] == [False]


async def test_a_token_that_can_be_guessed_is_refused(made: Made) -> None:
    with pytest.raises(SetupError, match="OPERATOR_TOKEN"):
        await owner_token(made(operator_token="123"))


def test_the_start_says_where_to_look_and_what_speaks(made: Made) -> None:
    said = banner(made(), "http://127.0.0.1:8080", "the-token")
    for line in ("http://127.0.0.1:8080/\n", "http://127.0.0.1:8080/desk#token=the-token", "the-token", NO_MODEL):
        assert line in said
    assert "Other machines" not in said


def test_the_start_with_a_model_names_it_and_shows_no_token_again(made: Made) -> None:
    said = banner(made(openai_api_key="sk-secret", openai_model="gpt-test"), "http://127.0.0.1:8080", None)
    assert "gpt-test" in said
    assert NO_MODEL not in said
    assert "sk-secret" not in said
    assert "operator add NAME" in said


def test_a_start_that_others_can_reach_says_so(made: Made) -> None:
    said = banner(made(http_host="0.0.0.0", public_url="https://help.example.com"), "http://127.0.0.1:8080", None)  # noqa: S104 (not bound)
    assert "TLS" in said
    assert "https://help.example.com/" in said


async def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{port}.*HTTP_PORT"):
            await listen(web.Application(), "127.0.0.1", port)


async def test_a_second_start_on_one_home_names_the_first(home: Path) -> None:
    with (
        Home(home).lock(),
        Home(home).announce("http://127.0.0.1:8080"),
        pytest.raises(SetupError, match=f"process {os.getpid()} serves it"),
    ):
        await serve(plain_settings(home), lambda _: None)


async def test_a_database_that_is_away_at_the_start_is_a_clear_error(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = plain_settings(home, database_url=f"postgresql+asyncpg://u:hunter2@127.0.0.1:{port}/x")
    with pytest.raises(ThreadlineError, match="The database can't be used now") as caught:
        await serve(settings, lambda _: None)
    assert "hunter2" not in str(caught.value)
