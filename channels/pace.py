"""Keeps a platform's pace: so long between two posts in one place, and none at all while it asks for a pause.

Used by the channels' `api`s. A lane is whatever the platform counts by: a channel, a method in a channel.
"""

import asyncio
import time

from core.errors import TemporaryError

_MOST_LANES = 10_000


class Pace:
    """The lanes of one platform. Times are of this process: each replica keeps the pace by itself."""

    def __init__(self, apart: float) -> None:
        """`apart`: seconds between two turns of one lane."""
        self._apart = apart
        self._next: dict[str, float] = {}
        self._closed: dict[str, float] = {}

    async def turn(self, lane: str) -> None:
        """Wait until it is this lane's turn; who comes first goes first."""
        now = time.monotonic()
        self._next = _still(self._next, now)
        at = max(now, self._next.get(lane, 0.0))
        self._next[lane] = at + self._apart
        await asyncio.sleep(at - now)

    def close(self, lane: str, seconds: float) -> None:
        """The platform asks for a pause."""
        now = time.monotonic()
        self._closed = _still(self._closed, now)
        self._closed[lane] = now + seconds

    def check(self, lane: str, sentence: str) -> None:
        """Raises `TemporaryError` with `sentence` while the lane is closed."""
        wait = self._closed.get(lane, 0.0) - time.monotonic()
        if wait > 0:
            raise TemporaryError(sentence, retry_after=wait)


def _still(lanes: dict[str, float], now: float) -> dict[str, float]:
    if len(lanes) < _MOST_LANES:
        return lanes
    return {lane: at for lane, at in lanes.items() if at > now}
