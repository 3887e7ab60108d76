"""Threads: loading one under its lock, deciding, and writing state and effects in the same commit.

`advance` is the heart: receipts, runs and deliveries all go through it.
"""

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actions import Pending
from core.decide import decide
from core.decision import Decision
from core.events import CustomerChanged, Event
from core.ids import CaseId, MessageId, OperatorId, RunId, ThreadId, ThreadKey, new_id
from core.policy import Moment
from core.store.schema import cases, messages, threads
from core.store.writer import Writer
from core.thread import BOT, ActiveRun, Owner, OwnerKind, Resolved, Thread

# Built once: making a statement costs more than SQLite takes to run it.
_INSERT = insert(threads)
_FIND = select(threads).where(
    threads.c.channel == bindparam("of_channel"),
    threads.c.account == bindparam("of_account"),
    threads.c.conversation == bindparam("of_conversation"),
)
_FIND_ID = _FIND.with_only_columns(threads.c.id)
_LOAD = select(threads).where(threads.c.id == bindparam("of_id"))
_LOCK = _LOAD.with_for_update()
_WRITE = update(threads).where(threads.c.id == bindparam("of_id"))


async def find(connection: AsyncConnection, key: ThreadKey) -> ThreadId | None:
    """Return the thread of `key`, or None before its first message."""
    found = await connection.scalar(_FIND_ID, _of(key))
    return None if found is None else ThreadId(found)


async def load_by_key(connection: AsyncConnection, key: ThreadKey) -> Thread | None:
    """Return the thread of `key` as it is, or None before its first message."""
    row = (await connection.execute(_FIND, _of(key))).one_or_none()
    return to_thread(row) if row else None


def _of(key: ThreadKey) -> dict[str, str]:
    return {"of_channel": key.channel, "of_account": key.account, "of_conversation": key.conversation}


async def find_or_create(connection: AsyncConnection, key: ThreadKey, customer: str, now: float) -> ThreadId:
    """Return the thread of `key`, made on its first message."""
    found = await find(connection, key)
    if found is not None:
        return found
    thread = Thread(ThreadId(new_id("t")), key, customer, owner=BOT)
    row = {
        "id": thread.id,
        "channel": key.channel,
        "account": key.account,
        "conversation": key.conversation,
        "customer": customer,
        "created_at": now,
        **_state(thread, now),
    }
    await connection.execute(_INSERT, row)
    return thread.id


def _state(thread: Thread, now: float) -> dict[str, object]:
    run, resolved = thread.run, thread.resolved
    return {
        "customer_name": thread.customer_name,
        "verified": thread.verified,
        "email": thread.email,
        "alone": thread.alone,
        "language": thread.language,
        "subject": thread.subject,
        "trust": thread.trust,
        "route": dict(thread.route),
        "pending": asdict(thread.pending) if thread.pending else None,
        "owner": str(thread.owner),
        "epoch": thread.epoch,
        "last_seq": thread.last_seq,
        "asked_up_to": thread.asked_up_to,
        "turn_over_up_to": thread.turn_over_up_to,
        "answered_up_to": thread.answered_up_to,
        "apologised_up_to": thread.apologised_up_to,
        "run_id": run.id if run else None,
        "run_seen_up_to": run.seen_up_to if run else None,
        "run_speaking": run.speaking if run else False,
        "case_id": thread.case,
        "resolved_case": resolved.case if resolved else None,
        "resolved_by": resolved.operator if resolved else None,
        "resolved_name": resolved.name if resolved else "",
        "resolved_at": resolved.at if resolved else None,
        "surveyed_case": thread.surveyed,
        "updated_at": now,
    }


def to_thread(row: Row[Any]) -> Thread:
    """Return the thread that `row` of the threads table holds."""
    return Thread(
        id=ThreadId(row.id),
        key=ThreadKey(row.channel, row.account, row.conversation),
        customer=row.customer,
        customer_name=row.customer_name,
        verified=row.verified,
        email=row.email,
        alone=row.alone,
        language=row.language,
        owner=Owner.parse(row.owner),
        epoch=row.epoch,
        last_seq=row.last_seq,
        asked_up_to=row.asked_up_to,
        turn_over_up_to=row.turn_over_up_to,
        answered_up_to=row.answered_up_to,
        apologised_up_to=row.apologised_up_to,
        run=ActiveRun(RunId(row.run_id), row.run_seen_up_to, row.run_speaking) if row.run_id else None,
        case=CaseId(row.case_id) if row.case_id else None,
        resolved=_resolved(row),
        surveyed=CaseId(row.surveyed_case) if row.surveyed_case else None,
        subject=row.subject,
        trust=row.trust,
        route=row.route or {},
        pending=Pending(**row.pending) if row.pending else None,
    )


def _resolved(row: Row[Any]) -> Resolved | None:
    if not row.resolved_case:
        return None
    return Resolved(CaseId(row.resolved_case), OperatorId(row.resolved_by), row.resolved_name, row.resolved_at)


async def load(connection: AsyncConnection, thread: ThreadId, *, lock: bool = False) -> Thread:
    """Return the thread; `lock` holds its row until the transaction ends. Raises LookupError if there is none."""
    row = (await connection.execute(_LOCK if lock else _LOAD, {"of_id": thread})).one_or_none()
    if row is None:
        raise LookupError(f"no thread {thread}")
    return to_thread(row)


async def advance(
    connection: AsyncConnection,
    thread: ThreadId,
    event: Event,
    moment: Moment,
    *,
    message: MessageId | None = None,
    quiet: float = 0.0,
) -> Decision:
    """Decide what `event` does to `thread` and write it: state and effects, in the caller's transaction.

    `message` is the id for the first message posted (promised to the sender at accept). `quiet` is
    how long a new run waits, in seconds, for more of the customer's words. Raises `Refused`.
    """
    before = await load(connection, thread, lock=True)
    if isinstance(event, CustomerChanged):
        event = replace(event, seq=await _seq_of(connection, event.message))
    decision = decide(before, event, moment)
    after = decision.thread
    writer = Writer(connection, after, before.last_seq, moment, message, quiet)
    for effect in decision.effects:
        await writer.write(effect)
    if after != before:
        await connection.execute(_WRITE, {"of_id": thread, **_state(after, moment.at)})
    if after.case and after.owner != before.owner:
        free = moment.at if after.owner.kind is OwnerKind.DESK else None
        await connection.execute(update(cases).where(cases.c.id == after.case).values(unclaimed_since=free))
    return decision


async def _seq_of(connection: AsyncConnection, message: MessageId) -> int:
    """Return the number of a message that can still be changed, 0 if there is none."""
    query = select(messages.c.seq).where(messages.c.id == message, messages.c.withdrawn.is_(False))
    return await connection.scalar(query) or 0
