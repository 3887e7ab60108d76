"""Shared by the knowledge-base benches: a throw-away knowledge base over one of the shared data sets.

The data sets lie beside the checkout (`../shared/data`) and are never committed.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from core.store.engine import Database, sqlite_url
from kb.documents import Progress, SyncReport
from kb.embed import Embedder
from kb.search import KnowledgeBase
from kb.sync import sync
from kb.tables import kb_metadata

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def show(progress: Progress) -> None:
    """Print a progress line over the one before it."""
    print(f"\r{progress.done}/{progress.total} {progress.source[:60]:60}", end="", file=sys.stderr, flush=True)


@asynccontextmanager
async def knowledge_of(sources: Sequence[Path], embedder: Embedder) -> AsyncIterator[tuple[KnowledgeBase, SyncReport]]:
    """Open a knowledge base in a temporary folder, holding `sources`."""
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as temporary:
        home = Path(temporary)
        database = Database(sqlite_url(home / "kb.sqlite"))
        async with database.writing("schema") as connection:
            await connection.run_sync(kb_metadata.create_all)
        knowledge = KnowledgeBase(database, folder=home / "chroma", embedder=embedder)
        await knowledge.open()
        try:
            yield knowledge, await sync(knowledge, sources, progress=show)
        finally:
            await knowledge.close()
            await database.close()
