"""Shadow mode: the bot writes what it would say, people read it as a suggested reply, and the customer reads nothing.

What operators then send is compared with it, by what it is about, so that an owner knows when to let the bot speak.
Called by `core.decide` and the store; `Policy.shadow` switches it on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.budget import Usage
from core.desk import DraftFate
from core.events import HandoffReason, Outcome, RunResult, Suggestion

NO_SOURCE = "Without an article"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often what the bot would have said about `subject` was sent as it was, edited, or not at all."""

    subject: str
    used: int = 0
    edited: int = 0
    ignored: int = 0

    @property
    def drafts(self) -> int:
        """All that operators answered with or without."""
        return self.used + self.edited + self.ignored

    @property
    def share(self) -> float:
        """The part of them that was sent, edited or not: 0 to 1."""
        return (self.used + self.edited) / self.drafts if self.drafts else 0.0


def unsaid(result: RunResult) -> RunResult:
    """Return what a run came to, for people: its words go to nobody."""
    if result.outcome is Outcome.HANDED_OFF:
        return replace(result, text="", citations=(), proposal=None)
    reason = HandoffReason.SHADOW
    return replace(result, outcome=Outcome.HANDED_OFF, text="", citations=(), reason=reason, proposal=None)


def would_say(result: RunResult) -> Suggestion | None:
    """Return what the bot would have said; None where it would have called people, too."""
    if result.outcome is Outcome.HANDED_OFF or not result.text.strip():
        return None
    return Suggestion(result.text, result.citations, usage=result.usage)


def charged(suggestion: Suggestion | None, result: RunResult) -> Suggestion | None:
    """Return a `suggestion` that was drafted since `result` held no words, with what both took of language models."""
    if suggestion is None:
        return None
    asked, drafted = result.usage, suggestion.usage
    usage = Usage(
        asked.tokens_in + drafted.tokens_in,
        asked.tokens_out + drafted.tokens_out,
        asked.cost + drafted.cost,
        drafted.model or asked.model,
    )
    return replace(suggestion, usage=usage)


def subject_of(suggestion: Suggestion) -> str:
    """Return what a suggestion is about: the title of the article that it quotes first."""
    return suggestion.citations[0].title if suggestion.citations else NO_SOURCE


def agreements(fates: Iterable[tuple[str, str]]) -> list[Agreement]:
    """Count (subject, fate) pairs by subject, the most drafts first."""
    counts: dict[str, Counter[str]] = {}
    for subject, fate in fates:
        counts.setdefault(subject, Counter())[fate] += 1
    found = [
        Agreement(subject, *(count[fate.value] for fate in (DraftFate.USED, DraftFate.EDITED, DraftFate.IGNORED)))
        for subject, count in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.drafts, one.subject))
