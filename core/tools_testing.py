"""What a tool of your own has to keep, as tests: subclass `ToolContract`, give it an example, and run pytest.

docs/tools.md shows one, tests/tools/test_shop.py runs it on the shop's tools. pytest and pytest-asyncio are needed to
run this, and nothing of the running program imports it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import pytest

from core.actions import ActionState
from core.agent.owned import HIDDEN, MOST_TOLD, ArgumentsError, Owned, carry_out, from_tool
from core.agent.toolbox import MOST_SENTENCE
from core.ids import ThreadId
from core.tools import Caller, Tool, plain

_LONGEST_BLOCK = 0.5  # seconds for which a tool may hold up all other conversations
_MANY_WORDS = 4
KIM = Caller(
    "web:user:kim",
    "Kim",
    "web",
    verified=True,
    thread=ThreadId("t_example"),
    idempotency_key="a_example",
    email="kim@example.com",
)
EVE = replace(
    KIM,
    customer="web:user:eve",
    name="Eve",
    thread=ThreadId("t_other"),
    idempotency_key="a_other",
    email="eve@example.com",
)


async def _nothing() -> object:
    return None


@dataclass(frozen=True, slots=True)
class Example:
    """A tool and one call of it that works.

    `caller` is the customer for whom it works, `stranger` one who may not reach what the arguments name (None: the
    tool serves everybody alike). `state` reads what the tool changes, so that two readings can be compared.
    """

    tool: Tool
    arguments: Mapping[str, Any]
    caller: Caller = KIM
    stranger: Caller | None = EVE
    state: Callable[[], Awaitable[object]] = field(default=_nothing)

    @property
    def owned(self) -> Owned:
        """The tool as a run has it."""
        return from_tool(self.tool)


class ToolContract:
    """Tests of one tool. Give the fixture `example`; a service that it calls may be started there."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def example(self) -> Example:
        """Return the tool with a call of it that works."""
        raise NotImplementedError

    async def test_a_model_can_tell_what_it_is_for(self, example: Example) -> None:
        assert len(example.tool.description.split()) >= _MANY_WORDS, "say in the docstring when it is to be called"
        schema = from_tool(example.tool).schema
        assert not isinstance(schema, dict)
        for name, described in schema.model_json_schema().get("properties", {}).items():
            assert described.get("description"), f"say what {name} is"

    async def test_arguments_that_do_not_fit_are_refused_before_the_call(self, example: Example) -> None:
        owned = example.owned
        owned.check(example.arguments)
        needed = [one.name for one in example.tool.parameters if one.default is one.empty]
        wrong: list[Mapping[str, Any]] = [{**example.arguments, "one_too_many": 1}]
        wrong += [{name: value for name, value in example.arguments.items() if name != one} for one in needed]
        wrong += [{**example.arguments, one: object()} for one in needed]
        for arguments in wrong:
            with pytest.raises(ArgumentsError):
                owned.check(arguments)

    async def test_it_answers_in_time_and_in_a_size_that_is_read(self, example: Example) -> None:
        ended = await carry_out(example.owned, example.caller, example.owned.check(example.arguments))
        assert ended.state is ActionState.DONE, ended.text
        assert len(ended.text) <= MOST_TOLD, f"a model reads {MOST_TOLD} characters; the rest is cut"

    async def test_it_holds_nobody_else_up(self, example: Example) -> None:
        longest, last = 0.0, perf_counter()

        async def watch() -> None:
            nonlocal longest, last
            while True:
                longest, last = max(longest, perf_counter() - last), perf_counter()
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await carry_out(example.owned, example.caller, example.owned.check(example.arguments))
        await asyncio.sleep(0.01)
        watching.cancel()
        assert longest < _LONGEST_BLOCK, "it blocks the event loop: make it a plain function, or await what takes time"

    async def test_a_stranger_reaches_nothing_of_it(self, example: Example) -> None:
        if example.stranger is None:
            assert example.tool.for_anyone, "only a tool that is for anyone may serve everybody alike"
            return
        before = await example.state()
        ended = await carry_out(example.owned, example.stranger, example.owned.check(example.arguments))
        assert ended.state is ActionState.FAILED, "raise ToolError for what is not the caller's"
        assert await example.state() == before

    async def test_it_changes_what_it_says_and_the_same_key_changes_it_once(self, example: Example) -> None:
        owned, before = example.owned, await example.state()
        states = []
        for _ in range(2):
            ended = await carry_out(owned, example.caller, owned.check(example.arguments))
            assert ended.state is ActionState.DONE, ended.text
            states.append(await example.state())
        if example.tool.changes:
            assert states[0] != before, "give `state`: a reading of what the tool changes"
            assert states[1] == states[0], "the same idempotency key changed something twice"
        else:
            assert states == [before, before], "it changes something, so it must say changes=True"

    async def test_its_question_shows_all_that_will_be_done_and_no_secret(self, example: Example) -> None:
        if not example.tool.changes:
            return
        owned = example.owned
        arguments = owned.check(example.arguments)
        for language in ("en", "de", "ja"):
            asked = owned.ask(arguments, language)
            assert len(asked) <= MOST_SENTENCE
            assert "{" not in asked
            for name, value in arguments.items():
                assert (plain(value) in asked) != (name in owned.secrets)

    async def test_what_operators_read_is_json_without_secrets(self, example: Example) -> None:
        owned = example.owned
        shown = owned.shown(owned.check(example.arguments))
        json.dumps(shown)
        assert all(shown[name] == HIDDEN for name in owned.secrets)
