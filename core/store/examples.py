"""Examples out of the tables: solved cases, and answers that customers called helpful, with their conversations.

`bot.examples` writes an evaluation folder of them. Conversations are read one by one: no list holds them all.
"""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Row, select

from core.articles import ArticleState
from core.desk import DraftFate
from core.examples import Ended, Example, of_answers, of_case
from core.ids import ThreadId
from core.messages import Message, Resolution
from core.store.codec import load_result, load_suggestion
from core.store.engine import Database
from core.store.schema import articles, cases, messages, ratings, threads
from core.store.transcript import read_messages

MOST_EXAMPLES = 5_000
_SENT = (DraftFate.USED.value, DraftFate.EDITED.value)


class Examples:
    """The examples of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, moment: float) -> AsyncIterator[Example]:
        """Yield what was solved, or called helpful, since `moment` (seconds since 1970), the newest first.

        No more than the newest `MOST_EXAMPLES` of each.
        """
        file = (articles.c.state == ArticleState.APPROVED.value) & (articles.c.case_id == cases.c.id)
        solved = (
            select(cases, threads.c.customer_name, articles.c.file)
            .join(threads, threads.c.id == cases.c.thread_id)
            .outerjoin(articles, file)
            .where(cases.c.outcome == Resolution.SOLVED.value, cases.c.closed_at >= moment)
            .order_by(cases.c.number.desc())
            .limit(MOST_EXAMPLES)
        )
        helpful = (
            select(threads.c.id, threads.c.customer_name)
            .join(messages, messages.c.thread_id == threads.c.id)
            .join(ratings, ratings.c.subject == messages.c.id)
            .where(ratings.c.score > 0, ratings.c.at >= moment)
            .distinct()
            .order_by(threads.c.id)
            .limit(MOST_EXAMPLES)
        )
        async with self._database.reading(much=True) as connection:
            ended = (await connection.execute(solved)).all()
            rated = (await connection.execute(helpful)).all()
        for row in ended:
            found = of_case(_ended(row), await self._said(row.thread_id), row.customer_name)
            if found:
                yield found
        for row in rated:
            for one in of_answers(await self._said(row.id), row.customer_name):
                yield one

    async def _said(self, thread: str) -> list[Message]:
        async with self._database.reading(much=True) as connection:
            return await read_messages(connection, ThreadId(thread))


def _ended(row: Row[Any]) -> Ended:
    suggestion = load_suggestion(row.suggestion) if row.suggestion and row.suggestion_fate in _SENT else None
    sources = dict.fromkeys(one.source for one in suggestion.citations) if suggestion else {}
    result = load_result(row.result)
    return Ended(row.id, row.reason, result.question, row.opened_at, tuple(sources), row.file or "")
