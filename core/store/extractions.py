"""Reading customers' files: one leased row for each, written with the message that carries it.

The worker claims them and `core.attachments` reads; a run of the thread is not claimed before they are finished,
so an answer always knows what the files say. The text is got once and kept here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import ColumnElement, Table, bindparam, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.attachments.values import Extracted
from core.ids import FileId, MessageId, ThreadId
from core.messages import FileOutcome
from core.store import leases
from core.store.engine import Database
from core.store.leases import Lease
from core.store.schema import cases, extractions, files

MOST_TEXTS = 20  # files of a thread whose texts an answer may look into: the newest
_claim = leases.Claim(extractions)
_TEXTS = (
    select(extractions.c.id, extractions.c.text)
    .where(extractions.c.thread_id == bindparam("thread"), extractions.c.outcome == FileOutcome.READ.value)
    .order_by(extractions.c.n.desc())
    .limit(MOST_TEXTS)
)


async def ask(connection: AsyncConnection, message: MessageId, thread: ThreadId, now: float) -> None:
    """Have the files of `message` read, in the caller's transaction; each waits for itself alone."""
    columns = ["id", "lane", "thread_id", "available_at", "created_at"]
    each = select(files.c.id, files.c.id, literal(thread), literal(now), literal(now))
    await connection.execute(insert(extractions).from_select(columns, each.where(files.c.message_id == message)))


def still_reading(table: Table) -> ColumnElement[bool]:
    """Whether a file of the thread of a row of `table` is still to be read."""
    return exists().where(extractions.c.thread_id == table.c.thread_id, extractions.c.state == leases.WAITING)


async def texts(connection: AsyncConnection, thread: ThreadId) -> Mapping[FileId, str]:
    """Return what the thread's newest files say, by their ids."""
    rows = await connection.execute(_TEXTS, {"thread": thread})
    return MappingProxyType({FileId(row.id): row.text for row in rows})


class Extractions:
    """The readings of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` files to read; a lease's id is its file's."""
        async with self._database.writing("extractions.claim") as connection:
            return await _claim(connection, now, limit)

    async def heartbeat(self, lease: Lease, now: float) -> None:
        """Keep the lease. Raises `Superseded` if it is lost."""
        async with self._database.writing("extractions.heartbeat") as connection:
            await leases.heartbeat(connection, lease, now)

    async def retry(self, lease: Lease, at: float, error: str) -> None:
        """Give the file back, to be read again from `at` on."""
        async with self._database.writing("extractions.retry") as connection:
            await leases.retry(connection, lease, at, error)

    async def finish(self, lease: Lease, extracted: Extracted, now: float, *, error: str = "") -> None:
        """Keep what was read, and show it on the thread's open case. Raises `Superseded` if the lease is lost.

        `error` is for owners: what went wrong inside.
        """
        outcome = extracted.outcome.value
        async with self._database.writing("extractions.finish") as connection:
            read = {"outcome": outcome, "note": extracted.note, "text": extracted.text, "error": error}
            await leases.finish(connection, lease, "done", now, **read)
            if extracted.type:
                await connection.execute(update(files).where(files.c.id == lease.id).values(type=extracted.type[:100]))
            mine = (cases.c.thread_id == lease.row.thread_id, cases.c.state == "open")
            await connection.execute(update(cases).where(*mine).values(updated_at=now))

    async def text(self, file: FileId) -> str | None:
        """Return what the file says, None if it was not read."""
        query = select(extractions.c.text).where(
            extractions.c.id == file, extractions.c.outcome == FileOutcome.READ.value
        )
        async with self._database.reading() as connection:
            return await connection.scalar(query)
