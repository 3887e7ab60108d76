"""Tools of MCP servers, through agent-framework's own client, under the same rules as the owner's Python tools.

What a server says of itself is taken with care: every tool counts as changing something unless the owner trusts its
word, what it offered first is what stays offered, and one whose description or arguments change is left out until the
program is started again. A server that is away takes its tools with it and nothing else. `bot.bootstrap` runs these.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from tomllib import TOMLDecodeError, loads
from typing import Any

import structlog
from agent_framework import Content, FunctionTool, MCPStdioTool, MCPStreamableHTTPTool
from agent_framework.exceptions import ToolExecutionException
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from mcp.types import CallToolResult, ToolAnnotations
from referencing import Registry
from referencing.exceptions import Unresolvable

from core.actions import MOST_TRIES, short
from core.agent.owned import MOST_RESULT, ArgumentsError, Owned, sized
from core.errors import SetupError
from core.tools import SECONDS, Caller, ToolError, fill, plain

log = structlog.get_logger()

CONNECT_SECONDS = 15.0
LOOK_SECONDS = 60.0
KEY = "threadline/idempotency-key"
"""Where a change's idempotency key stands in a request's `_meta`, beside `threadline/customer`."""
CUSTOMER = "threadline/customer"
_REMOTE = "_mcp_remote_name"  # where agent-framework keeps what the server calls the tool
_MOST_WRONG = 5
_KNOWN = frozenset(
    ("command", "url", "read_only", "trust_read_only", "for_anyone", "headers", "environment", "sentences", "seconds")
)

Server = MCPStdioTool | MCPStreamableHTTPTool


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One server of the owner's file: a `command` to start, or the `url` of one that runs.

    `read_only` are the tools whose word that they change nothing is believed, all of them with `trust_read_only`;
    `for_anyone` those offered where nobody vouches for the customer. `sentences` are what a customer confirms, by tool,
    as in `core.tools`. `headers` and `environment` name variables of ours by their own names.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    read_only: frozenset[str] = frozenset()
    trust_read_only: bool = False
    for_anyone: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)
    seconds: float = SECONDS


def parse(text: str) -> list[ServerSettings]:
    """Return the servers of the owner's TOML file. Raises `SetupError` with what is wrong in it."""
    try:
        data = loads(text)
    except TOMLDecodeError as error:
        raise SetupError(f"it can't be read: {error}") from None
    return [_settings(name, table) for name, table in data.get("servers", {}).items()]


def _settings(name: str, table: Mapping[str, Any]) -> ServerSettings:
    if unknown := sorted(table.keys() - _KNOWN):
        raise SetupError(f"servers.{name}: nobody knows {', '.join(unknown)}; there are {', '.join(sorted(_KNOWN))}")
    if bool(table.get("command")) == bool(table.get("url")):
        raise SetupError(f"servers.{name} needs either a command or a url")
    if not name.replace("_", "").isalnum() or not name.isascii():
        raise SetupError(f"servers.{name}: a name consists of letters, digits and underscores")
    return ServerSettings(
        name,
        command=tuple(map(str, table.get("command", ()))),
        url=str(table.get("url", "")),
        read_only=frozenset(table.get("read_only", ())),
        trust_read_only=table.get("trust_read_only", False) is True,
        for_anyone=frozenset(table.get("for_anyone", ())),
        headers=dict(table.get("headers", {})),
        environment=tuple(table.get("environment", ())),
        sentences=dict(table.get("sentences", {})),
        seconds=float(table.get("seconds", SECONDS)),
    )


@dataclass(slots=True)
class _Known:
    """What is known of one server: its tools as they were first, and those that can be called now."""

    settings: ServerSettings
    first: dict[str, str] | None = None
    tools: list[Owned] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    away: str = "not asked yet"


class Servers:
    """The MCP servers of one program. `running()` keeps in touch with them; `tools()` is what can be called now."""

    def __init__(
        self, servers: Sequence[ServerSettings], variables: Mapping[str, str], *, look: float = LOOK_SECONDS
    ) -> None:
        """`variables` are the values of those that the settings name; `look`: seconds between two looks."""
        self._known = [_Known(one) for one in servers]
        self._variables = variables
        self._look = look

    def tools(self) -> list[Owned]:
        """Return the tools that can be called now."""
        return [tool for known in self._known for tool in known.tools]

    def states(self) -> list[tuple[str, str, dict[str, str]]]:
        """Return of each server its name, why it is away ('' if it is not), and its tools left out, with the reason."""
        return [(known.settings.name, known.away, dict(known.left_out)) for known in self._known]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep in touch with every server while the block lasts; one that is away is tried again and again."""
        keeping = [asyncio.create_task(self._keep(known)) for known in self._known]
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    async def look(self) -> None:
        """Ask each server once what it offers, and let it go: for `doctor`."""
        for known in self._known:
            async with AsyncExitStack() as stack:
                await self._try(known, stack, None)

    async def _keep(self, known: _Known) -> None:
        server: Server | None = None
        async with AsyncExitStack() as stack:
            while True:
                server = await self._try(known, stack, server)
                await asyncio.sleep(self._look)

    async def _try(self, known: _Known, stack: AsyncExitStack, server: Server | None) -> Server | None:
        """Return the server, connected and asked; None if it is away."""
        name = known.settings.name
        fresh = server is None
        server = server or _client(known.settings, self._variables)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _offer(known, server, await _listed(server))
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the server's, and no answer stops for it)
            if not known.away or known.away == "not asked yet":
                log.warning("mcp_server_away", server=name, reason=_why(error))
            known.away, known.tools = _why(error), []
            with suppress(Exception):
                await server.close()
            return None
        if known.away:
            log.info("mcp_server_there", server=name, tools=[tool.name for tool in known.tools])
        known.away = ""
        if fresh:
            stack.push_async_callback(server.close)
        return server


def _why(error: BaseException) -> str:
    return (
        "no answer in time" if isinstance(error, TimeoutError) else short(str(error.args[0] if error.args else error))
    )


def _client(settings: ServerSettings, variables: Mapping[str, str]) -> Server:
    both: dict[str, Any] = {
        "tool_name_prefix": settings.name,
        "load_prompts": False,
        "parse_tool_results": _read,
        "request_timeout": max(1, round(settings.seconds)),
    }
    if settings.url:
        headers = {header: variables.get(variable, "") for header, variable in settings.headers.items()}
        return MCPStreamableHTTPTool(settings.name, settings.url, static_headers=headers, **both)
    program, *arguments = settings.command
    given = {name: variables[name] for name in settings.environment if name in variables}
    return MCPStdioTool(settings.name, program, args=arguments, env=given or None, **both)


def _read(result: CallToolResult) -> str | list[Content]:
    """Return a result as text; what a server calls an error is its own word for the model."""
    said: list[str] = [getattr(item, "text", "") or f"({item.type})" for item in result.content]
    if result.structured_content is not None and not result.is_error:
        said = [json.dumps(result.structured_content, ensure_ascii=False, default=str)]
    text = "\n".join(said)
    if result.is_error:
        raise ToolError(text or "It says that this can't be done.")
    return text[: MOST_RESULT + 1]


Listed = list[tuple[FunctionTool, ToolAnnotations | None]]


async def _listed(server: Server) -> Listed:
    """Return the tools that the server offers now, with what it says of each."""
    listed: Listed = []
    # agent-framework hands a tool's annotations to this hook and keeps them nowhere; without them it counts as changing
    server._function_load_callback = lambda tool, said: listed.append((tool, said))  # noqa: SLF001
    if not server.is_connected:
        await server.connect()
    listed.clear()
    server.functions.clear()  # one that it knows already is not read again
    await server.load_tools()
    return listed or [(tool, None) for tool in server.functions]


def _offer(known: _Known, server: Server, listed: Listed) -> None:
    """Take the tools that are as they were first."""
    settings = known.settings
    prints = {tool.name: _print(tool, said) for tool, said in listed}
    first = known.first
    if first is None:
        first = known.first = prints
    for name, print_ in prints.items():
        reason = "" if first.get(name) == print_ else "it has changed" if name in first else "it is new"
        if reason and name not in known.left_out:
            known.left_out[name] = f"{reason} since the start"
            log.warning("mcp_tool_left_out", server=settings.name, tool=name, reason=reason)
    same = known.tools and {tool.name for tool in known.tools} == prints.keys() - known.left_out.keys()
    if not same:
        known.tools = [
            tool for one, said in listed if one.name not in known.left_out if (tool := _owned(known, server, one, said))
        ]


def _print(tool: FunctionTool, said: ToolAnnotations | None) -> str:
    whole = [tool.name, tool.description, tool.parameters(), said.model_dump(mode="json") if said else None]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def _owned(known: _Known, server: Server, tool: FunctionTool, said: ToolAnnotations | None) -> Owned | None:
    settings, schema = known.settings, tool.parameters()
    remote = str((tool.additional_properties or {}).get(_REMOTE) or tool.name.removeprefix(f"{settings.name}_"))
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        known.left_out[tool.name] = "its arguments are not described in JSON Schema"
        log.warning("mcp_tool_left_out", server=settings.name, tool=tool.name, reason=known.left_out[tool.name])
        return None
    believed = settings.trust_read_only or remote in settings.read_only
    validator = Draft202012Validator(schema, registry=Registry())  # an empty one: no reference is fetched

    def check(arguments: Mapping[str, Any]) -> dict[str, Any]:
        return _checked(validator, schema, arguments)

    def ask(arguments: Mapping[str, Any], _language: str) -> str:
        if sentence := settings.sentences.get(remote):
            return fill(sentence, arguments)
        given = ", ".join(f"{name}: {plain(value)}" for name, value in arguments.items())
        return f"{plain((said and said.title) or remote.replace('_', ' '))} ({given})" if given else remote

    async def call(caller: Caller, arguments: Mapping[str, Any]) -> object:
        return await _call(server, remote, caller, arguments)

    return Owned(
        name=tool.name,
        description=tool.description,
        schema=schema,
        check=check,
        call=call,
        ask=ask,
        changes=not (believed and said is not None and said.read_only_hint is True),
        seconds=settings.seconds,
        for_anyone=remote in settings.for_anyone,
        tries=MOST_TRIES if said is not None and said.idempotent_hint else 1,
    )


def _checked(
    validator: Draft202012Validator, schema: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments if they fit; a message never quotes them, or what else the schema holds."""
    given = dict(arguments)
    if unknown := sorted(given.keys() - schema.get("properties", {}).keys()):
        raise ArgumentsError(f"there is no argument {', '.join(unknown)[:200]}")
    try:
        wrong = [
            f"{'.'.join(map(str, one.absolute_path)) or 'all'}: {one.validator} {_wanted(one.validator_value)}".strip()
            for one in validator.iter_errors(given)
        ]
    except (Unresolvable, RecursionError):
        raise ArgumentsError("the server's description of them can't be read") from None
    if wrong:
        raise ArgumentsError("; ".join(wrong[:_MOST_WRONG]))
    return sized(given)


def _wanted(value: Any) -> str:
    return str(value)[:100] if isinstance(value, str | int | list) else ""


async def _call(server: Server, remote: str, caller: Caller, arguments: Mapping[str, Any]) -> object:
    meta = {KEY: caller.idempotency_key, CUSTOMER: caller.customer}
    try:
        return await server.call_tool(remote, _meta=meta, **arguments)
    except ToolExecutionException as failed:
        if isinstance(failed.__cause__, ToolError):
            raise failed.__cause__ from None
        raise
