"""What must happen next, as `core.decide` says it and `core.store.threads` writes it down.

Every effect becomes rows in the same commit as the new state; nothing here does anything by itself.
"""

from dataclasses import dataclass

from core.actions import ActionState, Proposal
from core.events import RunResult, Suggestion
from core.ids import ActionId, CaseId, DeliveryId, FileId, MessageId, OperatorId, RunId
from core.memory import Recap
from core.messages import Author, Citation, Rating


@dataclass(frozen=True, slots=True)
class Post:
    """Add a message to the transcript and, unless it is the customer's own or a note, send it to the customer.

    `run` names the run whose answer this is: if that run had opened a stream, the message ends it.
    `desk` names the desk where it was written: there it stands already. `full` and `presence` are as in
    `core.messages.Message`.
    """

    author: Author
    text: str
    name: str = ""
    citations: tuple[Citation, ...] = ()
    run: RunId | None = None
    files: tuple[FileId, ...] = ()
    operator: OperatorId | None = None
    survey: CaseId | None = None
    desk: str = ""
    full: str = ""
    presence: bool = False


@dataclass(frozen=True, slots=True)
class MarkBounced:
    """Write down that a part which had been delivered came back."""

    delivery: DeliveryId
    detail: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a message's text, or withdraw it (None); `by_operator`: the customer has to see that, too.

    `desk` names the desk where that was done: there it is seen already.
    """

    message: MessageId
    text: str | None
    by_operator: OperatorId | None = None
    desk: str = ""


@dataclass(frozen=True, slots=True)
class StartRun:
    """Have the agent answer what the customer said up to `seen_up_to`."""

    run: RunId
    seen_up_to: int


@dataclass(frozen=True, slots=True)
class StartDraft:
    """Have the agent suggest a reply to the operators of the case; `hint` is what one of them asked for."""

    run: RunId
    case: CaseId
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SaveDraft:
    """Show the suggestion on the case; None: it could not be written, and an earlier one stays."""

    case: CaseId
    suggestion: Suggestion | None


@dataclass(frozen=True, slots=True)
class JudgeDraft:
    """Record what became of the case's suggestion, now that `text` was sent instead or after it."""

    case: CaseId
    text: str


@dataclass(frozen=True, slots=True)
class SupersedeRun:
    """The run no longer counts: its result will be kept and never sent."""

    run: RunId


@dataclass(frozen=True, slots=True)
class SupersedeSends:
    """Bot lines that have not started on their way are not sent any more."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Give the thread to the desk, with what the run knew; None where no run asked for people."""

    case: CaseId
    result: RunResult
    run: RunId | None = None


@dataclass(frozen=True, slots=True)
class ReopenCase:
    """The case goes on."""

    case: CaseId


@dataclass(frozen=True, slots=True)
class CloseCase:
    """The case is over: `outcome` is a resolution or 'handed_back', by the operator of that name."""

    case: CaseId
    outcome: str
    by: str


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Bring the case's card on its desk in line with its state."""

    case: CaseId


@dataclass(frozen=True, slots=True)
class MarkDesk:
    """Remember that the case's desk can't be reached ('' : it can again)."""

    case: CaseId
    error: str


@dataclass(frozen=True, slots=True)
class Remind:
    """Say on the case's desk that it waits; `everyone`: to all who work there, or to the second desk."""

    case: CaseId
    text: str
    everyone: bool


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the undelivered parts of a message once more. Refused unless there are any."""

    message: MessageId


@dataclass(frozen=True, slots=True)
class CheckArrival:
    """Ask the customer's channel whether a message of unknown fate arrived. Refused unless there is one."""

    message: MessageId


@dataclass(frozen=True, slots=True)
class Rate:
    """Keep what the customer thought. A survey takes one answer; of a message the last one counts."""

    rating: Rating
    message: MessageId | None = None
    case: CaseId | None = None


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep a fact about the thread's customer."""

    text: str


@dataclass(frozen=True, slots=True)
class KeepRecap:
    """Keep what was said in the thread, in short."""

    recap: Recap


@dataclass(frozen=True, slots=True)
class Forget:
    """Keep a fact about the thread's customer no longer: its id, or the name that operators call it by."""

    fact: str


@dataclass(frozen=True, slots=True)
class NoteGap:
    """Keep what a run found no answer to."""

    result: RunResult


@dataclass(frozen=True, slots=True)
class SuggestArticle:
    """Keep what people answered in a case as an article that may be."""

    case: CaseId


@dataclass(frozen=True, slots=True)
class Propose:
    """Keep the change that the run asks the customer about."""

    action: ActionId
    run: RunId
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class MarkAction:
    """Write down what became of a proposed change: confirmed, declined or expired; nothing if it has ended already."""

    action: ActionId
    state: ActionState


Effect = (
    Remember
    | Forget
    | KeepRecap
    | Propose
    | MarkAction
    | NoteGap
    | SuggestArticle
    | Post
    | Amend
    | MarkBounced
    | StartRun
    | StartDraft
    | SaveDraft
    | JudgeDraft
    | SupersedeRun
    | SupersedeSends
    | OpenCase
    | ReopenCase
    | CloseCase
    | ShowCard
    | MarkDesk
    | Remind
    | Resend
    | CheckArrival
    | Rate
)
