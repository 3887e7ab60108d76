"""One line of what `threadline doctor` finds."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "off", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: `off` is not configured, which is no fault; `fix` says what to do."""

    name: str
    state: State
    found: str
    fix: str = ""
