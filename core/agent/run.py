"""The way of one run: the rules, the change that was agreed to, the model with its tools, and what came of it.

`Assistant` makes a `Run` for each turn. Text is let go sentence by sentence, only once a search has carried an
answer, and every way a run can fail ends in a handoff.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from agent_framework import (
    Agent,
    AgentSession,
    ChatMiddleware,
    Content,
    FunctionTool,
    Message,
    MiddlewareFailure,
)

from core import wording
from core.actions import Action, ActionState, Call, Proposal
from core.agent import drafting, rules
from core.agent.history import ThreadHistory
from core.agent.middleware import ExhaustedError, Fence
from core.agent.models import Meter, ModelsAway
from core.agent.notebook import Notebook
from core.agent.owned import Ended, told
from core.agent.papers import Papers
from core.agent.providers import describe
from core.agent.recap import Memory
from core.agent.screen import HeldBackError, Room
from core.agent.speech import HandOff, OtherLanguage, Speech
from core.agent.toolbox import Calling, Fitting
from core.agent.tools import READ
from core.errors import TemporaryError
from core.events import HandoffReason, Outcome, RunResult, TraceStep
from core.memory import Recap
from core.messages import Citation, File, FileOutcome
from core.phrases import is_greeting, is_thanks, promises_person
from core.turn import Ledger, Turn, Voice
from core.wording import Line

if TYPE_CHECKING:
    from core.agent.assistant import Assistant

log = structlog.get_logger()

MOST_CALLS = 6
_LIMIT_REACHED = "Function invocation limit reached before a final answer could be produced."
"""What agent-framework answers in the model's name when its own limits are used up."""
MOST_PICTURE = 5 * 1024 * 1024  # bytes
_MOST_PICTURES = 5
MOST_QUESTION = 8_000  # characters of a customer's turn that a model is shown; the transcript keeps all


class Run:
    """One run: the notebook its tools write to, what has been said so far, and how it ends."""

    def __init__(
        self, assistant: "Assistant", turn: Turn, voice: Voice, ledger: Ledger | None = None, used_up: str = ""
    ) -> None:
        """`used_up`: which budget leaves no model to answer with, '' if none."""
        self._assistant = assistant
        self._used_up = used_up
        self._meter = Meter()
        self._history: ThreadHistory | None = None
        self._turn = turn
        self._voice = voice
        self._notebook = Notebook(assistant.floor, assistant.related_floor)
        self._room = Room(assistant.screen, turn, self._notebook.sources)
        self._ledger = ledger
        self._made: Action | None = None  # the change that the customer had said yes to, with its end
        self._question = turn.question
        self._files = [file for said in turn.waiting for file in said.files]
        self._papers = Papers(turn)
        self._speech = Speech(self._room, voice, self._notebook, turn, of_model=assistant.provider.has_model)

    async def result(self) -> RunResult:
        try:
            async with asyncio.timeout(self._assistant.seconds):
                await self._rules()
                if not self._turn.question.strip() and not self._files:  # the customer took back what they had asked
                    return self._result(Outcome.CLARIFIED, self._say(Line.GREETING))
                await self._make()
                if self._made and not self._assistant.provider.has_model:
                    return self._said_done(self._made)
                await self._converse()
            return self._conclude()
        except HandOff as handoff:
            return self._handed_off(handoff.reason, str(handoff))
        except HeldBackError as held:
            self._notebook.trace.append(TraceStep("Held the answer back", str(held)))
            return self._handed_off(HandoffReason.UNSAFE_ANSWER, str(held))
        except TimeoutError:
            return self._handed_off(HandoffReason.MODEL_FAILED, f"No answer within {self._assistant.seconds:g} s.")

    async def _make(self) -> None:
        """Make the change that the customer has said yes to; what came of it is told by the model."""
        action = self._turn.action
        if action is None or self._ledger is None:
            return
        made = self._made = await self._assistant.toolbox.make(action, self._turn, self._ledger)
        call = Call(made.tool, made.shown, made.state, made.result, sentence=made.sentence)
        self._notebook.trace.append(TraceStep(f"Called {made.tool}", call.line))
        refused = made.state is ActionState.FAILED and self._assistant.provider.has_model  # it can tell why
        if refused:
            self._speech.lead = f"{self._say(Line.NOT_DONE, what=made.sentence)}\n\n"
        elif made.state is not ActionState.DONE:
            raise HandOff(HandoffReason.TOOL_FAILED, f"{made.sentence}: {made.result}")
        self._notebook.consulted += 1

    async def _rules(self) -> None:
        """What needs no model: whoever must have a person gets one, with what the knowledge base says about it."""
        assistant = self._assistant
        ruled = rules.handoff(
            self._turn,
            assistant.subjects,
            assistant.most_answers,
            most_hourly=assistant.most_hourly.get(self._turn.thread.key.channel),
            unread=assistant.unread,
        )
        if ruled is None:
            return
        asked = drafting.what_was_asked(self._turn)
        self._question = asked or self._turn.question
        self._notebook.trace.append(TraceStep("Followed a rule", f"{ruled.reason.sentence} {ruled.detail}".strip()))
        if asked:
            try:
                self._notebook.found(asked, await self._assistant.knowledge.search(asked, k=5))
            except TemporaryError as away:
                self._notebook.trace.append(TraceStep("Searched the knowledge base", f"It is away: {away}"))
        raise HandOff(ruled.reason, ruled.detail)

    async def _converse(self) -> None:
        """Have the model answer; once more, if that is in another language than the customer's."""
        if self._used_up:
            raise HandOff(HandoffReason.MODEL_BUDGET, self._used_up)
        try:
            await self._ask()
        except OtherLanguage as first:
            self._notebook.trace.append(TraceStep("Asked the model again", str(first)))
            self._speech.start()
            try:
                await self._ask(f"The customer writes {first.theirs}. Write all of your answer in {first.theirs}.")
            except OtherLanguage as still:
                raise HandOff(HandoffReason.MODEL_FAILED, str(still)) from None

    async def _ask(self, reminder: str = "") -> None:
        """Have the model answer, with a `reminder` at the end of its instructions."""
        notebook, assistant = self._notebook, self._assistant
        owned = self._owned()
        self._history = self._remembering()
        agent = Agent(
            client=assistant.provider.client,
            instructions="\n\n".join(filter(None, [assistant.instructions, self._about(owned), reminder])),
            tools=[*(one for one in assistant.tools if one.name != READ or self._papers.readable), *owned],
            context_providers=[self._history],
            middleware=[
                Fence(notebook, self._voice, most_calls=MOST_CALLS),
                *(self._room.middleware if assistant.provider.has_model else ()),
                Fitting(),
            ],
            default_options=assistant.provider.options,  # type: ignore[arg-type]  # as each client names them
        )
        language = {"language": self._turn.thread.language}
        asked = Message("user", await self._asked(), additional_properties=language)
        calling = Calling(self._turn, notebook, self._ledger)
        kwargs = {"notebook": notebook, "papers": self._papers, "calling": calling}
        try:
            async for update in agent.run(
                [asked, *_as_called(self._made)],
                stream=True,
                session=AgentSession(),
                function_invocation_kwargs=kwargs,
                client_kwargs={"meter": self._meter},
            ):
                self._speech.hear(update)
                await self._speech.speak()
            self._speech.ends()
        except MiddlewareFailure as failure:
            cause = failure.__cause__
            if isinstance(cause, ExhaustedError):
                raise HandOff(HandoffReason.MODEL_EXHAUSTED, str(cause)) from None
            raise cause or failure from None
        except assistant.provider.errors as error:
            resting = isinstance(error, ModelsAway)  # why, was told already
            log.warning(
                "model_failed",
                provider=assistant.provider.name,
                error=str(error) if resting else type(error).__name__,
                exc_info=not resting,
            )
            raise HandOff(HandoffReason.MODEL_FAILED, describe(error)) from error

    def _owned(self) -> list[FunctionTool]:
        """The owner's tools that this run may call: none that changes something after a change that was just made."""
        if not self._assistant.provider.has_model:
            return []
        return self._assistant.toolbox.offered(self._turn.thread, changing=self._made is None)

    def _about(self, owned: Sequence[FunctionTool]) -> str:
        names = ", ".join(f"`{one.name}`" for one in owned)
        return self._assistant.tools_instructions.replace("{tools}", names) if owned else ""

    def _remembering(self) -> ThreadHistory:
        """Return what gives the model the conversation so far, as much of it as it may read."""
        provider = self._assistant.provider
        if not provider.has_model:
            return ThreadHistory(self._turn)
        watched = [one for one in self._room.middleware if isinstance(one, ChatMiddleware)]
        kwargs = {"meter": self._meter, "middleware": watched}
        return ThreadHistory(
            self._turn, self._papers, Memory(provider.client, self._assistant.memory, provider.options, kwargs)
        )

    def _recap(self) -> Recap | None:
        """Return the new recap, if there is one and all of it may be kept."""
        recap = self._history.recap if self._history else None
        text = self._room.for_desk(recap.text) if recap else ""
        return replace(recap, text=text) if recap and text else None

    async def _asked(self) -> list[str | Content]:
        """Return the customer's words, how their files begin, and their pictures where the model sees."""
        excerpts = self._papers.excerpts(self._turn.waiting)
        words = "\n\n".join(filter(None, [self._turn.question[:MOST_QUESTION], excerpts]))
        pictures = [file for file in self._files if file.outcome is FileOutcome.PICTURE]
        return [words, *[await self._picture(file) for file in pictures[:_MOST_PICTURES]]]

    async def _picture(self, file: File) -> Content:
        try:
            return Content.from_data(await self._assistant.open_file(file.id), file.type)
        except LookupError:
            raise HandOff(HandoffReason.FILE_SENT, f"{file.name}: It is not kept any more.") from None

    def _conclude(self) -> RunResult:
        notebook, question = self._notebook, self._turn.question
        if notebook.ending:
            return self._ended(notebook.ending.outcome, notebook.ending.detail)
        text, citations = self._speech.whole()
        ended = self._speech.finished
        if ended != "stop":  # a stream that breaks off without an error, or an answer cut at its limit
            raise HandOff(HandoffReason.MODEL_FAILED, f"The answer ended early ({ended or 'broken off'}).")
        if not text:
            raise HandOff(HandoffReason.MODEL_EMPTY)
        if text == _LIMIT_REACHED:
            raise HandOff(HandoffReason.MODEL_EXHAUSTED)
        if promises_person(text):
            raise HandOff(HandoffReason.PROMISED_PERSON, f"It wrote: “{text[:300]}”")
        answered = self._result(Outcome.ANSWERED, f"{self._speech.lead}{text}", citations)
        if is_greeting(question) or is_thanks(question):
            return answered
        if notebook.consulted:  # it speaks of what a tool of this run has returned, which has no number
            return answered
        if notebook.calls >= MOST_CALLS and not citations:
            raise HandOff(HandoffReason.MODEL_EXHAUSTED)
        if not notebook.grounded or not citations:
            raise HandOff(HandoffReason.WEAK_GROUNDING, "The answer named no source." if notebook.grounded else "")
        return answered

    def _ended(self, outcome: Outcome, detail: str) -> RunResult:
        match outcome:
            case Outcome.HANDED_OFF:
                weak = self._notebook.searched and not self._notebook.grounded
                detail = self._room.for_desk(detail)
                raise HandOff(HandoffReason.WEAK_GROUNDING if weak else HandoffReason.MODEL_ASKED, detail)
            case Outcome.CLARIFIED:
                text, _ = self._room.passed(detail.strip())
                if self._notebook.proposal:
                    return self._proposed(self._notebook.proposal, text)
                if promises_person(text):
                    raise HandOff(HandoffReason.PROMISED_PERSON, f"It asked back: “{text[:300]}”")
                return self._result(outcome, text or self._say(Line.ASK_BACK))
            case _:
                return self._result(outcome, self._say(Line.DECLINED))

    def _proposed(self, proposal: Proposal, passed: str) -> RunResult:
        """Ask the customer, in fixed words; nobody may say yes to another sentence than is kept."""
        if passed != proposal.sentence:
            raise HeldBackError("The change that it proposed held what may not be passed on.")
        asked = self._say(Line.CONFIRM, what=proposal.sentence)
        return replace(self._result(Outcome.CLARIFIED, asked), proposal=proposal)

    def _handed_off(self, reason: HandoffReason, detail: str) -> RunResult:
        """Give it to people. A change that was made is told first; where that is all there was to say, it is enough."""
        if self._made and self._made.state is ActionState.DONE:
            done = self._said_done(self._made)
            if reason is HandoffReason.MODEL_ASKED:
                return self._result(Outcome.HANDED_OFF, done.text, reason=reason, detail=detail)
            step = TraceStep("Said in fixed words that it is done", f"{reason.sentence} {detail}".strip())
            return replace(done, trace=(*done.trace, step))
        said = self._speech
        spoken = f"{said.spoken.rstrip()}\n\n{self._say(Line.CUT_SHORT)}" if said.spoken else ""
        return self._result(Outcome.HANDED_OFF, spoken, said.sources, reason=reason, detail=detail)

    def _said_done(self, made: Action) -> RunResult:
        return self._result(Outcome.ANSWERED, self._say(Line.DONE, what=made.sentence))

    def _say(self, line: Line, **values: str) -> str:
        return wording.text(line, self._turn.thread.language, **values)

    def _result(
        self,
        outcome: Outcome,
        text: str,
        citations: tuple[Citation, ...] = (),
        *,
        reason: HandoffReason | None = None,
        detail: str = "",
    ) -> RunResult:
        return RunResult(
            outcome,
            text,
            citations,
            reason=reason,
            detail=detail,
            question=self._question,
            grounding=self._notebook.best,
            trace=self._room.trace(self._notebook.trace),
            facts=self._room.facts(self._notebook.facts),
            usage=self._meter.usage,
            recap=self._recap(),
        )


def _as_called(made: Action | None) -> list[Message]:
    """A change that was made, as the model reads a call of its own: what it returned is data like any other."""
    if made is None:
        return []
    ended = Ended(made.state, made.result, 0)
    arguments = json.dumps(dict(made.shown), ensure_ascii=False)
    call = Content.from_function_call(made.id, made.tool, arguments=arguments)
    result = Content.from_function_result(made.id, result=told(made.tool, ended))
    return [Message("assistant", [call]), Message("tool", [result])]
