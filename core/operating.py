"""What an operator's action does to a thread. Called by `core.decide`; `core.desk` says what is allowed."""

from dataclasses import replace
from typing import assert_never

from core import wording
from core.decision import Decision
from core.desk import read_line, refusal
from core.effects import (
    Amend,
    CheckArrival,
    CloseCase,
    Effect,
    Forget,
    JudgeDraft,
    Post,
    ReopenCase,
    Resend,
    ShowCard,
    StartDraft,
    StartRun,
    SuggestArticle,
    SupersedeRun,
    SupersedeSends,
)
from core.errors import Refused
from core.events import OperatorDid
from core.ids import OperatorId, RunId, new_id
from core.messages import Author, DeskAction, Resolution
from core.policy import Moment
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Resolved, Thread
from core.wording import Line

_SURVEYED = frozenset({Resolution.SOLVED, Resolution.UNSOLVED})
_WRITES = frozenset({DeskAction.REPLY, DeskAction.NOTE})


def operator_did(thread: Thread, event: OperatorDid, moment: Moment) -> Decision:
    """Return what `event` does to `thread`. Raises `Refused` with the sentence for the operator."""
    is_open = thread.case == event.case
    told = ""
    if event.action not in {DeskAction.WRITE, DeskAction.EDIT, DeskAction.WITHDRAW}:
        event = replace(event, desk="")  # a command leaves no line of its own on the desk
    if event.action is DeskAction.WRITE:
        line = read_line(event.text, thread.owner, is_open=is_open, operator=event.operator)
        event, told = replace(event, action=line.action, text=line.text), line.told
    if _done_already(thread, event) and is_open:
        return Decision(thread)  # a double click
    if sentence := refusal(event, thread.owner, is_open=is_open):
        raise Refused(sentence)
    return replace(_allowed(thread, event, moment), told=told)


def _done_already(thread: Thread, event: OperatorDid) -> bool:
    wanted = {DeskAction.CLAIM: event.operator, DeskAction.ASSIGN: event.to}.get(event.action)
    return wanted is not None and thread.owner.held_by(wanted)


def _allowed(thread: Thread, event: OperatorDid, moment: Moment) -> Decision:
    match event.action:
        case DeskAction.CLAIM:
            return _give_to(thread, event, event.operator, event.name)
        case DeskAction.RELEASE:
            return change_owner(thread, event, DESK, wording.text(Line.LEFT, thread.language, operator=event.name))
        case DeskAction.ASSIGN:
            return _assign(thread, event)
        case DeskAction.REPLY | DeskAction.NOTE | DeskAction.WRITE:
            return _write(thread, event)
        case DeskAction.DRAFT:
            return Decision(thread, (StartDraft(RunId(new_id("r")), event.case, event.text), ShowCard(event.case)))
        case DeskAction.RESOLVE:
            return _resolve(thread, event, moment)
        case DeskAction.HAND_BACK:
            return _hand_back(thread, event)
        case DeskAction.REOPEN:
            return _reopen(thread, event)
        case DeskAction.EDIT | DeskAction.WITHDRAW | DeskAction.CHECK | DeskAction.RESEND:
            return Decision(thread, (_on_message(event), ShowCard(event.case)))
        case DeskAction.FORGET:
            return Decision(thread, (Forget(event.text.strip()), ShowCard(event.case)))
        case _:
            assert_never(event.action)


def _on_message(event: OperatorDid) -> Effect:
    if event.message is None:
        raise Refused(f"Say which message to {event.action.value}.")
    match event.action:
        case DeskAction.CHECK:
            return CheckArrival(event.message)
        case DeskAction.RESEND:
            return Resend(event.message)
        case _:
            text = event.text if event.action is DeskAction.EDIT else None
            return Amend(event.message, text, by_operator=event.operator, desk=event.desk)


def _write(thread: Thread, event: OperatorDid) -> Decision:
    reply = event.action is DeskAction.REPLY
    post = Post(
        Author.OPERATOR if reply else Author.NOTE,
        event.text,
        name=event.name,
        operator=event.operator,
        files=event.files,
        desk=event.desk,
    )
    if reply:
        thread = replace(thread, answered_up_to=thread.asked_up_to)
    judged = (JudgeDraft(event.case, event.text),) if reply and event.text.strip() else ()
    thread = replace(thread, last_seq=thread.last_seq + 1)
    return Decision(thread, (post, *judged, ShowCard(event.case)))


def change_owner(thread: Thread, event: OperatorDid, owner: Owner, line: str, *, presence: bool = True) -> Decision:
    """Change who speaks: the epoch grows, so no run, tool or send of before can start any more.

    `line` tells the customer; `presence` as in `core.messages.Message`.
    """
    silence = (SupersedeRun(thread.run.id),) if thread.run else ()
    told = Post(Author.SYSTEM, line, presence=presence)
    thread = replace(thread, owner=owner, epoch=thread.epoch + 1, run=None, last_seq=thread.last_seq + 1)
    effects: tuple[Effect, ...] = (*silence, SupersedeSends(), told, ShowCard(event.case))
    return Decision(thread, effects)


def _give_to(thread: Thread, event: OperatorDid, operator: OperatorId, name: str) -> Decision:
    line = wording.text(Line.JOINED, thread.language, operator=name)
    return change_owner(thread, event, Owner(OwnerKind.OPERATOR, operator), line)


def _assign(thread: Thread, event: OperatorDid) -> Decision:
    if event.to is None:
        raise Refused("Say whom the case is for.")
    decision = _give_to(thread, event, event.to, event.to_name)
    if event.to == event.operator:
        return decision
    note = Post(Author.NOTE, f"Assigned to {event.to_name}.", name=event.name, operator=event.operator)
    thread = replace(decision.thread, last_seq=decision.thread.last_seq + 1)
    return replace(decision, thread=thread, effects=(*decision.effects, note))


def _close(thread: Thread, event: OperatorDid, line: str, outcome: str, *, presence: bool) -> Decision:
    decision = change_owner(thread, event, BOT, line, presence=presence)
    closed = CloseCase(event.case, outcome, event.name)
    thread = replace(decision.thread, case=None, resolved=None)
    return Decision(thread, (*decision.effects, closed))


def _hand_back(thread: Thread, event: OperatorDid) -> Decision:
    """Give the thread to the assistant, which answers what the customer wrote meanwhile and no person did."""
    line = wording.text(Line.HANDED_BACK, thread.language, operator=event.name)
    decision = _close(thread, event, line, "handed_back", presence=True)
    if thread.asked_up_to <= thread.answered_up_to:
        return decision
    run = start_run(decision.thread)
    return Decision(run.thread, (*decision.effects, *run.effects))


def start_run(thread: Thread) -> Decision:
    """Have all that is unanswered answered by a new run; one under way no longer counts."""
    restart = (SupersedeRun(thread.run.id),) if thread.run else ()
    run = RunId(new_id("r"))
    active = ActiveRun(run, seen_up_to=thread.asked_up_to)
    return Decision(replace(thread, run=active), (*restart, StartRun(run, active.seen_up_to)))


def _resolve(thread: Thread, event: OperatorDid, moment: Moment) -> Decision:
    """Close the case; the customer may write again to the same person, and is asked once how it went.

    What solved it may become an article.
    """
    line = wording.text(Line.RESOLVED, thread.language, operator=event.name)
    surveyed = event.outcome in _SURVEYED and thread.surveyed != event.case and moment.policy.survey
    decision = _close(thread, event, line, event.outcome.value, presence=surveyed)
    thread = replace(decision.thread, resolved=Resolved(event.case, event.operator, event.name, moment.at))
    thread = replace(thread, answered_up_to=thread.asked_up_to)
    if event.outcome is Resolution.SOLVED:
        decision = replace(decision, effects=(*decision.effects, SuggestArticle(event.case)))
    if not surveyed:
        return replace(decision, thread=thread)
    question = Post(Author.SYSTEM, wording.text(Line.SURVEY, thread.language), survey=event.case)
    thread = replace(thread, surveyed=event.case, last_seq=thread.last_seq + 1)
    return replace(decision, thread=thread, effects=(*decision.effects, question))


def _reopen(thread: Thread, event: OperatorDid) -> Decision:
    if thread.case is not None:
        raise Refused("The customer has a newer open case. Go on there.")
    decision = _give_to(thread, event, event.operator, event.name)
    thread = replace(
        decision.thread, case=event.case, resolved=None, turn_over_up_to=thread.asked_up_to, surveyed=event.case
    )
    return replace(decision, thread=thread, effects=(*decision.effects, ReopenCase(event.case)))
