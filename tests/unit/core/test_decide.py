"""What an event means for a thread: every event under every owner, and what holds for all of them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import wording
from core.decide import decide
from core.decision import Decision
from core.effects import (
    Amend,
    CloseCase,
    MarkBounced,
    MarkDesk,
    OpenCase,
    Post,
    Rate,
    Remember,
    Remind,
    ReopenCase,
    SaveDraft,
    ShowCard,
    StartDraft,
    StartRun,
    SupersedeRun,
    SupersedeSends,
)
from core.errors import Refused
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
    Suggestion,
)
from core.ids import CaseId, DeliveryId, FileId, MessageId, OperatorId, RunId, ThreadKey
from core.messages import Author, DeskAction, IgnoredBecause, Rating, Resolution
from core.policy import Moment, Policy
from core.thread import BOT, DESK, ActiveRun, Owner, OwnerKind, Thread
from core.wording import Line
from tests.unit.core.states import (
    ADA,
    ANSWER,
    AT_WORK,
    BOB,
    CASE,
    HANDOFF,
    HELD,
    IDLE,
    MOMENT,
    NOW,
    RESOLVED,
    RUN,
    SPEAKING,
    STATES,
    WAITING,
    did,
    every,
    kinds,
    only,
    posts,
)

ELSEWHERE = CaseId("c_older")
ASKED = MessageId("m_asked")

# The customer speaks


def test_a_message_to_the_bot_is_kept_and_starts_a_run() -> None:
    decision = decide(IDLE, CustomerSaid("7", "Kim", files=(FileId("f_1"),)), MOMENT)
    said, start = decision.effects
    assert said == Post(Author.CUSTOMER, "7", name="Kim", files=(FileId("f_1"),))
    assert isinstance(start, StartRun)
    assert decision.thread == replace(IDLE, last_seq=5, asked_up_to=5, run=ActiveRun(start.run, 5), customer_name="Kim")


@pytest.mark.parametrize(
    ("before", "vouched", "verified"),
    [(None, True, True), (None, False, False), (True, False, False), (False, True, False)],
)
def test_a_conversation_is_verified_while_somebody_vouches_for_each_of_its_messages(
    *, before: bool | None, vouched: bool, verified: bool
) -> None:
    first = Thread(IDLE.id, IDLE.key, IDLE.customer)
    thread = first if before is None else replace(IDLE, verified=before)
    after = decide(thread, CustomerSaid("7", verified=vouched, trust="Nobody knows."), MOMENT).thread
    assert (after.verified, after.trust) == (verified, "Nobody knows.")


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (CustomerSaid("7", verified=True, email="kim@new.example"), "kim@new.example"),
        (CustomerSaid("7", verified=True), ""),
        (CustomerSaid("7", email="kim@new.example"), ""),
        (CustomerSaid("7", verified=True, email="eve@new.example", customer="web:user:eve"), ""),
    ],
)
def test_the_customers_address_is_what_was_vouched_for_with_the_last_message(said: CustomerSaid, known: str) -> None:
    thread = replace(IDLE, verified=True, email="kim@old.example")
    assert decide(thread, said, MOMENT).thread.email == known


def test_nothing_is_remembered_of_somebody_nobody_vouches_for() -> None:
    result = replace(ANSWER, facts=("Has a red bike.",))
    stranger = replace(AT_WORK, customer="email:kim@example.com", key=ThreadKey("email", "", "c1"))
    for thread, kept in ((stranger, 0), (replace(stranger, verified=True), 1)):
        effects = decide(thread, RunEnded(RUN, 0, result), MOMENT).effects
        assert sum(isinstance(effect, Remember) for effect in effects) == kept


def test_an_automatic_mail_is_noted_on_the_case_and_changes_nothing_else() -> None:
    away = CustomerAutomatic(IgnoredBecause.EMPTY, "Kim is out of office.")
    assert decide(IDLE, away, MOMENT) == Decision(IDLE, ignored=IgnoredBecause.EMPTY)
    decision = decide(HELD, away, MOMENT)
    note, card = decision.effects
    assert (note, card) == (Post(Author.NOTE, "Kim is out of office.", name="Threadline"), ShowCard(CASE))
    assert decision.thread == replace(HELD, last_seq=HELD.last_seq + 1)
    assert decision.ignored == IgnoredBecause.EMPTY


def test_a_part_that_comes_back_is_marked_and_told_to_the_operators() -> None:
    bounced = PartBounced(DeliveryId("d_1"), "No such mailbox.")
    assert decide(IDLE, bounced, MOMENT).effects == (MarkBounced(DeliveryId("d_1"), "No such mailbox."),)
    mark, note, card = decide(HELD, bounced, MOMENT).effects
    assert isinstance(mark, MarkBounced)
    assert note == Post(Author.NOTE, "A message did not arrive: No such mailbox.", name="Threadline")
    assert card == ShowCard(CASE)


def test_a_customer_is_answered_in_the_language_they_wrote_last() -> None:
    german = decide(IDLE, CustomerSaid("Guten Tag, wie lange dauert die Lieferung nach Schottland?"), MOMENT).thread
    assert german.language == "de"
    unclear = decide(replace(german, run=None), CustomerSaid("4711"), MOMENT).thread
    assert unclear.language == "de", "what can't be told changes nothing"
    thread = replace(AT_WORK, language="de")
    [line] = posts(decide(thread, RunEnded(RUN, 0, HANDOFF), MOMENT))
    assert line.text == wording.text(Line.HANDED_OFF, "de")


def test_a_name_once_known_is_not_forgotten_by_a_message_without_one() -> None:
    thread = replace(IDLE, customer_name="Kim", verified=True)
    after = decide(thread, CustomerSaid("7"), MOMENT).thread
    assert (after.customer_name, after.verified) == ("Kim", False), "and who is not vouched for is not verified"


def test_a_newer_message_replaces_the_run_that_has_not_spoken_yet() -> None:
    decision = decide(AT_WORK, CustomerSaid("I mean by express"), MOMENT)
    assert kinds(decision.effects) == [Post, SupersedeRun, StartRun]
    assert only(decision, SupersedeRun) == SupersedeRun(RUN)
    assert decision.thread.run
    assert (decision.thread.run.id != RUN, decision.thread.run.seen_up_to) == (True, 6)


def test_a_newer_message_lets_a_run_that_speaks_end_and_then_gets_its_own() -> None:
    waiting = decide(SPEAKING, CustomerSaid("And to Scotland?"), MOMENT)
    assert kinds(waiting.effects) == [Post]
    assert waiting.thread.run == SPEAKING.run
    ended = decide(waiting.thread, RunEnded(RUN, 0, ANSWER), MOMENT)
    assert kinds(ended.effects) == [Post, StartRun]
    assert ended.thread.run
    assert (ended.thread.turn_over_up_to, ended.thread.run.seen_up_to) == (5, 6)


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_a_message_to_the_desk_is_shown_there_and_starts_no_run(thread: Thread) -> None:
    decision = decide(thread, CustomerSaid("Are you there?"), MOMENT)
    assert decision.effects == (Post(Author.CUSTOMER, "Are you there?"), ShowCard(CASE))
    assert (decision.thread.run, decision.thread.turn_over_up_to) == (None, 5)


@pytest.mark.parametrize("thread", STATES.values(), ids=list(STATES))
@pytest.mark.parametrize("text", ["", "  \n\t", "\u3000"])
def test_an_empty_message_changes_nothing_and_says_why(thread: Thread, text: str) -> None:
    assert decide(thread, CustomerSaid(text), MOMENT) == Decision(thread, ignored=IgnoredBecause.EMPTY)


@pytest.mark.parametrize("thread", STATES.values(), ids=list(STATES))
def test_a_file_without_words_is_a_message(thread: Thread) -> None:
    decision = decide(thread, CustomerSaid("", files=(FileId("f_1"),)), MOMENT)
    assert posts(decision) == [Post(Author.CUSTOMER, "", files=(FileId("f_1"),))]
    assert decision.thread.asked_up_to == thread.last_seq + 1


# The customer changes an own message


@pytest.mark.parametrize("text", ["To Wales, I mean", None], ids=["edited", "withdrawn"])
@pytest.mark.parametrize("turn_over", [3, 5], ids=["asked", "asked while people held the case, and handed back"])
def test_an_answer_that_has_not_begun_takes_a_change_into_account(text: str | None, turn_over: int) -> None:
    thread = replace(AT_WORK, turn_over_up_to=turn_over)
    decision = decide(thread, CustomerChanged(ASKED, text, seq=5), MOMENT)
    assert kinds(decision.effects) == [Amend, SupersedeRun, StartRun]
    assert (only(decision, Amend), only(decision, SupersedeRun)) == (Amend(ASKED, text), SupersedeRun(RUN))
    run = only(decision, StartRun)
    assert decision.thread == replace(thread, run=ActiveRun(run.run, 5))
    assert run.seen_up_to == 5


@pytest.mark.parametrize(
    ("thread", "seq", "effects"),
    [
        (SPEAKING, 5, (Amend(ASKED, "Hi"),)),
        (IDLE, 3, (Amend(ASKED, "Hi"),)),
        (AT_WORK, 3, (Amend(ASKED, "Hi"),)),
        (WAITING, 3, (Amend(ASKED, "Hi"), ShowCard(CASE))),
        (HELD, 3, (Amend(ASKED, "Hi"), ShowCard(CASE))),
    ],
    ids=["the answer is being read", "answered", "an earlier one was changed", "people wait", "a person speaks"],
)
def test_a_change_of_anything_else_is_shown_and_starts_nothing(
    thread: Thread, seq: int, effects: tuple[object, ...]
) -> None:
    assert decide(thread, CustomerChanged(ASKED, "Hi", seq=seq), MOMENT) == Decision(thread, effects)  # type: ignore[arg-type]


def test_a_change_of_a_message_that_never_came_is_ignored() -> None:
    gone = CustomerChanged(ASKED, "Hi")
    assert decide(IDLE, gone, MOMENT) == Decision(IDLE, ignored=IgnoredBecause.GONE)


# What the customer thought


@pytest.mark.parametrize("thread", [*STATES.values(), RESOLVED], ids=[*STATES, "resolved"])
def test_a_thumb_is_kept_and_changes_nothing_else(thread: Thread) -> None:
    decision = decide(thread, CustomerRated(-1, "Wrong bike", message=ASKED), MOMENT)
    card = (ShowCard(CASE),) if thread.case else ()
    assert decision == Decision(thread, (Rate(Rating(-1, "Wrong bike"), ASKED), *card))


@pytest.mark.parametrize("thread", [RESOLVED, IDLE, HELD], ids=["resolved", "idle", "held again"])
def test_an_answer_to_the_survey_is_kept_and_reopens_nothing(thread: Thread) -> None:
    decision = decide(thread, CustomerRated(1, "Still broken", case=CASE), MOMENT)
    assert decision == Decision(thread, (Rate(Rating(1, "Still broken"), case=CASE), ShowCard(CASE)))


# A run ends


def test_an_answer_is_posted_with_its_sources_and_the_facts_are_kept() -> None:
    decision = decide(AT_WORK, RunEnded(RUN, 0, replace(ANSWER, facts=("Rides a Tern",))), MOMENT)
    assert decision.effects == (
        Remember("Rides a Tern"),
        Post(Author.BOT, ANSWER.text, citations=ANSWER.citations, run=RUN),
    )
    assert decision.thread == replace(AT_WORK, run=None, last_seq=6, turn_over_up_to=5, answered_up_to=5)


@pytest.mark.parametrize("outcome", [Outcome.CLARIFIED, Outcome.DECLINED])
def test_a_question_back_and_a_refusal_are_lines_of_the_bot_too(outcome: Outcome) -> None:
    decision = decide(AT_WORK, RunEnded(RUN, 0, RunResult(outcome, "Which bike?")), MOMENT)
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
    assert decide(thread, event, MOMENT) == Decision(thread, ignored=IgnoredBecause.STALE)


# What the sweeps notice


def test_a_case_whose_operator_cannot_sign_in_any_more_is_free_again() -> None:
    decision = decide(HELD, OperatorGone(CASE, ADA, "Ada"), MOMENT)
    told, note = posts(decision)
    assert (told.author, told.text) == (Author.SYSTEM, wording.text(Line.LEFT, operator="Ada"))
    assert note.author is Author.NOTE
    assert "Ada can't sign in any more" in note.text
    assert kinds(decision.effects) == [SupersedeSends, Post, Post, ShowCard]
    assert decision.thread == replace(HELD, owner=DESK, epoch=3, last_seq=6)


@pytest.mark.parametrize(
    "event",
    [OperatorGone(CASE, BOB, "Bob"), OperatorGone(ELSEWHERE, ADA, "Ada")],
    ids=["a colleague holds it", "another case"],
)
def test_who_is_gone_loses_only_what_they_hold(event: OperatorGone) -> None:
    assert decide(HELD, event, MOMENT) == Decision(HELD, ignored=IgnoredBecause.STALE)


@pytest.mark.parametrize("again", [False, True])
def test_a_case_that_waits_too_long_is_called_out(*, again: bool) -> None:
    told = replace(WAITING, apologised_up_to=WAITING.asked_up_to)
    decision = decide(told, CaseOverdue(CASE, 1, again, "It waits.", WAITING.answered_up_to), MOMENT)
    assert decision == Decision(told, (Remind(CASE, "It waits.", everyone=again), ShowCard(CASE)))


def test_a_customer_whose_case_waits_too_long_is_told_so_once_for_what_they_wrote() -> None:
    overdue = CaseOverdue(CASE, 1, again=False, sentence="It waits.", answered_up_to=WAITING.answered_up_to)
    first = decide(WAITING, overdue, MOMENT)
    assert [(post.author, post.text, post.presence) for post in posts(first)] == [
        (Author.SYSTEM, wording.text(Line.WAITING_LONG), True)
    ]
    assert posts(decide(first.thread, overdue, MOMENT)) == []
    wrote_again = replace(first.thread, asked_up_to=first.thread.asked_up_to + 1)
    assert len(posts(decide(wrote_again, overdue, MOMENT))) == 1


def test_a_slow_run_is_apologised_for_once_unless_it_speaks_or_counts_no_more() -> None:
    slow = RunSlow(RUN, AT_WORK.epoch)
    first = decide(AT_WORK, slow, MOMENT)
    assert [post.text for post in posts(first)] == [wording.text(Line.WAITING_LONG)]
    assert first.thread.run == AT_WORK.run
    assert posts(decide(first.thread, slow, MOMENT)) == []
    assert AT_WORK.run
    speaking = replace(AT_WORK, run=replace(AT_WORK.run, speaking=True))
    assert decide(speaking, slow, MOMENT) == Decision(speaking)
    for stale in (RunSlow(RunId("r_other"), AT_WORK.epoch), RunSlow(RUN, AT_WORK.epoch + 1)):
        assert decide(AT_WORK, stale, MOMENT) == Decision(AT_WORK, ignored=IgnoredBecause.STALE)


@pytest.mark.parametrize(
    ("thread", "case", "epoch"),
    [
        (HELD, CASE, 1),
        (WAITING, ELSEWHERE, 1),
        (RESOLVED, CASE, 1),
        (replace(HELD, answered_up_to=HELD.answered_up_to + 1), CASE, HELD.epoch),
    ],
    ids=["claimed meanwhile", "another case", "resolved meanwhile", "answered meanwhile"],
)
def test_a_reminder_that_comes_too_late_is_not_posted(thread: Thread, case: CaseId, epoch: int) -> None:
    overdue = CaseOverdue(case, epoch, again=False, sentence="It waits.", answered_up_to=HELD.answered_up_to)
    assert decide(thread, overdue, MOMENT) == Decision(thread, ignored=IgnoredBecause.STALE)


def test_a_desk_that_cannot_be_reached_is_told_to_operators_when_it_begins_and_when_it_is_over() -> None:
    begins = decide(WAITING, DeskUnreachable(CASE, "slack:C1", "No such channel."), MOMENT)
    mark, note = begins.effects
    assert mark == MarkDesk(CASE, "No such channel.")
    assert isinstance(note, Post)
    assert note.author is Author.NOTE
    assert "could not be posted to slack:C1: No such channel." in note.text
    assert begins.thread == replace(WAITING, last_seq=5)
    over = decide(begins.thread, DeskUnreachable(CASE, "slack:C1", ""), MOMENT)
    assert over.effects[0] == MarkDesk(CASE, "")
    assert "slack:C1 can be reached again" in posts(over)[0].text


def test_a_card_that_is_due_again_is_shown_again() -> None:
    assert decide(WAITING, CardDue(CASE), MOMENT) == Decision(WAITING, (ShowCard(CASE),))


# A draft ends


@pytest.mark.parametrize("suggestion", [Suggestion("Two days."), Suggestion(), None])
@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_a_suggestion_is_shown_to_operators_and_says_nothing_to_the_customer(
    thread: Thread, suggestion: Suggestion | None
) -> None:
    decision = decide(thread, DraftEnded(CASE, suggestion), MOMENT)
    assert decision == Decision(thread, (SaveDraft(CASE, suggestion), ShowCard(CASE)))


@pytest.mark.parametrize("thread", [IDLE, RESOLVED, replace(HELD, case=ELSEWHERE)])
def test_a_suggestion_for_a_case_that_is_over_comes_too_late(thread: Thread) -> None:
    late = DraftEnded(CASE, Suggestion("Two days."))
    assert decide(thread, late, MOMENT) == Decision(thread, ignored=IgnoredBecause.STALE)


# An event that could not be handled


@pytest.mark.parametrize("thread", [IDLE, AT_WORK, SPEAKING], ids=["idle", "at work", "speaking"])
def test_an_event_that_failed_puts_the_thread_before_people(thread: Thread) -> None:
    decision = decide(thread, EventFailed("It failed."), MOMENT)
    assert decision.thread.owner == DESK
    assert decision.thread.run is None
    opened = only(decision, OpenCase)
    assert (opened.result.reason, opened.result.detail) == (HandoffReason.INTERNAL_ERROR, "It failed.")
    assert [post.text for post in posts(decision)] == [wording.text(Line.HANDED_OFF_FAILED)]
    assert every(decision, SupersedeRun) == ([SupersedeRun(thread.run.id)] if thread.run else [])


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_an_event_that_failed_is_a_note_where_people_are_already(thread: Thread) -> None:
    decision = decide(thread, EventFailed("It failed."), MOMENT)
    assert decision.effects == (Post(Author.NOTE, "It failed.", name="Threadline"), ShowCard(CASE))
    assert decision.thread == replace(thread, last_seq=5)


# What holds whatever happens

texts = st.sampled_from(["", "Hello", "I want a person", "Thank you!", "👍", "note: careful", "@Bob look"])
results = st.one_of(
    st.builds(
        RunResult, st.sampled_from([Outcome.ANSWERED, Outcome.CLARIFIED, Outcome.DECLINED]), st.just("Two days.")
    ),
    st.builds(
        lambda reason, text: RunResult(Outcome.HANDED_OFF, text, reason=reason), st.sampled_from(HandoffReason), texts
    ),
)
suggestions = st.sampled_from([None, Suggestion(), Suggestion("Two days.")])
policies = st.builds(Policy, survey=st.booleans(), reopen=st.sampled_from([0.0, 3600.0, 7 * 86_400.0]))
Story = list[tuple[Thread, Event, Moment, Decision | None]]


@st.composite
def actions(draw: st.DrawFn, case: CaseId, holder: OperatorId) -> OperatorDid:
    """Any action of either operator, mostly of the one who holds the case; those that change hands come often."""
    often = [DeskAction.CLAIM, DeskAction.ASSIGN, DeskAction.RESOLVE, DeskAction.RESOLVE, DeskAction.REOPEN]
    return did(
        draw(st.sampled_from([*often, *DeskAction])),
        draw(st.sampled_from([holder, holder, ADA, BOB])),
        draw(texts),
        case=case,
        to=draw(st.sampled_from([None, ADA, BOB])),
        outcome=draw(st.sampled_from([Resolution.SOLVED, *Resolution])),
        message=draw(st.sampled_from([None, ASKED])),
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A thread's life: each event is aimed at the state it meets, or at one that is over. None: it was refused."""
    thread = draw(
        st.sampled_from(
            [replace(IDLE, last_seq=0, asked_up_to=0, turn_over_up_to=0, answered_up_to=0), WAITING, HELD, RESOLVED]
        )
    )
    policy = draw(policies)
    now = NOW
    over = [CASE]
    story: Story = []
    for _ in range(draw(st.integers(1, 20))):
        now += draw(st.sampled_from([0.0, 60.0, 86_400.0, 8 * 86_400.0]))
        case = thread.case or (thread.resolved.case if thread.resolved else over[-1])
        event: Event
        match draw(
            st.sampled_from(["said", "said", "run", "run", "operator", "operator", "operator", "other", "speaks"])
        ):
            case "said":
                event = CustomerSaid(draw(texts))
            case "run" if thread.run:
                event = RunEnded(thread.run.id, thread.epoch, draw(results))
            case "speaks" if thread.run:
                thread = replace(thread, run=replace(thread.run, speaking=True))
                continue
            case "operator":
                holder = thread.owner.operator or ADA
                event = draw(actions(draw(st.sampled_from([case, case, case, over[0]])), holder))
            case _:
                others: list[Event] = [
                    EventFailed("It failed."),
                    RunEnded(RUN, draw(st.integers(0, 3)), draw(results)),
                    CustomerChanged(ASKED, draw(texts), seq=draw(st.integers(0, thread.asked_up_to))),
                    CustomerRated(1, message=ASKED),
                    CustomerRated(5, case=case),
                    OperatorGone(case, draw(st.sampled_from([ADA, BOB])), "Ada"),
                    CaseOverdue(case, draw(st.integers(0, thread.epoch)), again=True, sentence="It waits."),
                    CardDue(case),
                    DeskUnreachable(case, "slack:C1", draw(st.sampled_from(["", "Away."]))),
                    DraftEnded(case, draw(suggestions)),
                ]
                event = draw(st.sampled_from(others))
        moment = Moment(now, policy)
        try:
            decision = decide(thread, event, moment)
        except Refused:
            story.append((thread, event, moment, None))
            continue
        story.append((thread, event, moment, decision))
        if thread.case and thread.case != decision.thread.case:
            over.append(thread.case)
        thread = decision.thread
    return story


def told(story: Story) -> list[tuple[Thread, Event, Moment, Decision]]:
    """Return what was not refused."""
    return [(before, event, moment, decision) for before, event, moment, decision in story if decision]


@given(stories())
def test_in_any_story_the_rules_hold(story: Story) -> None:
    for before, event, _, decision in told(story):
        after, effects = decision.thread, decision.effects
        changed_hands = after.owner != before.owner
        assert after.epoch - before.epoch == changed_hands, "the epoch grows with the owner alone"
        assert after.last_seq - before.last_seq == len(posts(decision)), "every message is numbered"
        assert before.turn_over_up_to <= after.turn_over_up_to <= after.asked_up_to <= after.last_seq
        assert before.answered_up_to <= after.answered_up_to <= after.turn_over_up_to
        assert (after.owner == BOT) == (after.case is None), "whoever waits for people has a case"
        assert after.run is None or after.owner == BOT, "no run while people speak"
        if after.owner == BOT and after.run is None:
            assert after.answered_up_to == after.asked_up_to, "nobody is left without an answer or a reason"
        if before.run and after.run != before.run and not isinstance(event, RunEnded):
            assert SupersedeRun(before.run.id) in effects, "a run that no longer counts is stopped"
        if decision.ignored:
            assert (after, effects) == (before, ())
        began = every(decision, OpenCase) + every(decision, ReopenCase)
        assert [effect.case for effect in began] == ([after.case] if before.case is None and after.case else [])
        assert [effect.case for effect in every(decision, CloseCase)] == (
            [before.case] if before.case and after.case is None else []
        )
        assert after.resolved is None or after.case is None, "an open case is no resolved one"


@given(stories())
def test_in_any_story_the_bot_is_silent_while_people_speak(story: Story) -> None:
    for before, event, _, decision in told(story):
        if before.owner != BOT:
            assert decision.thread.owner == BOT or not every(decision, StartRun)
            assert Author.BOT not in [post.author for post in posts(decision)]
        if decision.thread.owner != BOT and not isinstance(event, RunEnded):
            assert Author.BOT not in [post.author for post in posts(decision)]
        if (
            before.owner != decision.thread.owner
            and before.owner == BOT
            and not isinstance(event, RunEnded | EventFailed)
        ):
            assert SupersedeSends in kinds(decision.effects), "what the bot had still to say is not said any more"


@given(stories())
def test_in_any_story_only_the_holders_lines_reach_the_customer_and_notes_never_do(story: Story) -> None:
    for before, event, _, decision in told(story):
        for post in posts(decision):
            if post.author is Author.OPERATOR:
                assert isinstance(event, OperatorDid)
                assert before.owner == Owner(OwnerKind.OPERATOR, event.operator)
                assert (post.operator, event.case) == (event.operator, before.case)
                assert event.action in {DeskAction.REPLY, DeskAction.WRITE}
            if post.author is Author.NOTE:
                assert post.survey is None


@given(stories())
def test_in_any_story_a_handoff_tells_the_customer_once_and_asks_for_one_draft(story: Story) -> None:
    for _, _, _, decision in told(story):
        if OpenCase in kinds(decision.effects):
            assert [post.author for post in posts(decision)].count(Author.SYSTEM) == 1
            [opened], [draft] = every(decision, OpenCase), every(decision, StartDraft)
            assert draft.case == opened.case
            assert ShowCard(opened.case) in decision.effects


@given(stories())
def test_in_any_story_a_change_of_hands_is_told_to_the_customer(story: Story) -> None:
    for before, _, _, decision in told(story):
        if before.owner != decision.thread.owner:
            assert Author.SYSTEM in [post.author for post in posts(decision)]


@given(stories())
def test_in_any_story_a_message_reopens_a_case_only_in_time_and_for_its_operator(story: Story) -> None:
    for before, event, moment, decision in told(story):
        if ReopenCase not in kinds(decision.effects) or isinstance(event, OperatorDid):
            continue
        assert isinstance(event, CustomerSaid)
        assert before.resolved
        assert moment.at - before.resolved.at <= moment.policy.reopen
        assert decision.thread.owner == Owner(OwnerKind.OPERATOR, before.resolved.operator)
        assert decision.thread.case == before.resolved.case


@given(stories())
def test_in_any_story_a_survey_follows_a_resolution_alone_and_never_where_it_is_switched_off(story: Story) -> None:
    for _, event, moment, decision in told(story):
        for post in posts(decision):
            if post.survey:
                assert moment.policy.survey
                assert isinstance(event, OperatorDid)
                assert (event.action, event.outcome in {Resolution.SOLVED, Resolution.UNSOLVED}) == (
                    DeskAction.RESOLVE,
                    True,
                )
                assert post.author is Author.SYSTEM


@given(stories())
def test_in_any_story_a_refusal_is_a_whole_sentence(story: Story) -> None:
    for before, event, moment, decision in story:
        if decision is None:
            with pytest.raises(Refused, match=r"^[A-Z].*\.$"):
                decide(before, event, moment)


def test_stories_reach_what_they_are_about() -> None:
    """The properties above say little of what never happens: here each of it happens in some story."""
    seen: set[str] = set()
    wanted = {"reopened by a message", "reopened by hand", "surveyed", "handed over", "assigned", "gone", "refused"}

    @settings(derandomize=True, max_examples=300)
    @given(stories())
    def look(story: Story) -> None:
        for _, event, _, decision in story:
            if decision is None:
                seen.add("refused")
                continue
            if ReopenCase in kinds(decision.effects):
                seen.add("reopened by hand" if isinstance(event, OperatorDid) else "reopened by a message")
            if any(post.survey for post in posts(decision)):
                seen.add("surveyed")
            if OpenCase in kinds(decision.effects):
                seen.add("handed over")
            if isinstance(event, OperatorDid) and event.action is DeskAction.ASSIGN and decision.effects:
                seen.add("assigned")
            if isinstance(event, OperatorGone) and decision.effects:
                seen.add("gone")

    look()
    assert seen == wanted
