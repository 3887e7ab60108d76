"""A world in which a seed decides what happens when: time leaps, and the database answers when it is told to.

The event loop's clock jumps to the next thing that is due, so hours pass in a moment and production's
own seconds (leases, polls, patience) stay as they are. SQLite is the real one, on a file; only its
driver's threads are replaced by a line of calls that are worked in the loop, each after a seeded time.
Nothing in it depends on this machine, so a seed always gives the same run. Used by `test_voices`.
"""

import asyncio
import selectors
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from core.bell import Ear

T = TypeVar("T")

START = 1_800_000_000.0
_BUSY_AGAIN = 0.01  # seconds after which a locked database is tried again, as SQLite's busy handler does

_AT_HAND = frozenset({"cursor", "fetchall", "close"})
"""Calls that touch no file: worked at once, which saves most of the turns of the loop."""

Call = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


class _Leaping(selectors.SelectSelector):
    """Waits by moving the clock: nothing ever comes from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever happen")
        self.now += max(0.0, timeout)
        return []


class World(asyncio.SelectorEventLoop):
    """An event loop whose time leaps; `random` decides everything that is left to chance."""

    def __init__(self, seed: int) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)
        self.random = Random(seed)

    def time(self) -> float:
        """The loop's seconds since it began."""
        return self._leaping.now

    def clock(self) -> float:
        """The time of day in seconds since the epoch."""
        return START + self._leaping.now

    async def pause(self, *, slow: float = 0.05) -> None:
        """Wait as networks and machines do: turns of the loop, up to 5 ms, up to 200 ms; `slow`: how often seconds."""
        kind = self.random.random()
        if kind < slow:
            await asyncio.sleep(self.random.uniform(0.2, 4.0))
        elif kind < 0.40:
            for _ in range(self.random.randrange(6)):
                await asyncio.sleep(0)
        elif kind < 0.85:
            await asyncio.sleep(self.random.uniform(0, 0.005))
        else:
            await asyncio.sleep(self.random.uniform(0.005, 0.2))


def _none() -> None:
    """What a call without a name counts as."""


class _Calls:
    """What stands in for the driver's queue and thread: one connection's calls, worked in order.

    As with the thread, a call that was handed in is worked even if nobody waits for it any more.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: deque[Call] = deque()

    def put_nowait(self, call: Call) -> None:
        """Hand in a call."""
        self._waiting.append(call)
        at_hand = len(self._waiting) == 1 and getattr(call[1], "func", _none).__name__ in _AT_HAND
        if at_hand or self._world.is_closed():
            self._work()
        elif len(self._waiting) == 1:
            self._soon()

    def _soon(self) -> None:
        seconds = self._world.random.uniform(-0.0002, 0.0002)
        if seconds < 0:
            self._world.call_soon(self._work)
        else:
            self._world.call_later(seconds, self._work)

    def _work(self) -> None:
        future, function = self._waiting[0]
        result: Any = None
        error: Exception | None = None
        try:
            result = function()
        except sqlite3.OperationalError as busy:
            if "locked" in str(busy):
                self._world.call_later(_BUSY_AGAIN, self._work)
                return
            error = busy
        except Exception as raised:  # noqa: BLE001 (handed on to whoever waits)
            error = raised
        self._waiting.popleft()
        if future and not future.done():
            future.set_exception(error) if error else future.set_result(result)
        if self._waiting:
            self._soon()


class _NoThread:
    """The thread that is not needed."""

    daemon = True

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        """Nothing to start."""


@contextmanager
def simulated(seed: int) -> Iterator[World]:
    """Give a world; inside it SQLite's driver, ids and clocks follow the seed."""
    world, ears, ids = World(seed), count(), Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aiosqlite.core.SimpleQueue", lambda: _Calls(world))
        patch.setattr("aiosqlite.core.Thread", _NoThread)
        patch.setattr("core.store.inbox.time", SimpleNamespace(monotonic=world.time))
        patch.setattr("core.ids.secrets", SimpleNamespace(token_hex=lambda n: ids.randbytes(n).hex()))
        patch.setattr(Ear, "__hash__", lambda ear: ear.__dict__.setdefault("number", next(ears)))
        yield world


def run(world: World, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in `world`, and close that."""
    with asyncio.Runner(loop_factory=lambda: world) as runner:
        return runner.run(work)
