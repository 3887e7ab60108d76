"""The desk's rules: which actions a case allows, to whom, and what leaves the desk. Pure; every desk renders the same.

case unclaimed        claim · assign · note · draft · resolve · hand_back
claimed by you        release · assign · reply · note · draft · resolve · hand_back · edit · withdraw · check · resend
claimed by another    assign · note · draft
resolved              note · reopen
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from core.delivery import DeliveryState
from core.events import OperatorDid
from core.ids import OperatorId
from core.messages import Author, DeskAction, Message
from core.thread import Owner, OwnerKind

_UNCLAIMED = (
    DeskAction.CLAIM,
    DeskAction.ASSIGN,
    DeskAction.NOTE,
    DeskAction.DRAFT,
    DeskAction.RESOLVE,
    DeskAction.HAND_BACK,
)
_ON_MESSAGES = (DeskAction.EDIT, DeskAction.WITHDRAW, DeskAction.CHECK, DeskAction.RESEND)
_MINE = (
    DeskAction.REPLY,
    DeskAction.NOTE,
    DeskAction.DRAFT,
    DeskAction.RESOLVE,
    DeskAction.HAND_BACK,
    DeskAction.RELEASE,
    DeskAction.ASSIGN,
    *_ON_MESSAGES,
)
_LOOKING_ON = (DeskAction.NOTE, DeskAction.DRAFT, DeskAction.ASSIGN)
_RESOLVED = (DeskAction.NOTE, DeskAction.REOPEN)
ALWAYS = frozenset({DeskAction.FORGET})
"""What any operator may do in any state of a case: it is about the customer, not about the conversation."""
NEEDS_TEXT = frozenset({DeskAction.REPLY, DeskAction.NOTE, DeskAction.EDIT, DeskAction.FORGET})
NEEDS_MESSAGE = frozenset(_ON_MESSAGES)
MAX_TEXT = 20_000

KEPT_AS_NOTE = "Kept inside as a note: the customer does not see it."
KEPT_UNCLAIMED = "Kept inside as a note: claim the case first, then what you write goes to the customer."
KEPT_HELD = "Kept inside as a note: a colleague holds this case, and only their lines go to the customer."
KEPT_RESOLVED = "Kept inside as a note: this case is resolved. Reopen it to write to the customer."
KEPT_MENTION = "Kept inside as a note, because it begins with a colleague's name. Write it without, to send it."

_INSIDE = re.compile(r"\s*(?:!|notes?\s*:)\s*", re.IGNORECASE)
_MENTION = re.compile(r"\s*@\w")


@dataclass(frozen=True, slots=True)
class Operator:
    """A human support agent. `active` until every token of theirs is revoked."""

    id: OperatorId
    name: str
    created_at: float
    active: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of a line written in a case's desk thread: a reply or a note, and what its writer is told."""

    action: DeskAction
    text: str
    told: str = ""


class DraftFate(StrEnum):
    """What operators did with a suggested reply."""

    USED = "used"
    EDITED = "edited"
    IGNORED = "ignored"


def read_line(text: str, owner: Owner, *, is_open: bool, operator: OperatorId) -> Line:
    """Return what a line in the desk thread is. Only the claiming operator's lines leave, and not all of those.

    A line that starts with '!' or 'note:', or with a colleague's name ('@Bob ...'), stays inside.
    """
    if prefix := _INSIDE.match(text):
        return Line(DeskAction.NOTE, text[prefix.end() :], KEPT_AS_NOTE)
    if not is_open:
        return Line(DeskAction.NOTE, text, KEPT_RESOLVED)
    if not owner.held_by(operator):
        return Line(DeskAction.NOTE, text, KEPT_HELD if owner.kind is OwnerKind.OPERATOR else KEPT_UNCLAIMED)
    if _MENTION.match(text):
        return Line(DeskAction.NOTE, text, KEPT_MENTION)
    return Line(DeskAction.REPLY, text)


def allowed(owner: Owner, *, is_open: bool, operator: OperatorId) -> tuple[DeskAction, ...]:
    """Return what `operator` may do to a case now; `owner` is its thread's owner."""
    if not is_open or owner.kind is OwnerKind.BOT:
        return _RESOLVED
    if owner.kind is OwnerKind.DESK:
        return _UNCLAIMED
    return _MINE if owner.held_by(operator) else _LOOKING_ON


def allowed_on(
    message: Message, delivery: DeliveryState | None, actions: tuple[DeskAction, ...], operator: OperatorId
) -> list[DeskAction]:
    """Return what `operator` may do with one message of the case, of the `actions` that the case allows them."""
    if message.author is not Author.OPERATOR or message.withdrawn:
        return []
    useful = [DeskAction.EDIT, DeskAction.WITHDRAW] if message.operator == operator else []
    if delivery is DeliveryState.UNKNOWN:
        useful.append(DeskAction.CHECK)
    if delivery in RESENDABLE:
        useful.append(DeskAction.RESEND)
    return [action for action in useful if action in actions]


RESENDABLE = frozenset(
    {DeliveryState.UNKNOWN, DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.REFUSED, DeliveryState.PARTIAL}
)


def refusal(event: OperatorDid, owner: Owner, *, is_open: bool) -> str | None:
    """Return the sentence that refuses `event`, naming what would help, or None if it may go ahead."""
    incomplete = _incomplete(event)
    if incomplete:
        return incomplete
    if event.action in ALWAYS or event.action in allowed(owner, is_open=is_open, operator=event.operator):
        return None
    if not is_open:
        return "This case is resolved. Reopen it to go on, or leave a note."
    if event.action is DeskAction.REOPEN:
        return "This case is open already."
    if owner.kind is OwnerKind.DESK:
        return "Claim the case first: only the operator who holds it speaks to the customer."
    if owner.held_by(event.operator):
        return "You hold this case already."
    return "A colleague holds this case. Leave a note for them, or assign it to yourself to take over."


def _incomplete(event: OperatorDid) -> str | None:
    if event.action in NEEDS_TEXT and not event.text.strip() and not event.files:
        return f"{_A[event.action]} needs some text."
    if len(event.text) > MAX_TEXT:
        return f"That is {len(event.text):,} characters; {MAX_TEXT:,} is the most. Split it, please."
    if event.action is DeskAction.ASSIGN and not event.to:
        return "Say whom the case is for: no operator of that name can sign in."
    if event.action in NEEDS_MESSAGE and not event.message:
        return f"Say which message to {event.action.value}."
    return None


_A = {
    DeskAction.REPLY: "A reply",
    DeskAction.NOTE: "A note",
    DeskAction.EDIT: "A message",
    DeskAction.FORGET: "What to forget",
}

_ALIKE = 0.6
"""From this share of common words on, a reply is the suggestion, edited (chosen by reading pairs)."""
_MOST_WORDS = 600


def judge_draft(suggestion: str, sent: str) -> DraftFate:
    """Return what became of a suggestion, compared by words with what was sent, citation marks aside."""
    theirs, ours = (re.sub(r"\[\d+\]", "", text).split()[:_MOST_WORDS] for text in (sent, suggestion))
    if theirs == ours:
        return DraftFate.USED
    alike = SequenceMatcher(None, theirs, ours, autojunk=False)
    return DraftFate.EDITED if alike.quick_ratio() >= _ALIKE and alike.ratio() >= _ALIKE else DraftFate.IGNORED
