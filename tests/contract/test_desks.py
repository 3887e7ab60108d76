"""The contracts of channels.testing, run over the whole program: the web desk, and a desk that only records.

A desk of another platform brings its own kit and passes the same tests, unchanged.
"""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.bootstrap import Threadline, build
from bot.home import Home
from channels.base import Desk
from channels.recording import DeskHand, RecordingChannel, RecordingDesk, offers
from channels.testing import Card, DeskContract, OperatorHand, Seen
from core.ids import CaseId, OperatorId, new_id
from core.messages import DeskAction, Resolution
from kb.embed import Embedder
from tests.conftest import serving
from tests.support import Client, Operator, plain_settings


class Clock:
    """The real time, moved on by `ahead` seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Kit:
    """What both kits share: the program, its customers' channel, and time."""

    def __init__(self, client: Client, channel: RecordingChannel, clock: Clock) -> None:
        self.client = client
        self.channel = channel
        self.threadline: Threadline = client.threadline
        self.inbox = self.threadline.inbox
        self.store = self.threadline.store
        self.files = self.threadline.files
        self._clock = clock

    async def remove(self, operator: OperatorHand) -> None:
        await self.store.credentials.revoke_operator(operator.name, self._clock())

    async def later(self, seconds: float) -> None:
        self._clock.ahead += seconds
        await self.threadline.sweeps.look()


@asynccontextmanager
async def program(
    folder: Path, sample_home: Path, embedder: Embedder, channel: RecordingChannel, clock: Clock, **more: Any
) -> AsyncIterator[Client]:
    """The whole program with the recording channel beside the web chat."""
    shutil.copytree(sample_home, folder)
    desks: dict[str, Desk] = more.pop("desks", {})
    settings = plain_settings(folder, **more)
    threadline = build(settings, Home(folder), clock=clock, embedder=embedder, channels=[channel], desks=desks)
    for desk in desks.values():
        if isinstance(desk, RecordingDesk):
            desk.connect(threadline.store)
    async with serving(threadline) as client:
        yield client


# The web desk


class WebHand:
    """An operator at the web desk, over its HTTP API."""

    def __init__(self, kit: Kit, operator: Operator, id_: OperatorId, name: str) -> None:
        self._kit = kit
        self._operator = operator
        self.id = id_
        self.name = name

    async def cards(self) -> list[Card]:
        found = []
        for line in await self._operator.cases("all"):
            detail = await self._operator.case(line["id"])
            sources = [passage["title"] for passage in detail["passages"]]
            trace = [step["detail"] for step in detail["trace"]]
            text = "\n".join((line["customer"], line["reason_text"], line["summary"], *sources, *trace))
            owner = "unclaimed" if line["owner"] == "desk" else "held"
            found.append(Card(CaseId(line["id"]), "resolved" if line["state"] == "resolved" else owner, text))
        return found

    async def lines(self, case: CaseId) -> list[Seen]:
        return [_seen(message) for message in (await self._operator.case(case))["messages"]]

    async def press(
        self,
        case: CaseId,
        action: DeskAction,
        text: str = "",
        *,
        to: OperatorId | None = None,
        outcome: Resolution = Resolution.SOLVED,
        line: str = "",
        repeat: bool = False,
    ) -> str:
        body: dict[str, Any] = {"action": action.value, "text": text, "outcome": outcome.value, "to": to or ""}
        if line:
            said = (await self._operator.case(case))["messages"]
            body["message"] = next(m["id"] for m in said if m["text"] == line)
        return await self._act(case, times=2 if repeat else 1, json=body)

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        if file is None:
            return await self._act(case, json={"action": "write", "text": text})
        form = aiohttp.FormData({"action": "write", "text": text})
        form.add_field("files", file[1], filename=file[0])
        return await self._act(case, data=form)

    async def _act(self, case: CaseId, *, times: int = 1, **body: Any) -> str:
        path, key = f"/api/v1/desk/cases/{case}/actions", new_id("k")
        for _ in range(times):
            answer = await self._kit.client.call(
                "POST", path, token=self._operator.token, headers={"Idempotency-Key": key}, **body
            )
        if answer.status == 200:
            return answer.data["told"] or ""
        return str(answer.data["error"]["message"])

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        found = (await self._operator.case(case))["suggestion"]
        return (found["text"], [citation["title"] for citation in found["citations"]]) if found else ("", [])

    async def called(self) -> list[str]:
        return [line["summary"] for line in await self._operator.cases() for _ in range(line["reminders"])]


def _seen(message: dict[str, Any]) -> Seen:
    mark = "withdrawn" if message["withdrawn"] else "edited" if message["changed"] else ""
    return Seen(
        message["text"],
        outcome=message["delivery"] or "",
        error=message["delivery_error"],
        mark=mark,
        files=tuple((file["name"], file["delivery"] or "") for file in message["files"]),
        offers=tuple(message["actions"]),
    )


class WebKit(Kit):
    """The web desk."""

    async def operator(self, name: str) -> WebHand:
        operator = await self.client.operator(name)
        me = (await self.client.call("GET", "/api/v1/desk/me", token=operator.token)).data
        return WebHand(self, operator, OperatorId(me["id"]), name)


class TestTheWebDesk(DeskContract):
    """The built-in desk."""

    @pytest.fixture
    async def kit(self, tmp_path: Path, sample_home: Path, embedder: Embedder) -> AsyncIterator[WebKit]:
        """The program with its web desk."""
        channel, clock = RecordingChannel(), Clock()
        async with program(tmp_path / "home", sample_home, embedder, channel, clock) as client:
            yield WebKit(client, channel, clock)


# A desk that records


class RecordingHand(DeskHand):
    """An operator at the recording desk."""

    def __init__(self, kit: "RecordingKit", id_: OperatorId, name: str) -> None:
        super().__init__(kit.desk, kit.inbox, kit.files, id_, name)
        self._kit = kit

    async def cards(self) -> list[Card]:
        cases = {case.id: case for case in await self._kit.store.cases.find("all")}
        return [Card(case, _shown_state(text), text) for case, text in self._kit.desk.cards.items() if case in cases]

    async def lines(self, case: CaseId) -> list[Seen]:
        return [
            Seen(
                line.text,
                outcome=line.fates[0].state.value if line.fates else "",
                error=line.fates[0].error if line.fates else "",
                mark=line.mark,
                files=tuple(
                    (name, line.fates[at + 1].state.value if len(line.fates) > at + 1 else fate)
                    for at, (name, fate) in enumerate(line.files)
                ),
                offers=offers(line),
            )
            for line in self._kit.desk.threads.get(case, [])
        ]

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        found = (await self._kit.store.cases.get(case)).suggestion
        return (found.text, [citation.title for citation in found.citations]) if found else ("", [])

    async def called(self) -> list[str]:
        return [text for text, _ in self._kit.desk.reminders]


def _shown_state(card: str) -> str:
    return card.splitlines()[1]


class RecordingKit(Kit):
    """The recording desk."""

    def __init__(self, client: Client, channel: RecordingChannel, clock: Clock, desk: RecordingDesk) -> None:
        super().__init__(client, channel, clock)
        self.desk = desk

    async def operator(self, name: str) -> RecordingHand:
        operator, _ = await self.store.credentials.add_operator(name, self._clock())
        return RecordingHand(self, operator.id, name)


class TestARecordingDesk(DeskContract):
    """A desk on another platform, here a list."""

    @pytest.fixture
    async def kit(self, tmp_path: Path, sample_home: Path, embedder: Embedder) -> AsyncIterator[RecordingKit]:
        """The program with the recording desk."""
        channel, clock = RecordingChannel(), Clock()
        desk = RecordingDesk()
        desks = {desk.name: desk}
        async with program(
            tmp_path / "home", sample_home, embedder, channel, clock, desk=desk.name, desks=desks
        ) as client:
            yield RecordingKit(client, channel, clock, desk)
