"""What language models cost an owner, and how much of it is agreed: counted run by run, judged before the next.

Plain values. `core.agent.models` counts, `core.store.runs` keeps and adds up, `core.agent.assistant` asks before a run.
"""

import math
from dataclasses import dataclass

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost that a model reads, and that it writes, in the owner's own currency."""

    reads: float = 0.0
    writes: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Price":
        """Return the price that '0.25,2' names; '' is free. Raises ValueError."""
        if not text.strip():
            return cls()
        try:
            reads, writes = (float(part) for part in text.split(","))
        except ValueError:
            reads = writes = -1.0
        if not (0 <= reads < math.inf and 0 <= writes < math.inf):
            raise ValueError("give what a million tokens cost, read and written, for example 0.25,2")
        return cls(reads, writes)

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """Return what so many tokens cost."""
        return (tokens_in * self.reads + tokens_out * self.writes) / _MILLION


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run took of language models: tokens read and written, their cost, and the model that spoke last."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    model: str = ""

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used before a run: tokens of its conversation, and tokens and cost of everybody's, today."""

    conversation: int = 0
    today: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used in a day, by one conversation and by all; 0 is no limit."""

    conversation: int = 0
    today: int = 0
    cost: float = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return bool(self.conversation or self.today or self.cost)

    def used_up(self, spent: Spent) -> str:
        """Return which limit `spent` has reached, for operators; '' if none."""
        if self.conversation and spent.conversation >= self.conversation:
            return f"This conversation has used its {self.conversation:,} tokens for today."
        if self.today and spent.today >= self.today:
            return f"Today's {self.today:,} tokens are used up."
        if self.cost and spent.cost >= self.cost:
            return f"Today's budget of {self.cost:g} is used up."
        return ""
