"""What the bot was told to remember about a customer; one customer's facts never reach another's threads."""

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import new_id
from core.store.schema import facts
from core.thread import Thread

MOST_REMEMBERED = 50
MAX_FACT = 500
_ABOUT = (
    select(facts.c.text)
    .where(facts.c.customer == bindparam("customer"))
    .order_by(facts.c.at.desc())
    .limit(MOST_REMEMBERED)
)


async def remember(connection: AsyncConnection, thread: Thread, text: str, now: float) -> None:
    """Keep `text` (cut at `MAX_FACT` characters) about the customer of `thread`, in the caller's transaction."""
    await connection.execute(
        insert(facts).values(
            id=new_id("f"), customer=thread.customer, thread_id=thread.id, text=text[:MAX_FACT], at=now
        )
    )


async def about(connection: AsyncConnection, customer: str) -> list[str]:
    """Return the newest `MOST_REMEMBERED` facts about `customer`, oldest first."""
    rows = await connection.scalars(_ABOUT, {"customer": customer})
    return list(reversed(rows.all()))
