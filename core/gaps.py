"""Knowledge gaps: what customers asked that the knowledge base did not carry.

`decide` keeps one for every run that found nothing, `core.store.gaps` counts like questions together, and the web
desk and `threadline gaps` show them, so that an owner sees which article is missing. `bot.missing` asks them again when
the knowledge base has changed, and drops what it carries now. Plain values.
"""

import hashlib
import re
from dataclasses import dataclass

from core.events import HandoffReason, Outcome, RunResult
from core.grounding import Grounding
from core.ids import CaseId, ThreadId

GAP_DAYS = 90
"""How far back gaps are shown when nobody says otherwise."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Asked:
    """One time that a question was asked: where, and what became of it; `number` is its case's, None without one."""

    thread: ThreadId
    channel: str
    at: float
    outcome: Outcome
    case: CaseId | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A question nobody has written an article for, as it was asked last, with the newest times it was asked.

    `times` counts all of them, `customers` the people who asked, `nearest` is the title of the document that came
    nearest ('' if none did).
    """

    question: str
    times: int
    customers: int
    nearest: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """A question as it was asked last, at `at`, and what the knowledge base had for it then."""

    likeness: str
    question: str
    at: float
    found: Grounding

    def is_answered_by(self, found: Grounding, floor: float) -> bool:
        """Return whether the knowledge base carries it now that it gives `found`; `floor` is the confidence it takes.

        What was found just as surely before, and did not answer, does so only if something else comes first now.
        """
        if not found.passages or found.confidence < floor:
            return False
        before = {passage.id for passage in self.found.passages}
        return self.found.confidence < floor or found.passages[0].id not in before


def is_gap(result: RunResult) -> bool:
    """Return whether the knowledge base held no answer to what was asked."""
    if not result.question.strip():
        return False
    return result.outcome is Outcome.DECLINED or result.reason is HandoffReason.WEAK_GROUNDING


def likeness(question: str) -> str:
    """Return the same for questions that differ in capitals, punctuation and spaces alone: 64 characters."""
    words = " ".join(_WORD.findall(question.casefold())) or question.strip()
    return hashlib.sha256(words.encode()).hexdigest()
