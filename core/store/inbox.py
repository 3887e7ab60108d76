"""The one door in: every channel hands its events here, and may wait for what becomes of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from core.bell import DESK, RECEIPTS, Bell
from core.inbound import Inbound
from core.messages import DeskAction, DeskEvent, Message
from core.store.receipts import DONE, Receipt
from core.store.store import Store

T = TypeVar("T")

Clock = Callable[[], float]
SEND_ON_ITS_WAY = 2.0
ONE_LINE_OUT = "One line of the assistant was already on its way: the customer may read it after you joined."
_TAKES_OVER = frozenset({DeskAction.CLAIM, DeskAction.ASSIGN, DeskAction.REOPEN})
_LOOK_AGAIN = 1.0  # seconds without a ring after which the database is read anyway (other replicas)


class Inbox:
    """Accepts events for one store and rings for the worker."""

    def __init__(self, store: Store, bell: Bell, clock: Clock) -> None:
        self._store = store
        self._bell = bell
        self._clock = clock

    async def accept(self, inbound: Inbound) -> Receipt:
        """Store `inbound`; once this returns, the platform may be told 'ok'. Raises LookupError as the receipts do."""
        receipt = await self._store.receipts.accept(inbound, self._clock())
        self._bell.ring(RECEIPTS)
        return receipt

    async def settled(self, receipt: Receipt, seconds: float) -> Receipt:
        """Return the receipt once it is decided, or as it stands after `seconds`."""

        async def look() -> Receipt | None:
            found = await self._store.receipts.get(receipt.id)
            return found if found.settled else None

        return await self._watch(look, seconds, receipt.thread, DESK) or await self._store.receipts.get(receipt.id)

    async def told(self, event: DeskEvent, receipt: Receipt, seconds: float) -> Receipt:
        """Return the decided receipt of an operator's action; its `result` is what the operator is told in private.

        Who takes a case over is answered once the bot's line on its way has arrived, or after
        `SEND_ON_ITS_WAY` seconds with the word that one is still out.
        """
        receipt = await self.settled(receipt, seconds)
        if event.action not in _TAKES_OVER or receipt.state != DONE:
            return receipt

        async def arrived() -> bool | None:
            return None if await self._store.deliveries.on_its_way(receipt.thread, self._clock()) else True

        if await self._watch(arrived, SEND_ON_ITS_WAY, receipt.thread, DESK):
            return receipt
        return replace(receipt, result=ONE_LINE_OUT)

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
