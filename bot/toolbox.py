"""The owner's tools that are switched on: by their entry points, and on MCP servers. `bootstrap` and `doctor` ask."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from bot.settings import Settings
from bot.settings_tools import read_variables
from core.agent.owned import Owned, from_tool
from core.errors import SetupError
from core.tools import GROUP, Tool

if TYPE_CHECKING:
    from core.agent.servers import Servers


def load_tools(names: list[str]) -> list[Owned]:
    """Return the tools of the entry points `names`. Raises `SetupError` for one that is not there or can't be used."""
    installed = {one.name: one for one in entry_points(group=GROUP)}
    if missing := [name for name in names if name not in installed]:
        there = ", ".join(sorted(installed)) or "none"
        raise SetupError(f"TOOLS={','.join(names)}: {', '.join(missing)} is not installed here. Installed: {there}.")
    return [from_tool(tool) for name in names for tool in _tools(installed[name])]


def _tools(entry: EntryPoint) -> Iterator[Tool]:
    """Yield what an entry point names: a tool, or several."""
    try:
        found = entry.load()
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(f"TOOLS: {entry.name} ({entry.value}) can't be loaded: {error}") from error
    tools = [found] if isinstance(found, Tool) else found
    if not isinstance(tools, list | tuple) or not all(isinstance(one, Tool) for one in tools):
        raise SetupError(f"TOOLS: {entry.name} ({entry.value}) names no tool and no list of tools.")
    yield from tools


def make_servers(settings: Settings) -> "Servers | None":
    """Return the MCP servers of the owner's file, not yet connected; None without a file.

    Raises `SetupError` for what is wrong there. MCP's library is imported here and only here: it takes half a second.
    """
    path = settings.mcp_servers
    if path is None:
        return None
    from core.agent.servers import Servers, parse

    try:
        servers = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SetupError) as error:
        raise SetupError(f"MCP_SERVERS={path}: {error}") from None
    wanted = {name for one in servers for name in (*one.headers.values(), *one.environment)}
    variables = read_variables(wanted)
    if missing := sorted(wanted - variables.keys()):
        raise SetupError(f"MCP_SERVERS={path}: it names {', '.join(missing)}, which is set nowhere.")
    return Servers(servers, variables)
