"""Fixtures for the knowledge base: one real embedding model for the whole run, a fresh database for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.store.engine import Database, sqlite_url
from kb.embed import Embedder
from kb.search import KnowledgeBase
from kb.tables import kb_metadata

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"

ARTICLES = {
    "refunds.md": "# Refunds\n\nYou can return an article within 30 days.\n\n## How long it takes\n\n"
    "The money is back on your card within 5 working days after the parcel has arrived.\n",
    "passwords.md": "# Resetting your password\n\nChoose *Forgotten your password?* on the sign-in page.\n\n"
    "1. Enter your address.\n2. Open the link in the mail.\n3. Choose a new password.\n",
    "errors.md": "# Error codes\n\nMQRC_2035 means that the user is not authorised to connect to the queue.\n\n"
    "MQRC_2059 means that the queue manager is not reachable.\n",
    "batteries.txt": "Caring for the battery\n\nKeep the battery of the bike between 20 and 80 percent in winter.\n",
    "opening-hours.html": "<html><head><title>Opening hours</title></head><body><nav>Home Shop</nav>"
    "<main><h1>Opening hours</h1><p>The shop in Hamburg is open from 9 to 18, Monday to Friday.</p>"
    "</main></body></html>",
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedder() -> AsyncIterator[Embedder]:
    """The packaged model, loaded once."""
    model = Embedder()
    model.start()
    yield model
    await model.close()


@pytest.fixture
def no_embedder() -> Embedder:
    """An embedder whose model does not exist."""
    return Embedder("no-such-model-anywhere")


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """A folder with five small articles."""
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, text in ARTICLES.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty SQLite database with the tables of the knowledge base."""
    opened = Database(sqlite_url(tmp_path / "kb.sqlite"))
    async with opened.writing("schema") as connection:
        await connection.run_sync(kb_metadata.create_all)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def knowledge(database: Database, tmp_path: Path, embedder: Embedder) -> AsyncIterator[KnowledgeBase]:
    """An open, empty knowledge base with the real model."""
    opened = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await opened.open()
    yield opened
    await opened.close()
