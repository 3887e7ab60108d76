"""What an operator's action does to a thread: who speaks from then on, and what the customer reads of it."""

from dataclasses import replace

import pytest

from core import wording
from core.decide import decide
from core.decision import Decision
from core.desk import KEPT_AS_NOTE, KEPT_HELD, KEPT_MENTION, KEPT_RESOLVED, KEPT_UNCLAIMED
from core.effects import (
    Amend,
    CheckArrival,
    CloseCase,
    JudgeDraft,
    Post,
    ReopenCase,
    Resend,
    ShowCard,
    StartDraft,
    StartRun,
    SupersedeRun,
    SupersedeSends,
)
from core.errors import Refused
from core.events import CustomerSaid, OperatorDid
from core.ids import CaseId, FileId, MessageId, OperatorId
from core.messages import Author, DeskAction, Resolution
from core.policy import Moment, Policy
from core.thread import BOT, DESK, Owner, OwnerKind, Resolved, Thread
from core.wording import Line
from tests.unit.core.states import (
    ADA,
    AT_WORK,
    BOB,
    CASE,
    HELD,
    IDLE,
    MOMENT,
    NAMES,
    NOW,
    RESOLVED,
    RUN,
    WAITING,
    did,
    every,
    kinds,
    only,
    posts,
)

OLDER = CaseId("c_older")
LINE = MessageId("m_line")


def held_by(operator: OperatorId) -> Owner:
    return Owner(OwnerKind.OPERATOR, operator)


def lines(decision: Decision) -> list[str]:
    """Return what the customer is told by the system."""
    return [post.text for post in posts(decision) if post.author is Author.SYSTEM]


# Claim, release, assign


def test_a_claim_makes_the_operator_the_only_one_who_speaks() -> None:
    decision = decide(WAITING, did(DeskAction.CLAIM), MOMENT)
    joined = Post(Author.SYSTEM, wording.text(Line.JOINED, operator="Ada"), presence=True)
    assert decision.effects == (SupersedeSends(), joined, ShowCard(CASE))
    assert decision.thread == replace(WAITING, owner=held_by(ADA), epoch=2, last_seq=5)


@pytest.mark.parametrize(
    "event", [did(DeskAction.CLAIM), did(DeskAction.ASSIGN, to=ADA), did(DeskAction.ASSIGN, BOB, to=ADA)]
)
def test_giving_a_case_to_who_holds_it_already_says_nothing_again(event: OperatorDid) -> None:
    assert decide(HELD, event, MOMENT) == Decision(HELD)


def test_a_release_gives_the_thread_back_to_the_desk() -> None:
    decision = decide(HELD, did(DeskAction.RELEASE), MOMENT)
    assert (decision.thread.owner, decision.thread.epoch, decision.thread.case) == (DESK, 3, CASE)
    assert lines(decision) == [wording.text(Line.LEFT, operator="Ada")]


@pytest.mark.parametrize(
    ("thread", "by"), [(WAITING, ADA), (HELD, ADA), (HELD, BOB)], ids=["unclaimed", "by its holder", "by a colleague"]
)
def test_an_assigned_case_is_held_by_who_it_was_assigned_to(thread: Thread, by: OperatorId) -> None:
    thread = replace(thread, owner=held_by(BOB if by == BOB else ADA)) if thread is HELD else thread
    to = ADA if by == BOB else BOB
    decision = decide(thread, did(DeskAction.ASSIGN, by, to=to), MOMENT)
    assert decision.thread == replace(thread, owner=held_by(to), epoch=thread.epoch + 1, last_seq=6)
    assert lines(decision) == [wording.text(Line.JOINED, operator=NAMES[to])]
    note = posts(decision)[-1]
    assert (note.author, note.name, note.operator) == (Author.NOTE, NAMES[by], by)
    assert note.text == f"Assigned to {NAMES[to]}."


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["unclaimed", "held by a colleague"])
def test_who_assigns_a_case_to_themselves_takes_it_over_without_a_note(thread: Thread) -> None:
    decision = decide(thread, did(DeskAction.ASSIGN, BOB, to=BOB), MOMENT)
    assert decision.thread == replace(thread, owner=held_by(BOB), epoch=thread.epoch + 1, last_seq=5)
    assert [(post.author, post.text) for post in posts(decision)] == [
        (Author.SYSTEM, wording.text(Line.JOINED, operator="Bob"))
    ]


def test_after_a_take_over_the_first_operator_is_a_colleague_like_any_other() -> None:
    taken = decide(HELD, did(DeskAction.ASSIGN, BOB, to=BOB), MOMENT).thread
    with pytest.raises(Refused, match="A colleague holds this case"):
        decide(taken, did(DeskAction.REPLY, ADA, "One more thing"), MOMENT)


def test_a_case_is_assigned_to_somebody() -> None:
    with pytest.raises(Refused, match="Say whom the case is for"):
        decide(HELD, did(DeskAction.ASSIGN), MOMENT)


# Words


def test_a_reply_is_the_operators_own_line_and_a_note_goes_nowhere() -> None:
    file = FileId("f_1")
    reply = decide(HELD, did(DeskAction.REPLY, text="Hi", files=(file,), desk="slack:C1"), MOMENT)
    assert posts(reply) == [Post(Author.OPERATOR, "Hi", name="Ada", operator=ADA, files=(file,))]
    note = decide(HELD, did(DeskAction.NOTE, BOB, "Hm"), MOMENT)
    assert note.effects == (Post(Author.NOTE, "Hm", name="Bob", operator=BOB), ShowCard(CASE))
    assert note.thread == replace(HELD, last_seq=5)


def test_a_command_leaves_no_line_of_its_own_on_the_desk_but_a_line_written_there_stands_already() -> None:
    for action in (DeskAction.REPLY, DeskAction.NOTE):
        assert posts(decide(HELD, did(action, text="Hi", desk="slack:C1"), MOMENT))[0].desk == ""
    assert posts(decide(HELD, did(DeskAction.WRITE, text="Hi", desk="slack:C1"), MOMENT))[0].desk == "slack:C1"


def test_a_reply_says_what_became_of_the_suggestion_and_a_file_alone_does_not() -> None:
    assert only(decide(HELD, did(DeskAction.REPLY, text="Hi"), MOMENT), JudgeDraft) == JudgeDraft(CASE, "Hi")
    sent = decide(HELD, did(DeskAction.REPLY, files=(FileId("f_1"),)), MOMENT)
    assert (kinds(sent.effects), posts(sent)[0].text) == ([Post, ShowCard], "")
    assert every(decide(HELD, did(DeskAction.NOTE, text="Hi"), MOMENT), JudgeDraft) == []


@pytest.mark.parametrize(
    ("thread", "by", "text", "author", "kept", "told"),
    [
        (HELD, ADA, "Hello Kim", Author.OPERATOR, "Hello Kim", ""),
        (HELD, ADA, "! careful", Author.NOTE, "careful", KEPT_AS_NOTE),
        (HELD, ADA, "note: careful", Author.NOTE, "careful", KEPT_AS_NOTE),
        (HELD, ADA, "NOTE : careful", Author.NOTE, "careful", KEPT_AS_NOTE),
        (HELD, ADA, "@Bob can you look?", Author.NOTE, "@Bob can you look?", KEPT_MENTION),
        (HELD, BOB, "I know this one", Author.NOTE, "I know this one", KEPT_HELD),
        (WAITING, ADA, "I know this one", Author.NOTE, "I know this one", KEPT_UNCLAIMED),
        (RESOLVED, ADA, "It was the cable", Author.NOTE, "It was the cable", KEPT_RESOLVED),
    ],
)
def test_a_line_in_the_desks_thread_leaves_it_only_from_who_holds_the_case(
    thread: Thread, by: OperatorId, text: str, author: Author, kept: str, told: str
) -> None:
    decision = decide(thread, did(DeskAction.WRITE, by, text, desk="slack:C1"), MOMENT)
    assert posts(decision) == [Post(author, kept, name=NAMES[by], operator=by, desk="slack:C1")]
    assert decision.told == told
    assert decision.thread == replace(thread, last_seq=5)


def test_a_mark_without_words_is_no_note() -> None:
    with pytest.raises(Refused, match="A note needs some text"):
        decide(HELD, did(DeskAction.WRITE, text="note: "), MOMENT)


def test_an_operator_asks_for_a_draft_with_a_hint_whoever_holds_the_case() -> None:
    for thread, by in (WAITING, ADA), (HELD, ADA), (HELD, BOB):
        decision = decide(thread, did(DeskAction.DRAFT, by, "mention the discount"), MOMENT)
        draft, card = decision.effects
        assert isinstance(draft, StartDraft)
        assert (draft.case, draft.hint, card) == (CASE, "mention the discount", ShowCard(CASE))
        assert decision.thread == thread, "nobody but operators hears of it"


@pytest.mark.parametrize(
    ("action", "effect"),
    [
        (DeskAction.EDIT, Amend(LINE, "Better", by_operator=ADA, desk="slack:C1")),
        (DeskAction.WITHDRAW, Amend(LINE, None, by_operator=ADA, desk="slack:C1")),
        (DeskAction.CHECK, CheckArrival(LINE)),
        (DeskAction.RESEND, Resend(LINE)),
    ],
)
def test_a_message_is_changed_asked_about_or_sent_again_by_who_holds_the_case(
    action: DeskAction, effect: object
) -> None:
    decision = decide(HELD, did(action, text="Better", message=LINE, desk="slack:C1"), MOMENT)
    assert decision == Decision(HELD, (effect, ShowCard(CASE)))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="A colleague holds this case"):
        decide(HELD, did(action, BOB, "Better", message=LINE), MOMENT)


# Resolve, survey, hand back


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
@pytest.mark.parametrize("outcome", Resolution)
def test_a_resolved_case_gives_the_thread_to_the_bot_and_its_operator_is_remembered(
    thread: Thread, outcome: Resolution
) -> None:
    decision = decide(thread, did(DeskAction.RESOLVE, outcome=outcome), MOMENT)
    asked = outcome in {Resolution.SOLVED, Resolution.UNSOLVED}
    assert only(decision, CloseCase) == CloseCase(CASE, outcome.value, "Ada")
    resolved = wording.text(Line.RESOLVED, operator="Ada")
    assert lines(decision) == [resolved, *([wording.text(Line.SURVEY)] if asked else [])]
    assert [post.survey for post in posts(decision)] == [None, *([CASE] if asked else [])]
    assert decision.thread == replace(
        thread,
        owner=BOT,
        epoch=thread.epoch + 1,
        case=None,
        last_seq=6 if asked else 5,
        resolved=Resolved(CASE, ADA, "Ada", NOW),
        surveyed=CASE if asked else None,
    )


def test_where_the_survey_is_switched_off_nobody_is_asked() -> None:
    decision = decide(HELD, did(DeskAction.RESOLVE), Moment(NOW, Policy(survey=False)))
    assert lines(decision) == [wording.text(Line.RESOLVED, operator="Ada")]
    assert decision.thread.surveyed is None


@pytest.mark.parametrize("again", [CustomerSaid("It broke again"), did(DeskAction.REOPEN, BOB)])
def test_the_survey_comes_once_however_often_the_case_is_reopened(again: CustomerSaid | OperatorDid) -> None:
    thread = decide(HELD, did(DeskAction.RESOLVE), MOMENT).thread
    reopened = decide(thread, again, MOMENT).thread
    holder = reopened.owner.operator
    assert holder
    decision = decide(reopened, did(DeskAction.RESOLVE, holder), MOMENT)
    assert lines(decision) == [wording.text(Line.RESOLVED, operator=NAMES[holder])]


def test_who_has_answered_for_two_cases_is_not_asked_again_for_the_first() -> None:
    first = decide(HELD, did(DeskAction.RESOLVE), MOMENT).thread
    second = decide(
        replace(HELD, case=OLDER, surveyed=first.surveyed), did(DeskAction.RESOLVE, case=OLDER), MOMENT
    ).thread
    assert second.surveyed == OLDER
    again = decide(second, did(DeskAction.REOPEN), MOMENT).thread
    decision = decide(again, did(DeskAction.RESOLVE), MOMENT)
    assert lines(decision) == [wording.text(Line.RESOLVED, operator="Ada")]


def test_the_survey_comes_with_the_first_outcome_that_asks_for_one() -> None:
    thread = decide(HELD, did(DeskAction.RESOLVE, outcome=Resolution.NO_REPLY), MOMENT).thread
    reopened = decide(thread, CustomerSaid("Hello? You forgot me"), MOMENT).thread
    decision = decide(reopened, did(DeskAction.RESOLVE, outcome=Resolution.UNSOLVED), MOMENT)
    assert lines(decision)[-1] == wording.text(Line.SURVEY)


@pytest.mark.parametrize("action", [DeskAction.REPLY, DeskAction.RESOLVE])
def test_what_a_person_answered_or_resolved_is_not_left_to_the_bot(action: DeskAction) -> None:
    thread = decide(HELD, CustomerSaid("Are you there?"), MOMENT).thread
    assert (thread.asked_up_to, thread.answered_up_to) == (5, 3)
    assert decide(thread, did(action, text="Yes"), MOMENT).thread.answered_up_to == 5
    assert decide(thread, did(DeskAction.NOTE, text="Hm"), MOMENT).thread.answered_up_to == 3


def test_after_a_hand_back_the_bot_answers_what_no_person_did() -> None:
    thread = decide(WAITING, CustomerSaid("How long does delivery take?"), MOMENT).thread
    decision = decide(thread, did(DeskAction.HAND_BACK), MOMENT)
    start = only(decision, StartRun)
    assert (start.seen_up_to, decision.thread.owner) == (5, BOT)
    assert decision.thread.run
    assert decision.thread.run.id == start.run
    answered = decide(thread, did(DeskAction.CLAIM), MOMENT).thread
    answered = decide(answered, did(DeskAction.REPLY, text="Two days."), MOMENT).thread
    assert every(decide(answered, did(DeskAction.HAND_BACK), MOMENT), StartRun) == []


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_a_case_handed_back_is_the_bots_without_survey_and_without_a_way_back_for_messages(thread: Thread) -> None:
    decision = decide(thread, did(DeskAction.HAND_BACK), MOMENT)
    assert only(decision, CloseCase) == CloseCase(CASE, "handed_back", "Ada")
    assert lines(decision) == [wording.text(Line.HANDED_BACK, operator="Ada")]
    assert decision.thread == replace(thread, owner=BOT, epoch=thread.epoch + 1, case=None, last_seq=5)
    again = decide(decision.thread, CustomerSaid("And delivery?"), MOMENT)
    assert (again.thread.owner, again.thread.run is None) == (BOT, False)


# Reopen by an operator


@pytest.mark.parametrize("thread", [RESOLVED, replace(RESOLVED, resolved=None)], ids=["resolved", "long forgotten"])
def test_an_operator_takes_a_resolved_case_up_again(thread: Thread) -> None:
    decision = decide(thread, did(DeskAction.REOPEN, BOB), MOMENT)
    assert set(kinds(decision.effects)) == {ReopenCase, SupersedeSends, Post, ShowCard}
    assert only(decision, ReopenCase) == ReopenCase(CASE)
    assert lines(decision) == [wording.text(Line.JOINED, operator="Bob")]
    assert decision.thread == replace(
        thread, owner=held_by(BOB), epoch=4, case=CASE, resolved=None, last_seq=5, surveyed=CASE
    )


def test_reopening_silences_the_bot_that_was_answering_meanwhile() -> None:
    decision = decide(AT_WORK, did(DeskAction.REOPEN), MOMENT)
    assert only(decision, SupersedeRun) == SupersedeRun(RUN)
    assert (decision.thread.run, decision.thread.turn_over_up_to) == (None, 5), "the operator owes the answer now"


@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["unclaimed", "held"])
def test_a_case_is_not_reopened_while_the_customer_has_a_newer_one(thread: Thread) -> None:
    with pytest.raises(Refused, match="newer open case"):
        decide(thread, did(DeskAction.REOPEN, case=OLDER), MOMENT)


# What is not allowed


@pytest.mark.parametrize(
    ("thread", "event"),
    [
        (WAITING, did(DeskAction.REPLY, text="Hi")),
        (WAITING, did(DeskAction.RELEASE)),
        (WAITING, did(DeskAction.REOPEN)),
        (WAITING, did(DeskAction.RESEND, message=LINE)),
        (HELD, did(DeskAction.CLAIM, BOB)),
        (HELD, did(DeskAction.REPLY, BOB, "Hi")),
        (HELD, did(DeskAction.RESOLVE, BOB)),
        (HELD, did(DeskAction.RELEASE, BOB)),
        (HELD, did(DeskAction.REPLY, text=" ")),
        (HELD, did(DeskAction.EDIT, text="Hi")),
        (HELD, did(DeskAction.REOPEN)),
        (IDLE, did(DeskAction.CLAIM)),
        (RESOLVED, did(DeskAction.REPLY, text="Hi")),
        (RESOLVED, did(DeskAction.DRAFT)),
        (RESOLVED, did(DeskAction.ASSIGN, to=BOB)),
        (HELD, did(DeskAction.RESOLVE, case=OLDER)),
        (HELD, did(DeskAction.CLAIM, case=OLDER)),
        (HELD, did(DeskAction.ASSIGN, to=ADA, case=OLDER)),
    ],
)
def test_an_action_that_is_not_allowed_is_refused_before_anything_changes(thread: Thread, event: OperatorDid) -> None:
    with pytest.raises(Refused, match=r"\.$"):
        decide(thread, event, MOMENT)
