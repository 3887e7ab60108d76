"""What can happen to a thread. `core.decide` takes one of these at a time.

`CustomerSaid` and `OperatorDid` enter as receipts; `RunEnded` comes back from the agent run that
`decide` asked for.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from core.grounding import Grounding
from core.ids import CaseId, OperatorId, RunId
from core.messages import Citation, DeskAction


class Outcome(StrEnum):
    """How a turn of the bot ended, in the words of the command line and of `eval`."""

    ANSWERED = "answered"
    CLARIFIED = "clarified"
    DECLINED = "declined"
    HANDED_OFF = "handed_off"


class HandoffReason(StrEnum):
    """Why a thread went to people; `sentence` is what an operator reads."""

    CUSTOMER_ASKED = "customer_asked"
    WEAK_GROUNDING = "weak_grounding"
    MODEL_ASKED = "model_asked"
    MODEL_FAILED = "model_failed"
    MODEL_EMPTY = "model_empty"
    MODEL_EXHAUSTED = "model_exhausted"
    PROMISED_PERSON = "promised_person"
    INTERNAL_ERROR = "internal_error"

    @property
    def sentence(self) -> str:
        """The reason as a sentence for operators."""
        return _SENTENCES[self]


_SENTENCES = {
    HandoffReason.CUSTOMER_ASKED: "The customer asked for a person.",
    HandoffReason.WEAK_GROUNDING: "The knowledge base did not carry an answer.",
    HandoffReason.MODEL_ASKED: "The assistant asked for a colleague.",
    HandoffReason.MODEL_FAILED: "The language model did not answer.",
    HandoffReason.MODEL_EMPTY: "The language model gave an empty answer.",
    HandoffReason.MODEL_EXHAUSTED: "The assistant used up its steps without an answer.",
    HandoffReason.PROMISED_PERSON: "The assistant promised a person without calling one.",
    HandoffReason.INTERNAL_ERROR: "Something failed inside Threadline; the log has the details.",
}


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One line of 'why this was handed over': what was done and what came of it."""

    step: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What an agent run came to.

    `text` is what the customer reads (for a handoff: the part that had already been streamed, mostly
    empty). `reason` is set exactly when `outcome` is HANDED_OFF; `detail` is for operators,
    `facts` are what the agent was told to remember.
    """

    outcome: Outcome
    text: str = ""
    citations: tuple[Citation, ...] = ()
    reason: HandoffReason | None = None
    detail: str = ""
    question: str = ""
    grounding: Grounding = field(default_factory=Grounding)
    trace: tuple[TraceStep, ...] = ()
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.HANDED_OFF) != (self.reason is not None):
            raise ValueError("a handoff has a reason, and nothing else has one")


@dataclass(frozen=True, slots=True)
class CustomerSaid:
    """The customer wrote `text`."""

    text: str
    name: str = ""
    kind: Literal["customer_said"] = "customer_said"


@dataclass(frozen=True, slots=True)
class OperatorDid:
    """An operator acted on a case of this thread."""

    case: CaseId
    operator: OperatorId
    name: str
    action: DeskAction
    text: str = ""
    kind: Literal["operator_did"] = "operator_did"


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run `run`, started under `epoch`, has a result."""

    run: RunId
    epoch: int
    result: RunResult
    kind: Literal["run_ended"] = "run_ended"


@dataclass(frozen=True, slots=True)
class EventFailed:
    """An event of this thread could not be handled, however often it was tried; people take over."""

    detail: str
    kind: Literal["event_failed"] = "event_failed"


Event = CustomerSaid | OperatorDid | RunEnded | EventFailed
