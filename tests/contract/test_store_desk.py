"""What the store promises about the desk, on every database it runs on.

As in test_store.py, each test says one sentence about the product, and a `Scene` does what the worker would do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from core import wording
from core.chat import Session, anonymous
from core.delivery import Delivery, DeliveryState, Part, PartKind
from core.desk import DraftFate
from core.effects import SaveDraft
from core.events import CaseOverdue, HandoffReason, OperatorGone, Outcome, RunResult, Suggestion
from core.ids import CaseId, FileId, MessageId, OperatorId, ThreadId, ThreadKey
from core.inbound import Noticed
from core.messages import (
    Author,
    DeskAction,
    DeskEvent,
    FileOutcome,
    InboundChange,
    InboundMessage,
    InboundRating,
    Message,
    Rating,
    Resolution,
)
from core.policy import Policy
from core.store import schema
from core.store.engine import Database
from core.store.files import Files
from core.store.migrations import _config, migrate
from core.store.store import Store
from core.thread import DESK, OwnerKind
from core.wording import Line
from tests.contract.scene import ADA, ASKED, BEN, DAY, Scene, another, answered, message
from tests.support import ManualClock

SLACK, BOSS = "slack:C1", "slack:C2"
DELIVERED, FAILED, UNKNOWN = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.UNKNOWN
WEB = ThreadKey("web", "chat", "s_1")


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """The store of this test, moved by hand; the desk is the web desk."""
    return Scene(store, clock)


@pytest.fixture
def elsewhere(database: Database, clock: ManualClock) -> Scene:
    """The same, with the desk in another channel."""
    return Scene(Store(database, policy=Policy(desk=SLACK, second_desk=BOSS)), clock)


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    """Where files are kept."""
    return Files(database, tmp_path / "files")


async def held(scene: Scene) -> CaseId:
    """Return a case that Ada holds; what was said so far has been delivered."""
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    await scene.deliver_all()
    return case


async def last(scene: Scene, case: CaseId) -> Message:
    """Return the newest message of the case."""
    return (await scene.store.cases.messages(await scene.store.cases.get(case)))[-1]


async def fates(scene: Scene, case: CaseId, message: MessageId) -> Sequence[Delivery]:
    """Return what became of each part of `message`."""
    thread = (await scene.store.cases.get(case)).thread.id
    return (await scene.store.deliveries.of_messages(thread))[message]


async def reply(scene: Scene, case: CaseId, words: str, state: DeliveryState, **more: Any) -> MessageId:
    """Have Ada reply, and have every part of it end as `state`; returns the message."""
    await scene.act(case, DeskAction.REPLY, words, **more)
    line = (await last(scene, case)).id
    await scene.deliver_parts((PartKind.TEXT, state), (PartKind.FILE, state))
    return line


async def parts(scene: Scene, *kinds: PartKind) -> list[Part]:
    """Deliver all there is and return the parts of these kinds, in the order they went out."""
    return [part for part in await scene.deliver_parts() if part.kind in kinds]


# Check and resend


async def test_a_line_of_unknown_fate_is_asked_about_and_then_is_as_was_found(scene: Scene) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", UNKNOWN)
    assert (await scene.act(case, DeskAction.CHECK, message=line)).state == "done"
    [check] = await scene.claim_parts("check")
    part = await scene.store.deliveries.part(check)
    assert part.message
    assert (part.kind, part.message.id, part.platform_id) == (PartKind.CHECK, line, "p:text")
    await scene.store.deliveries.finish(check, DELIVERED, scene.clock())
    assert [fate.state for fate in await fates(scene, case, line)] == [DELIVERED]


@pytest.mark.parametrize(("found", "state"), [(UNKNOWN, UNKNOWN), (FAILED, FAILED)])
async def test_a_question_without_an_answer_leaves_the_fate_unknown(
    scene: Scene, found: DeliveryState, state: DeliveryState
) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", UNKNOWN)
    await scene.act(case, DeskAction.CHECK, message=line)
    [check] = await scene.claim_parts("check")
    await scene.store.deliveries.finish(check, found, scene.clock())
    assert [fate.state for fate in await fates(scene, case, line)] == [state]


async def test_a_question_never_waits_behind_the_customers_lane(scene: Scene) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", UNKNOWN)
    await scene.act(case, DeskAction.REPLY, "Hello?")
    [head] = await scene.claim_parts()
    await scene.store.deliveries.retry(head, scene.clock() + 60, "away")
    await scene.act(case, DeskAction.CHECK, message=line)
    assert len(await scene.claim_parts("check")) == 1


@pytest.mark.parametrize("state", [UNKNOWN, FAILED, DeliveryState.BOUNCED, DeliveryState.REFUSED])
async def test_a_line_that_did_not_arrive_is_sent_again_as_a_part_of_its_own(
    scene: Scene, state: DeliveryState
) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", state)
    assert [fate.state for fate in await fates(scene, case, line)] == [state]
    assert (await scene.act(case, DeskAction.RESEND, message=line)).state == "done"
    assert [fate.state for fate in await fates(scene, case, line)] == [DeliveryState.WAITING]
    [again] = await parts(scene, PartKind.TEXT)
    assert again.message
    assert (again.message.id, again.message.text) == (line, "Ten days.")
    assert again.key.startswith(f"message:{line}#"), "a receiver that drops repeats must not drop this one"
    assert [fate.state for fate in await fates(scene, case, line)] == [DELIVERED]


async def test_of_a_line_with_files_only_what_did_not_arrive_is_sent_again(scene: Scene, files: Files) -> None:
    case = await held(scene)
    bill = await files.save("bill.png", "image/png", b"x", scene.clock())
    await scene.act(case, DeskAction.REPLY, "See this", files=(bill.id,))
    line = (await last(scene, case)).id
    first = await scene.deliver_parts((PartKind.FILE, UNKNOWN))
    assert [part.file for part in first if part.kind in {PartKind.TEXT, PartKind.FILE}] == [None, bill]
    assert [(one.file, one.state) for one in await fates(scene, case, line)] == [(None, DELIVERED), (bill.id, UNKNOWN)]
    await scene.act(case, DeskAction.RESEND, message=line)
    [again] = await parts(scene, PartKind.TEXT, PartKind.FILE)
    assert again.file == bill
    assert [one.state for one in await fates(scene, case, line)] == [DELIVERED, DELIVERED]


@pytest.mark.parametrize(
    ("state", "action", "sentence"),
    [
        (DELIVERED, DeskAction.RESEND, "Everything of this message has arrived or is on its way."),
        (DELIVERED, DeskAction.CHECK, "Nothing of this message is of unknown fate."),
        (FAILED, DeskAction.CHECK, "Nothing of this message is of unknown fate."),
    ],
)
async def test_what_needs_no_second_try_gets_none_and_nothing_is_written(
    scene: Scene, state: DeliveryState, action: DeskAction, sentence: str
) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", state)
    before = await scene.everything()
    receipt = await scene.act(case, action, message=line)
    assert (receipt.state, receipt.result) == ("refused", sentence)
    assert await scene.everything() == before


async def test_a_line_is_sent_again_once_at_a_time(scene: Scene) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Ten days.", UNKNOWN)
    assert (await scene.act(case, DeskAction.RESEND, message=line)).state == "done"
    assert (await scene.act(case, DeskAction.RESEND, message=line)).state == "refused"


async def test_only_an_operators_line_of_this_very_conversation_is_sent_again(scene: Scene) -> None:
    other = await scene.hand_off(session="s_2")
    await scene.act(other, DeskAction.CLAIM)
    await scene.deliver_all()
    theirs = await reply(scene, other, "For another customer", UNKNOWN)
    case = await held(scene)
    [asked, *_] = await scene.store.cases.messages(await scene.store.cases.get(case))
    for wrong in (theirs, asked.id, MessageId("m_none")):
        for action in (DeskAction.RESEND, DeskAction.CHECK, DeskAction.EDIT, DeskAction.WITHDRAW):
            before = await scene.everything()
            assert (await scene.act(case, action, "words", message=wrong)).state == "refused"
            assert await scene.everything() == before


# Changing what was said


async def test_an_operators_change_travels_to_the_customer_and_the_first_words_are_kept(scene: Scene) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Two days.", DELIVERED)
    scene.clock.tick(60)
    await scene.act(case, DeskAction.EDIT, "Ten days.", message=line)
    changed = await last(scene, case)
    assert (changed.text, changed.original, changed.changed_at) == ("Ten days.", "Two days.", scene.clock())
    [edit] = await parts(scene, PartKind.EDIT)
    assert edit.message
    assert (edit.message.text, edit.platform_id) == ("Ten days.", "p:text"), "the channel knows which one"
    await scene.act(case, DeskAction.EDIT, "Twelve days.", message=line)
    assert (await last(scene, case)).original == "Two days."
    await scene.act(case, DeskAction.WITHDRAW, message=line)
    gone = await last(scene, case)
    assert (gone.text, gone.withdrawn, gone.original) == ("", True, "Two days.")
    assert len(await parts(scene, PartKind.EDIT)) == 2


async def test_a_line_is_changed_by_its_writer_alone(scene: Scene) -> None:
    case = await held(scene)
    line = await reply(scene, case, "Two days.", DELIVERED)
    await scene.enter(DeskEvent(case, "take-over", ADA, "Ada", DeskAction.RELEASE))
    await scene.act(case, DeskAction.CLAIM, by=BEN)
    for action in (DeskAction.EDIT, DeskAction.WITHDRAW):
        before = await scene.everything()
        receipt = await scene.act(case, action, "Twelve days.", by=BEN, message=line)
        assert (receipt.state, receipt.result) == ("refused", "Only the writer of a line may change it.")
        assert await scene.everything() == before
    assert (await scene.act(case, DeskAction.RESEND, by=BEN, message=line)).state == "refused", "it has arrived"


async def change(scene: Scene, of: str, text: str | None, event: str = "change") -> None:
    await scene.enter(InboundChange(WEB, event, of, text))


async def test_a_customers_change_before_the_answer_is_what_is_answered(scene: Scene) -> None:
    await scene.enter(message("To Wales?", "first"))
    old = await scene.claim_run()
    await change(scene, "first", "To Scotland?")
    lease = await scene.claim_run()
    assert lease.id != old.id
    assert (await scene.store.runs.turn(lease)).question == "To Scotland?"
    assert (await scene.store.runs.finish(old, answered("Wales: two days."), scene.clock())).ignored == "stale"


async def test_a_question_taken_back_before_the_answer_is_not_asked(scene: Scene) -> None:
    await scene.enter(message("My card number is 1234", "first"))
    await change(scene, "first", None)
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert turn.question == ""
    assert "1234" not in "".join(said.text for said in turn.messages)


async def test_a_customers_change_while_people_are_there_is_shown_and_starts_nothing(scene: Scene) -> None:
    thread = await scene.say("I want a person")
    await scene.finish_run(ASKED)
    await scene.finish_draft()
    await scene.enter(message("Two bikes", "second"))
    before = scene.clock()
    scene.clock.tick(1)
    await change(scene, "second", "Three bikes")
    changed = (await scene.store.messages(thread))[-1]
    assert (changed.text, changed.original) == ("Three bikes", "Two bikes")
    assert await scene.claim_runs() == []
    assert len(await scene.store.cases.changed_since(before)) == 1
    assert [one.id for one in await scene.store.messages(thread, changed_since=before)] == [changed.id]


async def test_a_change_of_what_never_came_is_not_taken(scene: Scene) -> None:
    await scene.say("Hello")
    with pytest.raises(LookupError, match="no message nothing"):
        await change(scene, "nothing", "Hi")


async def test_a_change_of_a_message_that_was_ignored_is_ignored(scene: Scene) -> None:
    await scene.enter(message("  ", "first"))
    receipt = await scene.enter(InboundChange(WEB, "change", "first", "Hi"))
    assert (receipt.state, receipt.result) == ("ignored", "gone")


# Files


async def test_a_file_belongs_to_its_message_and_its_conversation_alone(scene: Scene, files: Files) -> None:
    bill = await files.save("../../bill.png", "image/png", b"bytes", scene.clock())
    assert (bill.name, bill.size) == ("bill.png", 5)
    receipt = await scene.enter(replace(message("See this", "e"), files=(bill.id,)))
    other = await scene.enter(replace(message("Mine!", "e2", "s_2"), files=(bill.id,)))
    [said] = await scene.store.messages(receipt.thread)
    assert said.files == (replace(bill, outcome=FileOutcome.WAITING),)
    assert [m.files for m in await scene.store.messages(other.thread)] == [()], "not who names it later"
    assert await files.of_thread(receipt.thread, bill.id) == (said.files[0], said.id)
    assert await files.read(bill.id) == b"bytes"
    for thread, file in ((other.thread, bill.id), (receipt.thread, FileId("f_none"))):
        with pytest.raises(LookupError):
            await files.of_thread(thread, file)


async def test_files_whose_message_never_came_are_forgotten_and_the_others_stay(scene: Scene, files: Files) -> None:
    sent, unsent = [await files.save(name, "image/png", b"bytes", scene.clock()) for name in ("a.png", "b.png")]
    await scene.enter(replace(message("See this", "e"), files=(sent.id,)))
    assert await files.drop_unsent(scene.clock()) == 0
    fresh = await files.save("c.png", "image/png", b"bytes", scene.clock.tick(60))
    assert await files.drop_unsent(scene.clock()) == 1
    assert [await files.read(file.id) for file in (sent, fresh)] == [b"bytes", b"bytes"]
    with pytest.raises(LookupError):
        await files.read(unsent.id)


# What customers thought


async def rate(scene: Scene, event: str, score: int, **what: Any) -> str:
    receipt = await scene.enter(InboundRating(WEB, event, score, **what))
    return receipt.result if receipt.state == "refused" else receipt.state


async def test_the_last_thumb_for_a_message_counts(scene: Scene) -> None:
    thread = await scene.say("Hello")
    await scene.finish_run(answered("Two days."))
    [asked, answer] = await scene.store.messages(thread)
    before = scene.clock()
    scene.clock.tick(1)
    assert await rate(scene, "e1", 1, message=answer.id) == "done"
    assert await rate(scene, "e2", -1, message=answer.id, reason="Wrong bike") == "done"
    [rated] = await scene.store.messages(thread, changed_since=before)
    assert (rated.id, rated.rating, rated.original) == (answer.id, Rating(-1, "Wrong bike"), None)
    assert len(await scene.rows(schema.ratings)) == 1
    for wrong in (asked.id, MessageId("m_none")):
        assert await rate(scene, f"e-{wrong}", 1, message=wrong) == "There is nothing here to rate."
    assert len(await scene.rows(schema.ratings)) == 1


async def test_a_thumb_for_anothers_answer_is_refused(scene: Scene) -> None:
    await scene.say("Hello")
    await scene.finish_run(answered("Hi"))
    thread = await scene.say("Hello", session="s_2")
    await scene.finish_run(answered("Two days."))
    theirs = (await scene.store.messages(thread))[-1]
    before = await scene.everything()
    assert await rate(scene, "e", 1, message=theirs.id) == "There is nothing here to rate."
    assert await scene.everything() == before


async def test_a_survey_takes_one_answer_and_a_second_leaves_no_trace(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.RESOLVE)
    asked = await last(scene, case)
    assert (asked.survey, asked.rating) == (case, None)
    assert await rate(scene, "e1", 4, case=case, reason="Friendly") == "done"
    assert (await last(scene, case)).rating == (await scene.store.cases.get(case)).survey == Rating(4, "Friendly")
    scene.clock.tick(60)
    before = await scene.everything()
    assert await rate(scene, "e2", 1, case=case) == "You have answered this already. Thank you!"
    assert await scene.everything() == before
    assert not (await scene.store.cases.get(case)).is_open


async def test_only_a_survey_that_was_asked_is_answered(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.RESOLVE, outcome=Resolution.SPAM)
    for wrong in (case, CaseId("c_none")):
        assert await rate(scene, f"e-{wrong}", 5, case=wrong) == "There is nothing here to rate."
    assert await scene.rows(schema.ratings) == []


async def test_who_never_wrote_has_nothing_to_rate(scene: Scene) -> None:
    with pytest.raises(LookupError):
        await scene.enter(InboundRating(ThreadKey("web", "chat", "s_none"), "e", 1, message=MessageId("m")))


# The desk in another channel


async def test_a_desk_elsewhere_gets_what_customers_and_operators_write_but_not_the_bots_and_the_systems_lines(
    elsewhere: Scene,
) -> None:
    await elsewhere.say("How long does delivery take?")
    await elsewhere.finish_run(answered("Two days."))
    case = await elsewhere.hand_off()
    await elsewhere.act(case, DeskAction.CLAIM)
    await elsewhere.say("Are you there?")
    await elsewhere.act(case, DeskAction.REPLY, "Yes, I am.")
    await elsewhere.act(case, DeskAction.NOTE, "Impatient.", by=BEN)
    lines = await parts(elsewhere, PartKind.LINE)
    assert [part.message.text for part in lines if part.message] == ["Are you there?", "Yes, I am.", "Impatient."]
    assert {(part.desk, part.case) for part in lines} == {(SLACK, case)}


async def test_what_was_written_on_a_desk_is_not_posted_there_again(elsewhere: Scene) -> None:
    case = await held(elsewhere)
    for words in ("Hello Kim", "note: careful", "@Ben look"):
        await elsewhere.act(case, DeskAction.WRITE, words, desk=SLACK)
    await elsewhere.act(case, DeskAction.WRITE, "I know this one", by=BEN, desk=SLACK)
    assert await parts(elsewhere, PartKind.LINE) == []
    await elsewhere.act(case, DeskAction.WRITE, "From the page", desk="web")
    [line] = await parts(elsewhere, PartKind.LINE)
    assert line.message
    assert line.message.text == "From the page"


async def test_the_web_desk_reads_the_transcript_and_gets_no_lines(scene: Scene) -> None:
    case = await held(scene)
    await scene.say("Are you there?")
    await scene.act(case, DeskAction.REPLY, "Yes, I am.")
    assert await parts(scene, PartKind.LINE, PartKind.OUTCOME) == []


async def test_a_line_waits_for_the_cases_card_and_knows_its_thread(elsewhere: Scene) -> None:
    case = await elsewhere.hand_off()
    await elsewhere.say("Are you there?")
    [card] = await elsewhere.claim_parts("card")
    assert await elsewhere.claim_parts("line") == []
    await elsewhere.store.deliveries.finish(card, DELIVERED, elsewhere.clock(), platform_id="1700.1")
    [line] = await elsewhere.claim_parts("line")
    assert (await elsewhere.store.deliveries.part(line)).desk_thread == "1700.1"
    assert (await elsewhere.store.cases.get(case)).desk_thread == "1700.1"


async def test_a_case_is_found_by_its_card_whatever_the_desk_has_noted_behind_the_cards_name(elsewhere: Scene) -> None:
    cases = elsewhere.store.cases
    one, other = await elsewhere.hand_off(session="s_1"), await elsewhere.hand_off(session="s_2")
    first, second = await elsewhere.claim_parts("card")
    await elsewhere.store.deliveries.finish(first, DELIVERED, elsewhere.clock(), platform_id="C1:17.1 3 a1")
    assert await cases.with_card(SLACK, "C1:17.1") == one
    await elsewhere.store.deliveries.finish(second, DELIVERED, elsewhere.clock(), platform_id="C1:17.12")
    assert await cases.with_card(SLACK, "C1:17.12") == other
    for name in ("C1:17", "C1:17.1 3", "C1:17.1 3 a1", "C1:17.%", "c1:17.1", "C1:17.123"):
        assert await cases.with_card(SLACK, name) is None
    assert await cases.with_card(BOSS, "C1:17.1") is None


async def test_a_case_whose_card_was_posted_again_is_found_by_the_new_one_only(elsewhere: Scene) -> None:
    case = await elsewhere.hand_off()
    [card] = await elsewhere.claim_parts("card")
    await elsewhere.store.deliveries.finish(card, DELIVERED, elsewhere.clock(), platform_id="C1:17.1 3 a1")
    await elsewhere.act(case, DeskAction.CLAIM)
    [again] = await elsewhere.claim_parts("card")
    await elsewhere.store.deliveries.finish(again, DELIVERED, elsewhere.clock(), platform_id="C1:18.2 4 b2")
    assert await elsewhere.store.cases.with_card(SLACK, "C1:18.2") == case
    assert await elsewhere.store.cases.with_card(SLACK, "C1:17.1") is None


async def test_a_card_that_did_not_arrive_finds_no_case(elsewhere: Scene) -> None:
    await elsewhere.hand_off()
    [card] = await elsewhere.claim_parts("card")
    await elsewhere.store.deliveries.finish(card, UNKNOWN, elsewhere.clock(), platform_id="C1:17.1", error="lost")
    assert await elsewhere.store.cases.with_card(SLACK, "C1:17.1") is None


async def test_cards_that_were_posted_before_an_update_are_found_after_it(elsewhere: Scene, database: Database) -> None:
    case = await elsewhere.hand_off()
    [card] = await elsewhere.claim_parts("card")
    await elsewhere.store.deliveries.finish(card, DELIVERED, elsewhere.clock(), platform_id="C1:17.1 3 a1")
    async with database.writing("test", much=True) as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "0006"))
    await migrate(database)
    assert await elsewhere.store.cases.with_card(SLACK, "C1:17.1") == case


async def test_a_changed_line_is_shown_on_the_desk_too_unless_it_was_changed_there(elsewhere: Scene) -> None:
    case = await held(elsewhere)
    line = await reply(elsewhere, case, "Two days.", DELIVERED)
    await parts(elsewhere, PartKind.LINE)
    await elsewhere.act(case, DeskAction.EDIT, "Ten days.", message=line, desk=SLACK)
    assert await parts(elsewhere, PartKind.LINE) == []
    await elsewhere.act(case, DeskAction.EDIT, "Twelve days.", message=line)
    [shown] = await parts(elsewhere, PartKind.LINE)
    assert shown.message
    assert (shown.message.id, shown.message.text) == (line, "Twelve days.")


async def test_a_desk_elsewhere_is_told_what_became_of_an_operators_line(elsewhere: Scene) -> None:
    case = await held(elsewhere)
    await elsewhere.act(case, DeskAction.REPLY, "Ten days.")
    sent = await elsewhere.deliver_parts((PartKind.TEXT, UNKNOWN))
    [told] = [part for part in sent if part.kind is PartKind.OUTCOME]
    assert told.message
    assert (told.message.text, told.desk) == ("Ten days.", SLACK)
    assert [(fate.state, fate.error) for fate in told.fates] == [(UNKNOWN, "It was lost.")]
    assert told.platform_id == "p:line", "the desk knows which of its lines that is"


async def test_a_desk_that_cannot_be_reached_is_noted_once_and_once_when_it_can_again(elsewhere: Scene) -> None:
    case = await elsewhere.hand_off()

    async def notes(card: DeliveryState) -> list[str]:
        await elsewhere.deliver_parts((PartKind.CARD, card))
        said = await elsewhere.store.cases.messages(await elsewhere.store.cases.get(case))
        return [m.text for m in said if m.author is Author.NOTE and m.name == "Threadline"]

    [note] = await notes(FAILED)
    assert "could not be posted to slack:C1: It was lost." in note
    assert (await elsewhere.store.cases.get(case)).desk_error == "It was lost."
    await elsewhere.act(case, DeskAction.CLAIM)
    assert await notes(FAILED) == [note]
    await elsewhere.act(case, DeskAction.RELEASE)
    [_, over] = await notes(DELIVERED)
    assert "slack:C1 can be reached again" in over
    found = await elsewhere.store.cases.get(case)
    assert (found.desk_error, found.desk_thread) == ("", "p:card")
    await elsewhere.act(case, DeskAction.CLAIM)
    assert len(await notes(DELIVERED)) == 2


async def test_an_open_case_stays_on_the_desk_it_was_opened_on(scene: Scene, database: Database) -> None:
    case = await scene.hand_off()
    moved = Scene(Store(database, policy=Policy(desk=SLACK)), scene.clock)
    await moved.say("Are you there?")
    assert (await moved.store.cases.get(case)).desk == "web"
    assert await parts(moved, PartKind.LINE) == []


# Reminders and the digest


async def overdue(scene: Scene, case: CaseId, *, again: bool) -> str:
    thread = (await scene.store.cases.get(case)).thread
    event = CaseOverdue(case, thread.epoch, again, "Case #1 is unclaimed.", thread.answered_up_to)
    return (await scene.enter(Noticed(case, f"overdue:{thread.epoch}:{again}", event))).state


async def test_a_first_reminder_goes_to_the_desk_and_a_second_one_to_the_second_desk(elsewhere: Scene) -> None:
    case = await elsewhere.hand_off()
    assert await overdue(elsewhere, case, again=False) == "done"
    assert await overdue(elsewhere, case, again=True) == "done"
    reminders = await parts(elsewhere, PartKind.REMINDER)
    assert [(part.desk, part.everyone, part.text) for part in reminders] == [
        (SLACK, False, "Case #1 is unclaimed."),
        (BOSS, True, "Case #1 is unclaimed."),
    ]
    assert (await elsewhere.store.cases.get(case)).reminders == 2


async def test_without_a_second_desk_everyone_at_the_first_is_called(scene: Scene) -> None:
    case = await scene.hand_off()
    await overdue(scene, case, again=True)
    [reminder] = await parts(scene, PartKind.REMINDER)
    assert (reminder.desk, reminder.everyone) == ("web", True)


async def test_what_two_replicas_notice_at_once_happens_once(scene: Scene) -> None:
    case = await scene.hand_off()
    event = CaseOverdue(case, 1, again=False, sentence="It waits.", answered_up_to=1)
    async with another(scene.store.database) as second:
        doors = [scene.store.receipts, Store(second).receipts]
        told = await asyncio.gather(
            *(door.accept(Noticed(case, "overdue", event), scene.clock()) for door in doors for _ in range(5))
        )
    assert len({receipt.id for receipt in told}) == 1
    await scene.decide_all()
    assert len(await parts(scene, PartKind.REMINDER)) == 1


async def test_something_noticed_about_a_case_that_is_no_more_is_not_taken(scene: Scene) -> None:
    gone = OperatorGone(CaseId("c_none"), ADA, "Ada")
    with pytest.raises(LookupError):
        await scene.enter(Noticed(CaseId("c_none"), "gone", gone))


async def test_the_digest_of_a_day_is_posted_once_by_however_many_replicas(scene: Scene) -> None:
    async with another(scene.store.database) as second:
        doors = [scene.store.deliveries, Store(second).deliveries]
        done = await asyncio.gather(*(door.post_digest(SLACK, "2027-01-15", "4 opened.", 1.0) for door in doors * 3))
    assert sorted(done) == [False] * 5 + [True]
    [digest] = await parts(scene, PartKind.DIGEST)
    assert (digest.desk, digest.text, digest.thread, digest.case) == (SLACK, "4 opened.", None, None)
    assert await scene.store.deliveries.post_digest(SLACK, "2027-01-16", "0 opened.", scene.clock())
    assert await scene.store.deliveries.post_digest(BOSS, "2027-01-15", "4 opened.", scene.clock())
    assert len(await parts(scene, PartKind.DIGEST)) == 2


async def test_a_digest_is_not_held_up_by_the_lines_of_customers_nor_they_by_it(scene: Scene) -> None:
    await scene.store.deliveries.post_digest(SLACK, "2027-01-15", "4 opened.", scene.clock())
    await scene.say("Hello")
    await scene.finish_run(answered("Hi"))
    assert {part.kind for part in await scene.deliver_parts()} == {PartKind.TEXT, PartKind.DIGEST}


# Who may be given a case


async def operator(scene: Scene, name: str) -> OperatorId:
    made, _ = await scene.store.credentials.add_operator(name, scene.clock())
    return made.id


async def test_a_case_is_assigned_only_to_somebody_who_can_sign_in(scene: Scene) -> None:
    case = await held(scene)
    eve = await operator(scene, "Eve")
    assert (await scene.act(case, DeskAction.ASSIGN, to=eve)).state == "done"
    found = await scene.store.cases.get(case)
    assert found.thread.owner.held_by(eve)
    assert [m.text for m in await scene.store.cases.messages(found)][-2:] == [
        wording.text(Line.JOINED, operator="Eve"),
        "Assigned to Eve.",
    ]
    gone = await operator(scene, "Gus")
    await scene.store.credentials.revoke_operator("Gus", scene.clock())
    for nobody in (gone, OperatorId("o_none"), None):
        before = await scene.everything()
        receipt = await scene.act(case, DeskAction.ASSIGN, to=nobody)
        assert receipt.state == "refused"
        assert "no operator of that name can sign in" in receipt.result
        assert await scene.everything() == before


async def test_a_case_whose_operator_cannot_sign_in_any_more_is_free_for_the_others(scene: Scene) -> None:
    case = await held(scene)
    receipt = await scene.enter(Noticed(case, "gone:2", OperatorGone(case, ADA, "Ada")))
    assert receipt.state == "done"
    found = await scene.store.cases.get(case)
    assert (found.thread.owner, found.unclaimed_since) == (DESK, scene.clock())
    assert (await scene.act(case, DeskAction.CLAIM, by=BEN)).state == "done"
    again = await scene.enter(Noticed(case, "gone:2b", OperatorGone(case, ADA, "Ada")))
    assert (again.state, again.result) == ("ignored", "stale")


async def test_an_operator_is_told_in_private_what_became_of_a_line(scene: Scene) -> None:
    case = await held(scene)
    receipt = await scene.act(case, DeskAction.WRITE, "I know this one", by=BEN, desk=SLACK)
    assert receipt.state == "done"
    assert receipt.result.startswith("Kept inside as a note: a colleague holds this case")
    assert (await scene.act(case, DeskAction.WRITE, "Hello", desk=SLACK)).result == ""


# How long customers wait


async def test_a_customer_waits_from_the_first_words_nobody_has_answered(scene: Scene) -> None:
    start = scene.clock()
    case = await scene.hand_off()

    async def times() -> tuple[float | None, float | None]:
        found = await scene.store.cases.get(case)
        waits, free = found.waiting_since, found.unclaimed_since
        return (None if waits is None else waits - start, None if free is None else free - start)

    assert await times() == (0, 0)
    scene.clock.tick(10)
    await scene.say("Hello?")
    await scene.act(case, DeskAction.NOTE, "A note is no answer")
    assert await times() == (0, 0)
    scene.clock.tick(10)
    await scene.act(case, DeskAction.CLAIM)
    assert await times() == (0, None), "a claim is no answer"
    await scene.act(case, DeskAction.REPLY, "Here I am")
    assert await times() == (None, None)
    scene.clock.tick(10)
    await scene.say("How long does delivery take?")
    scene.clock.tick(10)
    await scene.say("By post, I mean")
    assert await times() == (30, None)
    await scene.act(case, DeskAction.RELEASE)
    assert await times() == (30, 40)
    await scene.act(case, DeskAction.RESOLVE)
    assert await times() == (None, None)


async def test_words_that_were_taken_back_are_not_waited_for(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.REPLY, "Here I am")
    await scene.enter(message("Never mind this", "e"))
    await change(scene, "e", None)
    assert (await scene.store.cases.get(case)).waiting_since is None


async def test_who_was_answered_halfway_by_the_bot_still_waits_for_a_person(scene: Scene) -> None:
    await scene.say("How long does delivery take?")
    await scene.finish_run(RunResult(Outcome.HANDED_OFF, "Two d", reason=HandoffReason.MODEL_FAILED))
    opened = scene.clock()
    [case] = await scene.store.cases.find("open")
    scene.clock.tick(60)
    await scene.act(case.id, DeskAction.CLAIM)
    assert (await scene.store.cases.get(case.id)).waiting_since == opened


# Resolved, and back again


async def test_a_customer_who_comes_back_in_time_goes_on_with_the_same_case_and_person(scene: Scene) -> None:
    case = await held(scene)
    thread = (await scene.store.cases.get(case)).thread.id
    await scene.act(case, DeskAction.RESOLVE)
    await scene.deliver_all()
    scene.clock.tick(6 * DAY)
    await scene.say("It broke again")
    found = await scene.store.cases.get(case)
    assert (found.is_open, found.outcome, found.closed_by, found.times_reopened) == (True, "", "", 1)
    assert found.thread.owner.held_by(ADA)
    assert await scene.claim_runs() == []
    assert await scene.deliver_all() == [wording.text(Line.REOPENED, operator="Ada")]
    await scene.act(case, DeskAction.RESOLVE)
    assert [m.survey for m in await scene.store.messages(thread)].count(case) == 1, "asked once"


async def test_a_thank_you_leaves_the_case_resolved_and_is_answered_by_the_bot(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.RESOLVE)
    await scene.say("Thank you!")
    await scene.finish_run(answered("You're welcome!"))
    assert not (await scene.store.cases.get(case)).is_open
    await scene.say("But now it broke again")
    assert (await scene.store.cases.get(case)).is_open


async def test_a_message_after_the_time_is_the_bots_and_may_open_a_new_case(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.RESOLVE)
    scene.clock.tick(7 * DAY + 1)
    again = await scene.hand_off("It broke again")
    assert again != case


async def test_an_operator_takes_an_old_case_up_again_unless_there_is_a_newer_one(scene: Scene) -> None:
    old = await held(scene)
    await scene.act(old, DeskAction.HAND_BACK)
    assert (await scene.act(old, DeskAction.REOPEN, by=BEN)).state == "done"
    found = await scene.store.cases.get(old)
    assert (found.is_open, found.outcome, found.times_reopened) == (True, "", 1)
    assert found.thread.owner.held_by(BEN)
    await scene.act(old, DeskAction.HAND_BACK, by=BEN)
    new = await scene.hand_off()
    before = await scene.everything()
    receipt = await scene.act(old, DeskAction.REOPEN)
    assert (receipt.state, receipt.result) == ("refused", "The customer has a newer open case. Go on there.")
    assert await scene.everything() == before
    assert (await scene.store.cases.get(new)).is_open


async def test_after_a_hand_back_the_bot_is_asked_what_no_person_answered_and_nothing_else(scene: Scene) -> None:
    case = await held(scene)
    await scene.say("How long does delivery take?")
    await scene.act(case, DeskAction.REPLY, "Two days.")
    await scene.say("And by express?")
    await scene.act(case, DeskAction.HAND_BACK)
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert turn.question == "And by express?"
    assert turn.history[-1].text == wording.text(Line.HANDED_BACK, operator="Ada")


async def test_a_wish_for_a_person_that_was_granted_is_not_asked_again_after_a_hand_back(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.HAND_BACK)
    assert await scene.claim_runs() == []


# Suggested replies

TWO_DAYS = Suggestion("Parcels take two days.", summary="Asks for the delivery time.")


async def test_every_handoff_has_a_suggestion_written_for_operators_alone(scene: Scene) -> None:
    thread = await scene.say("I want a person")
    await scene.finish_run(ASKED)
    [case] = await scene.store.cases.find("open")
    assert (case.drafting, case.suggestion) == (True, None)
    said = await scene.transcript(thread)
    decision = await scene.finish_draft(TWO_DAYS)
    assert SaveDraft(case.id, TWO_DAYS) in decision.effects
    [case] = await scene.store.cases.find("open")
    assert (case.drafting, case.suggestion, case.summary) == (False, TWO_DAYS, "Asks for the delivery time.")
    assert await scene.transcript(thread) == said
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED)]


async def test_a_draft_sees_the_conversation_and_the_operators_hint(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.DRAFT, "mention the discount", by=BEN)
    [lease] = await scene.claim_runs("draft")
    turn = await scene.store.runs.turn(lease)
    assert (turn.hint, turn.asked_last) == ("mention the discount", "I want a person")


async def test_a_draft_is_written_whoever_takes_the_case_meanwhile_and_comes_too_late_for_a_closed_one(
    scene: Scene,
) -> None:
    await scene.say("I want a person")
    await scene.finish_run(ASKED)
    [case] = await scene.store.cases.find("open")
    [lease] = await scene.claim_runs("draft")
    await scene.act(case.id, DeskAction.CLAIM)
    await scene.store.runs.finish_draft(lease, TWO_DAYS, scene.clock())
    assert (await scene.store.cases.get(case.id)).suggestion == TWO_DAYS
    await scene.act(case.id, DeskAction.DRAFT)
    [lease] = await scene.claim_runs("draft")
    await scene.act(case.id, DeskAction.HAND_BACK)
    decision = await scene.store.runs.finish_draft(lease, Suggestion("Later."), scene.clock())
    assert decision.ignored == "stale"
    assert (await scene.store.cases.get(case.id)).suggestion == TWO_DAYS


async def test_a_draft_that_could_not_be_written_leaves_the_one_before(scene: Scene) -> None:
    case = await held(scene)
    for suggestion in (TWO_DAYS, None):
        await scene.act(case, DeskAction.DRAFT)
        await scene.finish_draft(suggestion)
    assert (await scene.store.cases.get(case)).suggestion == TWO_DAYS


async def fate_of(scene: Scene, suggestion: Suggestion, *replies: str, action: DeskAction = DeskAction.RESOLVE) -> Any:
    """Return what became of `suggestion` on a case that gets `replies` and is closed."""
    case = await held(scene)
    await scene.act(case, DeskAction.DRAFT)
    await scene.finish_draft(suggestion)
    for words in replies:
        await scene.act(case, DeskAction.REPLY, words)
    await scene.act(case, action)
    return (await scene.store.cases.get(case)).suggestion_fate


@pytest.mark.parametrize("action", [DeskAction.RESOLVE, DeskAction.HAND_BACK])
@pytest.mark.parametrize(
    ("replies", "fate"),
    [
        (["Parcels take two days."], DraftFate.USED),
        (["Hello Kim! Parcels take two days."], DraftFate.EDITED),
        (["Parcels take two days.", "Bye!"], DraftFate.USED),
        (["What is your order number?"], DraftFate.IGNORED),
        ([], DraftFate.IGNORED),
    ],
)
async def test_what_became_of_a_suggestion_is_kept(
    scene: Scene, replies: list[str], fate: DraftFate, action: DeskAction
) -> None:
    assert await fate_of(scene, TWO_DAYS, *replies, action=action) is fate


async def test_of_nothing_suggested_nothing_became(scene: Scene) -> None:
    assert await fate_of(scene, Suggestion(), "Parcels take two days.") is None


async def test_a_new_suggestion_is_judged_anew(scene: Scene) -> None:
    case = await held(scene)
    await scene.act(case, DeskAction.DRAFT)
    await scene.finish_draft(TWO_DAYS)
    await scene.act(case, DeskAction.REPLY, "Something else entirely, sorry!")
    await scene.act(case, DeskAction.DRAFT)
    await scene.finish_draft(Suggestion("Bikes take a week."))
    await scene.act(case, DeskAction.REPLY, "Bikes take a week.")
    assert (await scene.store.cases.get(case)).suggestion_fate is DraftFate.USED


# One customer's history, and nobody else's


def of_kim(words: str, event: str, session: str) -> InboundMessage:
    return InboundMessage(ThreadKey("web", "chat", session), event, "web:user:kim", words, "Kim", verified=True)


async def test_a_case_shows_the_same_customers_other_conversations_and_nobody_elses(scene: Scene) -> None:
    old = (await scene.enter(of_kim("My first question", "e1", "s_old"))).thread
    await scene.finish_run(ASKED)
    await scene.finish_draft()
    before = (await scene.store.thread(old)).case
    assert before
    await scene.act(before, DeskAction.HAND_BACK)
    scene.clock.tick(60)
    stranger = await scene.hand_off("Something private", session="s_stranger")
    await scene.enter(of_kim("I want a person", "e2", "s_new"))
    await scene.finish_run(ASKED)
    await scene.finish_draft()
    [case] = [one for one in await scene.store.cases.find("open") if one.id != stranger]
    [earlier] = await scene.store.cases.earlier(case)
    assert (earlier.thread, earlier.channel, earlier.last_text) == (old, "web", "My first question")
    assert earlier.cases == ((before, 1, "handed_back"),)
    said = await scene.store.cases.earlier_messages(case, old)
    assert said[0].text == "My first question"
    theirs = (await scene.store.cases.get(stranger)).thread.id
    for wrong in (theirs, ThreadId("t_none")):
        with pytest.raises(LookupError):
            await scene.store.cases.earlier_messages(case, wrong)
    assert await scene.store.cases.earlier(await scene.store.cases.get(stranger)) == []


# The log, and the figures


async def test_what_operators_did_is_logged_with_what_was_refused(scene: Scene) -> None:
    case = await held(scene)
    other = await scene.hand_off(session="s_2")
    await scene.act(other, DeskAction.CLAIM, by=BEN)
    scene.clock.tick(60)
    await scene.act(case, DeskAction.REPLY, "Let me", by=BEN)
    await scene.enter(Noticed(case, "gone", OperatorGone(case, BEN, "Ben")))
    log = await scene.store.receipts.log_of(case)
    assert [(did.name, did.action, bool(why)) for _, did, why in log] == [
        ("Ada", DeskAction.CLAIM, False),
        ("Ben", DeskAction.REPLY, True),
    ]
    assert [at - log[0][0] for at, _, _ in log] == [0, 60]
    newest = await scene.store.receipts.newest_actions(2)
    assert [(did.name, did.action) for _, did, _ in newest] == [("Ben", DeskAction.REPLY), ("Ben", DeskAction.CLAIM)]


async def test_the_figures_of_a_day_count_what_happened_in_it(scene: Scene) -> None:
    await fate_of(scene, TWO_DAYS, "Parcels take two days.")
    scene.clock.tick(DAY)
    start = scene.clock()
    case = await scene.hand_off("Let me talk to a human", session="s_2")
    await scene.act(case, DeskAction.CLAIM)
    scene.clock.tick(120)
    await scene.act(case, DeskAction.REPLY, "Here I am")
    scene.clock.tick(60)
    await scene.act(case, DeskAction.REPLY, "Still here")
    await scene.act(case, DeskAction.RESOLVE)
    rating = InboundRating(ThreadKey("web", "chat", "s_2"), "rated", 4, case=case)
    assert (await scene.enter(rating)).state == "done"
    back = await scene.hand_off(session="s_3")
    await scene.act(back, DeskAction.HAND_BACK)
    await scene.hand_off(session="s_4")
    day = await scene.store.figures.of(start, start + DAY)
    assert (day.opened, day.resolved, day.handed_back) == (3, 1, 1)
    assert (day.first_answer, day.surveys, day.survey_average) == (120, 1, 4.0)
    assert dict(day.reasons) == {HandoffReason.CUSTOMER_ASKED: 3}
    assert dict(day.drafts) == {}
    assert dict((await scene.store.figures.of(start - DAY, start - 1)).drafts) == {DraftFate.USED: 1}


async def test_an_empty_day_has_empty_figures(scene: Scene) -> None:
    day = await scene.store.figures.of(0, 1)
    assert (day.opened, day.first_answer, day.surveys, day.survey_average) == (0, None, 0, None)


# Chat sessions


async def test_a_session_says_who_its_customer_is_and_one_never_kept_is_anonymous(scene: Scene) -> None:
    kim = Session("s_1", "web:user:kim", "Kim", verified=True)
    await scene.store.sessions.start(kim, scene.clock())
    assert await scene.store.sessions.get("s_1") == kim
    assert await scene.store.sessions.get("s_2") == anonymous("s_2")


async def test_who_speaks_is_kept_through_a_conversation(scene: Scene) -> None:
    receipt = await scene.enter(of_kim("Hallo, wie lange dauert die Lieferung?", "e1", "s_1"))
    thread = await scene.store.thread(receipt.thread)
    assert (thread.customer_name, thread.verified, thread.language) == ("Kim", True, "de")
    assert thread.owner.kind is OwnerKind.BOT
