"""MCP servers of the owner's, under the same rules: what they say of themselves is believed where the owner says so.

The server of tests/tools/mcp_shop.py runs as a process of its own over stdio, and once behind HTTP.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bot.doctor_tools import examine_tools
from bot.home import Home
from bot.toolbox import make_servers
from core import wording
from core.actions import MOST_TRIES, ActionState
from core.agent import owned
from core.agent.owned import ArgumentsError, Ended, Owned, carry_out
from core.agent.servers import Servers, parse
from core.errors import SetupError
from core.tools_testing import EVE, KIM
from core.wording import Line
from tests.fakes.openai_server import FakeOpenAI, call, say
from tests.scenario.conftest import Start
from tests.scenario.test_tools import SECRET, returned, signed_in
from tests.support import plain_settings, until
from tests.tools import mcp_shop
from tests.tools.mcp_shop import MOOD
from tests.tools.service import Order, OrderService
from tests.tools.shop import SERVICE

ROOT = Path(__file__).resolve().parents[2]
OAK, ELM = "4 Oak Road", "12 Elm Street"
READS = 'read_only = ["look", "sleep", "much", "die"]'


@pytest.fixture
async def service() -> AsyncIterator[OrderService]:
    """The shop's service, with one order of Kim's."""
    async with OrderService() as running:
        running.orders[KIM.customer, "1042"] = Order(OAK)
        yield running


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    """The file that says how the server behaves."""
    return tmp_path / "mood"


def be(mood: Path, how: str) -> None:
    """Have the server behave another way."""
    mood.write_text(how)


def command(more: str = READS) -> str:
    """Return the owner's file."""
    return (
        f'[servers.shop]\ncommand = ["{sys.executable}", "-m", "tests.tools.mcp_shop"]\n'
        f'environment = ["{SERVICE}", "{MOOD}", "PYTHONPATH"]\n{more}\n'
    )


def variables(service: OrderService, mood: Path) -> dict[str, str]:
    """Return what the server needs of our environment."""
    return {SERVICE: service.url, MOOD: str(mood), "PYTHONPATH": str(ROOT)}


@asynccontextmanager
async def up(text: str, given: dict[str, str]) -> AsyncIterator[Servers]:
    """Run the servers of the owner's file until they are there."""
    servers = Servers(parse(text), given, look=0.1)
    async with servers.running():
        await until(lambda: _there(servers), 20)
        yield servers


async def _there(servers: Servers) -> bool:
    return bool(servers.tools())


def named(servers: Servers, name: str) -> Owned:
    """Return the tool of that name."""
    return next(one for one in servers.tools() if one.name == f"shop_{name}")


async def called(servers: Servers, name: str, **arguments: Any) -> Ended:
    """Call a tool for Kim."""
    tool = named(servers, name)
    return await carry_out(tool, KIM, tool.check(arguments))


async def test_a_servers_tools_are_called_for_their_customer_and_with_their_key(
    service: OrderService, mood: Path
) -> None:
    async with up(command(), variables(service, mood)) as servers:
        assert (await called(servers, "look", order="1042")).text == '{"result": "packed, to 4 Oak Road"}'
        for _ in range(2):
            assert (await called(servers, "move", order="1042", address=ELM)).state is ActionState.DONE
        assert list(service.changed) == [KIM.idempotency_key]
        look = named(servers, "look")
        assert (await carry_out(look, EVE, {"order": "1042"})).state is ActionState.FAILED


@pytest.mark.parametrize(
    ("more", "changing"),
    [
        ("", {"look", "move", "sleep", "much", "die"}),
        ('read_only = ["look", "move"]', {"move", "sleep", "much", "die"}),
        ("trust_read_only = true", {"move"}),
    ],
    ids=["nobody is believed", "one is, where the server says so, too", "all that say so"],
)
async def test_every_tool_counts_as_changing_unless_server_and_owner_say_otherwise(
    service: OrderService, mood: Path, more: str, changing: set[str]
) -> None:
    async with up(command(more), variables(service, mood)) as servers:
        assert {one.name.removeprefix("shop_") for one in servers.tools() if one.changes} == changing
        tries = {one.name.removeprefix("shop_"): one.tries for one in servers.tools()}
        assert (tries["move"], tries["look"]) == (MOST_TRIES, 1)
        assert not any(one.for_anyone for one in servers.tools())


async def test_what_the_customer_confirms_names_every_argument(service: OrderService, mood: Path) -> None:
    arguments = {"order": "1042", "address": ELM}
    async with up(command(), variables(service, mood)) as servers:
        assert named(servers, "move").ask(arguments, "en") == f"move (order: 1042, address: {ELM})"
    own = READS + '\n[servers.shop.sentences]\nmove = "Send order {order} to {address}"'
    async with up(command(own), variables(service, mood)) as servers:
        assert named(servers, "move").ask(arguments, "en") == f"Send order 1042 to {ELM}"


@pytest.mark.parametrize(
    ("arguments", "about"),
    [({}, "all: required"), ({"order": 1}, "order: type string"), ({"order": "1", "x": 1}, "no argument x")],
)
async def test_arguments_are_checked_here_before_the_server_sees_them(
    service: OrderService, mood: Path, arguments: dict[str, Any], about: str
) -> None:
    async with up(command(), variables(service, mood)) as servers:
        with pytest.raises(ArgumentsError, match=about):
            named(servers, "look").check(arguments)


async def test_a_tool_that_hangs_is_left_alone(service: OrderService, mood: Path) -> None:
    async with up(command(READS + "\nseconds = 0.2"), variables(service, mood)) as servers:
        ended = await called(servers, "sleep")
        assert (ended.state, ended.text) == (ActionState.UNKNOWN, owned.HUNG)


async def test_ten_megabytes_are_not_read(service: OrderService, mood: Path) -> None:
    async with up(command(READS + "\nseconds = 30"), variables(service, mood)) as servers:
        ended = await called(servers, "much")
        assert (ended.state, ended.text) == (ActionState.UNKNOWN, owned.TOO_BIG)


async def test_a_server_that_dies_takes_its_tools_away_and_brings_them_back(service: OrderService, mood: Path) -> None:
    async with up(command(), variables(service, mood)) as servers:
        assert (await called(servers, "die")).state is ActionState.UNKNOWN

        async def works() -> bool:
            return bool(servers.tools()) and (await called(servers, "look", order="1042")).state is ActionState.DONE

        await until(works, 30)


async def test_a_server_that_is_away_at_the_start_stops_nothing() -> None:
    servers = Servers(parse('[servers.shop]\nurl = "http://127.0.0.1:9/mcp"'), {}, look=0.05)
    async with servers.running():

        async def noticed() -> bool:
            [(_, away, _)] = servers.states()
            return away not in {"", "not asked yet"}

        await until(noticed, 20)
        assert servers.tools() == []


@pytest.mark.parametrize(
    ("now", "left_out"),
    [
        ("other", {"shop_look", "shop_move", "shop_sleep", "shop_much", "shop_die"}),
        ("more", {"shop_refund"}),
    ],
    ids=["in other words", "a new one"],
)
async def test_a_tool_that_changes_is_left_out_until_the_next_start(
    service: OrderService, mood: Path, now: str, left_out: set[str]
) -> None:
    async with up(command(), variables(service, mood)) as servers:
        offered = {one.name for one in servers.tools()}
        be(mood, now)

        async def noticed() -> bool:
            return set(servers.states()[0][2]) == left_out

        await until(noticed, 20)
        assert {one.name for one in servers.tools()} == offered - left_out
        be(mood, "")
        await servers.look()
        assert not {one.name for one in servers.tools()} & left_out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[servers.shop]", "needs either a command or a url"),
        ('[servers.shop]\ncommand = ["a"]\nurl = "http://b"', "needs either a command or a url"),
        ('[servers.shop]\nurl = "http://b"\nreadonly = true', "nobody knows readonly"),
        ('[servers."a b"]\nurl = "http://b"', "letters, digits and underscores"),
        ("[servers", "can't be read"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        parse(text)


def test_a_variable_that_is_set_nowhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mcp.toml"
    path.write_text('[servers.shop]\nurl = "http://127.0.0.1:9/mcp"\nheaders = { Authorization = "NO_SUCH_TOKEN" }\n')
    with pytest.raises(SetupError, match="NO_SUCH_TOKEN, which is set nowhere"):
        make_servers(plain_settings(tmp_path, mcp_servers=path))


async def test_a_server_behind_http_reads_our_header(service: OrderService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVICE, service.url)
    heard: set[str] = set()
    app = mcp_shop.shop.streamable_http_app()

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        heard.update(value.decode() for name, value in scope.get("headers", ()) if name == b"authorization")
        await app(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(listening, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:

        async def started() -> bool:
            return server.started

        await until(started)
        port = server.servers[0].sockets[0].getsockname()[1]
        text = f'[servers.shop]\nurl = "http://127.0.0.1:{port}/mcp"\nheaders = {{ Authorization = "TOKEN" }}\n{READS}'
        async with up(text, {"TOKEN": "Bearer abc"}) as servers:
            assert (await called(servers, "look", order="1042")).state is ActionState.DONE
        assert heard == {"Bearer abc"}
    finally:
        server.should_exit = True
        await serving


async def test_the_doctor_names_servers_that_are_there_and_away(
    service: OrderService, mood: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(service, mood).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "mcp.toml"
    path.write_text(f'{command()}\n[servers.gone]\nurl = "http://127.0.0.1:9/mcp"\n')
    settings = plain_settings(tmp_path / "home", mcp_servers=path)
    found = {check.name: check async for check in examine_tools(settings, Home(tmp_path / "home"))}
    assert found["mcp shop"].state == "ok"
    assert "shop_move (asks first)" in found["mcp shop"].found
    assert found["mcp gone"].state == "broken"


async def test_a_customer_gets_something_done_by_a_server_after_their_yes(
    program: Start, service: OrderService, mood: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(service, mood).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "mcp.toml"
    path.write_text(command(READS + '\n[servers.shop.sentences]\nmove = "Send order {order} to {address}"'))
    async with FakeOpenAI(without_tools=say("")) as model:
        settings = {"openai_base_url": model.base_url, "openai_model": "gpt-test", "widget_secret": SECRET}
        async with program(mcp_servers=path, **settings) as client:
            servers = client.threadline.servers
            assert servers
            await until(lambda: _there(servers), 20)
            kim = await signed_in(client, service)
            model.then(call("shop_look", {"order": "1042"}), say("It is packed."))
            assert await kim.say("Where is my order 1042?") == ["It is packed."]
            model.then(call("shop_move", {"order": "1042", "address": ELM}))
            what = f"Send order 1042 to {ELM}"
            assert await kim.say(f"Please send order 1042 to {ELM}") == [wording.text(Line.CONFIRM, "en", what=what)]
            assert kim.order.address != ELM
            model.then(say("It goes there now."))
            assert await kim.say("Yes") == ["It goes there now."]
            assert kim.order.address == ELM
            assert returned(model)["ok"] is True
