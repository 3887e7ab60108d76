"""Receipts: what came in, stored before the platform is told 'ok', and then decided, once.

`accept` is the only door: customers' messages and operators' actions alike. Accepting the same
event again gives the first receipt back.
"""

from dataclasses import dataclass, replace
from typing import Any, assert_never

from sqlalchemy import Row, Select, bindparam, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.decision import Decision
from core.errors import Refused
from core.events import (
    CustomerAutomatic,
    CustomerChanged,
    CustomerRated,
    CustomerSaid,
    EventFailed,
    OperatorDid,
    PartBounced,
    Received,
)
from core.ids import CaseId, MessageId, ReceiptId, ThreadId, ThreadKey, new_id
from core.inbound import Inbound, Noticed
from core.messages import (
    Author,
    DeskEvent,
    IgnoredBecause,
    InboundBounce,
    InboundChange,
    InboundIgnored,
    InboundMessage,
    InboundRating,
    Message,
)
from core.policy import Moment, Policy
from core.store import leases, threads
from core.store.codec import dump_event, load_event
from core.store.credentials import operator_names
from core.store.engine import Database
from core.store.leases import Lease
from core.store.schema import cases, deliveries, messages, receipts
from core.store.schema import threads as threads_table
from core.store.together import Together
from core.store.transcript import read_messages

DONE, IGNORED, REFUSED, FAILED = "done", "ignored", "refused", "failed"
NOWHERE = ThreadId("nowhere")
"""The lane of receipts that belong to no thread."""


_claim = leases.Claim(receipts)

# Built once: making a statement costs more than SQLite takes to run it.
_INSERT = insert(receipts)
_FIND = select(receipts).where(
    receipts.c.channel == bindparam("of_channel"),
    receipts.c.account == bindparam("of_account"),
    receipts.c.event_id == bindparam("of_event"),
)
_COUNT_SINCE = select(func.count()).where(
    receipts.c.lane.in_(
        select(threads_table.c.id).where(
            threads_table.c.customer == bindparam("of_customer"), threads_table.c.channel == bindparam("of_channel")
        )
    ),
    receipts.c.state.in_((leases.WAITING, DONE, IGNORED, REFUSED, FAILED)),  # the index by lane begins with it
    receipts.c.created_at > bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """An accepted event. `message` is the id its message will have; `state` is 'waiting' until it is decided.

    `result` is the sentence of a refusal, the reason of an ignored event, or the private word to an operator.
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


def _key(inbound: Inbound) -> ThreadKey:
    """Return where the ids of such events are unique."""
    match inbound:
        case DeskEvent():
            return ThreadKey("desk", inbound.case, "")
        case Noticed():
            return ThreadKey("sweep", inbound.case, "")
        case InboundBounce():
            return ThreadKey("bounce", "", "")
        case _:
            return inbound.key


def _to_receipt(row: Row[Any]) -> Receipt:
    return Receipt(ReceiptId(row.id), ThreadId(row.lane), MessageId(row.message_id), row.state, row.result)


class Receipts:
    """The receipts of one database."""

    def __init__(self, database: Database, *, quiet: float = 0.0, policy: Policy | None = None) -> None:
        """`quiet`: seconds a run waits for more of the customer's words before it starts."""
        self._database = database
        self._accepted = Together(database, "receipts.accept")
        self._quiet = quiet
        self._policy = policy or Policy()

    async def accept(self, inbound: Inbound, now: float) -> Receipt:
        """Store `inbound` for good, or find it stored already. After this returns, 'ok' may be said.

        Raises LookupError for what happens to a case, a thread or a message that does not exist.
        """
        key = _key(inbound)

        async def keep(connection: AsyncConnection) -> Receipt:
            known = await self._find(connection, key, inbound.event_id)
            return known or await self._insert(connection, key, inbound, now)

        for tries_left in (2, 1, 0):
            try:
                return await self._accepted.write(keep)
            except IntegrityError:  # at the same moment another made the thread, or accepted this very event
                if not tries_left:
                    raise
        raise AssertionError  # the loop returns or raises

    async def _find(self, connection: AsyncConnection, key: ThreadKey, event_id: str) -> Receipt | None:
        values = {"of_channel": key.channel, "of_account": key.account, "of_event": event_id}
        row = (await connection.execute(_FIND, values)).one_or_none()
        return _to_receipt(row) if row else None

    async def _insert(self, connection: AsyncConnection, key: ThreadKey, inbound: Inbound, now: float) -> Receipt:
        thread, event = await self._event(connection, inbound, now)
        receipt = Receipt(ReceiptId(new_id("e")), thread, MessageId(new_id("m")), leases.WAITING, "")
        finished_at = None
        if thread == NOWHERE:  # there is nothing to decide: it was ignored, or changes what was
            reason = inbound.reason if isinstance(inbound, InboundIgnored) else IgnoredBecause.GONE
            receipt, finished_at = replace(receipt, state=IGNORED, result=reason.value), now
        row = {
            "id": receipt.id,
            "lane": thread,
            "channel": key.channel,
            "account": key.account,
            "event_id": inbound.event_id,
            "event": dump_event(event),
            "raw": None if isinstance(inbound, Noticed) else inbound.raw or None,
            "message_id": receipt.message,
            "state": receipt.state,
            "result": receipt.result,
            "available_at": now,
            "created_at": now,
            "finished_at": finished_at,
        }
        await connection.execute(_INSERT, row)
        return receipt

    async def _event(self, connection: AsyncConnection, inbound: Inbound, now: float) -> tuple[ThreadId, Received]:
        """Return the thread that `inbound` belongs to, and what it means there."""
        match inbound:
            case InboundMessage():
                thread = await threads.find_or_create(connection, inbound.key, inbound.customer, now)
                return thread, CustomerSaid(
                    inbound.text,
                    inbound.name,
                    inbound.verified,
                    inbound.files,
                    inbound.full,
                    inbound.subject,
                    inbound.trust,
                    inbound.route,
                    inbound.customer,
                    inbound.email,
                    inbound.alone,
                )
            case InboundIgnored():
                about = await threads.find(connection, inbound.key)
                return about or NOWHERE, CustomerAutomatic(inbound.reason, inbound.note)
            case InboundBounce():
                return await self._thread_sent_to(connection, inbound), PartBounced(inbound.delivery, inbound.detail)
            case InboundChange():
                known = await self._find(connection, inbound.key, inbound.of)
                if known is None:
                    raise LookupError(f"no message {inbound.of}")
                return known.thread, CustomerChanged(known.message, inbound.text)
            case InboundRating():
                found = await threads.find(connection, inbound.key)
                if found is None:
                    raise LookupError("no such conversation")
                return found, CustomerRated(inbound.score, inbound.reason, inbound.message, inbound.case)
            case DeskEvent():
                return await self._thread_of(connection, inbound), await self._operator_did(connection, inbound)
            case Noticed():
                return await self._thread_of(connection, inbound), inbound.event
            case _:
                assert_never(inbound)

    async def _thread_of(self, connection: AsyncConnection, inbound: DeskEvent | Noticed) -> ThreadId:
        thread = await connection.scalar(select(cases.c.thread_id).where(cases.c.id == inbound.case))
        if thread is None:
            raise LookupError(f"no case {inbound.case}")
        return ThreadId(thread)

    async def _thread_sent_to(self, connection: AsyncConnection, inbound: InboundBounce) -> ThreadId:
        query = select(deliveries.c.thread_id).where(deliveries.c.id == inbound.delivery)
        thread = await connection.scalar(query)
        if thread is None:
            raise LookupError(f"no delivery {inbound.delivery}")
        return ThreadId(thread)

    async def _operator_did(self, connection: AsyncConnection, inbound: DeskEvent) -> OperatorDid:
        """Return the action; a case can be assigned only to somebody who can sign in."""
        known = await operator_names(connection, active=True) if inbound.to else {}
        to = inbound.to if inbound.to in known else None
        return OperatorDid(
            case=inbound.case,
            operator=inbound.operator,
            name=inbound.name,
            action=inbound.action,
            text=inbound.text,
            to=to,
            to_name=known[to] if to else "",
            outcome=inbound.outcome,
            message=inbound.message,
            files=inbound.files,
            desk=inbound.desk,
        )

    async def get(self, receipt: ReceiptId) -> Receipt:
        """Return the receipt as it is now."""
        async with self._database.reading() as connection:
            return _to_receipt((await connection.execute(select(receipts).where(receipts.c.id == receipt))).one())

    async def event_of(self, message: MessageId) -> str:
        """Return the event id of the receipt that brought `message`. Raises LookupError if none did."""
        async with self._database.reading() as connection:
            found = await connection.scalar(select(receipts.c.event_id).where(receipts.c.message_id == message))
        if found is None:
            raise LookupError(f"no receipt of {message}")
        return str(found)

    async def result_of(self, key: ThreadKey, event_id: str) -> tuple[str, str] | None:
        """Return the state and the result of the event, None if there was no such event; of `key` as `message_of`."""
        async with self._database.reading() as connection:
            known = await self._find(connection, key, event_id)
        return (known.state, known.result) if known else None

    async def message_of(self, key: ThreadKey, event_id: str) -> MessageId | None:
        """Return the message that the event brought, None if there was no such event; of `key` counts where it came."""
        async with self._database.reading() as connection:
            known = await self._find(connection, key, event_id)
        return known.message if known else None

    async def count_since(self, channel: str, customer: str, since: float) -> int:
        """Return how many events of `customer` came in on `channel` after `since`."""
        values = {"of_channel": channel, "of_customer": customer, "since": since}
        async with self._database.reading() as connection:
            return await connection.scalar(_COUNT_SINCE, values) or 0

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
            said = await read_messages(connection, receipt.thread, after=asked)
        return [m for m in said if m.for_customer and m.author is not Author.CUSTOMER]

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` receipts, in order within each thread."""
        async with self._database.writing("receipts.claim") as connection:
            return await _claim(connection, now, limit)

    async def decide(self, lease: Lease, now: float) -> Decision | None:
        """Decide the receipt and finish it: one commit. Returns None for a refused action, of which nothing is left."""
        try:
            return await self._decide(lease, now)
        except Refused as refused:
            async with self._database.writing("receipts.refuse") as connection:
                await leases.finish(connection, lease, REFUSED, now, result=str(refused))
            return None

    async def _decide(self, lease: Lease, now: float) -> Decision:
        async with self._database.writing("receipts.decide") as connection:
            await leases.hold(connection, lease)
            decision = await threads.advance(
                connection,
                ThreadId(lease.row.lane),
                load_event(lease.row.event),
                Moment(now, self._policy),
                message=MessageId(lease.row.message_id),
                quiet=self._quiet,
            )
            state = IGNORED if decision.ignored else DONE
            await leases.finish(connection, lease, state, now, result=decision.ignored or decision.told)
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
            await threads.advance(connection, ThreadId(lease.row.lane), EventFailed(detail), Moment(now, self._policy))
            await leases.finish(connection, lease, FAILED, now, error=error)

    async def drop_raw(self, before: float) -> list[dict[str, Any]]:
        """Forget the raw payloads of receipts finished before `before`, and return them; the receipts stay."""
        old = (receipts.c.finished_at < before, receipts.c.raw.is_not(None))
        async with self._database.writing("receipts.drop_raw", much=True) as connection:
            gone = (await connection.scalars(select(receipts.c.raw).where(*old))).all()
            await connection.execute(update(receipts).where(*old).values(raw=null()))
        return [raw for raw in gone if raw]

    async def log_of(self, case: CaseId) -> list[tuple[float, OperatorDid, str]]:
        """Return what operators did to `case`, oldest first: when, what, and how it was refused ('' if it wasn't)."""
        query = select(receipts.c.created_at, receipts.c.event, receipts.c.state, receipts.c.result)
        return await self._actions(query.where(receipts.c.account == case).order_by(receipts.c.n))

    async def newest_actions(self, limit: int) -> list[tuple[float, OperatorDid, str]]:
        """Return the newest `limit` actions of all operators, newest first; as `log_of`."""
        query = select(receipts.c.created_at, receipts.c.event, receipts.c.state, receipts.c.result)
        return await self._actions(query.order_by(receipts.c.n.desc()).limit(limit))

    async def _actions(self, query: Select[Any]) -> list[tuple[float, OperatorDid, str]]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.where(receipts.c.channel == "desk"))).all()
        done = [(row.created_at, load_event(row.event), row.result if row.state == REFUSED else "") for row in rows]
        return [(at, event, refused) for at, event, refused in done if isinstance(event, OperatorDid)]
