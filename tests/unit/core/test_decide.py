"""What an event means for a thread: every event under every owner, and what holds for all of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import wording
from core.decide import Decision, decide
from core.effects import CloseCase, Effect, OpenCase, Post, Remember, ShowCard, StartRun, SupersedeRun, SupersedeSends
from core.errors import Refused
from core.events import CustomerSaid, Event, EventFailed, HandoffReason, OperatorDid, Outcome, RunEnded, RunResult
from core.ids import CaseId, OperatorId, RunId, ThreadId, ThreadKey
from core.messages import Author, Citation, DeskAction, IgnoredBecause
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Thread

ADA, BOB = OperatorId("o_ada"), OperatorId("o_bob")
CASE = CaseId("c_1")
RUN = RunId("r_1")

IDLE = Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_1"), "web:s_1", last_seq=4, asked_up_to=3, turn_over_up_to=3)
AT_WORK = replace(IDLE, last_seq=5, asked_up_to=5, run=ActiveRun(RUN, seen_up_to=5))
SPEAKING = replace(AT_WORK, run=ActiveRun(RUN, seen_up_to=5, speaking=True))
WAITING = replace(IDLE, owner=DESK, epoch=1, case=CASE)
HELD = replace(WAITING, owner=Owner(OwnerKind.OPERATOR, ADA), epoch=2)
STATES = {"idle": IDLE, "at work": AT_WORK, "speaking": SPEAKING, "waiting": WAITING, "held": HELD}

ANSWER = RunResult(Outcome.ANSWERED, "Two days. [1]", (Citation(1, "Delivery", "delivery.md"),))
HANDOFF = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.WEAK_GROUNDING)


def kinds(effects: Sequence[Effect]) -> list[type[Effect]]:
    return [type(effect) for effect in effects]


def only(decision: Decision, kind: type[Effect]) -> Effect:
    [found] = [effect for effect in decision.effects if isinstance(effect, kind)]
    return found


def posts(decision: Decision) -> list[Post]:
    return [effect for effect in decision.effects if isinstance(effect, Post)]


def did(action: DeskAction, by: OperatorId = ADA, text: str = "", case: CaseId = CASE) -> OperatorDid:
    return OperatorDid(case, by, {ADA: "Ada", BOB: "Bob"}[by], action, text)


# The customer speaks


def test_a_message_to_the_bot_is_kept_and_starts_a_run() -> None:
    decision = decide(IDLE, CustomerSaid("Hello", "Kim"))
    said, start = decision.effects
    assert said == Post(Author.CUSTOMER, "Hello", name="Kim")
    assert isinstance(start, StartRun)
    assert decision.thread == replace(IDLE, last_seq=5, asked_up_to=5, run=ActiveRun(start.run, 5))


def test_a_newer_message_replaces_the_run_that_has_not_spoken_yet() -> None:
    decision = decide(AT_WORK, CustomerSaid("I mean by express"))
    assert kinds(decision.effects) == [Post, SupersedeRun, StartRun]
    assert only(decision, SupersedeRun) == SupersedeRun(RUN)
    assert decision.thread.run
    assert (decision.thread.run.id != RUN, decision.thread.run.seen_up_to) == (True, 6)


def test_a_newer_message_lets_a_run_that_speaks_end_and_then_gets_its_own() -> None:
    waiting = decide(SPEAKING, CustomerSaid("And to Scotland?"))
    assert kinds(waiting.effects) == [Post]
    assert waiting.thread.run == SPEAKING.run
    ended = decide(waiting.thread, RunEnded(RUN, 0, ANSWER))
    assert kinds(ended.effects) == [Post, StartRun]
    assert ended.thread.run
    assert (ended.thread.turn_over_up_to, ended.thread.run.seen_up_to) == (5, 6)


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_a_message_to_the_desk_is_shown_there_and_starts_no_run(thread: Thread) -> None:
    decision = decide(thread, CustomerSaid("Are you there?"))
    assert decision.effects == (Post(Author.CUSTOMER, "Are you there?"), ShowCard(CASE))
    assert (decision.thread.run, decision.thread.turn_over_up_to) == (None, 5)


@pytest.mark.parametrize("thread", STATES.values(), ids=list(STATES))
@pytest.mark.parametrize("text", ["", "  \n\t", "\u3000"])
def test_an_empty_message_changes_nothing_and_says_why(thread: Thread, text: str) -> None:
    assert decide(thread, CustomerSaid(text)) == Decision(thread, ignored=IgnoredBecause.EMPTY)


# A run ends


def test_an_answer_is_posted_with_its_sources_and_the_facts_are_kept() -> None:
    decision = decide(AT_WORK, RunEnded(RUN, 0, replace(ANSWER, facts=("Rides a Tern",))))
    assert decision.effects == (
        Remember("Rides a Tern"),
        Post(Author.BOT, ANSWER.text, citations=ANSWER.citations, run=RUN),
    )
    assert decision.thread == replace(AT_WORK, run=None, last_seq=6, turn_over_up_to=5)


@pytest.mark.parametrize("outcome", [Outcome.CLARIFIED, Outcome.DECLINED])
def test_a_question_back_and_a_refusal_are_lines_of_the_bot_too(outcome: Outcome) -> None:
    decision = decide(AT_WORK, RunEnded(RUN, 0, RunResult(outcome, "Which bike?")))
    assert [(post.author, post.text) for post in posts(decision)] == [(Author.BOT, "Which bike?")]
    assert decision.thread.owner == BOT


@pytest.mark.parametrize(
    ("thread", "event"),
    [
        (IDLE, RunEnded(RUN, 0, ANSWER)),
        (AT_WORK, RunEnded(RunId("r_older"), 0, ANSWER)),
        (replace(AT_WORK, epoch=2), RunEnded(RUN, 0, ANSWER)),
        (WAITING, RunEnded(RUN, 0, ANSWER)),
        (HELD, RunEnded(RUN, 2, ANSWER)),
        (HELD, RunEnded(RUN, 0, HANDOFF)),
    ],
    ids=["nothing runs", "another run counts", "the owner changed", "people wait", "a person speaks", "late handoff"],
)
def test_a_result_that_came_too_late_changes_nothing(thread: Thread, event: RunEnded) -> None:
    assert decide(thread, event) == Decision(thread, ignored=IgnoredBecause.STALE)


@pytest.mark.parametrize("reason", HandoffReason)
def test_a_handoff_opens_a_case_says_one_line_and_shows_the_card(reason: HandoffReason) -> None:
    result = RunResult(Outcome.HANDED_OFF, reason=reason)
    decision = decide(AT_WORK, RunEnded(RUN, 0, result))
    assert kinds(decision.effects) == [OpenCase, Post, ShowCard]
    opened = only(decision, OpenCase)
    assert isinstance(opened, OpenCase)
    assert opened.result == result
    [line] = posts(decision)
    assert line.author is Author.SYSTEM
    assert line.text in {wording.HANDED_OFF, wording.HANDED_OFF_ASKED, wording.HANDED_OFF_FAILED}
    assert decision.thread == replace(
        AT_WORK, owner=DESK, epoch=1, run=None, case=opened.case, last_seq=6, turn_over_up_to=5
    )


def test_who_asked_for_a_person_is_not_told_that_something_failed() -> None:
    lines = {
        reason: posts(decide(AT_WORK, RunEnded(RUN, 0, RunResult(Outcome.HANDED_OFF, reason=reason))))[0].text
        for reason in (HandoffReason.CUSTOMER_ASKED, HandoffReason.WEAK_GROUNDING, HandoffReason.MODEL_FAILED)
    }
    assert list(lines.values()) == [wording.HANDED_OFF_ASKED, wording.HANDED_OFF, wording.HANDED_OFF_FAILED]


def test_what_had_been_streamed_stays_with_its_sources_and_closes_the_stream() -> None:
    broken = replace(HANDOFF, text="Two days. [1]", citations=ANSWER.citations)
    spoken, line = posts(decide(SPEAKING, RunEnded(RUN, 0, broken)))
    assert spoken == Post(Author.BOT, "Two days. [1]", citations=ANSWER.citations, run=RUN, cut_short=True)
    assert line.author is Author.SYSTEM


def test_a_handoff_counts_for_everything_the_customer_has_asked() -> None:
    asked_more = replace(SPEAKING, last_seq=6, asked_up_to=6)
    assert decide(asked_more, RunEnded(RUN, 0, HANDOFF)).thread.turn_over_up_to == 6


# An event that could not be handled


@pytest.mark.parametrize("thread", [IDLE, AT_WORK, SPEAKING], ids=["idle", "at work", "speaking"])
def test_an_event_that_failed_puts_the_thread_before_people(thread: Thread) -> None:
    decision = decide(thread, EventFailed("It failed."))
    assert decision.thread.owner == DESK
    assert decision.thread.run is None
    opened = only(decision, OpenCase)
    assert isinstance(opened, OpenCase)
    assert (opened.result.reason, opened.result.detail) == (HandoffReason.INTERNAL_ERROR, "It failed.")
    assert [post.text for post in posts(decision)] == [wording.HANDED_OFF_FAILED]
    assert (SupersedeRun in kinds(decision.effects)) == (thread.run is not None)


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_an_event_that_failed_is_a_note_where_people_are_already(thread: Thread) -> None:
    decision = decide(thread, EventFailed("It failed."))
    assert decision.effects == (Post(Author.NOTE, "It failed.", name="Threadline"), ShowCard(CASE))
    assert decision.thread == replace(thread, last_seq=5)


# Operators


def test_a_claim_makes_the_operator_the_only_one_who_speaks() -> None:
    decision = decide(WAITING, did(DeskAction.CLAIM))
    assert decision.effects == (SupersedeSends(), Post(Author.SYSTEM, wording.joined("Ada")), ShowCard(CASE))
    assert decision.thread == replace(WAITING, owner=Owner(OwnerKind.OPERATOR, ADA), epoch=2, last_seq=5)


def test_claiming_what_is_yours_already_says_nothing_again() -> None:
    assert decide(HELD, did(DeskAction.CLAIM)) == Decision(HELD)


def test_a_release_gives_the_thread_back_to_the_desk() -> None:
    decision = decide(HELD, did(DeskAction.RELEASE))
    assert (decision.thread.owner, decision.thread.epoch, decision.thread.case) == (DESK, 3, CASE)
    assert [post.text for post in posts(decision)] == [wording.left("Ada")]


@pytest.mark.parametrize(
    ("action", "outcome", "line"),
    [
        (DeskAction.RESOLVE, "resolved", wording.resolved("Ada")),
        (DeskAction.HAND_BACK, "handed_back", wording.handed_back("Ada")),
    ],
)
@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_a_case_that_ends_gives_the_thread_to_the_bot(
    thread: Thread, action: DeskAction, outcome: str, line: str
) -> None:
    decision = decide(thread, did(action))
    assert only(decision, CloseCase) == CloseCase(CASE, outcome, "Ada")
    assert [post.text for post in posts(decision)] == [line]
    assert decision.thread == replace(thread, owner=BOT, epoch=thread.epoch + 1, case=None, last_seq=5)


def test_a_reply_is_the_operators_own_line_and_a_note_goes_nowhere() -> None:
    assert posts(decide(HELD, did(DeskAction.REPLY, text="Hi"))) == [Post(Author.OPERATOR, "Hi", name="Ada")]
    assert posts(decide(HELD, did(DeskAction.NOTE, BOB, "Hm"))) == [Post(Author.NOTE, "Hm", name="Bob")]


@pytest.mark.parametrize(
    ("thread", "event"),
    [
        (WAITING, did(DeskAction.REPLY, text="Hi")),
        (WAITING, did(DeskAction.RELEASE)),
        (HELD, did(DeskAction.CLAIM, BOB)),
        (HELD, did(DeskAction.REPLY, BOB, "Hi")),
        (HELD, did(DeskAction.RESOLVE, BOB)),
        (HELD, did(DeskAction.REPLY, text=" ")),
        (IDLE, did(DeskAction.CLAIM)),
        (HELD, did(DeskAction.RESOLVE, case=CaseId("c_older"))),
    ],
)
def test_an_action_that_is_not_allowed_is_refused_before_anything_changes(thread: Thread, event: OperatorDid) -> None:
    with pytest.raises(Refused, match=r"\.$"):
        decide(thread, event)


# What holds whatever happens

texts = st.sampled_from(["", "Hello", "I want a person"])
results = st.one_of(
    st.builds(
        RunResult, st.sampled_from([Outcome.ANSWERED, Outcome.CLARIFIED, Outcome.DECLINED]), st.just("Two days.")
    ),
    st.builds(
        lambda reason, text: RunResult(Outcome.HANDED_OFF, text, reason=reason), st.sampled_from(HandoffReason), texts
    ),
)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[Thread, Event, Decision]]:
    """A thread's life: each event is aimed at the state it meets, or at one that is over."""
    thread = replace(IDLE, last_seq=0, asked_up_to=0, turn_over_up_to=0)
    story: list[tuple[Thread, Event, Decision]] = []
    for _ in range(draw(st.integers(1, 15))):
        event: Event
        match draw(st.sampled_from(["customer", "run", "old run", "operator", "failed", "speaks"])):
            case "customer":
                event = CustomerSaid(draw(texts))
            case "run" if thread.run:
                event = RunEnded(thread.run.id, thread.epoch, draw(results))
            case "speaks" if thread.run:
                thread = replace(thread, run=replace(thread.run, speaking=True))
                continue
            case "operator":
                action, who = draw(st.sampled_from(DeskAction)), draw(st.sampled_from([ADA, BOB]))
                event = did(action, who, "Words", thread.case or CASE)
            case "failed":
                event = EventFailed("It failed.")
            case _:
                event = RunEnded(RUN, draw(st.integers(0, 3)), draw(results))
        try:
            decision = decide(thread, event)
        except Refused:
            continue
        story.append((thread, event, decision))
        thread = decision.thread
    return story


@given(stories())
def test_in_any_story_the_rules_hold(story: list[tuple[Thread, Event, Decision]]) -> None:
    for before, event, decision in story:
        after, effects = decision.thread, decision.effects
        assert after.epoch - before.epoch == (after.owner != before.owner), "the epoch grows with the owner alone"
        assert after.last_seq - before.last_seq == len(posts(decision)), "every message is numbered"
        assert before.turn_over_up_to <= after.turn_over_up_to <= after.asked_up_to <= after.last_seq
        assert (after.owner == BOT) == (after.case is None), "whoever waits for people has a case"
        assert after.run is None or after.owner == BOT, "no run while people speak"
        if after.owner == BOT and after.run is None:
            assert after.turn_over_up_to == after.asked_up_to, "nobody is left without an answer or a reason"
        if before.run and after.run != before.run and not isinstance(event, RunEnded):
            assert SupersedeRun(before.run.id) in effects, "a run that no longer counts is stopped"
        if decision.ignored:
            assert (after, effects) == (before, ())
        assert kinds(effects).count(OpenCase) == (before.case is None and after.case is not None)
        assert kinds(effects).count(CloseCase) == (before.case is not None and after.case is None)
        if OpenCase in kinds(effects):
            assert [post.author for post in posts(decision)].count(Author.SYSTEM) == 1
            assert ShowCard in kinds(effects)
