"""Reading customers' files, as the store sees it: once for each, before any answer, on both databases."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.attachments.values import Extracted
from core.errors import Superseded
from core.ids import FileId
from core.messages import Author, DeskAction, File, FileOutcome
from core.store import schema
from core.store.engine import Database
from core.store.files import Files
from core.store.leases import LEASE_SECONDS, Lease
from core.store.receipts import Receipt
from core.store.store import Store
from tests.contract.scene import ADA, Scene, answered, message
from tests.support import ManualClock

BILL = Extracted(FileOutcome.READ, "application/pdf", "Invoice 4711", "")
SCAN = Extracted(FileOutcome.REFUSED, "application/pdf", note="It is a scan.")


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """A store and its clock."""
    return Scene(store, clock)


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    """Where files are kept."""
    return Files(database, tmp_path / "files")


async def send(scene: Scene, files: Files, *names: str, words: str = "See this", session: str = "s_1") -> Receipt:
    """Have the customer send files."""
    saved = [await files.save(name, "text/plain", name.encode(), scene.clock()) for name in names]
    event = replace(message(words, f"event-{names}-{session}", session), files=tuple(file.id for file in saved))
    return await scene.enter(event)


async def claim(scene: Scene) -> list[Lease]:
    return await scene.store.extractions.claim(scene.clock(), 50)


async def read(scene: Scene, extracted: Extracted = BILL) -> list[Lease]:
    """Read every file that waits."""
    leases = await claim(scene)
    for lease in leases:
        await scene.store.extractions.finish(lease, extracted, scene.clock())
    return leases


async def sent(scene: Scene, receipt: Receipt) -> list[File]:
    said = await scene.store.messages(receipt.thread)
    return [file for one in said if one.author is Author.CUSTOMER for file in one.files]


async def test_each_file_of_a_customer_waits_to_be_read_from_the_moment_its_message_stands(
    scene: Scene, files: Files
) -> None:
    receipt = await send(scene, files, "a.pdf", "b.pdf")
    assert [file.outcome for file in await sent(scene, receipt)] == [FileOutcome.WAITING] * 2
    assert {lease.id for lease in await claim(scene)} == {file.id for file in await sent(scene, receipt)}
    assert await claim(scene) == []


async def test_an_answer_waits_for_the_files_and_knows_what_they_say(scene: Scene, files: Files) -> None:
    receipt = await send(scene, files, "a.pdf", "b.pdf")
    assert await scene.claim_runs() == []
    first, second = await claim(scene)
    await scene.store.extractions.finish(first, BILL, scene.clock())
    assert await scene.claim_runs() == [], "one of them is still being read"
    await scene.store.extractions.finish(second, SCAN, scene.clock())
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert dict(turn.texts) == {first.id: "Invoice 4711"}
    assert [(f.type, f.outcome, f.note) for f in turn.waiting[0].files] == [
        ("application/pdf", FileOutcome.READ, ""),
        ("application/pdf", FileOutcome.REFUSED, "It is a scan."),
    ]
    assert await scene.store.extractions.text(FileId(first.id)) == "Invoice 4711"
    assert await scene.store.extractions.text(FileId(second.id)) is None
    assert [f.outcome for f in await sent(scene, receipt)] == [FileOutcome.READ, FileOutcome.REFUSED]


async def test_only_its_own_conversation_waits_for_a_file(scene: Scene, files: Files) -> None:
    await send(scene, files, "a.pdf")
    await scene.say("How long does delivery take?", "s_2")
    assert (await scene.claim_run()).row.seen_up_to == 1


async def test_a_later_turn_still_knows_the_files_of_the_conversation_and_reads_none_again(
    scene: Scene, files: Files
) -> None:
    await send(scene, files, "a.pdf")
    [lease] = await read(scene)
    await scene.finish_run(answered("It is paid."))
    await scene.say("And the other one?")
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert dict(turn.texts) == {lease.id: "Invoice 4711"}
    assert await claim(scene) == []


async def test_a_file_sent_while_its_message_is_being_answered_holds_up_the_next_answer(
    scene: Scene, files: Files
) -> None:
    await scene.say("How long does delivery take?")
    first = await scene.claim_run()
    await send(scene, files, "a.pdf")
    with pytest.raises(Superseded):
        await scene.store.runs.check(first)
    assert await scene.claim_runs() == []
    await read(scene)
    assert await scene.claim_run()


async def test_a_file_of_the_customer_is_read_while_people_have_the_case_too_and_shows_there(
    scene: Scene, files: Files
) -> None:
    case = await scene.hand_off()
    before = (await scene.store.cases.get(case)).updated_at
    await send(scene, files, "a.pdf")
    scene.clock.tick(5)
    assert len(await read(scene)) == 1
    assert (await scene.store.cases.get(case)).updated_at == before + 5


async def test_an_operators_file_is_nobodys_to_read(scene: Scene, files: Files) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    label = await files.save("label.pdf", "application/pdf", b"x", scene.clock())
    await scene.act(case, DeskAction.REPLY, "Here", files=(label.id,), by=ADA)
    assert await claim(scene) == []
    thread = (await scene.store.cases.get(case)).thread.id
    assert (await files.of_thread(thread, label.id))[0] == label


async def test_who_was_too_slow_with_a_file_writes_nothing(scene: Scene, files: Files) -> None:
    receipt = await send(scene, files, "a.pdf")
    [late] = await claim(scene)
    scene.clock.tick(LEASE_SECONDS + 1)
    [taken_over] = await claim(scene)
    assert taken_over.was_dropped
    for write in (
        scene.store.extractions.finish(late, SCAN, scene.clock()),
        scene.store.extractions.heartbeat(late, scene.clock()),
        scene.store.extractions.retry(late, scene.clock(), "x"),
    ):
        with pytest.raises(Superseded):
            await write
    await scene.store.extractions.heartbeat(taken_over, scene.clock())
    await scene.store.extractions.finish(taken_over, BILL, scene.clock())
    assert [file.outcome for file in await sent(scene, receipt)] == [FileOutcome.READ]


async def test_a_file_that_is_given_back_is_read_later(scene: Scene, files: Files) -> None:
    await send(scene, files, "a.pdf")
    [lease] = await claim(scene)
    await scene.store.extractions.retry(lease, scene.clock() + 4, "The bucket is away.")
    assert await claim(scene) == []
    scene.clock.tick(4)
    [again] = await claim(scene)
    assert (again.attempts, again.was_dropped, again.row.error) == (2, False, "The bucket is away.")


async def test_a_file_whose_kind_nobody_could_tell_keeps_the_one_it_came_with(scene: Scene, files: Files) -> None:
    receipt = await send(scene, files, "a.txt")
    await read(scene, Extracted(FileOutcome.REFUSED, "", note="It took longer than 30 s to read."))
    assert [(file.type, file.note) for file in await sent(scene, receipt)] == [
        ("text/plain", "It took longer than 30 s to read.")
    ]


async def test_all_kinds_of_characters_come_back_as_they_were_read(scene: Scene, files: Files) -> None:
    await send(scene, files, "a.txt")
    text = "Größe 日本 \U0001f6b2 | `x`\n" * 9_000
    [lease] = await read(scene, replace(BILL, text=text))
    assert await scene.store.extractions.text(FileId(lease.id)) == text
    assert len(await scene.rows(schema.extractions)) == 1
