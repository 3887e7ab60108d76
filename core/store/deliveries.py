"""Deliveries: parts on their way out, one lane per destination, each with a stated outcome.

A line of the bot is claimed only while its thread stands at the line's epoch; the claim locks the
thread's row, so an operator's claim comes either before it (and nothing is sent) or after it.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Float, Row, bindparam, case, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.decision import Decision
from core.delivery import Delivery, DeliveryState, Part, PartKind
from core.events import DeskUnreachable
from core.ids import CaseId, DeliveryId, FileId, MessageId, RunId, ThreadId, ThreadKey, new_id
from core.policy import WEB_DESK, Moment, Policy
from core.store import leases, threads
from core.store.engine import Database
from core.store.leases import Lease
from core.store.outbox import cut_off
from core.store.schema import cases, deliveries, files, messages, receipts
from core.store.schema import threads as threads_table
from core.store.transcript import FILES, to_file, whole

_claim = leases.Claim(
    deliveries,
    join=(threads_table, threads_table.c.id == deliveries.c.thread_id),
    where=(
        deliveries.c.kind != "stream",
        or_(deliveries.c.fenced.is_(False), threads_table.c.epoch == deliveries.c.epoch),
    ),
)
_SENT = (PartKind.TEXT.value, PartKind.STREAM.value, PartKind.FILE.value)
_REFER_BACK = (PartKind.EDIT.value, PartKind.CHECK.value, PartKind.LINE.value, PartKind.OUTCOME.value)
_claim_digests = leases.Claim(deliveries, where=(deliveries.c.thread_id.is_(None),))


# Built once: making a statement costs more than SQLite takes to run it.
_MESSAGE = select(messages).where(messages.c.id == bindparam("of_id"))
_OPEN_CASE = update(cases).where(cases.c.thread_id == bindparam("of_thread"), cases.c.state == "open")
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
    .returning(deliveries)
)
"""The bot's lines of an old epoch that nobody has in hand: unknown if a sender died with it, else superseded."""


class Deliveries:
    """The deliveries of one database."""

    def __init__(self, database: Database, *, policy: Policy | None = None) -> None:
        self._database = database
        self._policy = policy or Policy()

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` parts, the head of each lane. Streams are worked by their run, not here."""
        async with self._database.writing("deliveries.claim") as connection:
            await self._end_outdated(connection, now)
            claimed = await _claim(connection, now, limit)
            return claimed or await _claim_digests(connection, now, limit)

    async def _end_outdated(self, connection: AsyncConnection, now: float) -> None:
        """End the bot's lines of an old epoch: they would hold up their lane for ever."""
        ended = (await connection.execute(_OUTDATED, {"now": now})).all()
        for row in ended:
            await cut_off(connection, row, now)
        for thread in {row.thread_id for row in ended}:
            await self._show(connection, thread, now)

    async def _show(self, connection: AsyncConnection, thread: str | None, now: float) -> None:
        """Have the desk look at the thread's open case again."""
        await connection.execute(_OPEN_CASE, {"of_thread": thread, "updated_at": now})

    async def part(self, lease: Lease) -> Part:
        """Return what the claimed delivery sends."""
        row = lease.row
        async with self._database.reading() as connection:
            thread = await threads.load(connection, ThreadId(row.thread_id)) if row.thread_id else None
            said = await connection.execute(_MESSAGE, {"of_id": row.message_id}) if row.message_id else None
            found = await whole(connection, said.all()) if said else []
            file = await connection.execute(FILES.where(files.c.id == row.file_id)) if row.file_id else None
            desk: str | None = ""
            if row.case_id:
                desk = await connection.scalar(select(cases.c.desk_thread).where(cases.c.id == row.case_id))
            first = await self._platform_id(connection, row) if row.kind in _REFER_BACK else row.platform_id
            if row.kind == PartKind.FILE.value:
                first = await self._of_its_words(connection, row)
            fates = {}
            if row.kind == PartKind.OUTCOME.value:
                fates = await self._fates(connection, deliveries.c.message_id == row.message_id)
        return Part(
            id=DeliveryId(row.id),
            key=row.key,
            kind=PartKind(row.kind),
            thread=thread,
            message=found[0] if found else None,
            run=RunId(row.run_id) if row.run_id else None,
            file=to_file(file.one()) if file else None,
            case=CaseId(row.case_id) if row.case_id else None,
            desk=row.desk,
            desk_thread=desk or "",
            text=row.text,
            platform_id=first,
            fates=tuple(fates.get(row.message_id, ())),
            everyone=row.everyone,
        )

    async def _platform_id(self, connection: AsyncConnection, row: Row[Any]) -> str:
        """Return what the place this part goes to calls it already: from an earlier sending, or from its writing."""
        at_desk = PartKind(row.kind).for_desk
        query = select(deliveries.c.platform_id).where(
            deliveries.c.message_id == row.message_id,
            deliveries.c.kind.in_((PartKind.LINE.value,) if at_desk else _SENT),
            deliveries.c.file_id == row.file_id if row.file_id else deliveries.c.file_id.is_(None),
            deliveries.c.platform_id != "",
        )
        found: str | None = await connection.scalar(query.order_by(deliveries.c.n.desc()).limit(1))
        if found or not at_desk:
            return found or ""
        written = select(receipts.c.event_id).where(receipts.c.message_id == row.message_id)
        return await connection.scalar(written) or ""

    async def _of_its_words(self, connection: AsyncConnection, row: Row[Any]) -> str:
        """Return what the channel calls the words that a file goes with, '' while they have not arrived."""
        words = deliveries.c.message_id == row.message_id, deliveries.c.kind == PartKind.TEXT.value
        query = select(deliveries.c.platform_id).where(*words).order_by(deliveries.c.n.desc()).limit(1)
        return await connection.scalar(query) or ""

    async def heartbeat(self, lease: Lease, now: float) -> None:
        """Keep the lease. Raises `Superseded` if it is lost."""
        async with self._database.writing("deliveries.heartbeat") as connection:
            await leases.heartbeat(connection, lease, now)

    async def finish(
        self, lease: Lease, state: DeliveryState, now: float, *, platform_id: str = "", error: str = ""
    ) -> Decision | None:
        """Write down what became of the part; the desk's view of an open case shows it.

        A card that could not be posted, or can again, is told to the operators: returns that decision.
        """
        async with self._database.writing("deliveries.finish") as connection:
            if lease.row.kind == PartKind.CARD.value:  # the thread's row before others, as everywhere
                await threads.load(connection, ThreadId(lease.row.thread_id), lock=True)
            await leases.finish(connection, lease, state.value, now, platform_id=platform_id, error=error)
            await self._show(connection, lease.row.thread_id, now)
            if state is not DeliveryState.DELIVERED:
                await cut_off(connection, lease.row, now)
            if lease.row.kind == PartKind.CHECK.value:
                await self._checked(connection, lease, state, error)
            if lease.row.kind in {*_SENT, PartKind.CHECK.value} and not lease.row.fenced:  # so not the bot's
                await self._tell_outcome(connection, lease, now)
            if lease.row.kind == PartKind.CARD.value:
                return await self._posted(connection, lease, state, now, platform_id, error)
        return None

    async def _tell_outcome(self, connection: AsyncConnection, lease: Lease, now: float) -> None:
        """Have what became of an operator's line shown on the case's desk, where that desk does not read it itself."""
        row = (
            await connection.execute(
                select(cases.c.id, cases.c.desk)
                .join(messages, messages.c.thread_id == cases.c.thread_id)
                .where(messages.c.id == lease.row.message_id, messages.c.author == "operator", cases.c.desk != WEB_DESK)
                .order_by(cases.c.number.desc())
                .limit(1)
            )
        ).one_or_none()
        if row is not None:
            await connection.execute(
                insert(deliveries).values(
                    id=new_id("d"),
                    lane=f"card:{row.id}",
                    key=new_id("outcome"),
                    kind=PartKind.OUTCOME.value,
                    thread_id=lease.row.thread_id,
                    epoch=lease.row.epoch,
                    fenced=False,
                    message_id=lease.row.message_id,
                    case_id=row.id,
                    desk=row.desk,
                    available_at=now,
                    created_at=now,
                )
            )

    async def _checked(self, connection: AsyncConnection, lease: Lease, state: DeliveryState, error: str) -> None:
        """Give the part that was asked about (its key stands in `text`) the fate that was found."""
        if state is not DeliveryState.UNKNOWN:
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.key == lease.row.text, deliveries.c.state == DeliveryState.UNKNOWN.value)
                .values(state=state.value, error=error)
            )

    async def _posted(
        self,
        connection: AsyncConnection,
        lease: Lease,
        state: DeliveryState,
        now: float,
        platform_id: str,
        error: str,
    ) -> Decision | None:
        case_ = CaseId(lease.row.case_id)
        if state is DeliveryState.DELIVERED and platform_id:
            names = {"desk_thread": platform_id, "desk_card": platform_id.partition(" ")[0]}
            await connection.execute(update(cases).where(cases.c.id == case_).values(names))
        known = await connection.scalar(select(cases.c.desk_error).where(cases.c.id == case_))
        news = "" if state is DeliveryState.DELIVERED else error or f"The card is {state.value}."
        if bool(known) == bool(news):
            return None
        event = DeskUnreachable(case_, lease.row.desk, news)
        return await threads.advance(connection, ThreadId(lease.row.thread_id), event, Moment(now, self._policy))

    async def retry(self, lease: Lease, at: float, error: str) -> None:
        """Give the part back, to be sent again from `at` on; only when it is known not to have gone out."""
        async with self._database.writing("deliveries.retry") as connection:
            await leases.retry(connection, lease, at, error)

    async def on_its_way(self, thread: ThreadId, now: float) -> bool:
        """Whether a line of the bot, or a piece of its stream, is being sent under an earlier owner at this moment."""
        query = (
            select(deliveries.c.id)
            .join(threads_table, threads_table.c.id == deliveries.c.thread_id)
            .where(
                deliveries.c.thread_id == thread,
                deliveries.c.state == leases.WAITING,
                or_(deliveries.c.fenced.is_(True), deliveries.c.kind == PartKind.CUT_OFF.value),
                deliveries.c.epoch != threads_table.c.epoch,
                deliveries.c.lease_until > now,
            )
        )
        async with self._database.reading() as connection:
            return await connection.scalar(query.limit(1)) is not None

    async def message_with(self, key: ThreadKey, platform_id: str) -> MessageId | None:
        """Return the message of the conversation `key` that `platform_id` is, or is one of several parts of."""
        sent = literal(",") + deliveries.c.platform_id + literal(",")
        async with self._database.reading() as connection:
            thread = await threads.find(connection, key) if platform_id else None
            if thread is None:
                return None
            found = await connection.scalar(
                select(deliveries.c.message_id)
                .where(
                    deliveries.c.thread_id == thread,
                    deliveries.c.message_id.is_not(None),
                    deliveries.c.kind == PartKind.TEXT.value,
                    sent.contains(f",{platform_id},", autoescape=True),
                )
                .limit(1)
            )
        return None if found is None else MessageId(found)

    async def file_of(self, thread: ThreadId, delivery: DeliveryId) -> FileId | None:
        """Return the file that `delivery` takes to the customer of `thread`, None if it is none of theirs."""
        query = select(deliveries.c.file_id).where(deliveries.c.id == delivery, deliveries.c.thread_id == thread)
        async with self._database.reading() as connection:
            found = await connection.scalar(query.where(deliveries.c.kind == PartKind.FILE.value))
        return FileId(found) if found else None

    async def of_messages(self, thread: ThreadId) -> dict[MessageId, list[Delivery]]:
        """Return what became of each part of each sent message of `thread`: of a part sent again, the last attempt."""
        async with self._database.reading() as connection:
            return await self._fates(connection, deliveries.c.thread_id == thread)

    async def _fates(self, connection: AsyncConnection, which: ColumnElement[bool]) -> dict[MessageId, list[Delivery]]:
        query = select(deliveries).where(which, deliveries.c.message_id.is_not(None), deliveries.c.kind.in_(_SENT))
        parts: dict[MessageId, dict[str | None, Delivery]] = defaultdict(dict)
        for row in await connection.execute(query.order_by(deliveries.c.n)):
            file = FileId(row.file_id) if row.file_id else None
            fate = Delivery(PartKind(row.kind), DeliveryState(row.state), row.error, file)
            parts[MessageId(row.message_id)][file] = fate
        return {message: list(fates.values()) for message, fates in parts.items()}

    async def post_digest(self, desk: str, day: str, text: str, now: float) -> bool:
        """Queue the digest of `day` for `desk`; False if another replica did so already."""
        key = f"digest:{desk}:{day}"
        try:
            async with self._database.writing("deliveries.post_digest") as connection:
                await connection.execute(
                    insert(deliveries).values(
                        id=new_id("d"),
                        lane=f"digest:{desk}"[:80],
                        key=key[:120],
                        kind=PartKind.DIGEST.value,
                        epoch=0,
                        fenced=False,
                        desk=desk,
                        text=text,
                        available_at=now,
                        created_at=now,
                    )
                )
        except IntegrityError:
            return False
        return True
