"""The owner's tools before a model: who is offered which, what a call does, and how a confirmed change is made.

A tool that changes nothing is called within the run. One that changes something is only proposed: the run ends, the
customer is asked, and the run that answers their yes comes here to `make` the change. `Assistant` calls this.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent_framework import FunctionInvocationContext, FunctionMiddleware, FunctionTool

from core.actions import Action, ActionState, Call, Proposal
from core.agent.notebook import Notebook
from core.agent.owned import ArgumentsError, Ended, Owned, carry_out, told
from core.errors import SetupError
from core.events import Outcome, TraceStep
from core.ids import new_id
from core.thread import Thread
from core.tools import Caller
from core.turn import Ledger, Turn

_OWNED = "owned"
MOST_SENTENCE = 1_000  # characters that a customer is asked to agree to
_ASKED = "The customer is being asked to confirm."
_GONE = "The tool is not there any more."
_CHANGED = "The tool takes other arguments now."
_NOT_THEIRS = "Nobody vouches any more for who asks in this conversation."


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The owner's tools: `own` are those of entry points, `more` returns those of servers, which come and go.

    `pause`: seconds before a change whose fate is unknown is tried again. Raises `SetupError` for a name taken twice.
    """

    own: tuple[Owned, ...] = ()
    more: Callable[[], Iterable[Owned]] = tuple
    pause: float = 0.5
    _made: dict[str, tuple[Owned, FunctionTool]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        names = [one.name for one in self.own]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SetupError(f"There are two tools called {', '.join(twice)}.")

    def find(self, name: str) -> Owned | None:
        """Return the tool of that name, None if it is not there now."""
        return next((one for one in self._all() if one.name == name), None)

    def _all(self) -> list[Owned]:
        names = {one.name for one in self.own}
        return [*self.own, *(one for one in self.more() if one.name not in names)]

    def offered(self, thread: Thread, *, changing: bool) -> list[FunctionTool]:
        """Return the tools that a run of `thread` may call: account tools only where somebody vouches for them."""
        theirs = [one for one in self._all() if _may_call(one, thread)]
        return [self._function(one) for one in theirs if changing or not one.changes]

    def _function(self, owned: Owned) -> FunctionTool:
        known = self._made.get(owned.name)
        if known is None or known[0] is not owned:
            known = self._made[owned.name] = (owned, _function(owned))
        return known[1]

    async def make(self, action: Action, turn: Turn, ledger: Ledger) -> Action:
        """Make a change that the customer has confirmed, and return it with its end. Raises `Superseded`.

        Whatever fails without a word is tried again under the same key, as often as the tool may be.
        """
        owned = self.find(action.tool)
        while True:
            action = await ledger.begin(action.id)
            if action.state is not ActionState.CONFIRMED:
                return action
            ended = await self._once(owned, action, turn)
            last = owned is None or action.tries >= owned.tries
            if ended.state is not ActionState.UNKNOWN or last:
                await ledger.settle(action.id, ended.state, ended.text, ended.took)
                return replace(action, state=ended.state, result=ended.text)
            await asyncio.sleep(self.pause)

    async def _once(self, owned: Owned | None, action: Action, turn: Turn) -> Ended:
        if owned is None:
            return Ended(ActionState.FAILED, _GONE, 0)
        if not _may_call(owned, turn.thread):  # somebody else has written into the conversation since
            return Ended(ActionState.FAILED, _NOT_THEIRS, 0)
        if action.tries > owned.tries:
            return Ended(ActionState.UNKNOWN, "It had been begun before and may not be begun again.", 0)
        try:
            arguments = owned.check(action.arguments)
        except ArgumentsError:
            return Ended(ActionState.FAILED, _CHANGED, 0)
        return await carry_out(owned, caller_of(turn, action.id), arguments)


def _may_call(owned: Owned, thread: Thread) -> bool:
    """Whether somebody vouches for the customer, or the tool is for anyone."""
    return thread.verified or owned.for_anyone


def caller_of(turn: Turn, key: str) -> Caller:
    """Return for whom a tool is called."""
    thread = turn.thread
    name, channel = thread.customer_name, thread.key.channel
    return Caller(thread.customer, name, channel, thread.verified, thread.id, key, thread.email)


def _function(owned: Owned) -> FunctionTool:
    async def call(context: FunctionInvocationContext, **arguments: object) -> str:
        calling: Calling = context.kwargs["calling"]
        return await calling.called(owned, arguments)

    return FunctionTool(
        name=owned.name,
        description=owned.description,
        func=call,
        input_model=owned.schema,
        additional_properties={_OWNED: owned},
    )


@dataclass(frozen=True, slots=True)
class Calling:
    """What one run gives to the owner's tools that it calls; no model sees or sets it."""

    turn: Turn
    notebook: Notebook
    ledger: Ledger | None = None

    async def called(self, owned: Owned, arguments: Mapping[str, object]) -> str:
        """Answer a call whose arguments fit: with what the tool returns, or by proposing the change."""
        checked = owned.check(arguments)
        if owned.changes:
            return self._propose(owned, checked)
        ended = await carry_out(owned, caller_of(self.turn, new_id("k")), checked)
        self.notebook.consulted += ended.state is not ActionState.UNKNOWN
        await self._note(Call(owned.name, owned.shown(checked), ended.state, ended.text[:MOST_SENTENCE], ended.took))
        return told(owned.name, ended)

    def _propose(self, owned: Owned, arguments: Mapping[str, object]) -> str:
        if self.notebook.ending:
            return "One thing at a time: the turn has ended."
        sentence = owned.ask(arguments, self.turn.thread.language)
        if len(sentence) > MOST_SENTENCE:
            return f"Error: the arguments are too long for a customer to confirm: {MOST_SENTENCE} characters at most."
        if self.notebook.sources.resolve(sentence)[0] != sentence:
            return "Error: an argument may hold no address of somebody else's and no number in square brackets."
        shown = owned.shown(arguments)
        self.notebook.proposal = Proposal(owned.name, dict(arguments), shown, sentence)
        self.notebook.trace.append(TraceStep(f"Proposed {owned.name}", sentence))
        self.notebook.end(Outcome.CLARIFIED, sentence)
        return _ASKED

    async def refuse(self, tool: str, wrong: ArgumentsError) -> str:
        """Tell the model, and note, that the arguments of a call don't fit."""
        await self._note(Call(tool, {}, ActionState.REFUSED, f"The arguments do not fit: {wrong}"))
        return f"Error: the arguments do not fit. {wrong}"

    async def _note(self, call: Call) -> None:
        self.notebook.trace.append(TraceStep(f"Called {call.tool}", call.line))
        if self.ledger:
            await self.ledger.note(call)


class Fitting(FunctionMiddleware):
    """Tells the model which arguments of a call of an owner's tool don't fit, in place of the call."""

    async def process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        """Let the call through if its arguments fit, or if the tool is one of our own."""
        owned: Owned | None = (context.function.additional_properties or {}).get(_OWNED)
        arguments = context.arguments
        try:
            if owned:
                owned.check(arguments if isinstance(arguments, Mapping) else arguments.model_dump())
        except ArgumentsError as wrong:
            calling: Calling = context.kwargs["calling"]
            context.result = await calling.refuse(context.function.name, wrong)
            return
        await call_next()
