"""One agent run, from a turn to its result.

`Assistant.answer` is what the worker, `ask` and `eval` call. It lets text go sentence by sentence,
only once a search has carried an answer, and turns every way a run can fail into a handoff.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from agent_framework import (
    Agent,
    AgentResponseUpdate,
    AgentSession,
    Content,
    FunctionTool,
    Message,
    MiddlewareFailure,
)

from core import wording
from core.agent import drafting, rules, sentences
from core.agent.history import ThreadHistory
from core.agent.middleware import ExhaustedError, Fence
from core.agent.notebook import Notebook
from core.agent.papers import Papers, unread
from core.agent.providers import Provider, describe
from core.agent.tools import READ, make_tools
from core.errors import TemporaryError
from core.events import HandoffReason, Outcome, RunResult, Suggestion, TraceStep
from core.grounding import Knowledge
from core.ids import FileId
from core.messages import Citation, File, FileOutcome
from core.phrases import is_greeting, is_thanks, promises_person
from core.subjects import Subjects
from core.turn import Turn, Voice
from core.wording import Line

log = structlog.get_logger()

MOST_CALLS = 6
_LIMIT_REACHED = "Function invocation limit reached before a final answer could be produced."
"""What agent-framework answers in the model's name when its own limits are used up."""
MOST_PICTURE = 5 * 1024 * 1024  # bytes
_MOST_PICTURES = 5
MOST_QUESTION = 8_000  # characters of a customer's turn that a model is shown; the transcript keeps all


class _HandOff(Exception):  # noqa: N818 (ends the answering, from wherever it is noticed)
    def __init__(self, reason: HandoffReason, detail: str = "") -> None:
        super().__init__(detail or reason.sentence)
        self.reason = reason


async def _no_file(file: FileId) -> bytes:
    raise LookupError(f"no file {file}")


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers turns with one provider and one knowledge base.

    `floor` is the grounding confidence (0..1) an answer needs, `related_floor` the relatedness below
    which a question is declined as off topic; `seconds` bounds a run. `drafting` are the instructions
    for suggestions to operators. A customer who writes of one of `subjects` gets a person, and so does
    one who has had `most_answers` answers in a conversation, or `most_hourly` of their channel in an hour.
    `open_file` returns a stored file's bytes or raises LookupError.
    """

    provider: Provider
    knowledge: Knowledge
    instructions: str
    floor: float
    related_floor: float
    seconds: float = 90.0
    drafting: str = ""
    subjects: Subjects = field(default_factory=Subjects.packaged)
    most_answers: int = 30
    most_hourly: Mapping[str, int] = field(default_factory=dict)
    open_file: Callable[[FileId], Awaitable[bytes]] = _no_file
    tools: Sequence[FunctionTool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tools", make_tools(self.knowledge))

    def unread(self, file: File) -> str | None:
        """Return why a run does not know what is in a customer's file ('' without a model), None if it does."""
        if not self.provider.has_model:
            return ""
        return unread(file, sees=self.provider.sees and file.size <= MOST_PICTURE) or None

    async def answer(self, turn: Turn, voice: Voice) -> RunResult:
        """Answer `turn`, speaking through `voice` while the answer grows.

        Raises `Superseded` when the run no longer counts; every failure of the model is a result.
        """
        return await _Run(self, turn, voice).result()

    async def draft(self, turn: Turn) -> Suggestion | None:
        """Suggest a reply to the operators of `turn`'s case; None when there can't be one now."""
        return await drafting.draft(
            turn,
            self.provider,
            self.knowledge,
            instructions=self.drafting,
            related_floor=self.related_floor,
            seconds=self.seconds,
        )


class _Run:
    """The state of one run: the notebook its tools write to, and what has been said so far."""

    def __init__(self, assistant: Assistant, turn: Turn, voice: Voice) -> None:
        self._assistant = assistant
        self._turn = turn
        self._voice = voice
        self._notebook = Notebook(assistant.floor, assistant.related_floor)
        self._question = turn.question
        self._files = [file for said in turn.waiting for file in said.files]
        self._papers = Papers(turn)
        self._text = ""
        self._judged = 0  # characters of whole sentences that were looked at
        self._spoken = ""
        self._spoken_sources: tuple[Citation, ...] = ()
        self._finished: str | None = None

    async def result(self) -> RunResult:
        try:
            async with asyncio.timeout(self._assistant.seconds):
                await self._rules()
                if not self._turn.question.strip() and not self._files:  # the customer took back what they had asked
                    return self._result(Outcome.CLARIFIED, self._say(Line.GREETING))
                await self._converse()
            return self._conclude()
        except _HandOff as handoff:
            return self._handed_off(handoff.reason, str(handoff))
        except TimeoutError:
            return self._handed_off(HandoffReason.MODEL_FAILED, f"No answer within {self._assistant.seconds:g} s.")

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
        raise _HandOff(ruled.reason, ruled.detail)

    async def _converse(self) -> None:
        notebook, assistant = self._notebook, self._assistant
        agent = Agent(
            client=assistant.provider.client,
            instructions=assistant.instructions,
            tools=[one for one in assistant.tools if one.name != READ or self._papers.readable],
            context_providers=[ThreadHistory(self._turn, self._papers if assistant.provider.has_model else None)],
            middleware=[Fence(notebook, self._voice, most_calls=MOST_CALLS)],
            default_options=assistant.provider.options,  # type: ignore[arg-type]  # as each client names them
        )
        language = {"language": self._turn.thread.language}
        asked = Message("user", await self._asked(), additional_properties=language)
        kwargs = {"notebook": notebook, "papers": self._papers}
        try:
            async for update in agent.run(
                [asked], stream=True, session=AgentSession(), function_invocation_kwargs=kwargs
            ):
                self._hear(update)
                await self._speak()
        except MiddlewareFailure as failure:
            cause = failure.__cause__
            if isinstance(cause, ExhaustedError):
                raise _HandOff(HandoffReason.MODEL_EXHAUSTED, str(cause)) from None
            raise cause or failure from None
        except assistant.provider.errors as error:
            log.warning("model_failed", provider=assistant.provider.name, error=type(error).__name__, exc_info=True)
            raise _HandOff(HandoffReason.MODEL_FAILED, describe(error)) from error

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
            raise _HandOff(HandoffReason.FILE_SENT, f"{file.name}: It is not kept any more.") from None

    def _hear(self, update: AgentResponseUpdate) -> None:
        """Take in a piece of the model's answer; only its last message counts."""
        for content in update.contents:
            if content.type in {"function_call", "function_result"}:
                self._text, self._finished, self._judged = "", None, 0
            elif content.type == "text" and content.merge_mode != "replace":
                self._text += content.text or ""  # the Responses API repeats a finished text whole, as 'replace'
        self._finished = update.finish_reason or self._finished

    async def _speak(self) -> None:
        """Let go what is finished, guarded: no words before a search carried an answer, none after an ending.

        A model's words wait for their first source, too; a quotation has one, whenever its number comes.
        """
        if not self._notebook.grounded or self._notebook.ending:
            return
        whole = sentences.finished(self._text)
        if len(whole) == self._judged:
            return
        self._judged = len(whole)
        ready, citations = self._notebook.sources.resolve(whole)
        if promises_person(ready):
            raise _HandOff(HandoffReason.PROMISED_PERSON)
        sourced = bool(citations) or not self._assistant.provider.has_model
        if sourced and len(ready) > len(self._spoken):
            self._spoken, self._spoken_sources = ready, citations
            await self._voice.say(ready.rstrip())

    def _conclude(self) -> RunResult:
        notebook, question = self._notebook, self._turn.question
        if notebook.ending:
            return self._ended(notebook.ending.outcome, notebook.ending.detail)
        text, citations = notebook.sources.resolve(self._text.strip())
        if self._finished != "stop":  # a stream that breaks off without an error, or an answer cut at its limit
            raise _HandOff(HandoffReason.MODEL_FAILED, f"The answer ended early ({self._finished or 'broken off'}).")
        if not text.strip():
            raise _HandOff(HandoffReason.MODEL_EMPTY)
        if text.strip() == _LIMIT_REACHED:
            raise _HandOff(HandoffReason.MODEL_EXHAUSTED)
        if promises_person(text):
            raise _HandOff(HandoffReason.PROMISED_PERSON, f"It wrote: “{text[:300]}”")
        if is_greeting(question) or is_thanks(question):
            return self._result(Outcome.ANSWERED, text.strip(), citations)
        if notebook.calls >= MOST_CALLS and not citations:
            raise _HandOff(HandoffReason.MODEL_EXHAUSTED)
        if not notebook.grounded or not citations:
            raise _HandOff(HandoffReason.WEAK_GROUNDING, "The answer named no source." if notebook.grounded else "")
        return self._result(Outcome.ANSWERED, text.strip(), citations)

    def _ended(self, outcome: Outcome, detail: str) -> RunResult:
        match outcome:
            case Outcome.HANDED_OFF:
                weak = not self._notebook.grounded and bool(self._notebook.best.passages)
                raise _HandOff(HandoffReason.WEAK_GROUNDING if weak else HandoffReason.MODEL_ASKED, detail)
            case Outcome.CLARIFIED:
                text, _ = self._notebook.sources.resolve(detail.strip())
                if promises_person(text):
                    raise _HandOff(HandoffReason.PROMISED_PERSON, f"It asked back: “{text[:300]}”")
                return self._result(outcome, text or self._say(Line.ASK_BACK))
            case _:
                return self._result(outcome, self._say(Line.DECLINED))

    def _handed_off(self, reason: HandoffReason, detail: str) -> RunResult:
        spoken = f"{self._spoken.rstrip()}\n\n{self._say(Line.CUT_SHORT)}" if self._spoken else ""
        return self._result(Outcome.HANDED_OFF, spoken, self._spoken_sources, reason=reason, detail=detail)

    def _say(self, line: Line) -> str:
        return wording.text(line, self._turn.thread.language)

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
            trace=tuple(self._notebook.trace),
            facts=tuple(self._notebook.facts),
        )
