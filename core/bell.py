"""A bell in the process: 'something changed here', so that nobody has to poll fast.

It carries no content and may be missed (another replica's ring is): whoever listens reads the
database again, after every ring and after a short while without one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

RECEIPTS, EXTRACTIONS, RUNS, DELIVERIES, DESK = "receipts", "extractions", "runs", "deliveries", "desk"


class Ear:
    """One listener. It starts rung, so that its owner looks once before waiting."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._rung.set()

    def ring(self) -> None:
        """Wake the listener, now or at its next `wait`."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, at once if there was one since the last `wait`, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()


class Bell:
    """Rings topics: the names above, or the id of a thread or a receipt."""

    def __init__(self) -> None:
        self._ears: dict[str, set[Ear]] = defaultdict(set)

    def ring(self, *topics: str) -> None:
        """Wake everyone who listens to one of `topics`."""
        for topic in topics:
            for ear in self._ears.get(topic, ()):
                ear.ring()

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Ear]:
        """Give an ear for `topics` while the block lasts."""
        ear = Ear()
        for topic in topics:
            self._ears[topic].add(ear)
        try:
            yield ear
        finally:
            for topic in topics:
                self._ears[topic].discard(ear)
                if not self._ears[topic]:
                    del self._ears[topic]
