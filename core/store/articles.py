"""Suggested articles as rows: kept with the case that they come from, gone with its thread while they are no file."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.articles import ArticleState, SuggestedArticle, propose
from core.desk import Operator
from core.errors import Refused
from core.ids import ArticleId, CaseId, new_id
from core.messages import Resolution
from core.store.codec import load_result
from core.store.engine import Database
from core.store.schema import articles, cases
from core.store.transcript import read_messages
from core.thread import Thread

MOST_LISTED = 200
_SUGGESTED = ArticleState.SUGGESTED.value
_GONE = "This suggestion is not there any more: its conversation was deleted, or its case was opened again."


async def suggest(connection: AsyncConnection, thread: Thread, case: CaseId, now: float) -> None:
    """Keep what people answered in `case`, in the caller's transaction; what was decided before stays decided."""
    opened = (await connection.execute(select(cases.c.opened_at, cases.c.result).where(cases.c.id == case))).one()
    said = await read_messages(connection, thread.id)
    proposed = propose(load_result(opened.result).question, said, opened.opened_at, thread.customer_name)
    if proposed is None:
        return
    values = {"question": proposed.question, "answer": proposed.answer, "at": now}
    state = await connection.scalar(select(articles.c.state).where(articles.c.case_id == case))
    if state is None:
        whose = {"id": new_id("a"), "thread_id": thread.id, "case_id": case, "state": _SUGGESTED}
        await connection.execute(insert(articles).values(**whose, **values))
    elif state == _SUGGESTED:
        await connection.execute(update(articles).where(articles.c.case_id == case).values(**values))


class Articles:
    """The suggested articles of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> list[SuggestedArticle]:
        """Return the newest `MOST_LISTED` that nobody has decided on; not those whose case was opened again."""
        return await self._found(_waits())

    async def of(self, ids: Sequence[ArticleId]) -> list[SuggestedArticle]:
        """Return the suggestions `ids`, decided or not. Raises `Refused` if one is not there."""
        found = await self._found(articles.c.id.in_(ids))
        if len(found) != len(set(ids)):
            raise Refused(_GONE)
        return found

    async def _found(self, which: ColumnElement[bool]) -> list[SuggestedArticle]:
        query = select(articles, cases.c.number, cases.c.closed_by).join(cases, cases.c.id == articles.c.case_id)
        newest = query.where(which).order_by(articles.c.at.desc(), articles.c.id).limit(MOST_LISTED)
        async with self._database.reading(much=True) as connection:
            rows = (await connection.execute(newest)).all()
        return [
            SuggestedArticle(
                ArticleId(row.id), CaseId(row.case_id), row.number, row.question, row.answer, row.closed_by, row.at
            )
            for row in rows
        ]

    async def count(self) -> int:
        """Return how many wait for a decision."""
        query = select(func.count()).select_from(articles).join(cases, cases.c.id == articles.c.case_id)
        async with self._database.reading(much=True) as connection:
            return await connection.scalar(query.where(_waits())) or 0

    async def decide(
        self,
        ids: Sequence[ArticleId],
        state: ArticleState,
        by: Operator,
        now: float,
        *,
        file: str = "",
        content: str = "",
    ) -> str:
        """Decide on all of `ids`, or on none, and return the file they went into, '' for dropped ones.

        Approved ones become `file` with `content`, which `unwritten` gives until `written` says that it is there.
        What `by` has decided just so before stays as it is. Raises `Refused` where a colleague, or another
        decision, was first.
        """
        mine = articles.c.id.in_(ids)
        values = {"state": state.value, "decided_by": by.id, "decided_name": by.name, "decided_at": now, "file": file}
        async with self._database.writing("articles.decide") as connection:
            rows = (await connection.execute(select(articles).where(mine).order_by("id").with_for_update())).all()
            if len(rows) < len(set(ids)):
                raise Refused(_GONE)
            if all((row.state, row.decided_by) == (state.value, by.id) for row in rows):
                return str(rows[0].file)
            for row in rows:
                if row.state != _SUGGESTED:
                    raise Refused(_decided(row.decided_name, row.state))
            await connection.execute(update(articles).where(mine).values(**values))
            await connection.execute(update(articles).where(articles.c.id == rows[0].id).values(content=content))
        return file

    async def unwritten(self) -> list[tuple[str, str]]:
        """Return the files that were approved and are not written yet: name and content."""
        query = select(articles.c.file, articles.c.content).where(articles.c.content != "")
        async with self._database.reading(much=True) as connection:
            return [(row.file, row.content) for row in await connection.execute(query)]

    async def written(self, file: str) -> None:
        """Note that `file` is written: from then on it is its folder's."""
        async with self._database.writing("articles.written") as connection:
            await connection.execute(update(articles).where(articles.c.file == file).values(content=""))


def _waits() -> ColumnElement[bool]:
    return (articles.c.state == _SUGGESTED) & (cases.c.outcome == Resolution.SOLVED.value)


def _decided(name: str, state: str) -> str:
    return f"{name} has {state} this suggestion already. Open the list again to see what is left."
