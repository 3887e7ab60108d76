"""What customers thought of answers, and of the help after a case. Written through a receipt, like anything else."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.effects import Rate
from core.errors import Refused
from core.ids import new_id
from core.messages import Author, Rating
from core.store.schema import messages, ratings
from core.thread import Thread

ANSWER, SURVEY = "answer", "survey"
MAX_REASON = 2_000
ANSWERED_ALREADY = "You have answered this already. Thank you!"
_UNKNOWN = "There is nothing here to rate."


async def rate(connection: AsyncConnection, thread: Thread, effect: Rate, now: float) -> None:
    """Keep the rating, in the caller's transaction. Raises `Refused` for a second answer to a survey."""
    asked = messages.c.survey == effect.case
    if effect.message:
        asked = (messages.c.id == effect.message) & messages.c.author.in_((Author.BOT.value, Author.OPERATOR.value))
    seen = await connection.execute(
        update(messages).where(messages.c.thread_id == thread.id, asked).values(changed_at=now)
    )
    if not seen.rowcount:
        raise Refused(_UNKNOWN)
    kind, subject = (ANSWER, str(effect.message)) if effect.message else (SURVEY, str(effect.case))
    mine = (ratings.c.kind == kind, ratings.c.subject == subject)
    values = {"score": effect.rating.score, "reason": effect.rating.reason[:MAX_REASON], "at": now}
    if await connection.scalar(select(func.count()).select_from(ratings).where(*mine)):
        if kind == SURVEY:
            raise Refused(ANSWERED_ALREADY)
        await connection.execute(update(ratings).where(*mine).values(**values))
        return
    await connection.execute(
        insert(ratings).values(id=new_id("v"), thread_id=thread.id, kind=kind, subject=subject, **values)
    )


async def surveys_of(connection: AsyncConnection, cases: Sequence[str]) -> dict[str, Rating]:
    """Return the customers' answers to the surveys of `cases`, by case."""
    query = select(ratings).where(ratings.c.kind == SURVEY, ratings.c.subject.in_(cases))
    return {row.subject: Rating(row.score, row.reason) for row in await connection.execute(query)}
