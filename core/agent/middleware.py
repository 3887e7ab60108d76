"""The fence around every tool: the run must still count, and must not have used up its calls.

An ordinary exception here would become a tool error that the model reads and talks past, so whatever
must end the run is raised as `MiddlewareFailure` with its cause.
"""

import asyncio
from collections.abc import Awaitable, Callable

from agent_framework import (
    FunctionInvocationContext,
    FunctionMiddleware,
    MiddlewareFailure,
    MiddlewareTermination,
)

from core.agent.notebook import Notebook
from core.errors import Superseded, TemporaryError, ThreadlineError
from core.turn import Voice


class ExhaustedError(ThreadlineError):
    """The run used up its tool calls without coming to an answer."""


class Fence(FunctionMiddleware):
    """Lets a tool start only while the run counts, and ends the run when a tool asked for an ending."""

    def __init__(self, notebook: Notebook, voice: Voice, *, most_calls: int) -> None:
        self._notebook = notebook
        self._voice = voice
        self._most_calls = most_calls
        self._in_order = asyncio.Lock()  # agent-framework starts the calls of one turn side by side

    async def process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        """Run one tool call behind the fence, after those before it."""
        async with self._in_order:
            await self._process(context, call_next)

    async def _process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        self._notebook.calls += 1
        if self._notebook.calls > self._most_calls:
            raise MiddlewareFailure("too many tool calls") from ExhaustedError(
                f"more than {self._most_calls} tool calls"
            )
        try:
            await self._voice.check()
            await call_next()
        except (Superseded, TemporaryError) as ended:
            raise MiddlewareFailure("the run can't go on") from ended
        if self._notebook.ending:
            raise MiddlewareTermination(result=context.result)
