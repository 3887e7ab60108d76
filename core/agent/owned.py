"""One tool of the owner's, wherever it comes from, and a call of it that can't hurt: in time, in size, in words.

`core.agent.toolbox` calls `carry_out`; `from_tool` and `core.agent.servers` make these. What a tool raises is logged
and told to nobody: only the sentence of a `ToolError` goes on.
"""

import asyncio
import inspect
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from core.actions import MOST_TRIES, ActionState
from core.errors import SetupError
from core.tools import Caller, Parameter, Tool, ToolError

log = structlog.get_logger()

MOST_TOLD = 8_000  # characters of a result that a model reads
MOST_RESULT = 1_000_000  # characters of one that is read at all
MOST_ARGUMENTS = 4_000  # characters of a call's arguments, as JSON
_MOST_SAID = 500  # characters of an author's sentence
HIDDEN = "•••"
TOO_BIG = "It returned far more than can be read."
UNREADABLE = "What it returned can't be read."
HUNG = "It did not answer in time."
FAILED = "It failed; the reason is in the log."


class ArgumentsError(ValueError):
    """The arguments of a call don't fit the tool; the sentence says which, for the model."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A tool of the owner's.

    `check` returns the arguments as JSON values, whole, or raises `ArgumentsError`. `ask` writes the sentence that a
    customer confirms, in a language. `tries`: how often a change may be begun.
    """

    name: str
    description: str
    schema: type[BaseModel] | dict[str, Any]
    check: Callable[[Mapping[str, Any]], dict[str, Any]]
    call: Callable[[Caller, Mapping[str, Any]], Awaitable[object]]
    ask: Callable[[Mapping[str, Any], str], str]
    changes: bool
    seconds: float
    for_anyone: bool = False
    secrets: frozenset[str] = frozenset()
    tries: int = MOST_TRIES

    def shown(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments without what is secret."""
        return {name: HIDDEN if name in self.secrets else value for name, value in arguments.items()}


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one call: DONE, FAILED (its author's sentence says why) or UNKNOWN. `took` is in milliseconds."""

    state: ActionState
    text: str
    took: int


def from_tool(tool: Tool) -> Owned:
    """Return an author's tool. Raises `SetupError` for a type that can't be a tool's argument."""
    fields: dict[str, Any] = {one.name: _field(one) for one in tool.parameters}
    try:
        model = create_model(tool.name, __config__=ConfigDict(extra="forbid"), **fields)
        model.model_json_schema()
    except Exception as error:
        raise SetupError(f"tool {tool.name}: its arguments can't be described: {error}") from error

    def check(arguments: Mapping[str, Any]) -> dict[str, Any]:
        return _checked(model, arguments)

    async def call(caller: Caller, arguments: Mapping[str, Any]) -> object:
        given = model.model_validate(arguments)
        values = {name: getattr(given, name) for name in fields}
        if inspect.iscoroutinefunction(tool.function):
            return await tool.function(caller, **values)
        return await _in_thread(lambda: tool.function(caller, **values))

    return Owned(
        name=tool.name,
        description=tool.description,
        schema=model,
        check=check,
        call=call,
        ask=tool.ask,
        changes=tool.changes,
        seconds=tool.seconds,
        for_anyone=tool.for_anyone,
        secrets=frozenset(one.name for one in tool.parameters if one.secret),
    )


def _field(one: Parameter) -> tuple[Any, Any]:
    return Annotated[one.type, Field(description=one.about)], ... if one.default is Parameter.empty else one.default


def _checked(model: type[BaseModel], arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        whole = model.model_validate(dict(arguments)).model_dump(mode="json")
    except ValidationError as wrong:
        found = [f"{'.'.join(map(str, one['loc'])) or 'all'}: {one['msg']}" for one in wrong.errors()]
        raise ArgumentsError("; ".join(found)[:_MOST_SAID]) from None
    return sized(whole)


def sized(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments if they are of a size that people can read. Raises `ArgumentsError`."""
    if len(json.dumps(arguments, ensure_ascii=False, default=str)) > MOST_ARGUMENTS:
        raise ArgumentsError(f"all together they may have {MOST_ARGUMENTS} characters")
    return arguments


async def carry_out(owned: Owned, caller: Caller, arguments: Mapping[str, Any]) -> Ended:
    """Call the tool once and return what came of it; raises nothing."""
    began = perf_counter()
    state, text = await _within(owned, caller, arguments)
    took = round((perf_counter() - began) * 1000)
    log.info("tool_called", tool=owned.name, thread=caller.thread, state=state.value, ms=took)
    return Ended(state, text, took)


async def _within(owned: Owned, caller: Caller, arguments: Mapping[str, Any]) -> tuple[ActionState, str]:
    task = asyncio.ensure_future(_called(owned, caller, arguments))
    try:
        done, _ = await asyncio.wait({task}, timeout=owned.seconds)
    finally:
        task.cancel()  # one that does not listen goes on by itself, and nobody waits for it
    if not done:
        log.warning("tool_hung", tool=owned.name, seconds=owned.seconds)
        return ActionState.UNKNOWN, HUNG
    return task.result()


async def _called(owned: Owned, caller: Caller, arguments: Mapping[str, Any]) -> tuple[ActionState, str]:
    try:
        result = await owned.call(caller, arguments)
    except ToolError as said:
        return ActionState.FAILED, " ".join(str(said).split())[:_MOST_SAID]
    except (Exception, SystemExit):  # an author's mistake must not end the run, let alone the program
        log.exception("tool_failed", tool=owned.name)
        return ActionState.UNKNOWN, FAILED
    text, readable = _text(owned.name, result)
    return ActionState.DONE if readable or owned.changes else ActionState.UNKNOWN, text


def _text(name: str, result: object) -> tuple[str, bool]:
    if result is None:
        return "Done.", True
    try:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        log.warning("tool_result_unreadable", tool=name, exc_info=True)
        return UNREADABLE, False
    if len(text) > MOST_RESULT:
        log.warning("tool_result_too_big", tool=name, characters=len(text))
        return TOO_BIG, False
    return text, True


def told(name: str, ended: Ended) -> str:
    """Return a result as the model reads it: data under the tool's name, cut with a word about it."""
    found: dict[str, Any] = {"tool": name, "ok": ended.state is ActionState.DONE, "returned": ended.text[:MOST_TOLD]}
    if len(ended.text) > MOST_TOLD:
        found["left_out"] = f"{len(ended.text) - MOST_TOLD} more characters"
    return json.dumps(found, ensure_ascii=False)


async def _in_thread(function: Callable[[], object]) -> object:
    """Run a plain function in a thread of its own, which the program's end does not wait for."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()

    def settle(result: object, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(result)
        else:
            ended.set_exception(error)

    def run() -> None:
        result, failed = None, None
        try:
            result = function()
        except (Exception, SystemExit) as error:  # noqa: BLE001 (it goes on to whoever waits)
            failed = error if not isinstance(error, (StopIteration, SystemExit)) else RuntimeError(repr(error))
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="tool", daemon=True).start()
    found = await ended
    return await found if isinstance(found, Coroutine) else found
