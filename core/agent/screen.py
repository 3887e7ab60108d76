"""What may go out: to a model, to a customer, to operators, into memory. One room for all words of a run.

`Assistant` and `drafting` make one for each run. On the way in it hides what a model needn't read (`veil`); on the way
out it holds back keys and our instructions, shows the customer's own numbers again, and takes foreign addresses out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent_framework import ChatMiddleware, FunctionMiddleware

from core import addresses, redaction
from core.agent.citations import Sources
from core.agent.sentences import sentence_before
from core.agent.veil import Hiding, Showing
from core.events import TraceStep
from core.guard import Echo, Guard
from core.messages import Author, Citation
from core.redaction import BY_DEFAULT, NEVER_KEPT, Kind, Veil
from core.turn import Turn

_AGAIN = 2_000  # characters; keys and pieces of instructions are shorter, however they are spelled out


class HeldBackError(Exception):
    """Something may not leave; the text says what, for operators, without quoting it."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The owner's choices: what is ours and never leaves, and what is hidden from models.

    An answer may hold the owner's `own` addresses, and every web address of the `hosts`.
    """

    guard: Guard = field(default_factory=Guard)
    hidden: frozenset[Kind] = frozenset(BY_DEFAULT)
    own: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class Room:
    """What one run may let in and out, for the conversation `turn` and the `sources` found in it."""

    def __init__(self, screen: Screen, turn: Turn, sources: Sources) -> None:
        self._screen = screen
        self._sources = sources
        self._veil = Veil(screen.hidden)
        sources.allow(screen.own)
        sources.trust(screen.hosts)
        sources.allow(_theirs(turn), hosts=False)
        self._echo = Echo("" if turn.thread.is_theirs else "\n".join(said.text for said in turn.waiting))

    @property
    def middleware(self) -> Sequence[ChatMiddleware | FunctionMiddleware]:
        """What an agent needs, so that its model reads only what it may."""
        return [Hiding(self._veil), Showing(self._veil)]

    def passed(self, text: str, judged: int = 0) -> tuple[str, tuple[Citation, ...]]:
        """Return the model's `text` as a customer may read it, and its sources. Raises `HeldBackError`.

        So many characters at its start were `judged` before: of these the last are looked at again, with what follows.
        """
        new = text[sentence_before(text, judged - _AGAIN) :]
        if held := self._screen.guard.holds_back(new, self._sources.published):
            raise HeldBackError(held)
        if self._echo.is_in(new, self._sources.published):
            raise HeldBackError("It repeated the words of somebody whom nobody vouches for.")
        shown, citations = self._sources.resolve(self._veil.show(text))
        if self._sources.disguised(shown):
            raise HeldBackError("It held an address in disguise that no source names.")
        return shown, citations

    def may_go(self, text: str) -> bool:
        """Whether a growing `text` may be let go as far as it is; else it waits for what follows."""
        return not self._screen.guard.may_begin(text)

    def for_desk(self, text: str) -> str:
        """Return what a model wrote to operators, without foreign addresses; '' if something in it may not leave."""
        if self._screen.guard.holds_back(text, self._sources.published):
            return ""
        return self._sources.without_foreign(self._veil.show(text), names=True)

    def trace(self, steps: Iterable[TraceStep]) -> tuple[TraceStep, ...]:
        """Return the run's steps for operators, and what was hidden from the model."""
        shown = tuple(TraceStep(step.step, self.for_desk(step.detail)) for step in steps)
        counts = self._veil.counts
        return (*shown, TraceStep("Hid from the language model", redaction.in_words(counts))) if counts else shown

    def facts(self, facts: Iterable[str]) -> tuple[str, ...]:
        """Return those facts that may be remembered: no numbers of cards, accounts and identities, no passwords."""
        bare = (fact for fact in facts if self._veil.show(fact, NEVER_KEPT) == fact)
        shown = (self.for_desk(fact).strip() for fact in bare)
        return tuple(fact for fact in shown if fact and not redaction.find(fact, NEVER_KEPT))


def _theirs(turn: Turn) -> Iterable[str]:
    """The customer's own mailbox, and those that they typed: an answer may name them."""
    yield from addresses.mailboxes(turn.thread.customer.partition(":")[2])
    for said in turn.messages:
        if said.author is Author.CUSTOMER:
            yield from addresses.mailboxes(said.text)
