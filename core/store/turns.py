"""Whose turn it is to write on SQLite: one at a time, and what comes in goes before what is worked.

A platform waits seconds for its 'ok', and then sends again; the worker's own writes have time. Called by `engine`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A lock with two lines of those who wait; each line keeps its order."""

    def __init__(self) -> None:
        self._taken = False
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, *, first: bool = False) -> AsyncIterator[None]:
        """Have the turn while the block lasts; `first`: before all who wait and are not first."""
        if self._taken:
            await self._wait(self._first if first else self._others)
        self._taken = True
        try:
            yield
        finally:
            self._next()

    async def _wait(self, line: "deque[asyncio.Future[None]]") -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # the turn had come already
            elif mine in line:
                line.remove(mine)
            raise

    def _next(self) -> None:
        """Give the turn to the next who still waits; it stays taken meanwhile."""
        while line := self._first or self._others:
            waiter = line.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken = False
