"""Cases as the desk reads them. Nothing is changed here: that is `decide`'s, through a receipt."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.case import Case, CaseFilter
from core.events import HandoffReason
from core.ids import CaseId, OperatorId, ThreadId
from core.messages import Author, Message
from core.store import threads
from core.store.codec import load_result
from core.store.engine import Database
from core.store.schema import cases, messages, operators
from core.store.schema import threads as threads_table
from core.thread import Thread

MOST_LISTED = 500


class Cases:
    """The cases of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, which: CaseFilter) -> list[Case]:
        """Return the newest `MOST_LISTED` cases, those opened last first."""
        query = select(cases).order_by(cases.c.number.desc()).limit(MOST_LISTED)
        if which != "all":
            query = query.where(cases.c.state == which)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            return await self._with_threads(connection, rows)

    async def get(self, case: CaseId) -> Case:
        """Return the case. Raises LookupError if there is none."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(cases).where(cases.c.id == case))).all()
            if not rows:
                raise LookupError(f"no case {case}")
            return (await self._with_threads(connection, rows))[0]

    async def changed_since(self, moment: float) -> list[tuple[CaseId, float]]:
        """Return the ids of cases changed after `moment` and when, the earliest change first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(cases.c.id, cases.c.updated_at)
                .where(cases.c.updated_at > moment)
                .order_by(cases.c.updated_at)
                .limit(MOST_LISTED)
            )
            return [(CaseId(row.id), row.updated_at) for row in rows]

    async def messages(self, case: Case) -> Sequence[Message]:
        """Return the whole transcript of the case's thread, notes included."""
        async with self._database.reading() as connection:
            return await threads.read_messages(connection, case.thread.id)

    async def operator_names(self) -> dict[OperatorId, str]:
        """Return every operator's name, those whose tokens were revoked included."""
        async with self._database.reading() as connection:
            return {OperatorId(row.id): row.name for row in await connection.execute(select(operators))}

    async def _with_threads(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Case]:
        ids = {row.thread_id for row in rows}
        found = await connection.execute(select(threads_table).where(threads_table.c.id.in_(ids)))
        of = {row.id: threads.to_thread(row) for row in found}
        newest = (
            select(messages.c.thread_id, func.max(messages.c.seq))
            .where(messages.c.thread_id.in_(ids), messages.c.author.in_((Author.CUSTOMER, Author.OPERATOR)))
            .group_by(messages.c.thread_id)
        )
        last = await connection.execute(
            select(messages).where(tuple_(messages.c.thread_id, messages.c.seq).in_(newest))
        )
        said = {ThreadId(row.thread_id): threads.to_message(row) for row in last}
        return [_to_case(row, of[row.thread_id], said.get(row.thread_id)) for row in rows]


def _to_case(row: Row[Any], thread: Thread, last: Message | None) -> Case:
    return Case(
        id=CaseId(row.id),
        number=row.number,
        thread=thread,
        is_open=row.state == "open",
        outcome=row.outcome,
        closed_by=row.closed_by,
        reason=HandoffReason(row.reason),
        summary=row.summary,
        result=load_result(row.result),
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        last=last,
    )
