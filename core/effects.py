"""What must happen next, as `core.decide` says it and `core.store.threads` writes it down.

Every effect becomes rows in the same commit as the new state; nothing here does anything by itself.
"""

from dataclasses import dataclass

from core.events import RunResult
from core.ids import CaseId, RunId
from core.messages import Author, Citation


@dataclass(frozen=True, slots=True)
class Post:
    """Add a message to the transcript and, unless it is the customer's own or a note, send it to the customer.

    `run` names the run whose answer this is: if that run had opened a stream, the message closes it.
    """

    author: Author
    text: str
    name: str = ""
    citations: tuple[Citation, ...] = ()
    run: RunId | None = None
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class StartRun:
    """Have the agent answer what the customer said up to `seen_up_to`."""

    run: RunId
    seen_up_to: int


@dataclass(frozen=True, slots=True)
class SupersedeRun:
    """The run no longer counts: its result will be kept and never sent."""

    run: RunId


@dataclass(frozen=True, slots=True)
class SupersedeSends:
    """Bot lines that have not started on their way are not sent any more."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Give the thread to the desk, with what the run knew."""

    case: CaseId
    result: RunResult


@dataclass(frozen=True, slots=True)
class CloseCase:
    """The case is over: 'resolved' or 'handed_back', by the operator of that name."""

    case: CaseId
    outcome: str
    by: str


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Bring the case's card on its desk in line with its state."""

    case: CaseId


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep a fact about the thread's customer."""

    text: str


Effect = Remember | Post | StartRun | SupersedeRun | SupersedeSends | OpenCase | CloseCase | ShowCard
