"""The figures of a span of time, counted from the rows."""

from collections import Counter
from statistics import median

from sqlalchemy import func, or_, select

from core.figures import Figures
from core.shadow import Agreement, agreements
from core.store.engine import Database
from core.store.ratings import SURVEY
from core.store.schema import cases, draft_fates, ratings


class FiguresOf:
    """Counts what happened at the desk of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def agreement(self, since: float) -> list[Agreement]:
        """Return how often operators sent what was suggested since then, by what it was about, the most first."""
        query = select(draft_fates.c.subject, draft_fates.c.fate).where(draft_fates.c.at >= since)
        async with self._database.reading(much=True) as connection:
            return agreements((row.subject, row.fate) for row in await connection.execute(query))

    async def of(self, since: float, until: float) -> Figures:
        """Return what happened between `since` and `until`, seconds since the epoch."""
        columns = (
            cases.c.opened_at,
            cases.c.closed_at,
            cases.c.answered_at,
            cases.c.outcome,
            cases.c.reason,
            cases.c.suggestion_fate,
        )
        in_span = or_(cases.c.opened_at.between(since, until), cases.c.closed_at.between(since, until))
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(*columns).where(in_span))).all()
            surveyed = (
                await connection.execute(
                    select(func.count(ratings.c.id), func.avg(ratings.c.score)).where(
                        ratings.c.kind == SURVEY, ratings.c.at.between(since, until)
                    )
                )
            ).one()
        opened = [row for row in rows if since <= row.opened_at <= until]
        closed = [row for row in rows if row.closed_at and since <= row.closed_at <= until]
        answers = [row.answered_at - row.opened_at for row in opened if row.answered_at]
        return Figures(
            opened=len(opened),
            resolved=sum(row.outcome != "handed_back" for row in closed),
            handed_back=sum(row.outcome == "handed_back" for row in closed),
            first_answer=median(answers) if answers else None,
            surveys=surveyed[0],
            survey_average=float(surveyed[1]) if surveyed[0] else None,
            drafts=Counter(row.suggestion_fate for row in rows if row.suggestion_fate),
            reasons=Counter(row.reason for row in opened),
        )
