"""What the bot was told to remember about a customer; one customer's facts never reach another's threads."""

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import Refused
from core.ids import FactId, ThreadId, new_id
from core.memory import Fact
from core.store.schema import facts
from core.thread import Thread

MOST_REMEMBERED = 50
MAX_FACT = 500
_ABOUT = (
    select(facts).where(facts.c.customer == bindparam("customer")).order_by(facts.c.at.desc()).limit(MOST_REMEMBERED)
)


async def remember(connection: AsyncConnection, thread: Thread, text: str, now: float) -> None:
    """Keep `text` (cut at `MAX_FACT` characters) about the customer of `thread`, in the caller's transaction."""
    await connection.execute(
        insert(facts).values(
            id=new_id("f"), customer=thread.customer, thread_id=thread.id, text=text[:MAX_FACT], at=now
        )
    )


async def about(connection: AsyncConnection, thread: Thread) -> tuple[Fact, ...]:
    """Return the newest `MOST_REMEMBERED` facts about the customer of `thread`, oldest first.

    None if nobody vouches for them: they may be about another.
    """
    if not thread.is_theirs:
        return ()
    rows = (await connection.execute(_ABOUT, {"customer": thread.customer})).all()
    return tuple(Fact(FactId(row.id), row.text, row.at, ThreadId(row.thread_id)) for row in reversed(rows))


async def forget(connection: AsyncConnection, customer: str, fact: FactId) -> None:
    """Drop a fact about `customer`, in the caller's transaction. Raises `Refused` if there is none of that id."""
    gone = await connection.execute(delete(facts).where(facts.c.id == fact, facts.c.customer == customer))
    if gone.rowcount != 1:
        raise Refused("That is not known about this customer, or was forgotten already.")
