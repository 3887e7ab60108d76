"""Deliveries: parts on their way out, one lane per destination, each with a stated outcome.

A line of the bot is claimed only while its thread stands at the line's epoch; the claim locks the
thread's row, so an operator's claim comes either before it (and nothing is sent) or after it.
"""

from sqlalchemy import Float, bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.delivery import DeliveryState, Part
from core.ids import CaseId, DeliveryId, MessageId, ThreadId
from core.store import leases, threads
from core.store.engine import Database
from core.store.leases import Lease
from core.store.schema import cases, deliveries, messages
from core.store.schema import threads as threads_table

_claim = leases.Claim(
    deliveries,
    join=(threads_table, threads_table.c.id == deliveries.c.thread_id),
    where=(
        deliveries.c.kind != "stream",
        or_(deliveries.c.fenced.is_(False), threads_table.c.epoch == deliveries.c.epoch),
    ),
)


_now = bindparam("now", type_=Float)
_OUTDATED = (
    update(deliveries)
    .where(
        deliveries.c.n.in_(
            select(
                select(deliveries.c.n)
                .join(threads_table, threads_table.c.id == deliveries.c.thread_id)
                .where(
                    deliveries.c.state == leases.WAITING,
                    deliveries.c.kind != "stream",
                    deliveries.c.fenced.is_(True),
                    deliveries.c.epoch != threads_table.c.epoch,
                    or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until < _now),
                )
                .with_for_update(skip_locked=True, of=[deliveries])
                .cte("outdated")
                .c.n
            )
        )
    )
    .values(
        state=case(
            (deliveries.c.attempts > deliveries.c.retries, DeliveryState.UNKNOWN.value),
            else_=DeliveryState.SUPERSEDED.value,
        ),
        finished_at=_now,
        lease_until=None,
    )
    .returning(deliveries.c.thread_id)
)
"""The bot's lines of an old epoch that nobody has in hand: unknown if a sender died with it, else superseded."""


class Deliveries:
    """The deliveries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` parts, the head of each lane. Streams are worked by their run, not here."""
        async with self._database.writing("deliveries.claim") as connection:
            await self._end_outdated(connection, now)
            return await _claim(connection, now, limit)

    async def _end_outdated(self, connection: AsyncConnection, now: float) -> None:
        """End the bot's lines of an old epoch: they would hold up their lane for ever."""
        ended = await connection.execute(_OUTDATED, {"now": now})
        for thread in {row.thread_id for row in ended}:
            await self._show(connection, thread, now)

    async def _show(self, connection: AsyncConnection, thread: str, now: float) -> None:
        """Have the desk look at the thread's open case again."""
        await connection.execute(
            update(cases).where(cases.c.thread_id == thread, cases.c.state == "open").values(updated_at=now)
        )

    async def part(self, lease: Lease) -> Part:
        """Return what the claimed delivery sends."""
        row = lease.row
        async with self._database.reading() as connection:
            thread = await threads.load(connection, ThreadId(row.thread_id))
            found = await connection.execute(select(messages).where(messages.c.id == row.message_id))
            message = found.one_or_none()
        return Part(
            id=DeliveryId(row.id),
            key=row.key,
            kind=row.kind,
            thread=thread,
            message=threads.to_message(message) if message else None,
            case=CaseId(row.case_id) if row.case_id else None,
        )

    async def heartbeat(self, lease: Lease, now: float) -> None:
        """Keep the lease. Raises `Superseded` if it is lost."""
        async with self._database.writing("deliveries.heartbeat") as connection:
            await leases.heartbeat(connection, lease, now)

    async def finish(
        self, lease: Lease, state: DeliveryState, now: float, *, platform_id: str = "", error: str = ""
    ) -> None:
        """Write down what became of the part; the desk's view of an open case shows it."""
        async with self._database.writing("deliveries.finish") as connection:
            await leases.finish(connection, lease, state.value, now, platform_id=platform_id, error=error)
            await self._show(connection, lease.row.thread_id, now)

    async def retry(self, lease: Lease, at: float, error: str) -> None:
        """Give the part back, to be sent again from `at` on; only when it is known not to have gone out."""
        async with self._database.writing("deliveries.retry") as connection:
            await leases.retry(connection, lease, at, error)

    async def of_messages(self, thread: ThreadId) -> dict[MessageId, DeliveryState]:
        """Return what became of each sent message of `thread`."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(deliveries.c.message_id, deliveries.c.state).where(
                    deliveries.c.thread_id == thread, deliveries.c.message_id.is_not(None)
                )
            )
            return {MessageId(row.message_id): DeliveryState(row.state) for row in rows}
