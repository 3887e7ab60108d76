"""Threads in every state, and short words for what tests of `decide` ask of a decision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from core.decision import Decision
from core.effects import Effect, Post
from core.events import HandoffReason, OperatorDid, Outcome, RunResult
from core.ids import CaseId, FileId, MessageId, OperatorId, RunId, ThreadId, ThreadKey
from core.messages import Citation, DeskAction, Resolution
from core.policy import Moment
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Resolved, Thread

E = TypeVar("E", bound=Effect)

ADA, BOB = OperatorId("o_ada"), OperatorId("o_bob")
NAMES = {ADA: "Ada", BOB: "Bob"}
CASE = CaseId("c_1")
RUN = RunId("r_1")
NOW = 1_800_000_000.0
MOMENT = Moment(NOW)

IDLE = Thread(
    ThreadId("t_1"),
    ThreadKey("web", "chat", "s_1"),
    "web:s_1",
    last_seq=4,
    asked_up_to=3,
    turn_over_up_to=3,
    answered_up_to=3,
)
AT_WORK = replace(IDLE, last_seq=5, asked_up_to=5, run=ActiveRun(RUN, seen_up_to=5))
SPEAKING = replace(AT_WORK, run=ActiveRun(RUN, seen_up_to=5, speaking=True))
WAITING = replace(IDLE, owner=DESK, epoch=1, case=CASE)
HELD = replace(WAITING, owner=Owner(OwnerKind.OPERATOR, ADA), epoch=2)
RESOLVED = replace(IDLE, owner=BOT, epoch=3, resolved=Resolved(CASE, ADA, "Ada", NOW), surveyed=CASE)
STATES = {"idle": IDLE, "at work": AT_WORK, "speaking": SPEAKING, "waiting": WAITING, "held": HELD}

ANSWER = RunResult(Outcome.ANSWERED, "Two days. [1]", (Citation(1, "Delivery", "delivery.md"),))
HANDOFF = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.WEAK_GROUNDING)


def kinds(effects: Sequence[Effect]) -> list[type[Effect]]:
    """Return the kinds of `effects`, in order."""
    return [type(effect) for effect in effects]


def every(decision: Decision, kind: type[E]) -> list[E]:
    """Return the effects of `kind`, in order."""
    return [effect for effect in decision.effects if isinstance(effect, kind)]


def only(decision: Decision, kind: type[E]) -> E:
    """Return the one effect of `kind`."""
    [found] = every(decision, kind)
    return found


def posts(decision: Decision) -> list[Post]:
    """Return the messages that were posted."""
    return every(decision, Post)


def did(
    action: DeskAction,
    by: OperatorId = ADA,
    text: str = "",
    *,
    case: CaseId = CASE,
    to: OperatorId | None = None,
    outcome: Resolution = Resolution.SOLVED,
    message: MessageId | None = None,
    files: tuple[FileId, ...] = (),
    desk: str = "web",
) -> OperatorDid:
    """Return what an operator did."""
    return OperatorDid(
        case, by, NAMES[by], action, text, to, NAMES[to] if to else "", outcome, message, files=files, desk=desk
    )
