"""What deciding an event comes to. Made by `core.decide` and the rules it calls; written down by the store."""

from dataclasses import dataclass

from core.effects import Effect
from core.messages import IgnoredBecause
from core.thread import Thread


@dataclass(frozen=True, slots=True)
class Decision:
    """The thread as it is from now on, and what must happen; `ignored` says why nothing does.

    `told` is a private word to the operator whose action this was.
    """

    thread: Thread
    effects: tuple[Effect, ...] = ()
    ignored: IgnoredBecause | None = None
    told: str = ""
