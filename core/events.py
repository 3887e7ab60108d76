"""What can happen to a thread. `core.decide` takes one of these at a time.

Some enter as receipts (`Received`); the others come back from work that `decide` asked for: an agent
run, a draft, a card that could not be posted.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from core.actions import Proposal
from core.budget import Usage
from core.grounding import Grounding
from core.ids import CaseId, DeliveryId, FileId, MessageId, OperatorId, RunId
from core.memory import Recap
from core.messages import Citation, DeskAction, IgnoredBecause, Resolution


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
    NOT_HELPFUL = "not_helpful"
    SENSITIVE = "sensitive"
    BUDGET_USED = "budget_used"
    MODEL_BUDGET = "model_budget"
    SHADOW = "shadow"
    FILE_SENT = "file_sent"
    TOOL_FAILED = "tool_failed"
    UNSAFE_ANSWER = "unsafe_answer"

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
    HandoffReason.NOT_HELPFUL: "The customer said twice that the answers did not help.",
    HandoffReason.SENSITIVE: "The customer wrote about a sensitive subject.",
    HandoffReason.BUDGET_USED: "The assistant has answered as often as it may in one conversation.",
    HandoffReason.SHADOW: "The assistant only looks on; what it would have answered is the suggested reply.",
    HandoffReason.MODEL_BUDGET: "What the language model may cost in a day is used up.",
    HandoffReason.FILE_SENT: "The customer sent a file that the assistant can't read.",
    HandoffReason.TOOL_FAILED: "What the customer confirmed could not be done.",
    HandoffReason.UNSAFE_ANSWER: "The assistant's answer was held back: something in it may not leave.",
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
    `facts` are what the agent was told to remember, `usage` what it took of language models, `recap`
    what was said before, where it had to sum that up; `proposal` is a change that the customer is asked about.
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
    usage: Usage = field(default_factory=Usage)
    proposal: Proposal | None = None
    recap: Recap | None = None

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.HANDED_OFF) != (self.reason is not None):
            raise ValueError("a handoff has a reason, and nothing else has one")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A reply that the assistant suggests to operators; '' where the knowledge base holds nothing to suggest."""

    text: str = ""
    citations: tuple[Citation, ...] = ()
    summary: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class CustomerSaid:
    """The customer wrote `text`, and sent `files`; the other fields are those of `core.messages.InboundMessage`."""

    text: str
    name: str = ""
    verified: bool = False
    files: tuple[FileId, ...] = ()
    full: str = ""
    subject: str = ""
    trust: str = ""
    route: dict[str, object] = field(default_factory=dict)
    customer: str = ""
    email: str = ""
    alone: bool = True
    kind: Literal["customer_said"] = "customer_said"


@dataclass(frozen=True, slots=True)
class CustomerChanged:
    """The customer edited (`text`) or withdrew (None) an own message. `seq` is its number, 0 if it never came."""

    message: MessageId
    text: str | None
    seq: int = 0
    kind: Literal["customer_changed"] = "customer_changed"


@dataclass(frozen=True, slots=True)
class CustomerRated:
    """The customer judged a message of the bot, or answered the survey of a case."""

    score: int
    reason: str = ""
    message: MessageId | None = None
    case: CaseId | None = None
    kind: Literal["customer_rated"] = "customer_rated"


@dataclass(frozen=True, slots=True)
class CustomerAutomatic:
    """A machine of the customer's wrote: `note` says so to operators."""

    reason: IgnoredBecause
    note: str
    kind: Literal["customer_automatic"] = "customer_automatic"


@dataclass(frozen=True, slots=True)
class PartBounced:
    """A part that the platform had taken came back: `detail` is why."""

    delivery: DeliveryId
    detail: str
    kind: Literal["part_bounced"] = "part_bounced"


@dataclass(frozen=True, slots=True)
class OperatorDid:
    """An operator acted on a case of this thread; the fields are those of `core.messages.DeskEvent`."""

    case: CaseId
    operator: OperatorId
    name: str
    action: DeskAction
    text: str = ""
    to: OperatorId | None = None
    to_name: str = ""
    outcome: Resolution = Resolution.SOLVED
    message: MessageId | None = None
    files: tuple[FileId, ...] = ()
    desk: str = "web"
    kind: Literal["operator_did"] = "operator_did"


@dataclass(frozen=True, slots=True)
class CaseOverdue:
    """The open case has waited too long: unclaimed, or its customer unanswered. `again`: a first reminder was no use.

    `epoch` and `answered_up_to` are the thread's when that was seen.
    """

    case: CaseId
    epoch: int
    again: bool
    sentence: str
    answered_up_to: int = 0
    kind: Literal["case_overdue"] = "case_overdue"


@dataclass(frozen=True, slots=True)
class OperatorGone:
    """The operator who holds the case can't sign in any more."""

    case: CaseId
    operator: OperatorId
    name: str
    kind: Literal["operator_gone"] = "operator_gone"


@dataclass(frozen=True, slots=True)
class CardDue:
    """The case's card, which could not be posted, is to be tried again."""

    case: CaseId
    kind: Literal["card_due"] = "card_due"


@dataclass(frozen=True, slots=True)
class DeskUnreachable:
    """The card of the case could not be posted to its desk; or, with an empty `error`, it can again."""

    case: CaseId
    desk: str
    error: str
    kind: Literal["desk_unreachable"] = "desk_unreachable"


@dataclass(frozen=True, slots=True)
class DraftEnded:
    """The assistant has written a suggestion for the operators of the case; None if it could not."""

    case: CaseId
    suggestion: Suggestion | None
    kind: Literal["draft_ended"] = "draft_ended"


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run `run`, started under `epoch`, has a result."""

    run: RunId
    epoch: int
    result: RunResult
    kind: Literal["run_ended"] = "run_ended"


@dataclass(frozen=True, slots=True)
class RunSlow:
    """The run `run`, started under `epoch`, has let its customer wait for a while."""

    run: RunId
    epoch: int
    kind: Literal["run_slow"] = "run_slow"


@dataclass(frozen=True, slots=True)
class EventFailed:
    """An event of this thread could not be handled, however often it was tried; people take over."""

    detail: str
    kind: Literal["event_failed"] = "event_failed"


Received = (
    CustomerSaid
    | CustomerChanged
    | CustomerRated
    | CustomerAutomatic
    | PartBounced
    | OperatorDid
    | CaseOverdue
    | OperatorGone
    | CardDue
)
"""What enters through a receipt."""
Event = Received | RunEnded | RunSlow | DraftEnded | DeskUnreachable | EventFailed
