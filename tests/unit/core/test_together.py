"""Writes of one moment share a transaction, and each is done whole or not at all, whatever becomes of the others."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.engine import Database, StoreUnavailable, sqlite_url
from core.store.together import MOST, Together, Write


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(tmp_path / "t.db"))
    async with database.writing("make") as connection:
        await connection.execute(text("CREATE TABLE words (word TEXT PRIMARY KEY)"))
    yield database
    await database.close()


def put(word: str, *, then: Exception | None = None) -> Write[str]:
    """Write a word down, and fail with `then` after that."""

    async def write(connection: AsyncConnection) -> str:
        await connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
        if then:
            raise then
        return word

    return write


async def words(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.scalars(text("SELECT word FROM words ORDER BY word"))).all())


async def test_what_comes_during_a_commit_is_written_by_the_next_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    commits = asyncio.Event()

    def reach(self: object, point: str) -> None:
        reached.append(point)
        commits.set()

    monkeypatch.setattr(type(database.faults), "reach", reach)
    together = Together(database, "words")
    first = asyncio.create_task(together.write(put("a0")))
    await commits.wait()
    told = await asyncio.gather(first, *(together.write(put(f"b{n:03}")) for n in range(MOST + 1)))
    assert told == ["a0", *(f"b{n:03}" for n in range(MOST + 1))]
    assert await words(database) == sorted(told)
    assert reached.count("after:words") == 3, "one alone, one full, and what was left"


async def test_a_write_that_fails_leaves_nothing_and_its_neighbours_are_written(database: Database) -> None:
    together = Together(database, "words")
    wrong = [put("half", then=ValueError("not this one")), put("b")]
    told = await asyncio.gather(
        together.write(put("a")), *(together.write(one) for one in wrong), return_exceptions=True
    )
    assert [str(one) for one in told] == ["a", "not this one", "b"]
    assert await words(database) == ["a", "b"]


async def test_a_database_that_is_away_is_told_to_all_at_once_and_the_next_are_written(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.engine.SQLITE_BUSY_SECONDS", 0.05)
    short = Database(sqlite_url(tmp_path / "t.db"))
    together = Together(short, "words")
    other = sqlite3.connect(tmp_path / "t.db")
    other.execute("BEGIN IMMEDIATE")
    told = await asyncio.gather(*(together.write(put(f"{n}")) for n in range(5)), return_exceptions=True)
    assert [type(one) for one in told] == [StoreUnavailable] * 5
    other.rollback()
    other.close()
    assert await together.write(put("later")) == "later"
    await short.close()
    assert await words(database) == ["later"]
