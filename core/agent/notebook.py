"""What one agent run has found, wants and remembers. Its tools write here; `Assistant` reads it at the end.

Tools record intents and do nothing to the world: what they ask for happens when the run's result is
decided, once, however often the model called.
"""

from dataclasses import dataclass, field

from core.actions import Proposal
from core.agent.citations import Sources
from core.events import Outcome, TraceStep
from core.grounding import Grounding
from core.wording import language_name


@dataclass(frozen=True, slots=True)
class Ending:
    """How the agent wants the turn to end, other than by an answer; `detail` is its reason or its question."""

    outcome: Outcome
    detail: str


@dataclass(slots=True)
class Notebook:
    """One run's notes. The first ending asked for counts.

    `floor` is the confidence that carries an answer, `related_floor` the relatedness below which a
    question is about something else entirely. `consulted` counts the calls that the owner's tools answered,
    `proposal` is the change that the turn ends by asking about.
    """

    floor: float
    related_floor: float
    sources: Sources = field(default_factory=Sources)
    best: Grounding = field(default_factory=Grounding)
    searched: bool = False
    ending: Ending | None = None
    facts: list[str] = field(default_factory=list)
    trace: list[TraceStep] = field(default_factory=list)
    calls: int = 0
    proposal: Proposal | None = None
    consulted: int = 0

    @property
    def grounded(self) -> bool:
        """Whether any search found passages that carry an answer."""
        return self.carries(self.best)

    def carries(self, grounding: Grounding) -> bool:
        """Whether `grounding` carries an answer."""
        return bool(grounding.passages) and grounding.confidence >= self.floor

    def found(self, query: str, grounding: Grounding) -> None:
        """Note what a search for `query` found; the most confident one stays as the run's grounding."""
        self.searched = True
        if not self.best.passages or grounding.confidence > self.best.confidence:
            self.best = grounding
        titles = "; ".join(dict.fromkeys(passage.title for passage in grounding.passages[:3])) or "Nothing found"
        sure = f"confidence {grounding.confidence:.2f}, needed {self.floor:.2f}"
        if grounding.uncovered:
            sure += f"; by words only, the model does not cover {language_name(grounding.uncovered, 'en')}"
        self.trace.append(TraceStep("Searched the knowledge base", f"“{_short(query)}”: {sure}. {titles}"))

    def end(self, outcome: Outcome, detail: str) -> None:
        """Ask for an ending; asking again changes nothing."""
        if self.ending is None:
            self.ending = Ending(outcome, detail)
            self.trace.append(TraceStep(f"Ended the turn: {outcome.value.replace('_', ' ')}", detail))


def _short(text: str, most: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
