"""What customers asked that the knowledge base did not carry: kept with its thread, and gone with it."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Row, Select, Subquery, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.events import Outcome, RunResult
from core.gaps import Asked, Gap, Missed, likeness
from core.grounding import Grounding
from core.ids import CaseId, ThreadId, new_id
from core.store.codec import load_result
from core.store.engine import Database
from core.store.schema import cases, gaps, runs, threads
from core.thread import Thread

MOST_LISTED = 200
MOST_ASKED = 20  # times a question was asked that are named one by one
MAX_QUESTION = 2_000


async def note(connection: AsyncConnection, thread: Thread, result: RunResult, now: float) -> None:
    """Keep what `result` found no answer to, in the caller's transaction; with the thread's case if it has one."""
    nearest = next((passage.title for passage in result.grounding.passages), "")
    await connection.execute(
        insert(gaps).values(
            id=new_id("g"),
            thread_id=thread.id,
            case_id=thread.case,
            question=result.question[:MAX_QUESTION],
            likeness=likeness(result.question),
            nearest=nearest,
            outcome=result.outcome.value,
            at=now,
        )
    )


class Gaps:
    """The knowledge gaps of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, moment: float) -> list[Gap]:
        """Return what was asked since `moment`, seconds since the epoch: most often first, then newest, and no more
        than `MOST_LISTED`."""
        ranked = _ranked(moment)
        named = (
            select(ranked, threads.c.channel, cases.c.number)
            .join(threads, threads.c.id == ranked.c.thread_id)
            .outerjoin(cases, cases.c.id == ranked.c.case_id)
            .where(ranked.c.place <= MOST_ASKED)
            .order_by(ranked.c.place)
        )
        async with self._database.reading(much=True) as connection:
            groups = (await connection.execute(_counted(moment))).all()
            wanted = [group.likeness for group in groups]
            rows = (await connection.execute(named.where(ranked.c.likeness.in_(wanted)))).all()
        of = defaultdict(list)
        for row in rows:
            of[row.likeness].append(row)
        return [
            Gap(
                of[group.likeness][0].question,
                group.times,
                group.customers,
                of[group.likeness][0].nearest,
                tuple(
                    Asked(
                        ThreadId(row.thread_id),
                        row.channel,
                        row.at,
                        Outcome(row.outcome),
                        CaseId(row.case_id) if row.case_id else None,
                        row.number,
                    )
                    for row in of[group.likeness]
                ),
            )
            for group in groups
        ]

    async def asked(self, moment: float) -> bool:
        """Return whether customers asked anything since `moment`, whatever became of it."""
        query = select(runs.c.id).where(runs.c.finished_at >= moment).limit(1)
        async with self._database.reading() as connection:
            return await connection.scalar(query) is not None

    async def missed(self, moment: float) -> list[Missed]:
        """Return the questions that `since` lists, as they were asked last, with what was found for them."""
        newest = _ranked(moment)
        run = (runs.c.lane == newest.c.thread_id) & (runs.c.finished_at == newest.c.at)  # they share a commit
        asked = select(newest, runs.c.result).outerjoin(runs, run).where(newest.c.place == 1)
        wanted = select(_counted(moment).subquery().c.likeness)
        async with self._database.reading(much=True) as connection:
            rows = (await connection.execute(asked.where(newest.c.likeness.in_(wanted)))).all()
        return [_missed(row) for row in rows]

    async def drop(self, answered: Missed) -> None:
        """Drop a question, and those like it, that the knowledge base answers now; not what was asked since."""
        like = (gaps.c.likeness == answered.likeness) & (gaps.c.at <= answered.at)
        async with self._database.writing("gaps.drop") as connection:
            await connection.execute(delete(gaps).where(like))


def _counted(moment: float) -> Select[tuple[str, int, int]]:
    """Return which questions are listed, how often each was asked, and by how many customers."""
    times = func.count()
    return (
        select(gaps.c.likeness, times.label("times"), func.count(threads.c.customer.distinct()).label("customers"))
        .join(threads, threads.c.id == gaps.c.thread_id)
        .where(gaps.c.at >= moment)
        .group_by(gaps.c.likeness)
        .order_by(times.desc(), func.max(gaps.c.at).desc(), gaps.c.likeness)
        .limit(MOST_LISTED)
    )


def _ranked(moment: float) -> Subquery:
    """Return each time that a question was asked, with its place among those like it: the newest is 1."""
    place = func.row_number().over(partition_by=gaps.c.likeness, order_by=(gaps.c.at.desc(), gaps.c.id))
    return select(gaps, place.label("place")).where(gaps.c.at >= moment).subquery()


def _missed(row: Row[Any]) -> Missed:
    found = load_result(row.result).grounding if row.result else Grounding()
    return Missed(row.likeness, row.question, row.at, found)
