"""The one place where it is decided what an event means for a thread.

`decide(thread, event)` is pure: state and event in, new state and effects out. The store calls it
inside the transaction that holds the thread's row, and writes state and effects in one commit.
Ids for new rows are made here, so that state and effects name the same ones.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from core import wording
from core.desk import refusal
from core.effects import CloseCase, Effect, OpenCase, Post, Remember, ShowCard, StartRun, SupersedeRun, SupersedeSends
from core.errors import Refused
from core.events import CustomerSaid, Event, EventFailed, HandoffReason, OperatorDid, Outcome, RunEnded, RunResult
from core.ids import CaseId, RunId, new_id
from core.messages import Author, DeskAction, IgnoredBecause
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Thread


@dataclass(frozen=True, slots=True)
class Decision:
    """The thread as it is from now on, and what must happen; `ignored` says why nothing does."""

    thread: Thread
    effects: tuple[Effect, ...] = ()
    ignored: IgnoredBecause | None = None


def decide(thread: Thread, event: Event) -> Decision:
    """Return what `event` does to `thread`. Raises `Refused` for an operator's action that is not allowed now."""
    match event:
        case CustomerSaid():
            return _customer_said(thread, event)
        case RunEnded():
            return _run_ended(thread, event)
        case OperatorDid():
            return _operator_did(thread, event)
        case EventFailed():
            return _event_failed(thread, event)
        case _:
            assert_never(event)


def _customer_said(thread: Thread, event: CustomerSaid) -> Decision:
    if not event.text.strip():
        return Decision(thread, ignored=IgnoredBecause.EMPTY)
    seq = thread.last_seq + 1
    said = Post(Author.CUSTOMER, event.text, name=event.name)
    thread = replace(thread, last_seq=seq, asked_up_to=seq)
    if thread.owner.kind is not OwnerKind.BOT:
        card = (ShowCard(thread.case),) if thread.case else ()
        return Decision(replace(thread, turn_over_up_to=seq), (said, *card))
    if thread.run and thread.run.speaking:
        return Decision(thread, (said,))  # its end starts the next run
    restart = (SupersedeRun(thread.run.id),) if thread.run else ()
    return _start_run(thread, (said, *restart))


def _start_run(thread: Thread, before: tuple[Effect, ...]) -> Decision:
    run = RunId(new_id("r"))
    active = ActiveRun(run, seen_up_to=thread.asked_up_to)
    return Decision(replace(thread, run=active), (*before, StartRun(run, active.seen_up_to)))


def _run_ended(thread: Thread, event: RunEnded) -> Decision:
    run = thread.run
    if run is None or run.id != event.run or event.epoch != thread.epoch:
        return Decision(thread, ignored=IgnoredBecause.STALE)
    thread = replace(thread, run=None)
    result = event.result
    if result.outcome is Outcome.HANDED_OFF:
        return _hand_off(thread, result, run.id)
    answer = Post(Author.BOT, result.text, citations=result.citations, run=run.id)
    effects: tuple[Effect, ...] = (*(Remember(fact) for fact in result.facts), answer)
    thread = replace(thread, last_seq=thread.last_seq + 1, turn_over_up_to=run.seen_up_to)
    if thread.asked_up_to > run.seen_up_to:
        return _start_run(thread, effects)
    return Decision(thread, effects)


_HANDOFF_LINES = {
    HandoffReason.CUSTOMER_ASKED: wording.HANDED_OFF_ASKED,
    HandoffReason.MODEL_FAILED: wording.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EMPTY: wording.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EXHAUSTED: wording.HANDED_OFF_FAILED,
    HandoffReason.INTERNAL_ERROR: wording.HANDED_OFF_FAILED,
}


def _hand_off(thread: Thread, result: RunResult, run: RunId | None) -> Decision:
    """Give the thread to the desk: the customer's line exactly once, the card always."""
    case = CaseId(new_id("c"))
    known = _HANDOFF_LINES.get(result.reason) if result.reason else None
    line = Post(Author.SYSTEM, known or wording.HANDED_OFF)
    broken_off = Post(Author.BOT, result.text, citations=result.citations, run=run, cut_short=True)
    spoken = (broken_off,) if result.text else ()
    thread = replace(
        thread,
        owner=DESK,
        epoch=thread.epoch + 1,
        run=None,
        case=case,
        last_seq=thread.last_seq + len(spoken) + 1,
        turn_over_up_to=thread.asked_up_to,
    )
    facts = (Remember(fact) for fact in result.facts)
    return Decision(thread, (*facts, *spoken, OpenCase(case, result), line, ShowCard(case)))


def _event_failed(thread: Thread, event: EventFailed) -> Decision:
    if thread.owner.kind is not OwnerKind.BOT:
        note = Post(Author.NOTE, event.detail, name="Threadline")
        card = (ShowCard(thread.case),) if thread.case else ()
        return Decision(replace(thread, last_seq=thread.last_seq + 1), (note, *card))
    result = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.INTERNAL_ERROR, detail=event.detail)
    decision = _hand_off(thread, result, None)
    silence = (SupersedeRun(thread.run.id),) if thread.run else ()
    return replace(decision, effects=(*silence, *decision.effects))


def _operator_did(thread: Thread, event: OperatorDid) -> Decision:
    is_open = thread.case == event.case
    if event.action is DeskAction.CLAIM and is_open and thread.owner.held_by(event.operator):
        return Decision(thread)  # a double click: it is theirs already
    sentence = refusal(event, thread.owner, is_open=is_open)
    if sentence:
        raise Refused(sentence)
    match event.action:
        case DeskAction.CLAIM:
            return _change_owner(thread, event, Owner(OwnerKind.OPERATOR, event.operator), wording.joined(event.name))
        case DeskAction.RELEASE:
            return _change_owner(thread, event, DESK, wording.left(event.name))
        case DeskAction.REPLY:
            return _write(thread, event, Post(Author.OPERATOR, event.text, name=event.name))
        case DeskAction.NOTE:
            return _write(thread, event, Post(Author.NOTE, event.text, name=event.name))
        case DeskAction.RESOLVE:
            return _close(thread, event, wording.resolved(event.name), "resolved")
        case DeskAction.HAND_BACK:
            return _close(thread, event, wording.handed_back(event.name), "handed_back")
        case _:
            assert_never(event.action)


def _write(thread: Thread, event: OperatorDid, post: Post) -> Decision:
    return Decision(replace(thread, last_seq=thread.last_seq + 1), (post, ShowCard(event.case)))


def _change_owner(thread: Thread, event: OperatorDid, owner: Owner, line: str) -> Decision:
    """Change who speaks: the epoch grows, so no run, tool or send of before can start any more."""
    silence = (SupersedeRun(thread.run.id),) if thread.run else ()
    thread = replace(thread, owner=owner, epoch=thread.epoch + 1, run=None, last_seq=thread.last_seq + 1)
    effects: tuple[Effect, ...] = (*silence, SupersedeSends(), Post(Author.SYSTEM, line), ShowCard(event.case))
    return Decision(thread, effects)


def _close(thread: Thread, event: OperatorDid, line: str, outcome: str) -> Decision:
    decision = _change_owner(thread, event, BOT, line)
    closed = CloseCase(event.case, outcome, event.name)
    return Decision(replace(decision.thread, case=None), (closed, *decision.effects))
