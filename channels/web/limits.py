"""How often one address or session may ask: so many times a minute, then 429 with Retry-After."""

import math
import time

from aiohttp import web
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class TooMany(web.HTTPTooManyRequests):
    """Too many requests; `Retry-After` says when to come back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            text=f"That was a lot at once. Try again in {seconds} s.", headers={"Retry-After": str(seconds)}
        )


class RateLimit:
    """Moving windows of a minute, in this process's memory."""

    def __init__(self, per_minute: dict[str, int]) -> None:
        """`per_minute`: for each kind of request, how many a minute one subject may make."""
        self._items = {kind: RateLimitItemPerMinute(count) for kind, count in per_minute.items()}
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, kind: str, subject: str, *, cost: int = 1) -> None:
        """Count one request of `kind` by `subject`, or `cost` of them. Raises `TooMany`."""
        item = self._items[kind]
        if not self._limiter.hit(item, kind, subject, cost=cost):
            resets = self._limiter.get_window_stats(item, kind, subject).reset_time
            raise TooMany(max(1, math.ceil(resets - time.time())))
