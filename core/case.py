"""A case: a thread handed to the desk, as operators see it."""

from dataclasses import dataclass
from typing import Literal

from core.events import HandoffReason, RunResult
from core.ids import CaseId
from core.messages import Author, Message
from core.thread import Thread

CaseFilter = Literal["open", "resolved", "all"]


@dataclass(frozen=True, slots=True)
class Case:
    """A thread handed to the desk, and its last words. `outcome` is '' while open, then 'resolved' or 'handed_back'."""

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

    @property
    def waiting_since(self) -> float | None:
        """Since when the customer has waited for a person's answer, or None when nobody waits."""
        waits = self.is_open and self.last is not None and self.last.author is Author.CUSTOMER
        return self.last.at if waits and self.last else None
