"""Receipts: what came in, stored before the platform is told 'ok', and then decided, once.

`accept` is the only door: customers' messages and operators' actions alike. Accepting the same
event again gives the first receipt back.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.decide import Decision
from core.errors import Refused
from core.events import CustomerSaid, EventFailed, OperatorDid
from core.ids import MessageId, ReceiptId, ThreadId, ThreadKey, new_id
from core.messages import Author, DeskEvent, InboundMessage, Message
from core.store import leases, threads
from core.store.codec import dump_event, load_event
from core.store.engine import Database
from core.store.leases import Lease
from core.store.schema import cases, messages, receipts

DONE, IGNORED, REFUSED, FAILED = "done", "ignored", "refused", "failed"


_claim = leases.Claim(receipts)


@dataclass(frozen=True, slots=True)
class Receipt:
    """An accepted event. `message` is the id its message will have; `state` is 'waiting' until it is decided.

    `result` is the sentence of a refusal or the reason of an ignored event.
    """

    id: ReceiptId
    thread: ThreadId
    message: MessageId
    state: str
    result: str

    @property
    def settled(self) -> bool:
        """Whether it has been decided."""
        return self.state != leases.WAITING


def _to_receipt(row: Row[Any]) -> Receipt:
    return Receipt(ReceiptId(row.id), ThreadId(row.lane), MessageId(row.message_id), row.state, row.result)


class Receipts:
    """The receipts of one database."""

    def __init__(self, database: Database, *, quiet: float = 0.0) -> None:
        """`quiet`: seconds a run waits for more of the customer's words before it starts."""
        self._database = database
        self._quiet = quiet

    async def accept(self, inbound: InboundMessage | DeskEvent, now: float) -> Receipt:
        """Store `inbound` for good, or find it stored already. After this returns, 'ok' may be said.

        Raises LookupError for an action on a case that does not exist.
        """
        key = inbound.key if isinstance(inbound, InboundMessage) else ThreadKey("desk", inbound.case, "")
        for tries_left in (2, 1, 0):
            try:
                async with self._database.writing("receipts.accept") as connection:
                    known = await self._find(connection, key, inbound.event_id)
                    return known or await self._insert(connection, key, inbound, now)
            except IntegrityError:  # at the same moment another made the thread, or accepted this very event
                if not tries_left:
                    raise
        raise AssertionError  # the loop returns or raises

    async def _find(self, connection: AsyncConnection, key: ThreadKey, event_id: str) -> Receipt | None:
        row = (
            await connection.execute(
                select(receipts).where(
                    receipts.c.channel == key.channel,
                    receipts.c.account == key.account,
                    receipts.c.event_id == event_id,
                )
            )
        ).one_or_none()
        return _to_receipt(row) if row else None

    async def _insert(
        self, connection: AsyncConnection, key: ThreadKey, inbound: InboundMessage | DeskEvent, now: float
    ) -> Receipt:
        event: CustomerSaid | OperatorDid
        if isinstance(inbound, InboundMessage):
            thread = await threads.find_or_create(connection, key, inbound.customer, now)
            event = CustomerSaid(inbound.text, inbound.name)
        else:
            thread = await self._thread_of(connection, inbound)
            event = OperatorDid(inbound.case, inbound.operator, inbound.name, inbound.action, inbound.text)
        row = await connection.execute(
            insert(receipts)
            .values(
                id=new_id("e"),
                lane=thread,
                channel=key.channel,
                account=key.account,
                event_id=inbound.event_id,
                event=dump_event(event),
                raw=inbound.raw or None,
                message_id=new_id("m"),
                available_at=now,
                created_at=now,
            )
            .returning(receipts)
        )
        return _to_receipt(row.one())

    async def _thread_of(self, connection: AsyncConnection, inbound: DeskEvent) -> ThreadId:
        thread = await connection.scalar(select(cases.c.thread_id).where(cases.c.id == inbound.case))
        if thread is None:
            raise LookupError(f"no case {inbound.case}")
        return ThreadId(thread)

    async def get(self, receipt: ReceiptId) -> Receipt:
        """Return the receipt as it is now."""
        async with self._database.reading() as connection:
            return _to_receipt((await connection.execute(select(receipts).where(receipts.c.id == receipt))).one())

    async def replies(self, receipt: Receipt) -> list[Message] | None:
        """Return what the customer was told after this message, once its turn is over; None until then.

        Of an ignored or failed receipt nothing follows: an empty list.
        """
        async with self._database.reading() as connection:
            thread = await threads.load(connection, receipt.thread)
            asked = await connection.scalar(select(messages.c.seq).where(messages.c.id == receipt.message))
            if asked is None:
                state = await connection.scalar(select(receipts.c.state).where(receipts.c.id == receipt.id))
                return None if state == leases.WAITING else []
            if thread.turn_over_up_to < asked:
                return None
            said = await threads.read_messages(connection, receipt.thread, after=asked)
        return [m for m in said if m.for_customer and m.author is not Author.CUSTOMER]

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` receipts, in order within each thread."""
        async with self._database.writing("receipts.claim") as connection:
            return await _claim(connection, now, limit)

    async def decide(self, lease: Lease, now: float) -> Decision | None:
        """Decide the receipt and finish it: one commit. Returns None for a refused action."""
        event = load_event(lease.row.event)
        async with self._database.writing("receipts.decide") as connection:
            await leases.hold(connection, lease)
            try:
                decision = await threads.advance(
                    connection,
                    ThreadId(lease.row.lane),
                    event,
                    now,
                    message=MessageId(lease.row.message_id),
                    quiet=self._quiet,
                )
            except Refused as refused:  # raised before anything was written
                await leases.finish(connection, lease, REFUSED, now, result=str(refused))
                return None
            state = IGNORED if decision.ignored else DONE
            await leases.finish(connection, lease, state, now, result=decision.ignored or "")
            return decision

    async def retry(self, lease: Lease, at: float, error: str) -> None:
        """Give the receipt back, to be tried again from `at` on."""
        async with self._database.writing("receipts.retry") as connection:
            await leases.retry(connection, lease, at, error)

    async def give_up(self, lease: Lease, now: float, error: str) -> None:
        """Finish the receipt as failed and put its thread before people."""
        async with self._database.writing("receipts.give_up") as connection:
            await leases.hold(connection, lease)
            detail = f"A message could not be handled ({error}). Its text is in the receipt {lease.id}."
            await threads.advance(connection, ThreadId(lease.row.lane), EventFailed(detail), now)
            await leases.finish(connection, lease, FAILED, now, error=error)

    async def drop_raw(self, before: float) -> int:
        """Forget the raw payloads of receipts finished before `before`, and say how many; the receipts stay."""
        async with self._database.writing("receipts.drop_raw") as connection:
            done = await connection.execute(
                update(receipts).where(receipts.c.finished_at < before, receipts.c.raw.is_not(None)).values(raw=None)
            )
        return done.rowcount
