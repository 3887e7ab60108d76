"""The knowledge base's own tables, on both databases: one sync at a time, and nothing half-written."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from sqlalchemy import text

from core.store.engine import Database
from kb.tables import CollectionState, KnowledgeStore, Known, StoredDocument, StoredPassage, to_bytes


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Database]:
    """Another process on the same database."""
    opened = Database(database.url)
    yield opened
    await opened.close()


def document(id_: str, *texts: str, validator: str = "") -> StoredDocument:
    vector = to_bytes(np.ones(3, dtype=np.float32))
    passages = tuple(StoredPassage(f"{id_}#{at}-{said}", at, "", said, vector) for at, said in enumerate(texts))
    return StoredDocument(id_, "root", f"{id_}.md", id_, f"hash of {texts}", vector, passages, "en", validator)


async def test_what_is_written_is_read_back_whole(database: Database) -> None:
    store = KnowledgeStore(database)
    await store.replace("c", [document("a", "one", "two", validator="v1"), document("b", "three")], [])
    await store.replace("c", [document("a", "uno", validator="v2")], ["b"])
    contents = await store.contents("c")
    assert [(one.id, one.language, one.validator) for one in contents.documents] == [("a", "en", "v2")]
    assert [one.text for one in contents.passages] == ["uno"]
    assert await store.states() == {"c": CollectionState(2, complete=False)}
    await store.revalidate("c", {"a": "v3", "never there": "v0"})
    assert await store.known("c") == {"a": Known("root", "hash of ('uno',)", "v3")}
    await store.replace("d", [document("a", "one")], [])
    await store.finish("d", replaced=["c"])
    assert await store.states() == {"d": CollectionState(2, complete=True)}
    assert await store.counts("c") == (0, 0)


async def test_of_a_write_that_fails_nothing_stays(database: Database) -> None:
    store = KnowledgeStore(database)
    await store.replace("c", [document("a", "one")], [])
    twice = StoredPassage("b#0", 0, "", "said", None)
    broken = StoredDocument("b", "root", "b.md", "b", "hash", None, (twice, twice))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.replace("c", [broken], ["a"])
    assert list(await store.known("c")) == ["a"]
    assert (await store.states())["c"].generation == 1


async def test_two_processes_sync_in_turn(database: Database, other: Database) -> None:
    if database.is_sqlite:
        pytest.skip("HOME, and SQLite with it, belongs to one process")
    order: list[str] = []

    async def second() -> None:
        async with KnowledgeStore(other).alone():
            order.append("second")

    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with KnowledgeStore(database).alone():
        task = asyncio.create_task(second())
        async with asyncio.timeout(30):
            while True:
                async with database.reading() as connection:
                    if await connection.scalar(text(waiting)):
                        break
        order.append("first")
    await task
    assert order == ["first", "second"]
    async with KnowledgeStore(database).alone():
        pass
