"""The contracts of channels.testing, run over the whole program: the web desk, and a desk that only records.

A desk of another platform brings its own kit and passes the same tests, unchanged.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest_asyncio

from channels.recording import DeskHand, RecordingChannel, RecordingDesk, offers
from channels.testing import Card, DeskContract, DeskContractOverTime, OperatorHand, Seen
from core.ids import CaseId, OperatorId, new_id
from core.messages import DeskAction, Resolution
from tests.contract.programs import Program, Programs
from tests.support import Operator


class Kit:
    """What both kits share: the program, its customers' channel, and its operators."""

    def __init__(self, program: Program, channel: RecordingChannel) -> None:
        self.program = program
        self.channel = channel
        self.inbox = program.inbox
        self.store = program.store
        self.files = program.files
        self._tokens: dict[str, tuple[OperatorId, str]] = {}

    async def signed_in(self, name: str) -> tuple[OperatorId, str]:
        """Return the id and the token of the operator of that name, made if there is none."""
        if name not in self._tokens:
            operator, token = await self.store.credentials.add_operator(name, self.program.clock())
            self._tokens[name] = operator.id, token
        return self._tokens[name]

    async def remove(self, operator: OperatorHand) -> None:
        await self.store.credentials.revoke_operator(operator.name, self.program.clock())
        del self._tokens[operator.name]

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)


# The web desk


class WebHand:
    """An operator at the web desk, over its HTTP API."""

    def __init__(self, kit: "WebKit", operator: Operator, id_: OperatorId, name: str) -> None:
        self._kit = kit
        self._operator = operator
        self.id = id_
        self.name = name

    async def cards(self) -> list[Card]:
        return [await self._card(line) for line in await self._operator.cases("all")]

    async def _card(self, line: dict[str, Any]) -> Card:
        """Return the card of a case on the list; the case is read again only when the list says that it changed."""
        updated, card = self._kit.cards.get(line["id"], ("", None))
        if card is None or updated != line["updated_at"]:
            detail = await self._operator.case(line["id"])
            sources = [passage["title"] for passage in detail["passages"]]
            trace = [step["detail"] for step in detail["trace"]]
            text = "\n".join((line["customer"], line["reason_text"], line["summary"], *sources, *trace))
            owner = "unclaimed" if line["owner"] == "desk" else "held"
            card = Card(CaseId(line["id"]), "resolved" if line["state"] == "resolved" else owner, text)
            self._kit.cards[line["id"]] = line["updated_at"], card
        return card

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
            answer = await self._kit.program.client.call(
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
    """The web desk. `cards` are those read so far, and when each was changed last."""

    def __init__(self, program: Program, channel: RecordingChannel) -> None:
        super().__init__(program, channel)
        self.cards: dict[str, tuple[str, Card]] = {}

    async def operator(self, name: str) -> WebHand:
        id_, token = await self.signed_in(name)
        return WebHand(self, Operator(self.program.client, token), id_, name)


@asynccontextmanager
async def web(programs: Programs) -> AsyncIterator[WebKit]:
    """Run the program with its web desk."""
    channel = RecordingChannel()
    async with programs.running(channels=[channel]) as program:
        yield WebKit(program, channel)


class TestTheWebDesk(DeskContract):
    """The built-in desk."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[WebKit]:
        """One program for all of these tests."""
        async with web(programs) as kit:
            yield kit


class TestTheWebDeskOverTime(DeskContractOverTime):
    """The built-in desk, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[WebKit]:
        """A program for each test."""
        async with web(programs) as kit:
            yield kit


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

    def __init__(self, program: Program, channel: RecordingChannel, desk: RecordingDesk) -> None:
        super().__init__(program, channel)
        self.desk = desk

    async def operator(self, name: str) -> RecordingHand:
        return RecordingHand(self, (await self.signed_in(name))[0], name)


@asynccontextmanager
async def recording(programs: Programs) -> AsyncIterator[RecordingKit]:
    """Run the program with a desk whose platform is a list."""
    channel, desk = RecordingChannel(), RecordingDesk()
    async with programs.running(channels=[channel], desks={desk.name: desk}, desk=desk.name) as program:
        yield RecordingKit(program, channel, desk)


class TestARecordingDesk(DeskContract):
    """A desk on another platform, here a list."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[RecordingKit]:
        """One program for all of these tests."""
        async with recording(programs) as kit:
            yield kit


class TestARecordingDeskOverTime(DeskContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[RecordingKit]:
        """A program for each test."""
        async with recording(programs) as kit:
            yield kit
