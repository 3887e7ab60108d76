"""Threads: loading one under its lock, deciding, and writing state and effects in the same commit.

`advance` is the heart: receipts and runs both go through it. Everything else here turns rows into
values and effects into rows.
"""

from typing import Any, assert_never

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.decide import Decision, decide
from core.effects import CloseCase, Effect, OpenCase, Post, Remember, ShowCard, StartRun, SupersedeRun, SupersedeSends
from core.events import Event, HandoffReason
from core.ids import CaseId, MessageId, RunId, ThreadId, ThreadKey, new_id
from core.messages import Author, Message
from core.store import facts
from core.store.codec import dump_citations, dump_result, load_citations
from core.store.leases import WAITING
from core.store.schema import cases, deliveries, messages, runs, threads
from core.summary import summarise
from core.thread import BOT, ActiveRun, Owner, Thread


async def find_or_create(connection: AsyncConnection, key: ThreadKey, customer: str, now: float) -> ThreadId:
    """Return the thread of `key`, made on its first message."""
    found = await connection.scalar(
        select(threads.c.id).where(
            threads.c.channel == key.channel,
            threads.c.account == key.account,
            threads.c.conversation == key.conversation,
        )
    )
    if found is not None:
        return ThreadId(found)
    thread = Thread(ThreadId(new_id("t")), key, customer, BOT)
    await connection.execute(
        insert(threads).values(
            id=thread.id,
            channel=key.channel,
            account=key.account,
            conversation=key.conversation,
            customer=customer,
            created_at=now,
            **_state(thread, now),
        )
    )
    return thread.id


def _state(thread: Thread, now: float) -> dict[str, object]:
    run = thread.run
    return {
        "owner": str(thread.owner),
        "epoch": thread.epoch,
        "last_seq": thread.last_seq,
        "asked_up_to": thread.asked_up_to,
        "turn_over_up_to": thread.turn_over_up_to,
        "run_id": run.id if run else None,
        "run_seen_up_to": run.seen_up_to if run else None,
        "run_speaking": run.speaking if run else False,
        "case_id": thread.case,
        "updated_at": now,
    }


def to_thread(row: Row[Any]) -> Thread:
    """Return the thread that `row` of the threads table holds."""
    run = ActiveRun(RunId(row.run_id), row.run_seen_up_to, row.run_speaking) if row.run_id else None
    return Thread(
        id=ThreadId(row.id),
        key=ThreadKey(row.channel, row.account, row.conversation),
        customer=row.customer,
        owner=Owner.parse(row.owner),
        epoch=row.epoch,
        last_seq=row.last_seq,
        asked_up_to=row.asked_up_to,
        turn_over_up_to=row.turn_over_up_to,
        run=run,
        case=CaseId(row.case_id) if row.case_id else None,
    )


async def load(connection: AsyncConnection, thread: ThreadId, *, lock: bool = False) -> Thread:
    """Return the thread; `lock` holds its row until the transaction ends. Raises LookupError if there is none."""
    query = select(threads).where(threads.c.id == thread)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise LookupError(f"no thread {thread}")
    return to_thread(row)


async def advance(
    connection: AsyncConnection,
    thread: ThreadId,
    event: Event,
    now: float,
    *,
    message: MessageId | None = None,
    quiet: float = 0.0,
) -> Decision:
    """Decide what `event` does to `thread` and write it: state and effects, in the caller's transaction.

    `message` is the id for the first message posted (promised to the sender at accept). `quiet` is
    how long a new run waits, in seconds, for more of the customer's words. Raises `Refused`.
    """
    before = await load(connection, thread, lock=True)
    decision = decide(before, event)
    writer = _Writer(connection, decision.thread, before.last_seq, now, message, quiet)
    for effect in decision.effects:
        await writer.write(effect)
    if decision.thread != before:
        await connection.execute(update(threads).where(threads.c.id == thread).values(**_state(decision.thread, now)))
    return decision


async def close_stream(
    connection: AsyncConnection, run: RunId, state: str, now: float, *, message: MessageId | None = None
) -> bool:
    """Finish the stream of `run` as `state`; returns whether it had one still open."""
    closed = await connection.execute(
        update(deliveries)
        .where(deliveries.c.key == f"stream:{run}", deliveries.c.state == WAITING)
        .values(state=state, message_id=message, finished_at=now, lease_until=None)
    )
    return closed.rowcount == 1


class _Writer:
    """Turns the effects of one decision into rows, in order; the epoch of each row is the new state's."""

    def __init__(
        self,
        connection: AsyncConnection,
        thread: Thread,
        last_seq: int,
        now: float,
        message: MessageId | None,
        quiet: float,
    ) -> None:
        self._connection = connection
        self._thread = thread
        self._seq = last_seq
        self._now = now
        self._message = message
        self._quiet = quiet

    async def write(self, effect: Effect) -> None:
        """Write the rows that `effect` stands for."""
        match effect:
            case Remember():
                await facts.remember(self._connection, self._thread, effect.text, self._now)
            case Post():
                await self._post(effect)
            case StartRun():
                await self._start_run(effect)
            case SupersedeRun():
                await self._supersede_run(effect)
            case SupersedeSends():
                await self._supersede_sends()
            case OpenCase():
                await self._open_case(effect)
            case CloseCase():
                await self._close_case(effect)
            case ShowCard():
                await self._show_card(effect)
            case _:
                assert_never(effect)

    async def _post(self, post: Post) -> None:
        self._seq += 1
        id_ = self._message or MessageId(new_id("m"))
        self._message = None
        await self._connection.execute(
            insert(messages).values(
                id=id_,
                thread_id=self._thread.id,
                seq=self._seq,
                author=post.author.value,
                name=post.name,
                text=post.text,
                citations=dump_citations(post.citations),
                at=self._now,
            )
        )
        if post.author in {Author.CUSTOMER, Author.NOTE}:
            return
        state = "partial" if post.cut_short else "delivered"
        if post.run and await close_stream(self._connection, post.run, state, self._now, message=id_):
            return
        await self._enqueue(
            key=f"message:{id_}", kind="text", message_id=id_, run_id=post.run, fenced=post.author is Author.BOT
        )

    async def _enqueue(self, *, key: str, kind: str, fenced: bool, lane: str = "", **columns: object) -> None:
        await self._connection.execute(
            insert(deliveries).values(
                id=new_id("d"),
                lane=lane or self._thread.id,
                key=key,
                kind=kind,
                thread_id=self._thread.id,
                epoch=self._thread.epoch,
                fenced=fenced,
                available_at=self._now,
                created_at=self._now,
                **columns,
            )
        )

    async def _start_run(self, effect: StartRun) -> None:
        await self._connection.execute(
            insert(runs).values(
                id=effect.run,
                lane=self._thread.id,
                epoch=self._thread.epoch,
                seen_up_to=effect.seen_up_to,
                available_at=self._now + self._quiet,
                created_at=self._now,
            )
        )

    async def _supersede_run(self, effect: SupersedeRun) -> None:
        await self._connection.execute(
            update(runs)
            .where(runs.c.id == effect.run, runs.c.state == WAITING)
            .values(state="superseded", finished_at=self._now, lease_until=None)
        )
        await close_stream(self._connection, effect.run, "partial", self._now)

    async def _supersede_sends(self) -> None:
        """Only lines that nobody has begun to send: one on its way ends as whatever becomes of it."""
        await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.thread_id == self._thread.id,
                deliveries.c.fenced.is_(True),
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
            .values(state="superseded", finished_at=self._now)
        )

    async def _open_case(self, effect: OpenCase) -> None:
        said = await read_messages(self._connection, self._thread.id)
        await self._connection.execute(
            insert(cases).values(
                id=effect.case,
                thread_id=self._thread.id,
                state="open",
                reason=effect.result.reason or HandoffReason.INTERNAL_ERROR,
                summary=summarise(said, effect.result.question),
                result=dump_result(effect.result),
                opened_at=self._now,
                updated_at=self._now,
            )
        )

    async def _close_case(self, effect: CloseCase) -> None:
        await self._connection.execute(
            update(cases)
            .where(cases.c.id == effect.case)
            .values(state="resolved", outcome=effect.outcome, closed_by=effect.by, closed_at=self._now)
        )

    async def _show_card(self, effect: ShowCard) -> None:
        """One waiting card a case: it shows the state at sending, so an older one still waiting has nothing to add."""
        await self._connection.execute(update(cases).where(cases.c.id == effect.case).values(updated_at=self._now))
        lane = f"card:{effect.case}"
        waiting = await self._connection.scalar(
            select(deliveries.c.id).where(
                deliveries.c.lane == lane,
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
        )
        if waiting is None:
            await self._enqueue(key=new_id(lane), kind="card", lane=lane, case_id=effect.case, fenced=False)


def to_message(row: Row[Any]) -> Message:
    """Return the message that `row` of the messages table holds."""
    return Message(
        id=MessageId(row.id),
        seq=row.seq,
        author=Author(row.author),
        text=row.text,
        at=row.at,
        name=row.name,
        citations=load_citations(row.citations),
    )


async def read_messages(connection: AsyncConnection, thread: ThreadId, *, after: int = 0) -> list[Message]:
    """Return the messages of `thread` with a `seq` above `after`, in order, notes included."""
    rows = await connection.execute(
        select(messages).where(messages.c.thread_id == thread, messages.c.seq > after).order_by(messages.c.seq)
    )
    return [to_message(row) for row in rows]
