"""Who answers: a model or the quoting answerer, a knowledge base, and what the owner has set.

`Assistant.answer` is what the worker, `ask` and `eval` call; how an answer comes about is in `run`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent_framework import FunctionTool

from core.agent import drafting
from core.agent.papers import unread
from core.agent.providers import Provider
from core.agent.run import MOST_PICTURE, Run
from core.agent.screen import Screen
from core.agent.toolbox import Toolbox
from core.agent.tools import make_tools
from core.budget import Budget
from core.events import RunResult, Suggestion, TraceStep
from core.grounding import Knowledge
from core.ids import FileId
from core.messages import File
from core.subjects import Subjects
from core.turn import Ledger, Turn, Voice


async def _no_file(file: FileId) -> bytes:
    raise LookupError(f"no file {file}")


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers turns with one provider and one knowledge base.

    `floor` is the grounding confidence (0..1) an answer needs, `related_floor` the relatedness below
    which a question is declined as off topic; `seconds` bounds a run. `drafting` are the instructions
    for suggestions to operators. A customer who writes of one of `subjects` gets a person, and so does
    one who has had `most_answers` answers in a conversation, or `most_hourly` of their channel in an hour.
    `open_file` returns a stored file's bytes or raises LookupError. `memory` is how
    many tokens of a conversation a model reads; what was before is summed up. Where the `budget` is used up,
    `spare` answers in its place; without one, people do. `screen` says what may go to the model
    and to the customer. The `toolbox` holds the owner's tools, of which `tools_instructions` tell the model.
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
    memory: int = 6_000
    budget: Budget = field(default_factory=Budget)
    spare: "Assistant | None" = None
    screen: Screen = field(default_factory=Screen)
    toolbox: Toolbox = field(default_factory=Toolbox)
    tools_instructions: str = ""
    tools: Sequence[FunctionTool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tools", make_tools(self.knowledge))

    def unread(self, file: File) -> str | None:
        """Return why a run does not know what is in a customer's file ('' without a model), None if it does."""
        if not self.provider.has_model:
            return ""
        return unread(file, sees=self.provider.sees and file.size <= MOST_PICTURE) or None

    async def answer(self, turn: Turn, voice: Voice, ledger: Ledger | None = None) -> RunResult:
        """Answer `turn`, speaking through `voice` while the answer grows. Calls of the owner's tools go to `ledger`.

        Raises `Superseded` when the run no longer counts; every failure of the model is a result.
        """
        used_up = self.budget.used_up(turn.spent)
        if used_up and self.spare:
            result = await self.spare.answer(turn, voice, ledger)
            return replace(result, trace=(TraceStep("Did without the language model", used_up), *result.trace))
        return await Run(self, turn, voice, ledger, used_up).result()

    async def draft(self, turn: Turn) -> Suggestion | None:
        """Suggest a reply to the operators of `turn`'s case; None when there can't be one now."""
        if self.spare and self.budget.used_up(turn.spent):
            return await self.spare.draft(turn)
        return await drafting.draft(
            turn,
            self.provider,
            self.knowledge,
            instructions=self.drafting,
            related_floor=self.related_floor,
            seconds=self.seconds,
            screen=self.screen,
        )
