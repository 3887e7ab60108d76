"""The contract of `channels.testing` for customers, over the whole program: the web chat, and channels that record.

A channel to another platform brings its own kit and passes the same tests, unchanged. The last kit here is of a
channel that does no more than every channel must.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest_asyncio

from channels.base import Sent
from channels.recording import Customer, RecordingChannel, until
from channels.testing import Can, ChannelContract, ChannelContractOverTime, Shown
from channels.web.parse import session_key
from core.delivery import Part
from core.ids import CaseId, FileId, ThreadKey, new_id
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.store import Store
from tests.contract.programs import Clock, Program, Programs
from tests.support import Chat


class Kit:
    """What the kits share: the program."""

    can: frozenset[Can] = frozenset()

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def inbox(self) -> Inbox:
        return self.program.inbox

    @property
    def store(self) -> Store:
        return self.program.store

    @property
    def files(self) -> Files:
        return self.program.files

    @property
    def read_by_assistant(self) -> list[str]:
        return self.program.read_by_assistant

    async def lose(self, file: FileId) -> None:
        await self.program.lose(file)

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)


# The web chat


class WebCustomer:
    """A customer on the chat page: writes over the HTTP API, and reads what the page's socket brings."""

    def __init__(self, kit: "WebKit", chat: Chat) -> None:
        self._kit = kit
        self._chat = chat
        self._sent: dict[str, tuple[str, str, tuple[tuple[str, bytes], ...]]] = {}
        self._screen: dict[str, dict[str, Any]] = {}
        self._opened: dict[str, bytes] = {}
        self._page = asyncio.create_task(asyncio.sleep(0))
        self.key: ThreadKey = session_key(chat.session)

    async def open_page(self) -> None:
        """Read the conversation, then open the socket and take what it brings, as the page does."""
        self._chat.client = self._kit.program.client
        for message in await self._chat.read():
            self._screen[message["id"]] = message
        is_open = asyncio.Event()
        self._page = asyncio.create_task(self._watch(is_open))
        await is_open.wait()

    async def close_page(self) -> None:
        """Close the page, as far as it is open."""
        self._page.cancel()
        await asyncio.gather(self._page, return_exceptions=True)

    async def _watch(self, is_open: asyncio.Event) -> None:
        async with self._chat.socket(after=next(reversed(self._screen), "")) as socket:
            is_open.set()
            async for frame in socket:
                data = json.loads(frame.data)
                if data["type"] in {"message", "changed"}:
                    self._screen[data["message"]["id"]] = data["message"]

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        return await self._post(new_id("k"), text, files)

    async def again(self, event: str) -> None:
        assert await self._post(*self._sent[event]) == event

    async def _post(self, key: str, text: str, files: tuple[tuple[str, bytes], ...]) -> str:
        body: dict[str, Any] = {"json": {"text": text}}
        if files:
            body = {"data": (form := aiohttp.FormData({"text": text}))}
            for name, content in files:
                form.add_field("files", content, filename=name)
        answer = await self._call("POST", "messages", headers={"Idempotency-Key": key}, **body)
        assert answer.status == 202, answer.data
        self._sent[answer.data["message_id"]] = (key, text, files)
        return str(answer.data["message_id"])

    async def changes(self, event: str, text: str | None) -> None:
        path = f"messages/{event}"
        answer = await (self._call("DELETE", path) if text is None else self._call("PUT", path, json={"text": text}))
        assert answer.status == 200, answer.data

    async def rates(self, case: CaseId, score: int) -> str:
        answer = await self._call("POST", "survey", json={"case_id": case, "score": score})
        return "" if answer.status == 200 else str(answer.data["error"]["message"])

    async def reads(self) -> list[Shown]:
        return [
            Shown(
                message["text"],
                message["name"] if message["author"] == "operator" else "",
                tuple(citation["title"] for citation in message["citations"]),
            )
            for message in await self._of_others()
            if not message["withdrawn"]
        ]

    async def files(self) -> list[tuple[str, bytes]]:
        there = [file for message in await self._of_others() for file in message["files"]]
        return [(file["name"], await self._open(file["id"])) for file in there]

    async def _open(self, file: str) -> bytes:
        if file not in self._opened:
            where = f"{self._kit.program.client.url}{self._chat.path}/files/{file}"
            headers = {"Authorization": f"Bearer {self._chat.token}"}
            async with self._kit.program.client.http.get(where, headers=headers) as response:
                assert response.status == 200
                self._opened[file] = await response.read()
        return self._opened[file]

    async def _of_others(self) -> list[dict[str, Any]]:
        """Return the screen once it shows all that can be read over HTTP by now."""
        there = {message["id"] for message in await self._chat.read()}

        async def shown() -> bool:
            return there <= set(self._screen)

        await until(shown)
        return [message for message in self._screen.values() if message["author"] != "customer"]

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        return await self._kit.program.client.call(
            method, f"{self._chat.path}/{path}", token=self._chat.token, **options
        )


class WebKit(Kit):
    """The web chat. Nobody can block it: whoever closes the page reads on when they come back."""

    can = frozenset(Can) - {Can.BLOCK}

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._customers: list[WebCustomer] = []

    async def customer(self, name: str) -> WebCustomer:
        customer = WebCustomer(self, await self.program.client.chat())
        self._customers.append(customer)
        await customer.open_page()
        return customer

    async def block(self, customer: object) -> None:
        raise NotImplementedError

    async def restart(self) -> None:
        await self.close()
        await self.program.stop()
        await self.program.start()
        for customer in self._customers:
            await customer.open_page()

    async def close(self) -> None:
        """Close the customers' pages."""
        for customer in self._customers:
            await customer.close_page()


@asynccontextmanager
async def web(programs: Programs, contract: type[ChannelContract | ChannelContractOverTime]) -> AsyncIterator[WebKit]:
    """Run the program for the web chat."""
    async with programs.running(clock=Clock(contract.STARTS.timestamp()), **contract.SETTINGS) as program:
        kit = WebKit(program)
        try:
            yield kit
        finally:
            await kit.close()


class TestTheWebChat(ChannelContract):
    """The built-in chat."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[WebKit]:
        """One program for all of these tests."""
        async with web(programs, ChannelContract) as kit:
            yield kit


class TestTheWebChatOverTime(ChannelContractOverTime):
    """The built-in chat, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[WebKit]:
        """A program for each test."""
        async with web(programs, ChannelContractOverTime) as kit:
            yield kit


# A channel that records


class RecordingHand:
    """A customer on a channel whose platform is a list."""

    def __init__(self, kit: "RecordingKit", name: str) -> None:
        self._kit = kit
        self.customer = Customer(kit.inbox, kit.channel, name)
        self.key = self.customer.key

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        saved = [await self._kit.files.save(name, "application/octet-stream", content, 0.0) for name, content in files]
        return await self._now.says(text, tuple(file.id for file in saved))

    async def again(self, event: str) -> None:
        await self._now.again(event)

    async def changes(self, event: str, text: str | None) -> None:
        await self._now.changes(event, text)

    async def rates(self, case: CaseId, score: int) -> str:
        return await self._now.rates(case, score)

    async def reads(self) -> list[Shown]:
        return [Shown(one.text, one.name, one.sources) for one in self.customer.screen() if not one.file]

    async def files(self) -> list[tuple[str, bytes]]:
        return [(one.file, one.content) for one in self.customer.screen() if one.file]

    @property
    def _now(self) -> Customer:
        """The customer, writing to the program that runs now."""
        self.customer.inbox = self._kit.inbox
        return self.customer


class RecordingKit(Kit):
    """A channel that can do everything."""

    can = frozenset(Can)

    def __init__(self, program: Program, channel: RecordingChannel) -> None:
        super().__init__(program)
        self.channel = channel

    async def customer(self, name: str) -> RecordingHand:
        return RecordingHand(self, name)

    async def block(self, customer: Any) -> None:
        self.channel.blocked.add(customer.key.conversation)

    async def restart(self) -> None:
        await self.program.stop()
        await self.program.start()


class SendingChannel:
    """A channel that only sends words: no files, no edits, nothing that grows, nothing to look up."""

    name = "recording"
    deduplicates = False
    live = True

    def __init__(self, platform: RecordingChannel) -> None:
        self._platform = platform

    async def send(self, part: Part) -> Sent:
        """Send the words."""
        return await self._platform.send(part)


class SendingKit(RecordingKit):
    """A channel that does no more than every channel must, for customers who can do no more than write."""

    can = frozenset({Can.BLOCK, Can.WATCH, Can.OUTLIVE})


@asynccontextmanager
async def recording(
    programs: Programs, contract: type[ChannelContract | ChannelContractOverTime], *, only_sends: bool = False
) -> AsyncIterator[RecordingKit]:
    """Run the program for a channel whose platform is a list."""
    async with AsyncExitStack() as stack:
        platform = RecordingChannel()
        channel = SendingChannel(platform) if only_sends else platform
        program = await stack.enter_async_context(
            programs.running(channels=[channel], clock=Clock(contract.STARTS.timestamp()), **contract.SETTINGS)
        )
        yield SendingKit(program, platform) if only_sends else RecordingKit(program, platform)


class TestARecordingChannel(ChannelContract):
    """A channel on another platform, here a list."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[RecordingKit]:
        """One program for all of these tests."""
        async with recording(programs, ChannelContract) as kit:
            yield kit


class TestARecordingChannelOverTime(ChannelContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[RecordingKit]:
        """A program for each test."""
        async with recording(programs, ChannelContractOverTime) as kit:
            yield kit


class TestAChannelThatOnlySends(ChannelContract):
    """The least that a channel can be: what it can't do ends in words."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[RecordingKit]:
        """One program for all of these tests."""
        async with recording(programs, ChannelContract, only_sends=True) as kit:
            yield kit
