"""SQLite's connections: what takes microseconds is done in the event loop, what may wait on the driver's thread.

aiosqlite hands every step to its thread, four to a statement: for small statements that costs ten times what SQLite
does (a mail that was taken in: 44 crossings, 11 ms). Here only those steps cross that may wait: taking SQLite's one
lock for writers, writing to the disk at a commit, and everything of a transaction that is said to be `far`.
Called by `core.store.engine`.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

import aiosqlite

BEGIN = "BEGIN IMMEDIATE"
_CHUNK = 64  # rows that aiosqlite's own iteration reads at once; nobody here iterates


class NearConnection(aiosqlite.Connection):
    """A connection that one task uses at a time. Set `far` for a transaction that reads or writes much."""

    far = False
    _writes = False

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do one step of SQLite's, near or far."""
        name = getattr(fn, "__name__", "")
        of_connection = getattr(fn, "__self__", None) is self._connection
        begins = name == "execute" and args[:1] == (BEGIN,)
        ends = of_connection and (name == "close" or (self._writes and name in {"commit", "rollback"}))
        if begins or ends:
            self._writes = begins
        if begins or ends or self.far or self._connection is None:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return fn(*args, **kwargs)


def connect(database: str, **options: Any) -> NearConnection:
    """Return a connection that opens `database` when it is awaited; for SQLAlchemy's `async_creator_fn`."""
    connection = NearConnection(lambda: _open(database, options), _CHUNK)
    connection._thread.daemon = True  # noqa: SLF001 (as SQLAlchemy does for its own)
    return connection


def _open(database: str, options: dict[str, Any]) -> sqlite3.Connection:
    """Open it durable and strict, in autocommit mode. In one step: who waits for it may be broken off."""
    ours = {"check_same_thread": False, "isolation_level": None}
    connection: sqlite3.Connection = sqlite3.connect(database, **{**options, **ours})
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
