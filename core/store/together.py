"""Small writes of one moment share a transaction on SQLite, which writes one transaction at a time.

Its commit waits for the disk, so what comes in during one commit is written by the next, however much it is. Nobody
waits for others to come: what is alone is written alone. PostgreSQL commits side by side and needs none of this.
Called by `receipts.accept`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.engine import Database, StoreUnavailable

T = TypeVar("T")
Write = Callable[[AsyncConnection], Awaitable[T]]

MOST = 64
"""Writes of one transaction: the worker's own have a turn in between."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    write: Write[Any]
    written: asyncio.Future[Any]


class Together:
    """Writes under one name, each done whole or not at all, whatever becomes of the others."""

    def __init__(self, database: Database, name: str) -> None:
        """`name` names the commits, as in `Database.writing`."""
        self._database = database
        self._name = name
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, write: Write[T]) -> T:
        """Do `write` in a transaction, and return what it returns once that is committed. Raises what `write` raises.

        `write` may be done twice, the first time in vain. Who is cancelled here may find it written all the same.
        """
        if not self._database.is_sqlite:
            return await self._alone(write)
        waiting = _Waiting(write, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await waiting.written  # type: ignore[no-any-return]

    async def _alone(self, write: Write[T]) -> T:
        async with self._database.writing(self._name, first=True) as connection:
            return await write(connection)

    async def _write_all(self) -> None:
        """Write until nobody waits."""
        try:
            while self._waiting:
                await self._write_some()
        finally:
            self._writer = None

    async def _write_some(self) -> None:
        some: list[_Waiting] = []
        try:
            async with self._database.writing(self._name, first=True) as connection:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                results = [await one.write(connection) for one in some]
        except StoreUnavailable as away:
            if not some:  # the transaction did not even begin
                some, self._waiting = self._waiting, []
            for one in some:
                _tell(one, error=away)
        except Exception:  # noqa: BLE001 (one went wrong and took the others with it: let it be wrong on its own)
            await self._one_by_one(some)
        else:
            for one, result in zip(some, results, strict=True):
                _tell(one, result)

    async def _one_by_one(self, some: list[_Waiting]) -> None:
        for one in some:
            try:
                _tell(one, await self._alone(one.write))
            except Exception as its_own:  # noqa: BLE001 (its caller raises it)
                _tell(one, error=its_own)


def _tell(one: _Waiting, result: object = None, error: Exception | None = None) -> None:
    if one.written.done():  # cancelled
        return
    if error:
        one.written.set_exception(error)
    else:
        one.written.set_result(result)
