"""What an owner sets about the desk: hours, patience, where it is. Handed to every decision; plain values."""

from dataclasses import dataclass, field

from core.hours import ALWAYS, Hours

WEB_DESK = "web"
"""The built-in desk. It shows every case, whichever desk the case is on, and reads the transcript itself."""

_MINUTE, _DAY = 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The desk's rules for one installation; times in seconds.

    `desk` takes new cases; `second_desk` is told what the first one leaves waiting ('': everyone at
    the first is called instead). `unclaimed` and `unanswered` count opening time only; 0 never reminds.
    A message within `reopen` of a resolution goes to the person who had the case. `shadow`: the bot says nothing to
    customers; what it would say is suggested to people.
    """

    hours: Hours = ALWAYS
    desk: str = WEB_DESK
    second_desk: str = ""
    unclaimed: float = 10 * _MINUTE
    unanswered: float = 30 * _MINUTE
    reopen: float = 7 * _DAY
    survey: bool = True
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided (seconds since the epoch), and under which rules."""

    at: float
    policy: Policy = field(default_factory=Policy)
