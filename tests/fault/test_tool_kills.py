"""The program is killed (-9) at every commit of a change that a customer has confirmed, and the change is made once.

The shop's service of tests/tools stands for an owner's: it knows a change again by its key.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from core.store import schema
from core.store.engine import Database, sqlite_url
from core.store.store import Store
from tests.fakes.openai_server import FakeOpenAI, Step, call, say
from tests.fault.test_kills import LONGEST, Customer, Installation, installation, nothing_waits
from tests.tools.service import Order, OrderService
from tests.tools.shop import SERVICE, installed

KILLS = ("before:actions.begin", "after:actions.begin", "before:actions.settle", "after:actions.settle")
SECRET = "a-secret-of-the-owners-site-0123456789"
KIM = "web:user:kim"
ELM = "12 Elm Street"
MOVE = f"Please send order 1042 to {ELM} instead"


def moving(body: dict[str, Any]) -> Step:
    """A language model that proposes the change, and says what came of it."""
    asked = body["messages"][-1]
    if not body.get("tools"):
        return say("SUMMARY: An order.\nREPLY: Hello!")
    if asked["role"] == "tool":
        return say("Your order goes there now.")
    return call("change_address", {"order": "1042", "address": ELM})


@asynccontextmanager
async def shop(folder: Path, model: FakeOpenAI, service: OrderService) -> AsyncIterator[Installation]:
    """Give an installation with the shop's tools."""
    named = {SERVICE: service.url, "TOOLS": "shop", "WIDGET_SECRET": SECRET}
    async with installation(folder, model.base_url, **named) as place:
        installed(folder / "without")
        yield place


async def asked_to_confirm(customer: Customer) -> tuple[str, dict[str, str]]:
    """Open a chat as Kim, for whom the site vouches, and ask for the change; returns its path and headers."""
    mac = hmac.new(SECRET.encode(), b"kim", hashlib.sha256).hexdigest()
    who = {"identity": {"user_id": "kim", "hash": mac}}
    opened = await customer._call("POST", "/api/v1/chat/sessions", body=lambda: {"json": who})
    path = f"/api/v1/chat/sessions/{opened['session_id']}/messages"
    headers = {"Authorization": f"Bearer {opened['token']}"}
    await said(customer, path, headers, MOVE, "move")
    return path, headers


async def said(customer: Customer, path: str, headers: dict[str, str], text: str, key: str) -> list[str]:
    """Say `text` until it is answered, however often the program dies."""
    while True:
        again = {**headers, "Idempotency-Key": key}
        answer = await customer._call("POST", f"{path}?wait=20", body=lambda: {"json": {"text": text}}, headers=again)
        if "replies" in answer:
            return [reply["text"] for reply in answer["replies"]]


@pytest.mark.parametrize("fault", KILLS)
async def test_a_confirmed_change_is_made_once_whenever_the_program_dies(tmp_path: Path, fault: str) -> None:
    async with (
        FakeOpenAI(otherwise=moving) as model,
        OrderService() as service,
        shop(tmp_path / "shop", model, service) as place,
        aiohttp.ClientSession() as http,
    ):
        service.orders[KIM, "1042"] = Order("4 Oak Road")
        customer = Customer(http, place)
        process = await place.start(fault)
        async with asyncio.timeout(LONGEST):
            path, headers = await asked_to_confirm(customer)
            answering = asyncio.create_task(said(customer, path, headers, "yes", "yes"))
            assert await process.wait() == -9, place.log()
            await place.start()
            assert await answering == ["Your order goes there now."]
            await nothing_waits(http, place)
        keys = service.calls("PUT", KIM)
        assert service.orders[KIM, "1042"].address == ELM
        assert len(set(keys)) == 1
        assert len(keys) == (2 if fault == "before:actions.settle" else 1)
        assert len(service.changed) == 1
    [action] = await rows(place)
    assert (action.state, action.id) == ("done", keys[0])


async def rows(place: Installation) -> list[Any]:
    """Return the calls of tools that were written down."""
    store = Store(Database(sqlite_url(place.folder / "home" / "threadline.db")))
    async with store.database.reading() as connection:
        found = (await connection.execute(select(schema.actions))).all()
    await store.close()
    return list(found)
