"""One program for many tests: starting it takes most of a short test's time."""

import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.bootstrap import build
from bot.home import Home
from core.store.inbox import Clock
from kb.embed import Embedder
from tests.conftest import serving
from tests.support import Client, plain_settings

Start = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> Iterator[None]:
    """Log plain text: by default structlog renders tracebacks with all locals, which takes seconds each."""
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event", "level"]),
    ]
    structlog.configure(processors=processors)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Start:
    """Return a function that runs the whole program while a block lasts, in whichever loop and for how long."""

    @asynccontextmanager
    async def start(*, clock: Clock = time.time, **settings: Any) -> AsyncIterator[Client]:
        folder = tmp_path_factory.mktemp("program") / "home"
        shutil.copytree(sample_home, folder)
        threadline = build(plain_settings(folder, **settings), Home(folder), clock=clock, embedder=embedder)
        async with serving(threadline) as client:
            yield client

    return start
