"""Fixtures shared by all tests: real databases, the real embedding model, the whole program on a free port.

PostgreSQL tests run where THREADLINE_TEST_POSTGRES names a server whose user may create databases
(`.ci/run` starts one); elsewhere they skip and say so.
"""

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from bot.admin import Admin
from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.http import listen, make_application
from bot.settings import Settings
from core.agent.providers import Provider
from core.store.engine import Database, sqlite_url
from core.store.migrations import migrate
from core.store.store import Store
from kb.embed import Embedder
from tests.support import Client, ManualClock, plain_settings

# How long an example takes says more of the machine than of the code: benchmarks measure that.
hypothesis_settings.register_profile("threadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("threadline")

POSTGRES = os.environ.get("THREADLINE_TEST_POSTGRES", "")
NO_POSTGRES = "set THREADLINE_TEST_POSTGRES=postgresql+asyncpg://user:password@127.0.0.1/postgres to run this"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands until it is told to move."""
    return ManualClock()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(not POSTGRES, reason=NO_POSTGRES))]
)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database at the newest revision: once SQLite, once PostgreSQL."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url: Any = sqlite_url(tmp_path / "threadline.db")
        else:
            url = await stack.enter_async_context(_postgres_database(f"t_{os.getpid()}_{abs(hash(tmp_path)) % 10**8}"))
        opened = Database(url)
        stack.push_async_callback(opened.close)
        await migrate(opened)
        yield opened


@asynccontextmanager
async def _postgres_database(name: str) -> AsyncIterator[Any]:
    server = create_async_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    try:
        async with server.connect() as connection:
            await connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            await connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(POSTGRES).set(database=name)
        async with server.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await server.dispose()


@pytest.fixture
async def store(database: Database) -> Store:
    """The store of `database`."""
    return Store(database)


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    """The packaged embedding model, loaded once for all tests."""
    shared = Embedder()
    shared.start()
    yield shared
    shared._thread.shutdown(wait=True)


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """A HOME whose index holds the sample knowledge base; copied, never used itself."""
    import asyncio

    folder = tmp_path_factory.mktemp("sample-home")

    async def fill() -> None:
        threadline = build(plain_settings(folder), Home(folder), embedder=embedder)
        async with threadline.opened():
            await threadline.readiness.sync()

    asyncio.run(fill())
    return folder


class Launch(Protocol):
    """Starts the whole program on a free port; stopped when the test ends."""

    async def __call__(self, *, provider: Provider | None = None, **settings: Any) -> Client: ...


@pytest.fixture
async def launch(tmp_path: Path, sample_home: Path, embedder: Embedder) -> AsyncIterator[Launch]:
    """Return a function that starts the program with the sample knowledge base in its index."""
    counted = itertools.count()
    async with AsyncExitStack() as stack:

        async def start(*, provider: Provider | None = None, **settings: Any) -> Client:
            folder = tmp_path / f"home-{next(counted)}"
            shutil.copytree(sample_home, folder)
            threadline = build(plain_settings(folder, **settings), Home(folder), provider=provider, embedder=embedder)
            return await stack.enter_async_context(serving(threadline))

        yield start


@asynccontextmanager
async def serving(threadline: Threadline) -> AsyncIterator[Client]:
    """Serve `threadline` on a free port of the loopback, and give a client for it."""
    admin = Admin(threadline)
    admin.key = "admin-key-for-tests"
    application = make_application(threadline.access, [*threadline.routes, *admin.routes()])
    async with threadline.running():
        runner, port = await listen(application, "127.0.0.1", 0)
        try:
            async with Client(f"http://127.0.0.1:{port}", threadline) as client:
                yield client
        finally:
            await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that read nothing from this machine's environment."""
    return plain_settings(tmp_path / "home")
