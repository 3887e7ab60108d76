"""A thread's messages out of their rows, with their files and what the customer thought of them."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import CaseId, FileId, MessageId, OperatorId, ThreadId
from core.messages import Author, File, FileOutcome, Message, Rating
from core.store.codec import load_citations
from core.store.schema import extractions, files, messages, ratings

FILES = select(files, extractions.c.outcome, extractions.c.note).outerjoin(extractions, extractions.c.id == files.c.id)
"""The query for files as `to_file` takes them."""

# Built once: making a statement costs more than SQLite takes to run it.
_OF_MESSAGES = FILES.where(files.c.message_id.in_(bindparam("messages", expanding=True))).order_by(files.c.at)
_RATED = select(ratings).where(ratings.c.subject.in_(bindparam("subjects", expanding=True)))
_OF_THREAD = (
    select(messages)
    .where(messages.c.thread_id == bindparam("thread"), messages.c.seq > bindparam("after"))
    .order_by(messages.c.seq)
)
_CHANGED = _OF_THREAD.where(messages.c.changed_at > bindparam("since"))


async def read_messages(
    connection: AsyncConnection, thread: ThreadId, *, after: int = 0, changed_since: float | None = None
) -> list[Message]:
    """Return the messages of `thread` with a `seq` above `after`, in order, notes included.

    `changed_since` keeps only those edited, withdrawn or rated later than that.
    """
    query, values = _OF_THREAD, {"thread": thread, "after": after}
    if changed_since is not None:
        query, values = _CHANGED, {**values, "since": changed_since}
    return await whole(connection, (await connection.execute(query, values)).all())


async def whole(connection: AsyncConnection, rows: Any) -> list[Message]:
    """Return the messages that `rows` hold, with their files and ratings."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    sent: dict[str, list[File]] = defaultdict(list)
    for row in await connection.execute(_OF_MESSAGES, {"messages": ids}):
        sent[row.message_id].append(to_file(row))
    rated = [*ids, *(row.survey for row in rows if row.survey)]
    found = await connection.execute(_RATED, {"subjects": rated})
    thought = {row.subject: Rating(row.score, row.reason) for row in found}
    return [
        _to_message(row, () if row.withdrawn else tuple(sent[row.id]), thought.get(row.survey or row.id))
        for row in rows
    ]


def to_file(row: Row[Any]) -> File:
    """Return the file that `row` of `FILES` holds."""
    outcome = FileOutcome(row.outcome) if row.outcome else None
    return File(FileId(row.id), row.name, row.type, row.size, outcome, row.note or "")


def _to_message(row: Row[Any], sent: tuple[File, ...], rating: Rating | None) -> Message:
    return Message(
        id=MessageId(row.id),
        seq=row.seq,
        author=Author(row.author),
        text=row.text,
        at=row.at,
        name=row.name,
        citations=load_citations(row.citations),
        files=() if row.withdrawn else sent,
        operator=OperatorId(row.operator) if row.operator else None,
        survey=CaseId(row.survey) if row.survey else None,
        original=row.original,
        changed_at=row.changed_at,
        withdrawn=row.withdrawn,
        rating=rating,
        full="" if row.withdrawn else row.full,
        presence=row.presence,
    )
