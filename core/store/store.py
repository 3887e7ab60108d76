"""Everything that is stored, behind one name. `bot.bootstrap` opens it; tests open the same one."""

from sqlalchemy import func, select

from core.ids import ThreadId, ThreadKey
from core.memory import Fact
from core.messages import Message
from core.policy import Policy
from core.store import facts, leases, threads
from core.store.actions import Actions
from core.store.articles import Articles
from core.store.cases import Cases
from core.store.credentials import Credentials
from core.store.deliveries import Deliveries
from core.store.desks import Desks
from core.store.engine import Database
from core.store.examples import Examples
from core.store.extractions import Extractions
from core.store.figures import FiguresOf
from core.store.gaps import Gaps
from core.store.receipts import Receipts
from core.store.runs import Runs
from core.store.schema import deliveries, extractions, receipts, runs
from core.store.sessions import Sessions
from core.store.transcript import read_messages
from core.thread import Thread


class Store:
    """The store of one database."""

    def __init__(self, database: Database, *, quiet: float = 0.0, policy: Policy | None = None) -> None:
        """`quiet`: seconds a run waits for more of a customer's words; `policy`: the desk's rules."""
        self.database = database
        self.policy = policy or Policy()
        self.receipts = Receipts(database, quiet=quiet, policy=policy)
        self.extractions = Extractions(database)
        self.runs = Runs(database, policy=policy)
        self.deliveries = Deliveries(database, policy=policy)
        self.cases = Cases(database)
        self.sessions = Sessions(database)
        self.figures = FiguresOf(database)
        self.credentials = Credentials(database)
        self.desks = Desks(database)
        self.gaps = Gaps(database)
        self.actions = Actions(database)
        self.articles = Articles(database)
        self.examples = Examples(database)

    async def thread(self, thread: ThreadId) -> Thread:
        """Return a thread by its id. Raises LookupError if there is none."""
        async with self.database.reading() as connection:
            return await threads.load(connection, thread)

    async def find_thread(self, *keys: ThreadKey) -> Thread | None:
        """Return the thread of the first of the channel's `keys` that has one, or None before its first message."""
        async with self.database.reading() as connection:
            for key in keys:
                thread = await threads.load_by_key(connection, key)
                if thread:
                    return thread
        return None

    async def messages(self, thread: ThreadId, *, after: int = 0, changed_since: float | None = None) -> list[Message]:
        """Return the messages of a thread with a `seq` above `after`, notes included; as `read_messages`."""
        async with self.database.reading() as connection:
            return await read_messages(connection, thread, after=after, changed_since=changed_since)

    async def facts_about(self, thread: Thread) -> tuple[Fact, ...]:
        """Return what is known about the customer of `thread`, oldest first; nothing if nobody vouches for them."""
        async with self.database.reading() as connection:
            return await facts.about(connection, thread)

    async def forget_leases(self) -> None:
        """End every lease: for the only process on this database, at its start, when all holders are dead."""
        async with self.database.writing("store.forget_leases") as connection:
            await leases.forget_all(connection, (receipts, extractions, runs, deliveries))

    async def backlog(self) -> dict[str, int]:
        """Return how many rows wait in each table of work, and how many receipts failed."""
        counts = {}
        async with self.database.reading() as connection:
            for table in (receipts, extractions, runs, deliveries):
                query = select(func.count()).select_from(table).where(table.c.state == leases.WAITING)
                counts[table.name] = await connection.scalar(query) or 0
            failed = select(func.count()).select_from(receipts).where(receipts.c.state == "failed")
            counts["receipts_failed"] = await connection.scalar(failed) or 0
        return counts

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()
