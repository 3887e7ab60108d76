"""The shop's order service on a loopback port: it knows a change again by its key, and fails as it is told to."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from tests.fakes import loopback

Trouble = Literal["hang", "error", "big", "lost"]
"""It never answers; answers 500; answers 10 MB; does what it is asked to and then breaks off."""


@dataclass
class Order:
    """One order of a customer."""

    address: str
    state: str = "packed"
    items: list[str] = field(default_factory=lambda: ["Larkfield City 3"])


class OrderService:
    """The service: `orders` by customer and number, `changed` by idempotency key, `asked` as it came."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Order] = {}
        self.changed: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, key
        self.troubles: deque[Trouble] = deque()
        self.reached = asyncio.Event()
        self._over = asyncio.Event()
        self.url = ""

    def calls(self, method: str, customer: str) -> list[str]:
        """Return the keys of the calls that were made for `customer`."""
        return [key for asked, path, key in self.asked if asked == method and f"/customers/{customer}/" in path]

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.get("/customers/{customer}/orders/{order}", self._look),
                web.put("/customers/{customer}/orders/{order}/{what}", self._change),
            ]
        )
        self._runner, self.url = await loopback.serve(application, shutdown_timeout=0.1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        await self._runner.cleanup()

    async def _found(self, request: web.Request) -> Order:
        key = request.headers.get("Idempotency-Key", "")
        self.asked.append((request.method, request.path, key))
        self.reached.set()
        if self.troubles and self.troubles[0] != "lost":
            match self.troubles.popleft():
                case "hang":
                    await self._over.wait()
                case "error":
                    raise web.HTTPInternalServerError(text="secret-of-the-service")
                case "big":
                    raise web.HTTPOk(text='{"all": "' + "x" * 10_000_000 + '"}', content_type="application/json")
        order = self.orders.get((request.match_info["customer"], request.match_info["order"]))
        if order is None:
            raise web.HTTPNotFound
        return order

    async def _look(self, request: web.Request) -> web.Response:
        order = await self._found(request)
        return web.json_response({"state": order.state, "address": order.address, "items": order.items})

    async def _change(self, request: web.Request) -> web.Response:
        order = await self._found(request)
        if order.state == "sent":
            raise web.HTTPConflict
        body = await request.json()
        key = request.headers["Idempotency-Key"]
        if key not in self.changed:
            self.changed[key] = body
            order.address = body.get("address", order.address)
            order.state = "cancelled" if request.match_info["what"] == "cancelled" else order.state
        if self.troubles and self.troubles[0] == "lost":
            self.troubles.popleft()
            if request.transport:
                request.transport.abort()
        return web.json_response({"address": order.address})
