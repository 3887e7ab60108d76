"""The database's connections, whoever is broken off in the middle."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.store.engine import SQLITE_CONNECTIONS, Database, StoreUnavailable, sqlite_url

STEPS = 40
"""More of the loop's turns than a transaction with one statement takes."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(tmp_path / "d.db"))
    async with database.writing("made") as connection:
        await connection.execute(text("CREATE TABLE things (thing INTEGER)"))
    yield database
    await database.close()


@pytest.mark.parametrize("writes", [False, True], ids=["reading", "writing"])
@pytest.mark.parametrize("much", [False, True], ids=["near", "far"])
async def test_who_is_broken_off_leaves_no_transaction_open(database: Database, much: bool, writes: bool) -> None:
    async def work() -> None:
        async with database.writing("w", much=much) if writes else database.reading(much=much) as connection:
            await connection.execute(text("INSERT INTO things VALUES (1)" if writes else "SELECT * FROM things"))

    for pause in (0.0, 0.0003):  # the thread has or has not answered when the loop goes on
        for steps in range(STEPS):
            task = asyncio.create_task(work())
            for _ in range(steps):
                await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look() -> None:
        async with database.reading() as connection:
            await connection.execute(text("SELECT * FROM things"))
            await asyncio.sleep(0.01)

    await asyncio.gather(*(look() for _ in range(SQLITE_CONNECTIONS)))
    await asyncio.wait_for(work(), 5)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO nothing VALUES (:words)", StoreUnavailable),
        ("INSERT INTO things (rowid) VALUES (:words)", IntegrityError),
    ],
)
async def test_an_error_never_carries_what_was_to_be_stored(
    database: Database, statement: str, error: type[Exception]
) -> None:
    said = "My door code is 4711."
    with pytest.raises(error) as failed:
        async with database.writing("w") as connection:
            await connection.execute(text(statement), {"words": said})
    assert said not in "".join(traceback.format_exception(failed.value))
