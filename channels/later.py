"""What is done after an event was taken: private words, forms, a status. It is awaited, or broken off, at the end.

The doors and the desks of chat platforms keep one each: a platform waits a few seconds for an 'ok', which can't wait
for these.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Later:
    """Work that goes on by itself; what it fails with is written down as the event `failure`, with `about`."""

    def __init__(self, failure: str, **about: object) -> None:
        self._failure = failure
        self._about = about
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error(self._failure, **self._about, exc_info=error)

    async def finish(self) -> None:
        """Wait until all is done, what is begun meanwhile too."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def break_off(self) -> None:
        """Leave undone what is not done yet."""
        for task in self._tasks:
            task.cancel()
        await self.finish()
