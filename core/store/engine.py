"""The database: one engine, one way to write, one way to read.

Everything that writes goes through `Database.writing(name)`. On SQLite such a transaction starts
with BEGIN IMMEDIATE: a deferred transaction that reads and then writes loses updates without an
error. The name is a fault point: tests kill the process just before or just after its commit.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from core.errors import TemporaryError
from core.faults import FaultPoints
from core.store import near
from core.store.turns import Turns

SQLITE_BUSY_SECONDS = 10.0
SQLITE_CONNECTIONS = 24  # kept open: to open one takes a thread and a millisecond


def sqlite_url(path: Path) -> URL:
    """Return the address of the SQLite database in the file `path`."""
    return URL.create("sqlite+aiosqlite", database=str(path))


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Send our own BEGIN, the only one: the driver runs in autocommit mode (SQLAlchemy's notes on pysqlite)."""

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        if connection.get_execution_options().get("writing", False):
            connection.exec_driver_sql(near.BEGIN)  # waits: where that is broken off, SQLAlchemy drops the connection
            return
        cursor = connection.connection.cursor()  # waits for nothing: a reader's BEGIN is always near
        cursor.execute("BEGIN")
        cursor.close()


class StoreUnavailable(TemporaryError):  # noqa: N818 (what an owner calls it)
    """The database can't be reached, or can't be written. Nothing was half done: the transaction is gone."""


@contextmanager
def _away_is_temporary() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(f"The database can't be used now: {cause}") from error


class Database:
    """An open database. `writing()` and `reading()` give connections inside a transaction."""

    def __init__(self, url: str | URL, *, faults: FaultPoints | None = None) -> None:
        """Open `url` lazily: nothing is connected until the first transaction.

        Errors do not show the values of a statement: they are customers' words, and errors end in logs.
        """
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.faults = faults or FaultPoints()
        if self.is_sqlite:
            self.engine = create_async_engine(
                self.url,
                hide_parameters=True,
                connect_args={"timeout": SQLITE_BUSY_SECONDS, "async_creator_fn": near.connect},
                poolclass=AsyncAdaptedQueuePool,
                pool_size=SQLITE_CONNECTIONS,
                max_overflow=0,
                pool_reset_on_return=None,  # every transaction here is ended by its block
            )
            _prepare_sqlite(self.engine)
        else:
            self.engine = create_async_engine(self.url, hide_parameters=True, pool_pre_ping=True, pool_size=10)
        # SQLite's busy handler polls, up to 100 ms a step; within a process writers queue here instead.
        self._turns = Turns() if self.is_sqlite else None

    @asynccontextmanager
    async def writing(self, name: str, *, much: bool = False, first: bool = False) -> AsyncIterator[AsyncConnection]:
        """One writing transaction: committed when the block ends, rolled back when it raises.

        `name` names the commit for fault points: 'before:NAME' and 'after:NAME'. `much`: as for `reading`.
        `first`: a platform waits for it, so it goes before the worker's own.
        """
        with _away_is_temporary():
            turn = self._turns.turn(first=first) if self._turns else nullcontext()
            async with turn, self.engine.connect() as plain:
                connection = await plain.execution_options(writing=True)
                async with connection.begin(), self._far(connection, much):
                    yield connection
                    self.faults.reach(f"before:{name}")
                self.faults.reach(f"after:{name}")

    @asynccontextmanager
    async def reading(self, *, much: bool = False) -> AsyncIterator[AsyncConnection]:
        """One reading transaction: a consistent view, never a write.

        `much`: it touches more than a thread's worth of rows. Then SQLite works on a thread, not in the event loop.
        """
        with _away_is_temporary():
            async with self.engine.connect() as connection, connection.begin(), self._far(connection, much):
                yield connection

    @asynccontextmanager
    async def _far(self, connection: AsyncConnection, much: bool) -> AsyncIterator[None]:
        if not (much and self.is_sqlite):
            yield
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.far = True
        try:
            yield
        finally:
            driver.far = False

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
