"""Giving a thread to people: the case, the customer's one line with the time a person answers, the card.

Called by `core.decide` when a run ends in a handoff, when an event can't be handled, and when a
customer comes back to a resolved case.
"""

from dataclasses import replace
from datetime import datetime

from core import shadow, wording
from core.decision import Decision
from core.effects import (
    Effect,
    KeepRecap,
    OpenCase,
    Post,
    Remember,
    ReopenCase,
    SaveDraft,
    ShowCard,
    StartDraft,
    SupersedeRun,
    SupersedeSends,
)
from core.events import HandoffReason, RunResult
from core.ids import CaseId, RunId, new_id
from core.messages import Author
from core.policy import Moment
from core.thread import DESK, Owner, OwnerKind, Resolved, Thread
from core.wording import Line

_LINES = {
    HandoffReason.CUSTOMER_ASKED: Line.HANDED_OFF_ASKED,
    HandoffReason.MODEL_FAILED: Line.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EMPTY: Line.HANDED_OFF_FAILED,
    HandoffReason.MODEL_EXHAUSTED: Line.HANDED_OFF_FAILED,
    HandoffReason.INTERNAL_ERROR: Line.HANDED_OFF_FAILED,
    HandoffReason.SENSITIVE: Line.HANDED_OFF_SENSITIVE,
    HandoffReason.FILE_SENT: Line.HANDED_OFF_FILE,
    HandoffReason.TOOL_FAILED: Line.HANDED_OFF_FAILED,
}


def hand_off(thread: Thread, result: RunResult, run: RunId | None, moment: Moment) -> Decision:
    """Give the thread to the desk: the customer's line exactly once, the card always, and a draft for the operators.

    In shadow mode the customer reads nothing, waits on, and the draft is what the run would have said.
    """
    case = CaseId(new_id("c"))
    if moment.policy.shadow:
        return _in_shadow(thread, result, run, case)
    broken_off = Post(Author.BOT, result.text, citations=result.citations, run=run)
    spoken = (broken_off,) if result.text else ()
    line = _LINES.get(result.reason, Line.HANDED_OFF) if result.reason else Line.HANDED_OFF
    told = Post(Author.SYSTEM, _together(wording.text(line, thread.language), person_when(thread, moment)))
    thread = replace(
        _at_desk(thread, case), last_seq=thread.last_seq + len(spoken) + 1, answered_up_to=thread.asked_up_to
    )
    facts = remembered(thread, result)
    draft = StartDraft(RunId(new_id("r")), case)
    return Decision(thread, (*facts, *spoken, OpenCase(case, result, run), told, ShowCard(case), draft))


def _in_shadow(thread: Thread, result: RunResult, run: RunId | None, case: CaseId) -> Decision:
    suggestion = shadow.would_say(result)
    draft = SaveDraft(case, suggestion) if suggestion else StartDraft(RunId(new_id("r")), case)
    effects = (*remembered(thread, result), OpenCase(case, shadow.unsaid(result), run), draft, ShowCard(case))
    return Decision(_at_desk(thread, case), effects)


def _at_desk(thread: Thread, case: CaseId) -> Thread:
    return replace(
        thread,
        owner=DESK,
        epoch=thread.epoch + 1,
        run=None,
        case=case,
        resolved=None,
        turn_over_up_to=thread.asked_up_to,
    )


def remembered(thread: Thread, result: RunResult) -> tuple[Effect, ...]:
    """Keep what was said, in short, and the facts: none about somebody whom nobody vouches for, it may be another."""
    facts = tuple(Remember(fact) for fact in result.facts) if thread.is_theirs else ()
    return (*facts, *((KeepRecap(result.recap),) if result.recap else ()))


def person_when(thread: Thread, moment: Moment) -> str:
    """Return when a person answers, in the customer's language; '' where the desk has no hours, or never opens."""
    hours = moment.policy.hours
    opening = None if hours.always else hours.opens_at(moment.at)
    if opening is None:
        return ""
    if hours.is_open(moment.at):
        return wording.text(Line.PERSON_NOW, thread.language)
    now = datetime.fromtimestamp(moment.at, hours.zone)
    return wording.text(Line.PERSON_FROM, thread.language, when=wording.when(opening, now, thread.language))


def reopen(thread: Thread, resolved: Resolved, moment: Moment) -> Decision:
    """Give the thread back to the operator who had the resolved case, with a line to the customer.

    The thread's own words (the customer's message) are posted by the caller, before these effects.
    """
    silence = (SupersedeRun(thread.run.id),) if thread.run else ()
    said = wording.text(Line.REOPENED, thread.language, operator=resolved.name)
    line = Post(Author.SYSTEM, _together(said, person_when(thread, moment)))
    thread = replace(
        thread,
        owner=Owner(OwnerKind.OPERATOR, resolved.operator),
        epoch=thread.epoch + 1,
        run=None,
        case=resolved.case,
        resolved=None,
        last_seq=thread.last_seq + 1,
        turn_over_up_to=thread.asked_up_to,
    )
    card = ShowCard(resolved.case)
    return Decision(thread, (*silence, SupersedeSends(), ReopenCase(resolved.case), line, card))


def _together(*sentences: str) -> str:
    """Join sentences; after a full-width stop there is no space."""
    joined = " ".join(sentence for sentence in sentences if sentence)
    return joined.replace("。 ", "。")
