"""What a platform says of a person: asked once an hour for each, and not for longer than a customer's event can wait.

A platform wants its 'ok' within seconds, so what is not said soon is left unknown for now. Slack's and Teams' doors
keep one each.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from core.errors import ThreadlineError

log = structlog.get_logger()

T = TypeVar("T")

_KEPT = 3600.0  # seconds
_STALE = 86_400.0  # seconds that an answer may stand in for those that did not come since
_AWAY = 30.0  # seconds after which what was not to be had is asked for again
_MOST = 10_000


class Asked(Generic[T]):
    """The answers of the last hour, by whom they are about."""

    def __init__(self, failure: str, unknown: T, *, patience: float) -> None:
        """`failure` is what the log calls it when nothing was said within `patience` s; `unknown` stands for it."""
        self._failure = failure
        self._unknown = unknown
        self._patience = patience
        self._known: dict[str, tuple[T, float, float]] = {}  # what was said, until when it is kept, when it was said

    async def of(self, person: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` says of `person`, or said lately; `unknown` if it says nothing in time."""
        said, until, at = self._known.get(person, (self._unknown, 0.0, 0.0))
        now = time.monotonic()
        if now < until:
            return said
        try:
            async with asyncio.timeout(self._patience):
                said, at, kept = await ask(), now, _KEPT
        except (ThreadlineError, TimeoutError) as away:
            log.info(self._failure, person=person, why=str(away) or "no answer in time")
            said, kept = said if now - at < _STALE else self._unknown, _AWAY
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[person] = (said, time.monotonic() + kept, at)
        return said
