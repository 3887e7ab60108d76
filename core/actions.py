"""Calls of the owner's tools, as values: what was asked of a customer, what was done, what is shown of it.

An agent run proposes a change, `decide` has the customer asked, and the run that answers their 'yes' carries it out
under the change's own id: however often it is tried, it is the same change. The store keeps every call; operators
read them on the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.ids import ActionId

CONFIRM_SECONDS = 3600.0
"""How long a customer may think it over. A 'yes' after that may be meant for something else."""
MOST_TRIES = 3


class ActionState(StrEnum):
    """What became of a call of a tool; UNKNOWN was begun, and nobody can say whether it was done."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that the customer is to be asked about: `sentence` is what they read and say yes to.

    `arguments` are JSON values, `shown` the same without what its author keeps secret.
    """

    tool: str
    arguments: Mapping[str, Any]
    shown: Mapping[str, Any]
    sentence: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The change that a thread's customer was asked about last, and has not had the end of.

    `asked_of_verified`: somebody vouched for who was asked. `confirmed` is the number of the message that said yes.
    """

    id: ActionId
    asked_at: float
    asked_of_verified: bool = False
    confirmed: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """A change as a run finds it: to be done while it is CONFIRMED, else with its end. `tries` counts beginnings."""

    id: ActionId
    tool: str
    arguments: Mapping[str, Any]
    shown: Mapping[str, Any]
    sentence: str
    state: ActionState
    tries: int = 0
    result: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool as operators read it; a change has its `sentence`. `took` is in milliseconds."""

    tool: str
    shown: Mapping[str, Any]
    state: ActionState
    result: str = ""
    took: int = 0
    sentence: str = ""
    at: float = 0.0
    tries: int = 0

    @property
    def line(self) -> str:
        """What was asked of the tool, and what came of it, in a line."""
        asked = ", ".join(f"{name} “{short(str(value))}”" for name, value in self.shown.items())
        took = f", {self.took} ms" if self.took else ""
        return f"{asked or 'no arguments'}: {self.state}{took}. {short(self.result, 300)}".rstrip()


def short(text: str, most: int = 120) -> str:
    """Return `text` on one line, cut at `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
