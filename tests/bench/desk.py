"""How long people wait for the machine at the desk, over loopback: `make bench`.

'handover' is from the customer's call for a person to the case in hand at the desk: told by its socket, read with a
GET. 'reply' is from the operator's answer to the line on the customer's socket. Everyone's case stays open, so
the list that is read grows to `ROUNDS` cases. Goal: each under 300 ms in 19 of 20 rounds, on a quiet machine.
"""

import asyncio
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientWebSocketResponse

from bot.bootstrap import build
from bot.home import Home
from tests.bench.message import ROUNDS
from tests.conftest import serving
from tests.support import Chat, Client, Operator, plain_settings

A_PERSON = "I want to talk to a person"
PATIENCE = 30.0  # seconds for a frame


async def handover(chat: Chat, ada: Operator, desk: ClientWebSocketResponse, known: set[str]) -> tuple[float, str]:
    """Ask for a person; return the milliseconds until the desk has the case, which is none of the `known`, and its id.

    The desk is told of the older cases too, as their drafts are done; only the new one is read.
    """
    started = time.perf_counter()
    await chat.post(A_PERSON)
    while (case := (await desk.receive_json(timeout=PATIENCE))["case_id"]) in known:
        pass
    [line] = [line for line in await ada.cases() if line["id"] == case]
    taken = (time.perf_counter() - started) * 1000
    assert line["customer"] == f"Customer {chat.session[-4:]}"
    known.add(case)
    return taken, case


async def reply(chat: Chat, ada: Operator, case: str) -> float:
    """Answer as the operator; return the milliseconds until the customer's socket has the line."""
    await ada.act(case, "claim")
    async with chat.socket() as socket:
        await _until(socket, {"type": "owner", "owner": "operator"})
        started = time.perf_counter()
        answering = asyncio.ensure_future(ada.act(case, "reply", "Ada here. What happened?"))
        while (await socket.receive_json(timeout=PATIENCE)).get("message", {}).get("author") != "operator":
            pass
        taken = (time.perf_counter() - started) * 1000
        assert (await answering).status == 200
    return taken


async def _until(socket: ClientWebSocketResponse, wanted: dict[str, Any]) -> None:
    while not wanted.items() <= (await socket.receive_json(timeout=PATIENCE)).items():
        pass


async def measure() -> dict[str, list[float]]:
    """Return the milliseconds of each round, the two that warm up left out."""
    times: dict[str, list[float]] = {"handover until the desk has it": [], "reply until the customer has it": []}
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        threadline = build(plain_settings(home.path), home)
        async with serving(threadline) as client:
            await threadline.readiness.assistant()
            ada = await client.operator("Ada")
            async with await _desk(client, ada) as desk:
                known: set[str] = set()
                for _ in range(ROUNDS + 2):
                    chat = await client.chat()
                    taken, case = await handover(chat, ada, desk, known)
                    for series, value in zip(times.values(), (taken, await reply(chat, ada, case)), strict=True):
                        series.append(value)
    return {name: series[2:] for name, series in times.items()}


async def _desk(client: Client, operator: Operator) -> ClientWebSocketResponse:
    ticket = (await client.call("POST", "/api/v1/desk/ticket", token=operator.token)).data["ticket"]
    return await client.http.ws_connect(f"{client.url}/api/v1/desk/ws?ticket={ticket}")


async def main() -> None:
    """Print the figures."""
    print(f"{'at the desk':<32}{'p50 ms':>9}{'p95 ms':>9}    load {os.getloadavg()[0]:.1f}")
    for name, series in (await measure()).items():
        print(f"{name:<32}{statistics.median(series):>9.2f}{statistics.quantiles(series, n=20)[-1]:>9.2f}")
