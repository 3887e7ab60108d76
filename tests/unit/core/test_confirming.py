"""The customer's word on a change: what a yes does, when it counts for nothing, and how it is recognised."""

from dataclasses import replace

import pytest

from core import wording
from core.actions import CONFIRM_SECONDS, ActionState, Pending, Proposal
from core.decide import decide
from core.effects import MarkAction, Propose, StartRun
from core.events import CustomerSaid, Outcome, RunEnded, RunResult
from core.ids import ActionId, FileId
from core.messages import DeskAction
from core.phrases import is_no, is_yes
from core.policy import Moment
from core.thread import Thread
from core.wording import Line
from tests.unit.core.states import AT_WORK, HANDOFF, IDLE, MOMENT, NOW, RUN, SPEAKING, did, every, only, posts

A = ActionId("a_1")
PROPOSAL = Proposal("change_address", {"address": "Elm"}, {"address": "Elm"}, "Change the address to Elm")
ASKED = replace(IDLE, verified=True, pending=Pending(A, NOW, asked_of_verified=True))
CONFIRMED = replace(AT_WORK, verified=True, pending=Pending(A, NOW, True, confirmed=5))
WAITS = {"asked": ASKED, "confirmed": CONFIRMED}


def said(
    text: str, *, customer: str = IDLE.customer, verified: bool = True, files: tuple[FileId, ...] = ()
) -> CustomerSaid:
    """Return what the customer says."""
    return CustomerSaid(text, customer=customer, verified=verified, files=files)


def marked(thread: Thread, event: CustomerSaid, at: float = NOW) -> ActionState:
    """Return what becomes of the change."""
    return only(decide(thread, event, Moment(at)), MarkAction).state


def test_a_run_that_proposes_a_change_asks_about_it() -> None:
    result = RunResult(Outcome.CLARIFIED, "Shall I?", proposal=PROPOSAL)
    decision = decide(replace(AT_WORK, verified=True), RunEnded(RUN, 0, result), MOMENT)
    proposed = only(decision, Propose)
    assert decision.thread.pending == Pending(proposed.action, NOW, asked_of_verified=True)
    assert proposed.proposal == PROPOSAL


def test_a_yes_is_carried_out_by_the_run_that_answers_it() -> None:
    decision = decide(ASKED, said("Yes, please"), MOMENT)
    assert only(decision, MarkAction) == MarkAction(A, ActionState.CONFIRMED)
    assert decision.thread.pending == replace(ASKED.pending, confirmed=5) if ASKED.pending else False
    assert only(decision, StartRun).seen_up_to == 5


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (said("no"), ActionState.DECLINED),
        (said("What does it cost?"), ActionState.DECLINED),
        (said("yes, but to 13 Elm Street"), ActionState.DECLINED),
        (said("yes", customer="web:s_2"), ActionState.DECLINED),
        (said("yes", verified=False), ActionState.DECLINED),
        (said("yes", files=(FileId("f_1"),)), ActionState.DECLINED),
    ],
    ids=["no", "another question", "yes and more", "somebody else", "nobody vouches", "a file with it"],
)
def test_everything_but_a_plain_yes_of_theirs_declines_it(event: CustomerSaid, state: ActionState) -> None:
    assert marked(ASKED, event) is state
    assert decide(ASKED, event, MOMENT).thread.pending is None


def test_a_no_is_acknowledged_and_needs_no_run() -> None:
    decision = decide(ASKED, said("No, thank you"), MOMENT)
    assert [post.text for post in posts(decision)] == ["No, thank you", wording.text(Line.LEFT_ALONE)]
    assert every(decision, StartRun) == []
    assert (decision.thread.turn_over_up_to, decision.thread.answered_up_to, decision.thread.last_seq) == (5, 5, 6)


def test_a_yes_an_hour_later_is_too_late() -> None:
    late = NOW + CONFIRM_SECONDS + 1
    assert marked(ASKED, said("yes"), late) is ActionState.EXPIRED
    assert posts(decide(ASKED, said("yes"), Moment(late)))[1].text == wording.text(Line.TOO_LATE)
    assert marked(ASKED, said("yes"), late - 2) is ActionState.CONFIRMED


def test_a_second_yes_changes_nothing_about_the_first() -> None:
    decision = decide(CONFIRMED, said("yes"), MOMENT)
    assert every(decision, MarkAction) == []
    assert decision.thread.pending == CONFIRMED.pending


@pytest.mark.parametrize("state", WAITS)
def test_a_change_of_owner_ends_it(state: str) -> None:
    thread = WAITS[state]
    by_run = decide(replace(thread, run=AT_WORK.run), RunEnded(RUN, 0, HANDOFF), MOMENT)
    assert only(by_run, MarkAction) == MarkAction(A, ActionState.EXPIRED)
    assert by_run.thread.pending is None
    taken = decide(replace(thread, run=None), did(DeskAction.REOPEN), MOMENT)
    assert only(taken, MarkAction) == MarkAction(A, ActionState.EXPIRED)
    assert taken.thread.pending is None


def test_the_end_of_the_run_that_carried_it_out_ends_it() -> None:
    decision = decide(CONFIRMED, RunEnded(RUN, 0, RunResult(Outcome.ANSWERED, "Done.")), MOMENT)
    assert decision.thread.pending is None


def test_a_yes_said_while_a_run_speaks_waits_for_the_next() -> None:
    speaking = replace(SPEAKING, verified=True, pending=ASKED.pending)
    decision = decide(speaking, said("yes"), MOMENT)
    assert only(decision, MarkAction).state is ActionState.CONFIRMED
    after = decide(decision.thread, RunEnded(RUN, 0, RunResult(Outcome.ANSWERED, "Two days.")), MOMENT)
    assert after.thread.pending == decision.thread.pending
    assert only(after, StartRun).seen_up_to == 6


def test_another_persons_message_takes_the_account_tools_away() -> None:
    assert decide(ASKED, said("Hello, Bob here", customer="web:s_2"), MOMENT).thread.verified is False
    assert decide(ASKED, said("It is me"), MOMENT).thread.verified is True


YES = [
    "yes", "Yes!", "yes please", "OK", "Go ahead.", "Sure, do it", "Yes, thank you so much!", "👍", "👍🏽",
    "sí", "Sí, por favor", "oui", "D'accord, merci", "Ja, bitte", "Ja gerne!", "sim", "Sì, grazie", "ja graag",
    "Да, пожалуйста", "是的", "好的，谢谢", "نعم", "हाँ", "はい、お願いします",
    "Hello,\n\nYes, please do.\n\nBest regards,\nKim Example", "Ja.\n\nMit freundlichen Grüßen\nKim Beispiel",
]  # fmt: skip
NO = ["no", "No, thanks", "nope", "Don't!", "cancel", "no gracias", "non merci", "Nein, danke", "não", "no grazie",
      "nee, dank u", "нет, спасибо", "不要", "لا شكرا", "नहीं", "いいえ、結構です"]  # fmt: skip
NEITHER = [
    "", "thanks", "yes?", "yes or no", "yes but not the second", "no, yes", "not yes", "Is that right?",
    "Yes, and what are your hours?", "yes best not do that", "I said yes yesterday", "yes to order 18", "please",
    "Yes.\n\nOn the other hand, leave it", "yes please " * 40, "“yes”, she said",
]  # fmt: skip


@pytest.mark.parametrize("text", YES)
def test_a_plain_yes_is_one(text: str) -> None:
    assert (is_yes(text), is_no(text)) == (True, False)


@pytest.mark.parametrize("text", NO)
def test_a_plain_no_is_one(text: str) -> None:
    assert (is_yes(text), is_no(text)) == (False, True)


@pytest.mark.parametrize("text", NEITHER)
def test_anything_more_is_neither(text: str) -> None:
    assert (is_yes(text), is_no(text)) == (False, False)
