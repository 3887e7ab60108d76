"""Agent runs: claimed, kept alive, and finished in one commit with what their result means.

A run's end goes through `decide` like any other event. If the run no longer counts, its result is
kept on the row and nothing is sent.
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.budget import Spent, Usage
from core.decision import Decision
from core.delivery import Part, PartKind
from core.errors import Superseded
from core.events import DraftEnded, RunEnded, RunResult, RunSlow, Suggestion
from core.ids import CaseId, DeliveryId, RunId, ThreadId, new_id
from core.messages import Author, IgnoredBecause
from core.policy import Moment, Policy
from core.store import actions, extractions, facts, leases, recaps, threads
from core.store.codec import dump_result, load_result
from core.store.engine import Database
from core.store.leases import Lease
from core.store.outbox import close_stream, stream_key
from core.store.schema import deliveries, runs
from core.store.schema import threads as threads_table
from core.store.transcript import read_messages
from core.thread import Thread
from core.turn import Turn

DRAFT = "draft"
_claim = leases.Claim(
    runs,
    join=(threads_table, threads_table.c.id == runs.c.thread_id),
    where=(or_(runs.c.kind == DRAFT, threads_table.c.epoch == runs.c.epoch), ~extractions.still_reading(runs)),
)


_tokens = runs.c.tokens_in + runs.c.tokens_out
_SPENT = select(
    func.coalesce(func.sum(case((runs.c.thread_id == bindparam("thread"), _tokens), else_=0)), 0).label("conversation"),
    func.coalesce(func.sum(_tokens), 0).label("today"),
    func.coalesce(func.sum(runs.c.cost), 0.0).label("cost"),
).where(runs.c.finished_at >= bindparam("since"))


def _took(usage: Usage) -> dict[str, float]:
    return {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost": usage.cost}


def _stream(row: Row[Any], thread: Thread) -> Part:
    run, platform_id = RunId(row.run_id), row.platform_id
    return Part(DeliveryId(row.id), row.key, PartKind.STREAM, thread, run=run, platform_id=platform_id)


def _stream_of(lease: Lease) -> ColumnElement[bool]:
    return deliveries.c.key == stream_key(lease.id)


async def check_counts(connection: AsyncConnection, lease: Lease) -> None:
    """Raise `Superseded` unless the run still counts, as the caller's transaction sees it."""
    mine = await connection.scalar(
        select(runs.c.id)
        .join(threads_table, threads_table.c.run_id == runs.c.id)
        .where(
            runs.c.id == lease.id,
            runs.c.lease_token == lease.token,
            runs.c.state == leases.WAITING,
            threads_table.c.epoch == runs.c.epoch,
        )
    )
    if mine is None:
        raise Superseded(f"run {lease.id} no longer counts")


class Runs:
    """The agent runs of one database."""

    def __init__(self, database: Database, *, policy: Policy | None = None) -> None:
        self._database = database
        self._policy = policy or Policy()

    async def claim(self, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` runs: answers whose thread still stands at their epoch, and drafts for operators.

        Those of a thread that has a file to be read wait for it.
        """
        async with self._database.writing("runs.claim") as connection:
            return await _claim(connection, now, limit)

    async def turn(self, lease: Lease) -> Turn:
        """Return what the claimed run has to answer: last in it, the customer's words that wait for an answer.

        What the bot said while they came in stands before them, as if they had waited for it.
        """
        async with self._database.reading() as connection:
            thread = await threads.load(connection, ThreadId(lease.row.thread_id))
            said = await read_messages(connection, thread.id)
            known = await facts.about(connection, thread)
            recap = await recaps.of(connection, thread.id)
            texts = await extractions.texts(connection, thread.id)
            pending = thread.pending if lease.row.kind != DRAFT else None
            action = await actions.load(connection, pending.id) if pending and pending.confirmed else None
        seen = [
            m for m in said if m.for_customer and (m.author is not Author.CUSTOMER or m.seq <= lease.row.seen_up_to)
        ]
        seen.sort(key=lambda m: m.author is Author.CUSTOMER and m.seq > thread.answered_up_to)
        return Turn(thread, tuple(seen), known, lease.row.hint, texts, action=action, recap=recap)

    async def spent(self, thread: ThreadId, now: float) -> Spent:
        """Return what language models took since midnight, on the desk's clocks: for `thread`, and for all."""
        async with self._database.reading() as connection:
            row = (
                await connection.execute(_SPENT, {"thread": thread, "since": self._policy.hours.midnight(now)})
            ).one()
        return Spent(row.conversation, row.today, row.cost)

    async def slow(self, lease: Lease, now: float) -> Decision:
        """Have the customer told that it takes longer, if the run still counts and has said nothing."""
        async with self._database.writing("runs.slow") as connection:
            event = RunSlow(RunId(lease.id), lease.row.epoch)
            return await threads.advance(connection, ThreadId(lease.row.thread_id), event, Moment(now, self._policy))

    async def heartbeat(self, lease: Lease, now: float) -> None:
        """Keep the lease. Raises `Superseded` if the run no longer counts."""
        async with self._database.writing("runs.heartbeat") as connection:
            await leases.heartbeat(connection, lease, now)

    async def check(self, lease: Lease) -> None:
        """Raise `Superseded` unless the run still counts; asked before each tool and each piece of a stream."""
        async with self._database.reading() as connection:
            await check_counts(connection, lease)

    async def speak(self, lease: Lease, now: float) -> Part | None:
        """Commit that a piece of the stream goes out, before it does. Raises `Superseded` if the run no longer counts.

        The stream's row holds a lease until `spoken`: whoever takes the thread over waits for that piece. Returns
        the stream as a part, or None while other lines wait in its lane: a stream must not overtake them.
        """
        async with self._database.writing("runs.speak") as connection:
            thread = await threads.load(connection, ThreadId(lease.row.thread_id), lock=True)
            await check_counts(connection, lease)
            on_its_way = {"lease_until": now + leases.LEASE_SECONDS}
            again = update(deliveries).where(_stream_of(lease)).values(**on_its_way).returning(deliveries)
            if thread.run and thread.run.speaking:
                return _stream((await connection.execute(again)).one(), thread)
            same_lane = deliveries.c.lane == lease.row.lane
            before = select(deliveries.c.n).where(same_lane, deliveries.c.state == leases.WAITING)
            if await connection.scalar(before.limit(1)):
                return None
            await connection.execute(
                update(threads_table).where(threads_table.c.id == thread.id).values(run_speaking=True)
            )
            if opened := (await connection.execute(again)).one_or_none():
                return _stream(opened, thread)  # by an earlier holder of this run; what it showed is replaced
            row = await connection.execute(
                insert(deliveries)
                .values(
                    id=new_id("d"),
                    lane=lease.row.lane,
                    key=f"stream:{lease.id}",
                    kind="stream",
                    thread_id=lease.row.thread_id,
                    epoch=lease.row.epoch,
                    fenced=True,
                    run_id=lease.id,
                    available_at=now,
                    created_at=now,
                    **on_its_way,
                )
                .returning(deliveries)
            )
            return _stream(row.one(), thread)

    async def spoken(self, lease: Lease, platform_id: str = "") -> bool:
        """Commit that the piece has arrived, or never will, and what the platform calls the stream.

        Returns False if the run has been superseded meanwhile: the stream's end waits to be sent. Does nothing
        for one who has lost the run to another.
        """
        async with self._database.writing("runs.spoken") as connection:
            mine = exists().where(runs.c.id == lease.id, runs.c.lease_token == lease.token)
            kind = await connection.scalar(
                update(deliveries)
                .where(
                    _stream_of(lease),
                    mine,
                    deliveries.c.kind.in_((PartKind.STREAM.value, PartKind.CUT_OFF.value)),
                    deliveries.c.attempts == 0,
                )
                .values(lease_until=None, platform_id=platform_id)
                .returning(deliveries.c.kind)
            )
            return bool(kind == PartKind.STREAM.value)

    async def finish(self, lease: Lease, result: RunResult, now: float) -> Decision:
        """Store the result and decide what it means: one commit. A run that no longer counts is kept, not sent."""
        async with self._database.writing("runs.finish") as connection:
            event = RunEnded(RunId(lease.id), lease.row.epoch, result)
            thread = ThreadId(lease.row.thread_id)
            decision = await threads.advance(connection, thread, event, Moment(now, self._policy))
            if decision.ignored is IgnoredBecause.STALE:
                await self._keep(connection, lease, result, now)
            else:
                await leases.finish(connection, lease, "done", now, result=dump_result(result), **_took(result.usage))
            await close_stream(connection, RunId(lease.id), now)
            return decision

    async def finish_draft(self, lease: Lease, suggestion: Suggestion | None, now: float) -> Decision:
        """Put the suggestion on its case, unless that was closed meanwhile: one commit."""
        async with self._database.writing("runs.finish_draft") as connection:
            await leases.hold(connection, lease)
            event = DraftEnded(CaseId(lease.row.case_id), suggestion)
            thread = ThreadId(lease.row.thread_id)
            decision = await threads.advance(connection, thread, event, Moment(now, self._policy))
            took = _took(suggestion.usage) if suggestion else {}
            await leases.finish(connection, lease, "done", now, **took)
            return decision

    async def _keep(self, connection: AsyncConnection, lease: Lease, result: RunResult, now: float) -> None:
        """Keep the result of a run that no longer counts. Raises `Superseded` if another holds or held the run."""
        kept = await connection.execute(
            update(runs)
            .where(
                runs.c.id == lease.id,
                runs.c.lease_token == lease.token,
                runs.c.state.in_((leases.WAITING, "superseded")),
            )
            .values(
                state="superseded",
                finished_at=now,
                lease_until=None,
                result=dump_result(result),
                **_took(result.usage),
            )
        )
        if kept.rowcount != 1:
            raise Superseded(f"run {lease.id} no longer counts, and another worker has it")

    async def retry(self, lease: Lease, at: float, error: str) -> None:
        """Give the run back, to be tried again from `at` on."""
        async with self._database.writing("runs.retry") as connection:
            await leases.retry(connection, lease, at, error)

    async def latest_result(self, thread: ThreadId) -> RunResult | None:
        """Return the newest result that counted for `thread`."""
        async with self._database.reading() as connection:
            data = await connection.scalar(
                select(runs.c.result)
                .where(runs.c.lane == thread, runs.c.state == "done")
                .order_by(runs.c.n.desc())
                .limit(1)
            )
        return load_result(data) if data else None
