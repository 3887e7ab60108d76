"""What was said in a long conversation, in short: one recap a thread, the newest."""

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import ThreadId
from core.memory import Recap
from core.store.schema import recaps

_OF = select(recaps).where(recaps.c.thread_id == bindparam("thread"))
_DROP = delete(recaps).where(recaps.c.thread_id == bindparam("thread"))


async def keep(connection: AsyncConnection, thread: ThreadId, recap: Recap, now: float) -> None:
    """Keep `recap` in place of the thread's earlier one, in the caller's transaction."""
    await connection.execute(_DROP, {"thread": thread})
    row = {"thread_id": thread, "text": recap.text, "up_to": recap.up_to, "sources": list(recap.sources), "at": now}
    await connection.execute(insert(recaps), row)


async def of(connection: AsyncConnection, thread: ThreadId) -> Recap | None:
    """Return the thread's recap, if it was ever too long to be read whole."""
    row = (await connection.execute(_OF, {"thread": thread})).one_or_none()
    return Recap(row.text, row.up_to, tuple(row.sources)) if row else None
