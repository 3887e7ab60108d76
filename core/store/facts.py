"""What the bot was told to remember about a customer; one customer's facts never reach another's threads.

A fact is kept under the customer's address where somebody vouches for one, so that it is known on every channel.
"""

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import Refused
from core.ids import FactId, ThreadId, new_id
from core.memory import Fact
from core.store.schema import facts, threads
from core.thread import Thread

MOST_REMEMBERED = 50
MAX_FACT = 500
_OF_THEM = facts.c.customer.in_(bindparam("customers", expanding=True))
_ABOUT = (
    select(facts, threads.c.channel)
    .join(threads, threads.c.id == facts.c.thread_id)
    .where(_OF_THEM)
    .order_by(facts.c.at.desc(), facts.c.id)
    .limit(MOST_REMEMBERED)
)
_SAID_HERE = _ABOUT.where(facts.c.thread_id == bindparam("thread"))
_SAME = delete(facts).where(_OF_THEM, facts.c.text == bindparam("words"))
_NEWEST = (
    select(facts.c.id)
    .where(facts.c.customer == bindparam("of_customer"))
    .order_by(facts.c.at.desc(), facts.c.id)
    .limit(MOST_REMEMBERED)
)
_TRIM = delete(facts).where(facts.c.customer == bindparam("of_customer"), facts.c.id.not_in(_NEWEST))


async def remember(connection: AsyncConnection, thread: Thread, text: str, now: float) -> None:
    """Keep `text` (cut at `MAX_FACT` characters) about the customer of `thread`, in the caller's transaction.

    It takes the place of the same words; of facts beyond `MOST_REMEMBERED` the oldest go.
    """
    customer, words = thread.identities[-1], text[:MAX_FACT]
    await connection.execute(_SAME, {"customers": thread.identities, "words": words})
    await connection.execute(
        insert(facts).values(id=new_id("f"), customer=customer, thread_id=thread.id, text=words, at=now)
    )
    await connection.execute(_TRIM, {"of_customer": customer})


async def about(connection: AsyncConnection, thread: Thread) -> tuple[Fact, ...]:
    """Return the newest `MOST_REMEMBERED` facts about the customer of `thread`, oldest first.

    None if nobody vouches for them: they may be about another. Where others read along, only what was said there.
    """
    if not thread.is_theirs:
        return ()
    known = _ABOUT if thread.alone else _SAID_HERE
    values = {"customers": thread.identities, **({} if thread.alone else {"thread": thread.id})}
    rows = (await connection.execute(known, values)).all()
    return tuple(Fact(FactId(row.id), row.text, row.at, ThreadId(row.thread_id), row.channel) for row in reversed(rows))


async def forget(connection: AsyncConnection, thread: Thread, fact: str) -> None:
    """Drop a fact about the customer of `thread`, wherever it was said, in the caller's transaction.

    `fact` is its id, or its name. Raises `Refused` if there is none, or if nobody vouches for the customer.
    """
    named = [one for one in await about(connection, thread) if fact in {one.id, one.name}]
    if not named:
        raise Refused("That is not known about this customer, or was forgotten already.")
    if len(named) > 1:
        raise Refused("Two facts are called so. Forget them on the web desk.")
    await connection.execute(_SAME, {"customers": thread.identities, "words": named[0].text})
