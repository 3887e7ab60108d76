"""Waiting for a platform that asks for a pause, where something of what belongs together stands there already.

Used by channels and desks of chat platforms: the second post of a message, or a sentence for one reader, is waited for
here rather than given back to the worker, which would do the first once more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from core.errors import TemporaryError

T = TypeVar("T")
log = structlog.get_logger()

_AGAIN = 5
_LONGEST_PAUSE = 30.0  # seconds


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, again after the pause that the platform asks for; raises what it raises at the last time."""
    for _ in range(_AGAIN):
        try:
            return await work()
        except TemporaryError as away:
            await asyncio.sleep(min(away.retry_after or 1.0, _LONGEST_PAUSE))
    return await work()


async def surely(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` patiently; a failure is written down and no more, because what it belongs to stands already."""
    try:
        await patiently(work)
    except Exception:  # the edge to a platform
        log.exception("desk_incomplete", what=what)
