"""The one place where it is decided what an event means for a thread.

`decide(thread, event, moment)` is pure: state, event and time in, new state and effects out. The store
calls it inside the transaction that holds the thread's row, and writes state and effects in one commit.
Ids for new rows are made here, so that state and effects name the same ones.
"""

from dataclasses import replace
from typing import assert_never

from core import confirming, language, wording
from core.decision import Decision
from core.effects import (
    Amend,
    Effect,
    MarkBounced,
    MarkDesk,
    NoteGap,
    Post,
    Rate,
    Remind,
    SaveDraft,
    ShowCard,
    StartDraft,
    SupersedeRun,
    SupersedeSends,
)
from core.events import (
    CardDue,
    CaseOverdue,
    CustomerAutomatic,
    CustomerChanged,
    CustomerRated,
    CustomerSaid,
    DeskUnreachable,
    DraftEnded,
    Event,
    EventFailed,
    HandoffReason,
    OperatorDid,
    OperatorGone,
    Outcome,
    PartBounced,
    RunEnded,
    RunResult,
    RunSlow,
)
from core.gaps import is_gap
from core.handoff import hand_off, remembered, reopen
from core.ids import RunId, new_id
from core.messages import Author, IgnoredBecause, Rating
from core.operating import operator_did, start_run
from core.phrases import is_thanks
from core.policy import Moment
from core.thread import DESK, OwnerKind, Resolved, Thread
from core.wording import Line


def decide(thread: Thread, event: Event, moment: Moment) -> Decision:
    """Return what `event` does to `thread`. Raises `Refused` for an operator's action that is not allowed now."""
    return confirming.fenced(thread, _decide(thread, event, moment))


def _decide(thread: Thread, event: Event, moment: Moment) -> Decision:
    match event:
        case CustomerSaid():
            return _customer_said(thread, event, moment)
        case CustomerChanged():
            return _customer_changed(thread, event)
        case CustomerRated():
            return _customer_rated(thread, event)
        case CustomerAutomatic():
            return _customer_automatic(thread, event)
        case PartBounced():
            return _part_bounced(thread, event)
        case RunEnded():
            return _run_ended(thread, event, moment)
        case RunSlow():
            return _run_slow(thread, event, moment)
        case OperatorDid():
            return operator_did(thread, event, moment)
        case OperatorGone():
            return _operator_gone(thread, event)
        case CaseOverdue():
            return _case_overdue(thread, event)
        case CardDue():
            return Decision(thread, (ShowCard(event.case),))
        case DraftEnded():
            return _draft_ended(thread, event)
        case DeskUnreachable():
            return _desk_unreachable(thread, event)
        case EventFailed():
            return _event_failed(thread, event, moment)
        case _:
            assert_never(event)


def _customer_said(thread: Thread, event: CustomerSaid, moment: Moment) -> Decision:
    if not event.text.strip() and not event.files:
        return Decision(thread, ignored=IgnoredBecause.EMPTY)
    said = Post(Author.CUSTOMER, event.text, name=event.name, files=event.files, full=event.full)
    thread = _heard(thread, event)
    if thread.owner.kind is not OwnerKind.BOT:
        return _before(said, Decision(replace(thread, turn_over_up_to=thread.asked_up_to), _for_people(thread, moment)))
    if thread.resolved and _comes_back(thread.resolved, event, moment):
        return _before(said, reopen(thread, thread.resolved, moment))
    thread, marked, line = confirming.heard(thread, event, moment)
    if thread.run and thread.run.speaking:
        return Decision(thread, (said, *marked))  # its end starts the next run
    if line and thread.run is None:
        return _said_shortly(thread, (said, *marked), line)
    return _before(said, start_run(thread), *marked)


def _said_shortly(thread: Thread, before: tuple[Effect, ...], line: Line) -> Decision:
    """End the turn with a fixed line of the bot's."""
    post = Post(Author.BOT, wording.text(line, thread.language))
    asked = thread.asked_up_to
    thread = replace(thread, last_seq=thread.last_seq + 1, turn_over_up_to=asked, answered_up_to=asked)
    return Decision(thread, (*before, post))


def _heard(thread: Thread, event: CustomerSaid) -> Thread:
    seq = thread.last_seq + 1
    theirs = event.customer in ("", thread.customer)  # '' in receipts of before it was kept
    verified = event.verified and theirs and (thread.verified or not thread.asked_up_to)
    return replace(
        thread,
        last_seq=seq,
        asked_up_to=seq,
        customer_name=event.name or thread.customer_name,
        verified=verified,
        email=event.email if verified else "",
        alone=event.alone,
        subject=thread.subject or event.subject,
        trust=event.trust,
        route=event.route,
        language=language.detect(event.text) or thread.language,
    )


def _comes_back(resolved: Resolved, event: CustomerSaid, moment: Moment) -> bool:
    """Whether the message goes on with the resolved case: soon enough, and more than a thank-you."""
    soon = moment.at - resolved.at <= moment.policy.reopen
    return soon and (bool(event.files) or not is_thanks(event.text))


def _before(said: Post, decision: Decision, *marked: Effect) -> Decision:
    return replace(decision, effects=(said, *marked, *decision.effects))


def _for_people(thread: Thread, moment: Moment) -> tuple[Effect, ...]:
    """Show people that the customer wrote; in shadow mode, with what the bot would answer."""
    if not thread.case or not moment.policy.shadow:
        return _card(thread)
    return (*_card(thread), StartDraft(RunId(new_id("r")), thread.case))


def _card(thread: Thread) -> tuple[ShowCard, ...]:
    return (ShowCard(thread.case),) if thread.case else ()


def _customer_changed(thread: Thread, event: CustomerChanged) -> Decision:
    """Show the change at the desk; an answer that is still to come takes it into account."""
    if not event.seq:
        return Decision(thread, ignored=IgnoredBecause.GONE)
    amend = Amend(event.message, event.text)
    unanswered = thread.owner.kind is OwnerKind.BOT and event.seq > thread.answered_up_to
    if not unanswered or (thread.run and thread.run.speaking):
        return Decision(thread, (amend, *_card(thread)))
    decision = start_run(thread)
    return replace(decision, effects=(amend, *decision.effects))


def _customer_rated(thread: Thread, event: CustomerRated) -> Decision:
    """Keep it; it asks for nothing, and reopens nothing."""
    rating = Rate(Rating(event.score, event.reason), event.message, event.case)
    case = event.case or thread.case
    return Decision(thread, (rating, *((ShowCard(case),) if case else ())))


def _customer_automatic(thread: Thread, event: CustomerAutomatic) -> Decision:
    """Tell the people who have the conversation; it changes nothing, and nobody answers it."""
    return replace(_noted(thread, event.note), ignored=event.reason)


def _part_bounced(thread: Thread, event: PartBounced) -> Decision:
    """Show it at the part, and tell the people who have the conversation."""
    told = _noted(thread, f"A message did not arrive: {event.detail}")
    return replace(told, effects=(MarkBounced(event.delivery, event.detail), *told.effects))


def _noted(thread: Thread, text: str) -> Decision:
    """Write `text` for operators, if the thread has an open case."""
    if not thread.case or not text:
        return Decision(thread)
    note = Post(Author.NOTE, text, name="Threadline")
    return Decision(replace(thread, last_seq=thread.last_seq + 1), (note, *_card(thread)))


def _run_ended(thread: Thread, event: RunEnded, moment: Moment) -> Decision:
    run = thread.run
    if run is None or run.id != event.run or event.epoch != thread.epoch:
        return Decision(thread, ignored=IgnoredBecause.STALE)
    thread = replace(thread, run=None)
    result = event.result
    gap = (NoteGap(result),) if is_gap(result) else ()
    if result.outcome is Outcome.HANDED_OFF or moment.policy.shadow:
        decision = hand_off(thread, result, run.id, moment)
        return replace(decision, effects=(*decision.effects, *gap))
    thread, asked = confirming.ended(thread, run, result, moment)
    answer = Post(Author.BOT, result.text, citations=result.citations, run=run.id)
    effects: tuple[Effect, ...] = (*remembered(thread, result), answer, *asked, *gap)
    seen = run.seen_up_to
    thread = replace(thread, last_seq=thread.last_seq + 1, turn_over_up_to=seen, answered_up_to=seen)
    if thread.asked_up_to <= seen:
        return Decision(thread, effects)
    decision = start_run(thread)
    return replace(decision, effects=(*effects, *decision.effects))


def _run_slow(thread: Thread, event: RunSlow, moment: Moment) -> Decision:
    run = thread.run
    if run is None or run.id != event.run or event.epoch != thread.epoch:
        return Decision(thread, ignored=IgnoredBecause.STALE)
    return Decision(thread) if run.speaking or moment.policy.shadow else _apologised(thread)


def _apologised(thread: Thread) -> Decision:
    """Tell a customer who waits that it takes longer: once for what they wrote, and in chats alone."""
    if thread.apologised_up_to >= thread.asked_up_to:
        return Decision(thread)
    line = Post(Author.SYSTEM, wording.text(Line.WAITING_LONG, thread.language), presence=True)
    thread = replace(thread, apologised_up_to=thread.asked_up_to, last_seq=thread.last_seq + 1)
    return Decision(thread, (line,))


def _operator_gone(thread: Thread, event: OperatorGone) -> Decision:
    """Put the case of an operator who can't sign in any more before the others."""
    if thread.case != event.case or not thread.owner.held_by(event.operator):
        return Decision(thread, ignored=IgnoredBecause.STALE)
    lines = (
        Post(Author.SYSTEM, wording.text(Line.LEFT, thread.language, operator=event.name), presence=True),
        Post(Author.NOTE, f"{event.name} can't sign in any more, so this case is free again.", name="Threadline"),
    )
    thread = replace(thread, owner=DESK, epoch=thread.epoch + 1, last_seq=thread.last_seq + len(lines))
    return Decision(thread, (SupersedeSends(), *lines, ShowCard(event.case)))


def _case_overdue(thread: Thread, event: CaseOverdue) -> Decision:
    seen = (event.case, event.epoch, event.answered_up_to)
    if seen != (thread.case, thread.epoch, thread.answered_up_to):
        return Decision(thread, ignored=IgnoredBecause.STALE)
    told = _apologised(thread)
    reminder = Remind(event.case, event.sentence, everyone=event.again)
    return replace(told, effects=(*told.effects, reminder, ShowCard(event.case)))


def _draft_ended(thread: Thread, event: DraftEnded) -> Decision:
    if thread.case != event.case:
        return Decision(thread, ignored=IgnoredBecause.STALE)
    return Decision(thread, (SaveDraft(event.case, event.suggestion), ShowCard(event.case)))


def _desk_unreachable(thread: Thread, event: DeskUnreachable) -> Decision:
    """Tell the operators on the web desk, once when it begins and once when it is over."""
    line = f"{event.desk} can be reached again; this case is posted there."
    if event.error:
        line = f"This case could not be posted to {event.desk}: {event.error} It waits here and is tried again."
    note = Post(Author.NOTE, line, name="Threadline")
    thread = replace(thread, last_seq=thread.last_seq + 1)
    return Decision(thread, (MarkDesk(event.case, event.error), note))


def _event_failed(thread: Thread, event: EventFailed, moment: Moment) -> Decision:
    if thread.owner.kind is not OwnerKind.BOT:
        note = Post(Author.NOTE, event.detail, name="Threadline")
        return Decision(replace(thread, last_seq=thread.last_seq + 1), (note, *_card(thread)))
    result = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.INTERNAL_ERROR, detail=event.detail)
    decision = hand_off(thread, result, None, moment)
    silence = (SupersedeRun(thread.run.id),) if thread.run else ()
    return replace(decision, effects=(*silence, *decision.effects))
