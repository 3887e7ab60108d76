"""What the doctor says of the owner's tools: which are switched on, which ask first, which servers answer."""

from collections.abc import AsyncIterator
from importlib.metadata import entry_points

from bot.check import Check
from bot.client import call
from bot.home import Home
from bot.settings import Settings
from bot.toolbox import load_tools, make_servers
from core.agent.owned import Owned
from core.errors import SetupError, ThreadlineError
from core.tools import GROUP

_HOW = "See docs/tools.md."


async def examine_tools(settings: Settings, home: Home) -> AsyncIterator[Check]:
    """Yield what is to be said of tools of the owner's, and of each MCP server."""
    yield _own(settings)
    try:
        async for check in _servers(settings, home):
            yield check
    except (SetupError, ThreadlineError) as error:
        yield Check("mcp servers", "broken", str(error), _HOW)


def _own(settings: Settings) -> Check:
    try:
        tools = load_tools(settings.tools)
    except SetupError as error:
        return Check("tools", "broken", str(error), "Correct TOOLS, or install the package that has them.")
    if not tools:
        installed = ", ".join(sorted(one.name for one in entry_points(group=GROUP)))
        found = f"none switched on; installed: {installed}" if installed else "none"
        return Check("tools", "off", found, f"Set TOOLS to the entry points of your own. {_HOW}")
    if not settings.has_model:
        fix = "Set OPENAI_API_KEY and OPENAI_MODEL, or Azure's three variables."
        return Check("tools", "off", f"{_named(tools)}; without a language model none is called", fix)
    return Check("tools", "ok", _named(tools))


def _named(tools: list[Owned]) -> str:
    return ", ".join(f"{tool.name} (asks first)" if tool.changes else tool.name for tool in tools)


async def _servers(settings: Settings, home: Home) -> AsyncIterator[Check]:
    servers = make_servers(settings)
    if servers is None:
        return
    await servers.look()
    offered = servers.tools()
    serving = home.serving()
    now = await call(serving, "/api/v1/admin/tools", {}, seconds=10) if serving else {"servers": []}
    left_out = {one["name"]: one["left_out"] for one in now["servers"]}
    for name, away, unusable in servers.states():
        without = {**unusable, **left_out.get(name, {})}
        if away:
            yield Check(f"mcp {name}", "broken", f"it can't be reached: {away}", "Start it, or correct MCP_SERVERS.")
        elif without:
            told = "; ".join(f"{tool}: {why}" for tool, why in without.items())
            yield Check(f"mcp {name}", "broken", f"left out: {told}", "Look at what changed, then start serve again.")
        else:
            theirs = [tool for tool in offered if tool.name.startswith(f"{name}_")]
            yield Check(f"mcp {name}", "ok", _named(theirs) or "no tools")
