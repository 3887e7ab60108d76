"""What customers asked that the knowledge base did not carry: kept with its thread, and gone with it."""

from collections import defaultdict

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.events import Outcome, RunResult
from core.gaps import Asked, Gap, likeness
from core.ids import CaseId, ThreadId, new_id
from core.store.engine import Database
from core.store.schema import cases, gaps, threads
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
        newest = func.max(gaps.c.at)
        counted = (
            select(
                gaps.c.likeness,
                func.count().label("times"),
                func.count(threads.c.customer.distinct()).label("customers"),
            )
            .join(threads, threads.c.id == gaps.c.thread_id)
            .where(gaps.c.at >= moment)
            .group_by(gaps.c.likeness)
            .order_by(func.count().desc(), newest.desc(), gaps.c.likeness)
            .limit(MOST_LISTED)
        )
        place = func.row_number().over(partition_by=gaps.c.likeness, order_by=(gaps.c.at.desc(), gaps.c.id))
        ranked = select(gaps, place.label("place")).where(gaps.c.at >= moment).subquery()
        named = (
            select(ranked, threads.c.channel, cases.c.number)
            .join(threads, threads.c.id == ranked.c.thread_id)
            .outerjoin(cases, cases.c.id == ranked.c.case_id)
            .where(ranked.c.place <= MOST_ASKED)
            .order_by(ranked.c.place)
        )
        async with self._database.reading(much=True) as connection:
            groups = (await connection.execute(counted)).all()
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
