"""The worker and customers' files: each is read, or says why not, and its conversation goes on either way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sending import Sender
from bot.telemetry import Metrics
from bot.worker import Worker
from core.agent.assistant import Assistant
from core.agent.providers import extractive
from core.bell import EXTRACTIONS, Bell
from core.case import Case
from core.errors import TemporaryError
from core.grounding import Grounding
from core.ids import FileId, ThreadId
from core.messages import File, FileOutcome
from core.store import schema
from core.store.engine import Database, sqlite_url
from core.store.files import Files
from core.store.migrations import migrate
from core.store.places import FolderPlace
from core.store.store import Store
from tests.contract.scene import Scene, message
from tests.support import ManualClock, until


class Shelf:
    """A knowledge base that holds nothing."""

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        """Find nothing."""
        return Grounding()


class Away(FolderPlace):
    """A place that can't be reached until it is told to come back."""

    away = True

    async def read(self, name: str) -> bytes:
        """Return the bytes once it is back."""
        if self.away:
            raise TemporaryError("The bucket is away.")
        return await super().read(name)


class Office(Scene):
    """A store with its files, and a worker while `working` lasts."""

    def __init__(self, store: Store, files: Files) -> None:
        super().__init__(store, ManualClock())
        self.files = files
        self.bell = Bell()

    async def send(self, name: str, content: bytes) -> FileId:
        """Have the customer send a file."""
        saved = await self.files.save(name, "application/octet-stream", content, self.clock())
        await self.enter(replace(message("", f"event-{name}"), files=(saved.id,)))
        return saved.id

    async def file(self) -> File:
        """Return the only file that was sent."""
        [thread] = await self.threads()
        [file] = [file for said in await self.store.messages(thread) for file in said.files]
        return file

    async def threads(self) -> list[ThreadId]:
        """Return the conversations."""
        return [row[0] for row in await self.rows(schema.threads, "id")]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Have a worker work while the block lasts."""
        assistant = Assistant(extractive(), Shelf(), "Answer.", 0.5, 0.2)

        async def ready() -> Assistant:
            return assistant

        worker = Worker(self.store, self.bell, self.clock, ready, Sender({}, {}, self.files), Metrics())
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def case(self) -> Case:
        """Wait until people have the conversation."""

        async def opened() -> list[Case]:
            return list(await self.store.cases.find("open"))

        case: Case = (await until(opened))[0]
        return case


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A store on SQLite with a folder for files."""
    database = Database(sqlite_url(tmp_path / "threadline.db"))
    await migrate(database)
    yield Office(Store(database), Files(database, tmp_path / "files"))
    await database.close()


async def test_a_customers_file_is_read_before_the_answer(office: Office) -> None:
    id_ = await office.send("bill.csv", b"item,price\nbell,9\n")
    async with office.working():
        case = await office.case()
    assert (case.result.detail, case.summary) == ("bill.csv", "(sent bill.csv)")
    file = await office.file()
    assert (file.outcome, file.type) == (FileOutcome.READ, "text/csv")
    assert "| bell | 9 |" in (await office.store.extractions.text(id_) or "")


async def test_a_file_that_stops_the_program_each_time_is_left_alone_and_people_take_over(office: Office) -> None:
    await office.send("bill.txt", b"poison")
    for _ in range(3):
        assert await office.store.extractions.claim(office.clock(), 1)
        await office.store.forget_leases()  # as after a start
    async with office.working():
        case = await office.case()
    assert case.result.detail == "bill.txt"
    file = await office.file()
    assert file.outcome is FileOutcome.REFUSED
    assert file.note == "The program stopped each time it read this file, so it is left alone."


async def test_a_file_whose_bytes_are_gone_says_so_and_people_take_over(office: Office, tmp_path: Path) -> None:
    id_ = await office.send("bill.txt", b"Invoice")
    (tmp_path / "files" / id_).unlink()
    async with office.working():
        await office.case()
    assert (await office.file()).note == "This file is not kept any more."


@pytest.mark.parametrize(("comes_back", "outcome"), [(True, FileOutcome.READ), (False, FileOutcome.FAILED)])
async def test_a_place_that_is_away_is_asked_again_and_then_given_up(
    office: Office, tmp_path: Path, comes_back: bool, outcome: FileOutcome
) -> None:
    place = Away(tmp_path / "files")
    office.files = Files(office.store.database, place)
    await office.send("bill.txt", b"Invoice")

    async def asked(times: int) -> bool:
        return await office.rows(schema.extractions, "retries") == [(times,)]

    async with office.working():
        await until(lambda: asked(1))
        place.away = not comes_back
        office.clock.tick(1)
        office.bell.ring(EXTRACTIONS)
        if not comes_back:
            await until(lambda: asked(2))
            office.clock.tick(4)
            office.bell.ring(EXTRACTIONS)
        await office.case()
    assert (await office.file()).outcome is outcome
