"""The desk's rules: which actions a case allows, and to whom. Pure; every desk renders the same table.

case unclaimed        claim · note · resolve · hand_back
claimed by you        release · reply · note · resolve · hand_back
claimed by another    note
resolved              note
"""

from dataclasses import dataclass

from core.events import OperatorDid
from core.ids import OperatorId
from core.messages import DeskAction
from core.thread import Owner, OwnerKind

_UNCLAIMED = (DeskAction.CLAIM, DeskAction.NOTE, DeskAction.RESOLVE, DeskAction.HAND_BACK)
_MINE = (DeskAction.REPLY, DeskAction.NOTE, DeskAction.RESOLVE, DeskAction.HAND_BACK, DeskAction.RELEASE)
_LOOKING_ON = (DeskAction.NOTE,)
NEEDS_TEXT = frozenset({DeskAction.REPLY, DeskAction.NOTE})
MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Operator:
    """A human support agent. `active` until every token of theirs is revoked."""

    id: OperatorId
    name: str
    created_at: float
    active: bool = True


def allowed(owner: Owner, *, is_open: bool, operator: OperatorId) -> tuple[DeskAction, ...]:
    """Return what `operator` may do to a case now; `owner` is its thread's owner."""
    if not is_open or owner.kind is OwnerKind.BOT:
        return _LOOKING_ON
    if owner.kind is OwnerKind.DESK:
        return _UNCLAIMED
    return _MINE if owner.held_by(operator) else _LOOKING_ON


def refusal(event: OperatorDid, owner: Owner, *, is_open: bool) -> str | None:
    """Return the sentence that refuses `event`, naming what would help, or None if it may go ahead."""
    if event.action in NEEDS_TEXT and not event.text.strip():
        return f"A {event.action} needs some text."
    if len(event.text) > MAX_TEXT:
        return f"That is {len(event.text):,} characters; a {event.action} holds {MAX_TEXT:,}. Split it, please."
    if event.action in allowed(owner, is_open=is_open, operator=event.operator):
        return None
    if not is_open:
        return "This case is resolved. If the customer writes again, a new case can be opened."
    if owner.kind is OwnerKind.DESK:
        return "Claim the case first: only the operator who holds it speaks to the customer."
    if owner.held_by(event.operator):
        return "You hold this case already."
    return "A colleague holds this case. Leave a note for them, or ask them to release it."
