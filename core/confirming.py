"""The customer's word on a change that the bot has proposed: asked in fixed words, answered by a plain yes or not.

Called by `core.decide` alone. A thread has one open question at most; it ends with the customer's next message, with
a change of owner, or when it has waited too long.
"""

from dataclasses import replace

from core.actions import CONFIRM_SECONDS, ActionState, Pending
from core.decision import Decision
from core.effects import Effect, MarkAction, Propose
from core.events import CustomerSaid, RunResult
from core.ids import ActionId, new_id
from core.phrases import is_no, is_yes
from core.policy import Moment
from core.thread import ActiveRun, Thread
from core.wording import Line


def heard(thread: Thread, event: CustomerSaid, moment: Moment) -> tuple[Thread, tuple[Effect, ...], Line | None]:
    """Return the thread after the customer's next words, what becomes of the question, and the line that ends the turn.

    `thread` has heard `event` already. A yes that counts is carried out by the run that answers it; a plain no, and a
    yes that comes too late, need no run.
    """
    pending = thread.pending
    if pending is None or pending.confirmed:
        return thread, (), None
    late = moment.at - pending.asked_at > CONFIRM_SECONDS
    agrees = is_yes(event.text) and not event.files
    if agrees and not late and _is_theirs(thread, pending, event):
        confirmed = replace(pending, confirmed=thread.last_seq)
        return replace(thread, pending=confirmed), (MarkAction(pending.id, ActionState.CONFIRMED),), None
    mark = MarkAction(pending.id, ActionState.EXPIRED if late else ActionState.DECLINED)
    line = Line.LEFT_ALONE if is_no(event.text) and not event.files else Line.TOO_LATE if agrees and late else None
    return replace(thread, pending=None), (mark,), line


def _is_theirs(thread: Thread, pending: Pending, event: CustomerSaid) -> bool:
    """Whether it is the one who was asked that answers."""
    return event.customer == thread.customer and (event.verified or not pending.asked_of_verified)


def ended(thread: Thread, run: ActiveRun, result: RunResult, moment: Moment) -> tuple[Thread, tuple[Effect, ...]]:
    """Return the thread after a run: a change that it was to carry out has its end, and the next one is asked about."""
    settled: tuple[Effect, ...] = ()
    pending = thread.pending
    if pending and (result.proposal or 0 < pending.confirmed <= run.seen_up_to):
        settled, thread = (MarkAction(pending.id, ActionState.EXPIRED),), replace(thread, pending=None)
    if result.proposal is None:
        return thread, settled
    asked = Pending(ActionId(new_id("a")), moment.at, asked_of_verified=thread.verified)
    return replace(thread, pending=asked), (*settled, Propose(asked.id, run.id, result.proposal))


def fenced(before: Thread, decision: Decision) -> Decision:
    """Return the decision with the open question gone, if the thread has another owner now."""
    after = decision.thread
    if after.epoch == before.epoch or after.pending is None:
        return decision
    mark = MarkAction(after.pending.id, ActionState.EXPIRED)
    return replace(decision, thread=replace(after, pending=None), effects=(*decision.effects, mark))
