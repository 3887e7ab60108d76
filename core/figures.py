"""A day at the desk in figures: what the digest says, on the page and in the desk's own channel."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.case import Case
from core.policy import Policy
from core.thread import OwnerKind


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a span of time. `first_answer` is the median of seconds from opening to a person's answer."""

    opened: int = 0
    resolved: int = 0
    handed_back: int = 0
    first_answer: float | None = None
    surveys: int = 0
    survey_average: float | None = None
    drafts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How the desk stands now: open cases, those nobody holds, those that waited too long, the longest wait."""

    open: int
    unclaimed: int
    overdue: int
    longest: float | None

    @classmethod
    def of(cls, cases: Sequence[Case], now: float, policy: Policy) -> "Waiting":
        """Count the open `cases` at `now`."""
        waits = [now - case.waiting_since for case in cases if case.waiting_since]
        return cls(
            open=len(cases),
            unclaimed=sum(case.thread.owner.kind is OwnerKind.DESK for case in cases),
            overdue=sum(case.overdue(now, policy) is not None for case in cases),
            longest=max(waits, default=None),
        )


def duration(seconds: float) -> str:
    """Return `seconds` for people: '45 s', '12 min', '3 h', '2 days'."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"


def digest(figures: Figures, waiting: Waiting) -> str:
    """Return the day's digest as operators read it in their channel; its first line is its heading."""
    lines = [
        "The desk today",
        f"The last 24 hours: {figures.opened} opened, {figures.resolved} resolved, "
        f"{figures.handed_back} handed back to the assistant.",
        f"Now: {waiting.open} open, {waiting.unclaimed} unclaimed, {waiting.overdue} overdue.",
    ]
    if waiting.longest is not None:
        lines.append(f"The longest wait: {duration(waiting.longest)}.")
    if figures.first_answer is not None:
        lines.append(f"First answer by a person after {duration(figures.first_answer)} (median).")
    if figures.survey_average is not None:
        lines.append(f"Survey: {figures.survey_average:.1f} of 5, from {figures.surveys} answers.")
    if figures.drafts:
        drafts = ", ".join(f"{count} {fate}" for fate, count in sorted(figures.drafts.items()))
        lines.append(f"Suggested replies: {drafts}.")
    return "\n".join(lines)
