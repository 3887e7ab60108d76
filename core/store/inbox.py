"""The one door in: every channel hands its events here, and may wait for what becomes of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.bell import DESK, RECEIPTS, Bell
from core.messages import DeskEvent, InboundMessage, Message
from core.store.receipts import Receipt
from core.store.store import Store

T = TypeVar("T")

Clock = Callable[[], float]
_LOOK_AGAIN = 1.0  # seconds without a ring after which the database is read anyway (other replicas)


class Inbox:
    """Accepts events for one store and rings for the worker."""

    def __init__(self, store: Store, bell: Bell, clock: Clock) -> None:
        self._store = store
        self._bell = bell
        self._clock = clock

    async def accept(self, inbound: InboundMessage | DeskEvent) -> Receipt:
        """Store `inbound`; once this returns, the platform may be told 'ok'. Raises LookupError for an unknown case."""
        receipt = await self._store.receipts.accept(inbound, self._clock())
        self._bell.ring(RECEIPTS)
        return receipt

    async def settled(self, receipt: Receipt, seconds: float) -> Receipt:
        """Return the receipt once it is decided, or as it stands after `seconds`."""

        async def look() -> Receipt | None:
            found = await self._store.receipts.get(receipt.id)
            return found if found.settled else None

        return await self._watch(look, seconds, receipt.thread, DESK) or await self._store.receipts.get(receipt.id)

    async def replies(self, receipt: Receipt, seconds: float) -> list[Message] | None:
        """Return what was said to the customer after this message, once its turn is over; None if that takes longer."""

        return await self._watch(lambda: self._store.receipts.replies(receipt), seconds, receipt.thread)

    async def _watch(self, look: Callable[[], Awaitable[T | None]], seconds: float, *topics: str) -> T | None:
        until = time.monotonic() + seconds
        with self._bell.listen(*topics) as ear:
            while True:
                await ear.wait(min(_LOOK_AGAIN, max(0.0, until - time.monotonic())))
                found = await look()
                if found is not None or time.monotonic() >= until:
                    return found
                await asyncio.sleep(0)
