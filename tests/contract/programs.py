"""The whole program for the contract suites: with channels and desks of one's own, stopped and started again at will.

A kit holds a `Program`; `conftest.programs` makes them. Most tests of a contract share one, since starting it
takes most of a short test's time.
"""

import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_framework import ChatResponse, ChatResponseUpdate, Message, ResponseStream

from bot.bootstrap import Threadline, build
from bot.home import Home
from channels.base import Channel, Desk
from channels.recording import RecordingDesk
from core.agent.extractive import ExtractiveClient
from core.agent.providers import Provider, extractive
from core.ids import FileId
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.store import Store
from kb.embed import Embedder
from tests.conftest import serving
from tests.support import Client, plain_settings


class Clock:
    """Time that passes as it does, begun at `start` (now if 0), moved on by `ahead` seconds."""

    def __init__(self, start: float = 0.0) -> None:
        self.ahead = start - time.time() if start else 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class ReadingClient(ExtractiveClient):
    """The answerer without a model, and every text it was given to read."""

    given: list[str]

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Any, **kwargs: Any
    ) -> Any | ResponseStream[ChatResponseUpdate, ChatResponse]:
        self.given = [message.text for message in messages]
        return super()._inner_get_response(messages=messages, stream=stream, options=options, **kwargs)


class Program:
    """One HOME and the program that runs on it."""

    def __init__(self, folder: Path, embedder: Embedder, clock: Clock, settings: dict[str, Any]) -> None:
        self._home = Home(folder)
        self._embedder = embedder
        self._settings = settings
        self._stack = AsyncExitStack()
        self.clock = clock
        self.channels: Sequence[Channel] = ()
        self.desks: dict[str, Desk] = {}
        self.client: Client

    async def start(self) -> None:
        """Start it; `channels` and `desks` come beside the web's."""
        threadline = build(
            plain_settings(self._home.path, **self._settings),
            self._home,
            clock=self.clock,
            provider=None if "openai_base_url" in self._settings else _reading(),
            embedder=self._embedder,
            channels=self.channels,
            desks=self.desks,
        )
        for desk in self.desks.values():
            if isinstance(desk, RecordingDesk):
                desk.connect(threadline.store)
        self.client = await self._stack.enter_async_context(serving(threadline))

    async def stop(self) -> None:
        """Stop it, whatever it is at."""
        await self._stack.aclose()

    @property
    def threadline(self) -> Threadline:
        """The program that runs now."""
        return self.client.threadline

    @property
    def inbox(self) -> Inbox:
        """Its inbox."""
        return self.threadline.inbox

    @property
    def store(self) -> Store:
        """Its store."""
        return self.threadline.store

    @property
    def files(self) -> Files:
        """Its files."""
        return self.threadline.files

    @property
    def read_by_assistant(self) -> list[str]:
        """The texts that the answerer was given last."""
        client = self.threadline.assistant.provider.client
        assert isinstance(client, ReadingClient)
        return client.given

    async def later(self, seconds: float) -> None:
        """Let time pass, and the sweeps look."""
        self.clock.ahead += seconds
        await self.threadline.sweeps.look()

    async def lose(self, file: FileId) -> None:
        """Lose the bytes of a stored file."""
        (self._home.files / file).unlink()


def _reading() -> Provider:
    plain = extractive()
    assert isinstance(plain.client, ExtractiveClient)
    configuration = plain.client.function_invocation_configuration
    return replace(plain, client=ReadingClient(function_invocation_configuration=configuration))


class Programs:
    """Makes programs whose index holds the sample knowledge base."""

    def __init__(self, folders: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> None:
        self._folders = folders
        self._sample_home = sample_home
        self._embedder = embedder

    @asynccontextmanager
    async def running(
        self,
        *,
        channels: Sequence[Channel] = (),
        desks: dict[str, Desk] | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> AsyncIterator[Program]:
        """Run one while a block lasts, in whichever loop."""
        folder = self._folders.mktemp("program") / "home"
        shutil.copytree(self._sample_home, folder)
        program = Program(folder, self._embedder, clock or Clock(), settings)
        program.channels, program.desks = channels, desks or {}
        await program.start()
        try:
            yield program
        finally:
            await program.stop()
