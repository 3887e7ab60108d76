"""What operators are told of what they did: why it can't be, or did not reach the customer. Pure.

Called by the desks' `actions`. Which lines go out is decided in `core.desk`; here only its rules are asked.
"""

from core import desk as rules
from core.case import Case
from core.events import OperatorDid
from core.ids import CaseId, OperatorId, ThreadKey
from core.messages import Author, DeskAction, Message
from core.store.receipts import DONE, REFUSED, Receipt
from core.thread import Owner, OwnerKind

NO_CASE = "This case is not here any more."
NEVER_READ = "The line you changed was never read here, so nothing was changed at the customer's. Write it again."
NOTE_CHANGED = "Changed here only: in the transcript, your note keeps its first words."
NOTE_DELETED = "Deleted here only: in the transcript, your note stays."
NO_NOTE_OF_IT = (
    "This line is with the customer already, so it can't become a note: nothing was changed there. Delete it."
)
STAYS_DELETED = "The customer does not get a deleted line back. Write it again."
TOO_MANY_FILES = "A line carries {most} files, so nothing of this one was kept or sent. Send them in several lines."
LATER = "It is kept, and will be done in a moment."


def lane(case: CaseId) -> ThreadKey:
    """Return the key under which the receipts of what is done at a desk to a case are found."""
    return ThreadKey("desk", case, "")


def private_word(told: Receipt) -> str:
    """Return what one operator is told of an action of theirs; '' for nothing, and while it is not decided."""
    return told.result if told.state in {DONE, REFUSED} else ""


def refused(case: Case, operator: OperatorId) -> str:
    """Return why an operator can't reply to the customer now, '' if they can."""
    reply = OperatorDid(case.id, operator, "", DeskAction.REPLY, "a reply")
    return rules.refusal(reply, case.thread.owner, is_open=case.is_open) or ""


def no_change(said: Message | None, text: str | None, operator: OperatorId) -> str:
    """Return why the change of a line to `text` (None: it was deleted) does not reach the customer, '' if it does."""
    if said and said.author is Author.NOTE:
        return NOTE_DELETED if text is None else NOTE_CHANGED
    if said and said.withdrawn and text is not None:
        return STAYS_DELETED
    return NO_NOTE_OF_IT if text is not None and _stays_inside(text, operator) else ""


def _stays_inside(text: str, operator: OperatorId) -> bool:
    """Whether its writer means a line to be for colleagues only."""
    holder = Owner(OwnerKind.OPERATOR, operator)
    return rules.read_line(text, holder, is_open=True, operator=operator).action is DeskAction.NOTE
