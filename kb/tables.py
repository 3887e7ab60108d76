"""The truth about the knowledge base: documents, passages and vectors in SQL, with one generation.

Chroma and the lexical index are derived from here and can be lost. Everything is kept per collection
(model, revision, dimensions, prompts, splitter version), so that a new model is built beside the old
one. `kb.sync` writes, `kb.search` reads; Alembic makes the tables from `kb_metadata`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.engine import Database
from kb.embed import Vectors

kb_metadata = MetaData()

documents = Table(
    "kb_documents",
    kb_metadata,
    Column("collection", String(120), primary_key=True),
    Column("id", String(700), primary_key=True),
    Column("root", String(2000), nullable=False),
    Column("source", String(2000), nullable=False),
    Column("title", String(500), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("title_vector", LargeBinary),
    Column("language", String(16), nullable=False, server_default=""),
    Column("validator", Text, nullable=False, server_default=""),
)
passages = Table(
    "kb_passages",
    kb_metadata,
    Column("collection", String(120), primary_key=True),
    Column("id", String(760), primary_key=True),
    Column("document_id", String(700), nullable=False),
    Column("position", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("vector", LargeBinary),
    ForeignKeyConstraint(
        ["collection", "document_id"],
        ["kb_documents.collection", "kb_documents.id"],
        name="fk_kb_passages_document",
        ondelete="CASCADE",
    ),
    Index("ix_kb_passages_document", "collection", "document_id"),
)
state = Table(
    "kb_state",
    kb_metadata,
    Column("collection", String(120), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("complete", Boolean, nullable=False),
)

_SYNC_LOCK = 7_148_402_318  # beside the migrations' own; nothing else on this database uses it
_DELETE_STEP = 500  # bound parameters in one statement, well below SQLite's limit


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """One passage with the bytes of its vector (None when there is no model)."""

    id: str
    position: int
    heading: str
    text: str
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One document as it is written: its passages replace those it had.

    `language` is the ISO 639-1 code of what it is written in, '' if unsure; `validator` is what the
    server of a web page gave for asking whether it has changed (`kb.fetch`).
    """

    id: str
    root: str
    source: str
    title: str
    content_hash: str
    title_vector: bytes | None
    passages: tuple[StoredPassage, ...]
    language: str = ""
    validator: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a sync compares a file or page with."""

    root: str
    content_hash: str
    validator: str = ""


@dataclass(frozen=True, slots=True)
class CollectionState:
    """`generation` grows with every commit; `complete` once a sync has gone through all its sources."""

    generation: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything of one collection at one generation, in order of document and position.

    `document_of[i]` is the row of passage `i` in `documents`; the vectors are None without a model.
    """

    generation: int
    documents: tuple[StoredDocument, ...]
    passages: tuple[StoredPassage, ...]
    document_of: tuple[int, ...]


def to_bytes(vector: Vectors) -> bytes:
    """Return a vector as little-endian float32."""
    return vector.astype("<f4").tobytes()


def from_bytes(stored: Sequence[bytes | None]) -> Vectors | None:
    """Return stored vectors as one matrix, a row each; None when any is missing."""
    present = [vector for vector in stored if vector is not None]
    if not present or len(present) < len(stored):
        return None
    return np.frombuffer(b"".join(present), dtype="<f4").reshape(len(present), -1).astype(np.float32)


class KnowledgeStore:
    """Reads and writes the tables; every write is one short transaction."""

    def __init__(self, database: Database) -> None:
        """Use `database`; its tables must exist."""
        self._database = database

    async def states(self) -> dict[str, CollectionState]:
        """Return the state of every collection that exists."""
        async with self._database.reading(much=True) as connection:
            rows = await connection.execute(select(state.c.collection, state.c.generation, state.c.complete))
            return {name: CollectionState(generation, complete) for name, generation, complete in rows}

    async def known(self, collection: str) -> dict[str, Known]:
        """Return what is stored of each document, by id."""
        async with self._database.reading(much=True) as connection:
            rows = await connection.execute(
                select(documents.c.id, documents.c.root, documents.c.content_hash, documents.c.validator).where(
                    documents.c.collection == collection
                )
            )
            return {id_: Known(root, content_hash, validator) for id_, root, content_hash, validator in rows}

    async def passage_ids(self, collection: str, document_ids: Sequence[str]) -> list[str]:
        """Return the ids of the passages of some documents."""
        found: list[str] = []
        async with self._database.reading(much=True) as connection:
            for start in range(0, len(document_ids), _DELETE_STEP):
                rows = await connection.scalars(
                    select(passages.c.id).where(
                        passages.c.collection == collection,
                        passages.c.document_id.in_(document_ids[start : start + _DELETE_STEP]),
                    )
                )
                found += rows
        return found

    async def counts(self, collection: str) -> tuple[int, int]:
        """Return how many documents and passages a collection holds."""
        async with self._database.reading(much=True) as connection:
            held = [
                await connection.scalar(select(func.count()).select_from(table).where(table.c.collection == collection))
                for table in (documents, passages)
            ]
        return held[0] or 0, held[1] or 0

    async def replace(self, collection: str, added: Sequence[StoredDocument], removed: Sequence[str]) -> None:
        """Write `added` in place of what they replace, drop `removed`, and start a new generation."""
        gone = [*removed, *(document.id for document in added)]
        async with self._database.writing("kb.replace", much=True) as connection:
            for start in range(0, len(gone), _DELETE_STEP):
                await connection.execute(
                    delete(documents).where(
                        documents.c.collection == collection,
                        documents.c.id.in_(gone[start : start + _DELETE_STEP]),
                    )
                )
            if added:
                await connection.execute(insert(documents), [_document_row(collection, one) for one in added])
                await connection.execute(insert(passages), [row for one in added for row in _rows(collection, one)])
            await _advance(connection, collection)

    async def revalidate(self, collection: str, validators: Mapping[str, str]) -> None:
        """Note new validators, by document, of pages that say what they said before."""
        async with self._database.writing("kb.revalidate", much=True) as connection:
            for id_, validator in validators.items():
                await connection.execute(
                    update(documents)
                    .where(documents.c.collection == collection, documents.c.id == id_)
                    .values(validator=validator)
                )

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Let no other process that shares the database sync meanwhile; waits until it is done.

        On SQLite there is none: HOME, and with it the file, belongs to one process.
        """
        if self._database.is_sqlite:
            yield
            return
        async with self._database.engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(select(func.pg_advisory_lock(_SYNC_LOCK)))
            try:
                yield
            finally:
                await connection.execute(select(func.pg_advisory_unlock(_SYNC_LOCK)))

    async def finish(self, collection: str, *, replaced: Sequence[str]) -> None:
        """Mark `collection` complete and drop the collections it replaces."""
        async with self._database.writing("kb.finish", much=True) as connection:
            await _advance(connection, collection, complete=True)
            for table in (documents, state):
                await connection.execute(delete(table).where(table.c.collection.in_(list(replaced))))

    async def newest(self) -> Contents:
        """Return everything of the collection that is complete, and was written to most often if there are several."""
        states = await self.states()
        whole = [name for name, one in states.items() if one.complete] or list(states)
        return await self.contents(max(whole, key=lambda name: states[name].generation, default=""))

    async def contents(self, collection: str) -> Contents:
        """Return everything of a collection, from one consistent view."""
        async with self._database.reading(much=True) as connection:
            generation = await connection.scalar(select(state.c.generation).where(state.c.collection == collection))
            document_rows = (
                await connection.execute(
                    select(documents).where(documents.c.collection == collection).order_by(documents.c.id)
                )
            ).all()
            passage_rows = (
                await connection.execute(
                    select(passages)
                    .where(passages.c.collection == collection)
                    .order_by(passages.c.document_id, passages.c.position)
                )
            ).all()
        held = tuple(
            StoredDocument(
                id=row.id,
                root=row.root,
                source=row.source,
                title=row.title,
                content_hash=row.content_hash,
                title_vector=row.title_vector,
                passages=(),
                language=row.language,
                validator=row.validator,
            )
            for row in document_rows
        )
        row_of = {document.id: at for at, document in enumerate(held)}
        return Contents(
            generation=generation or 0,
            documents=held,
            passages=tuple(
                StoredPassage(row.id, row.position, row.heading, row.text, row.vector) for row in passage_rows
            ),
            document_of=tuple(row_of[row.document_id] for row in passage_rows),
        )


def _document_row(collection: str, document: StoredDocument) -> dict[str, object]:
    return {
        "collection": collection,
        "id": document.id,
        "root": document.root,
        "source": document.source,
        "title": document.title,
        "content_hash": document.content_hash,
        "title_vector": document.title_vector,
        "language": document.language,
        "validator": document.validator,
    }


def _rows(collection: str, document: StoredDocument) -> list[dict[str, object]]:
    return [
        {
            "collection": collection,
            "id": passage.id,
            "document_id": document.id,
            "position": passage.position,
            "heading": passage.heading,
            "text": passage.text,
            "vector": passage.vector,
        }
        for passage in document.passages
    ]


async def _advance(connection: AsyncConnection, collection: str, *, complete: bool = False) -> None:
    """Start a new generation of `collection`, making its row when it has none."""
    values: dict[str, object] = {"generation": state.c.generation + 1}
    if complete:
        values["complete"] = True
    changed = await connection.execute(update(state).where(state.c.collection == collection).values(values))
    if not changed.rowcount:
        await connection.execute(insert(state).values(collection=collection, generation=1, complete=complete))
