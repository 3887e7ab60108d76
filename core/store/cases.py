"""Cases as the desk reads them. Nothing is changed here: that is `decide`'s, through a receipt."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.case import Case, CaseFilter, Earlier
from core.delivery import PartKind
from core.desk import DraftFate
from core.events import HandoffReason
from core.ids import CaseId, MessageId, OperatorId, ThreadId
from core.messages import Author, Message, Rating
from core.store import threads
from core.store.codec import load_result, load_suggestion
from core.store.credentials import operator_names
from core.store.engine import Database
from core.store.leases import WAITING
from core.store.ratings import surveys_of
from core.store.runs import DRAFT
from core.store.schema import cases, deliveries, messages, runs
from core.store.schema import threads as threads_table
from core.store.transcript import read_messages, whole
from core.thread import OwnerKind, Thread

MOST_LISTED = 500
MOST_EARLIER = 20


class Cases:
    """The cases of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, which: CaseFilter) -> list[Case]:
        """Return the newest `MOST_LISTED` cases, those opened last first."""
        query = select(cases).order_by(cases.c.number.desc()).limit(MOST_LISTED)
        if which != "all":
            query = query.where(cases.c.state == which)
        async with self._database.reading(much=True) as connection:
            rows = (await connection.execute(query)).all()
            return await self._with_threads(connection, rows)

    async def every_open(self) -> AsyncIterator[Case]:
        """Go through all open cases, however many, the oldest first."""
        last = 0
        while True:
            query = select(cases).where(cases.c.state == "open", cases.c.number > last)
            async with self._database.reading(much=True) as connection:
                rows = (await connection.execute(query.order_by(cases.c.number).limit(MOST_LISTED))).all()
                found = await self._with_threads(connection, rows)
            for case in found:
                yield case
            if len(found) < MOST_LISTED:
                return
            last = found[-1].number

    async def get(self, case: CaseId) -> Case:
        """Return the case. Raises LookupError if there is none."""
        return await self._one(cases.c.id == case, f"no case {case}")

    async def numbered(self, number: int) -> Case:
        """Return the case of that number. Raises LookupError if there is none."""
        return await self._one(cases.c.number == number, f"no case {number}")

    async def _one(self, which: ColumnElement[bool], otherwise: str) -> Case:
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(cases).where(which))).all()
            if not rows:
                raise LookupError(otherwise)
            return (await self._with_threads(connection, rows))[0]

    async def with_card(self, desk: str, name: str) -> CaseId | None:
        """Return the case whose card `desk` calls `name`, up to the first space: what follows is the desk's own."""
        card = select(cases.c.id).where(cases.c.desk == desk, cases.c.desk_card == name)
        async with self._database.reading() as connection:
            found = await connection.scalar(card.limit(1))
        return CaseId(found) if found else None

    async def shown_outcome(self, message: MessageId, desk: str) -> str:
        """Return what `desk` called the last it showed of what became of a line; '' if it has shown nothing."""
        query = select(deliveries.c.platform_id).where(
            deliveries.c.message_id == message,
            deliveries.c.kind == PartKind.OUTCOME.value,
            deliveries.c.desk == desk,
            deliveries.c.platform_id != "",
        )
        async with self._database.reading() as connection:
            return await connection.scalar(query.order_by(deliveries.c.n.desc()).limit(1)) or ""

    async def unreachable_desks(self) -> dict[str, str]:
        """Return the desks that open cases could not be posted to, each with the last reason."""
        query = select(cases.c.desk, cases.c.desk_error).where(cases.c.state == "open", cases.c.desk_error != "")
        async with self._database.reading(much=True) as connection:
            return {row.desk: row.desk_error for row in await connection.execute(query.order_by(cases.c.number))}

    async def changed_since(self, moment: float) -> list[tuple[CaseId, float]]:
        """Return the ids of cases changed after `moment` and when, the earliest change first."""
        async with self._database.reading(much=True) as connection:
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
            return await read_messages(connection, case.thread.id)

    async def operator_names(self, *, active: bool = False) -> dict[OperatorId, str]:
        """Return the operators' names, those whose tokens were revoked included unless only the `active` are wanted."""
        async with self._database.reading() as connection:
            return await operator_names(connection, active=active)

    async def earlier(self, case: Case) -> list[Earlier]:
        """Return the same customer's other threads, the newest first."""
        others = (
            select(threads_table)
            .where(_of_the_same(case.thread), threads_table.c.id != case.thread.id)
            .order_by(threads_table.c.updated_at.desc())
            .limit(MOST_EARLIER)
        )
        async with self._database.reading(much=True) as connection:
            rows = (await connection.execute(others)).all()
            ids = [row.id for row in rows]
            said = await self._last_said(connection, ids)
            had: dict[str, list[tuple[CaseId, int, str]]] = defaultdict(list)
            for row in await connection.execute(select(cases).where(cases.c.thread_id.in_(ids)).order_by("number")):
                had[row.thread_id].append((CaseId(row.id), row.number, row.outcome))
        return [
            Earlier(
                ThreadId(row.id),
                row.channel,
                row.updated_at,
                said[row.id].text if row.id in said else "",
                row.last_seq,
                tuple(had[row.id]),
            )
            for row in rows
        ]

    async def earlier_messages(self, case: Case, thread: ThreadId) -> list[Message]:
        """Return the transcript of another thread of the same customer. Raises LookupError for anyone else's."""
        async with self._database.reading() as connection:
            of_theirs = select(threads_table.c.id).where(_of_the_same(case.thread), threads_table.c.id == thread)
            if await connection.scalar(of_theirs) is None:
                raise LookupError(f"no thread {thread} of this customer")
            return await read_messages(connection, thread)

    async def _with_threads(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Case]:
        ids = {row.thread_id for row in rows}
        found = await connection.execute(select(threads_table).where(threads_table.c.id.in_(ids)))
        of = {row.id: threads.to_thread(row) for row in found}
        said = await self._last_said(connection, list(ids))
        waiting = await self._waiting(connection, list(ids))
        drafting = set(
            await connection.scalars(
                select(runs.c.case_id).where(runs.c.kind == DRAFT, runs.c.state == WAITING, runs.c.thread_id.in_(ids))
            )
        )
        reminded = select(deliveries.c.case_id, func.count().label("times")).where(
            deliveries.c.kind == PartKind.REMINDER.value, deliveries.c.case_id.in_([row.id for row in rows])
        )
        reminders = {row.case_id: row.times for row in await connection.execute(reminded.group_by("case_id"))}
        surveys = await surveys_of(connection, [row.id for row in rows])
        return [
            _to_case(
                row,
                of[row.thread_id],
                said.get(row.thread_id),
                waiting.get(row.thread_id),
                surveys.get(row.id),
                drafting=row.id in drafting,
                reminders=reminders.get(row.id, 0),
            )
            for row in rows
        ]

    async def _last_said(self, connection: AsyncConnection, ids: list[str]) -> dict[str, Message]:
        """Return each thread's last words of its customer or an operator."""
        newest = (
            select(messages.c.thread_id, func.max(messages.c.seq))
            .where(messages.c.thread_id.in_(ids), messages.c.author.in_((Author.CUSTOMER, Author.OPERATOR)))
            .group_by(messages.c.thread_id)
        )
        query = select(messages).where(tuple_(messages.c.thread_id, messages.c.seq).in_(newest))
        rows = (await connection.execute(query)).all()
        by_id = {message.id: message for message in await whole(connection, rows)}
        return {row.thread_id: by_id[row.id] for row in rows}

    async def _waiting(self, connection: AsyncConnection, ids: list[str]) -> dict[str, float]:
        """Return since when each thread's customer waits: the first words after the last answer by bot or operator."""
        answered = (
            select(messages.c.thread_id, func.max(messages.c.seq).label("seq"))
            .where(messages.c.thread_id.in_(ids), messages.c.author.in_((Author.BOT, Author.OPERATOR)))
            .group_by(messages.c.thread_id)
            .subquery()
        )
        query = (
            select(messages.c.thread_id, func.min(messages.c.at).label("since"))
            .outerjoin(answered, answered.c.thread_id == messages.c.thread_id)
            .where(
                messages.c.thread_id.in_(ids),
                messages.c.author == Author.CUSTOMER.value,
                and_(messages.c.seq > func.coalesce(answered.c.seq, 0), messages.c.withdrawn.is_(False)),
            )
            .group_by(messages.c.thread_id)
        )
        return {row.thread_id: row.since for row in await connection.execute(query)}


def _of_the_same(thread: Thread) -> ColumnElement[bool]:
    """Match the threads of the customer of `thread`, on whatever channel, as far as somebody vouches for them."""
    theirs = threads_table.c.customer.in_(thread.identities)
    same = or_(theirs, threads_table.c.email == thread.email) if thread.email else theirs
    return and_(same, threads_table.c.verified) if thread.is_theirs else false()


def _to_case(
    row: Row[Any],
    thread: Thread,
    last: Message | None,
    waiting: float | None,
    survey: Rating | None,
    *,
    drafting: bool,
    reminders: int,
) -> Case:
    is_open = row.state == "open"
    unclaimed = row.unclaimed_since if is_open and thread.owner.kind is OwnerKind.DESK else None
    since = waiting or unclaimed or (row.opened_at if row.answered_at is None else None)
    return Case(
        id=CaseId(row.id),
        number=row.number,
        thread=thread,
        is_open=is_open,
        outcome=row.outcome,
        closed_by=row.closed_by,
        reason=HandoffReason(row.reason),
        summary=row.summary,
        result=load_result(row.result),
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        last=last,
        waiting_since=since if is_open else None,
        unclaimed_since=unclaimed,
        suggestion=load_suggestion(row.suggestion) if row.suggestion else None,
        suggestion_fate=DraftFate(row.suggestion_fate) if row.suggestion_fate else None,
        drafting=drafting,
        desk=row.desk,
        desk_thread=row.desk_thread,
        desk_error=row.desk_error,
        times_reopened=row.times_reopened,
        survey=survey,
        reminders=reminders,
    )
