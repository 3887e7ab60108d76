"""The contract for tools, run on the shop's: what an author of tools writes, too."""

from collections.abc import AsyncIterator

import pytest

from core.tools_testing import KIM, Example, ToolContract
from tests.tools.service import Order, OrderService
from tests.tools.shop import SERVICE, cancel_order, change_address, order_status


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrderService]:
    """The shop's service, with one order of Kim's."""
    async with OrderService() as running:
        running.orders[KIM.customer, "1042"] = Order("4 Oak Road")
        monkeypatch.setenv(SERVICE, running.url)
        yield running


class TestOrderStatus(ToolContract):
    """Looking an order up."""

    @pytest.fixture
    def example(self, service: OrderService) -> Example:
        """Kim's order."""

        async def state() -> object:
            return dict(service.changed)

        return Example(order_status, {"order": "1042"}, state=state)


class TestChangeAddress(ToolContract):
    """Another address."""

    @pytest.fixture
    def example(self, service: OrderService) -> Example:
        """Kim's order moves."""

        async def state() -> object:
            return dict(service.changed)

        return Example(change_address, {"order": "1042", "address": "12 Elm Street"}, state=state)


class TestCancelOrder(ToolContract):
    """A cancellation, with a secret."""

    @pytest.fixture
    def example(self, service: OrderService) -> Example:
        """Kim's order goes."""

        async def state() -> object:
            return dict(service.changed)

        return Example(cancel_order, {"order": "1042", "pin": "7731"}, state=state)
