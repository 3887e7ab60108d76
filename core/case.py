"""A case: a thread handed to the desk, as operators see it."""

from dataclasses import dataclass
from typing import Literal

from core.desk import DraftFate
from core.events import HandoffReason, RunResult, Suggestion
from core.ids import CaseId, ThreadId
from core.messages import Message, Rating
from core.policy import Policy
from core.thread import OwnerKind, Thread

CaseFilter = Literal["open", "resolved", "all"]
Overdue = Literal["unclaimed", "unanswered"]


@dataclass(frozen=True, slots=True)
class Case:
    """A thread handed to the desk, and its last words.

    `outcome` is '' while open, then a resolution or 'handed_back'. `waiting_since` is when the customer
    wrote what nobody has answered yet, `unclaimed_since` since when nobody has held the case.
    `desk` is where it was posted, `desk_error` why it could not be.
    """

    id: CaseId
    number: int
    thread: Thread
    is_open: bool
    outcome: str
    closed_by: str
    reason: HandoffReason
    summary: str
    result: RunResult
    opened_at: float
    updated_at: float
    last: Message | None
    waiting_since: float | None = None
    unclaimed_since: float | None = None
    suggestion: Suggestion | None = None
    suggestion_fate: DraftFate | None = None
    drafting: bool = False
    desk: str = "web"
    desk_thread: str = ""
    desk_error: str = ""
    times_reopened: int = 0
    survey: Rating | None = None
    reminders: int = 0

    @property
    def why(self) -> str:
        """Why it was handed over, in a sentence or two."""
        reason, detail = self.reason.sentence, self.result.detail
        return reason if detail in ("", reason) else f"{reason} {detail}"

    @property
    def sources(self) -> list[str]:
        """What the assistant found, each document once: 'Title (source)'."""
        return list(dict.fromkeys(f"{p.title} ({p.source})" for p in self.result.grounding.passages))

    def overdue(self, now: float, policy: Policy) -> Overdue | None:
        """Return what the case has waited for too long, counted in the desk's hours."""
        if not self.is_open:
            return None
        if self.thread.owner.kind is OwnerKind.DESK:
            return "unclaimed" if _late(self.unclaimed_since, now, policy.unclaimed, policy) else None
        return "unanswered" if _late(self.waiting_since, now, policy.unanswered, policy) else None


def _late(since: float | None, now: float, patience: float, policy: Policy) -> bool:
    return bool(patience) and since is not None and policy.hours.open_seconds(since, now) >= patience


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another conversation of the same customer, and what became of its cases (number and outcome)."""

    thread: ThreadId
    channel: str
    last_at: float
    last_text: str
    messages: int
    cases: tuple[tuple[CaseId, int, str], ...]
