"""The whole program beside a platform on which people chat: what `slacking` and `teaming` do alike.

`Running` is the program on a HOME of its own; a `Conversation` is what a customer sees of it there, and what our store
has.
"""

import asyncio
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Generic, TypeVar

from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.settings import Settings
from channels.recording import quiet
from core.ids import ThreadKey
from core.messages import Author, Message
from core.store import facts
from core.store.store import Store
from core.thread import Thread
from kb.embed import Embedder
from tests.conftest import serving
from tests.support import Client, Operator, plain_settings, until

ROOT = Path(__file__).resolve().parents[2]

WITHIN = 20.0  # seconds for what must happen on a busy machine
RETURNS = "How long do I have to return an article?"
DELIVERY = "How much does delivery cost?"
A_PERSON = "I want to talk to a person, please."

Shown = TypeVar("Shown")
"""A message as people on the platform read it."""


class Clock:
    """The real time, moved on by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Running:
    """The program; it can be stopped and started again."""

    def __init__(self, folder: Path, embedder: Embedder, clock: Clock, **settings: Any) -> None:
        self._folder = folder
        self._embedder = embedder
        self._settings = settings
        self._stack = AsyncExitStack()
        self.clock = clock
        self.client: Client

    @property
    def settings(self) -> Settings:
        """How it is set."""
        return plain_settings(self._folder, **self._settings)

    async def launch(self) -> Threadline:
        """Start it and return it; the platform may not reach it yet."""
        threadline = build(self.settings, Home(self._folder), clock=self.clock, embedder=self._embedder)
        self.client = await self._stack.enter_async_context(serving(threadline))
        return threadline

    async def stop(self) -> None:
        """Stop it, whatever it is at."""
        await self._stack.aclose()

    @property
    def store(self) -> Store:
        """What it remembers."""
        return self.client.threadline.store

    @property
    def written(self) -> bytes:
        """Everything that it has put on disk."""
        return b"".join(path.read_bytes() for path in self._folder.rglob("*") if path.is_file())

    async def command(self, *words: str) -> tuple[int, str, str]:
        """Run `threadline WORDS` beside it; return its status, and what it printed and complained of."""
        return await command(self._folder, *words, **self._settings)

    async def silence(self) -> None:
        """Wait until nothing is on its way any more: what has not come by now does not come."""
        await quiet(self.store)

    async def case_of(self, operator: Operator, customer: str) -> dict[str, Any]:
        """Return the newest case whose customer is called `customer`, in full, once there is one."""
        return await newest_case(operator, customer)


class Conversation(ABC, Generic[Shown]):
    """One conversation with the app."""

    office: Running

    @property
    @abstractmethod
    def key(self) -> ThreadKey:
        """Its key in our store."""

    @property
    @abstractmethod
    def posts(self) -> Sequence[Shown]:
        """What the app has posted there, as people read it."""

    @property
    @abstractmethod
    def words(self) -> list[str]:
        """The words of these."""

    async def settled(self) -> list[str]:
        """Return the words of what the app has posted, once nothing more is to come."""
        await self.office.silence()
        return self.words

    async def answer(self, number: int = 1) -> Shown:
        """Return the post `number` of the app's, once it is there and nothing more is to come."""

        async def posted() -> bool:
            return len(self.posts) >= number

        await until(posted, WITHIN)
        await self.office.silence()
        return self.posts[number - 1]

    async def noted(self, fact: str) -> str:
        """Have the assistant note `fact` about the customer; returns what operators call it."""
        thread, store = await self.thread(), self.office.store
        assert thread
        async with store.database.writing("test") as connection:
            await facts.remember(connection, thread, fact, self.office.clock())
        return next(one.name for one in await store.facts_about(thread) if one.text == fact)

    async def thread(self) -> Thread | None:
        """Return it as our store has it; None if it has nothing of it."""
        return await self.office.store.find_thread(self.key)

    async def stored(self, author: Author | None = None) -> list[Message]:
        """Return what our store has of it, or what one side said."""
        thread = await self.thread()
        assert thread, "nothing was stored"
        said = await self.office.store.messages(thread.id)
        return [message for message in said if author in {None, message.author}]


async def command(folder: Path, *words: str, **settings: Any) -> tuple[int, str, str]:
    """Run `threadline WORDS` in HOME `folder`; return its status, and what it printed and complained of."""
    given = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "THREADLINE_HOME": str(folder),
            **{name.upper(): value for name, value in given.items()},
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def newest_case(operator: Operator, customer: str) -> dict[str, Any]:
    """Return the newest case whose customer is called `customer`, in full, once there is one."""

    async def opened() -> dict[str, Any] | None:
        named = [case for case in await operator.cases() if case["customer"] == customer]
        return max(named, key=lambda case: int(case["number"])) if named else None

    line = await until(opened, WITHIN)
    return await operator.case(str(line["id"]))


async def fate(operator: Operator, case: str, text: str) -> tuple[str, str]:
    """Return what became of an operator's line, once that is known."""

    async def known() -> tuple[str, str] | None:
        said = (await operator.case(case))["messages"]
        [line] = [one for one in said if one["text"] == text]
        return (line["delivery"], line["delivery_error"]) if line["delivery"] not in {None, "waiting"} else None

    found = await until(known, WITHIN)
    assert isinstance(found, tuple)
    return found
