"""What is ready and what is still coming up: the model and the index load behind a running server."""

import asyncio
from collections.abc import Sequence

import structlog

from bot.settings import SAMPLE_KB
from core.agent.assistant import Assistant
from kb.documents import OnProgress, SyncReport
from kb.search import KnowledgeBase
from kb.sync import sync

log = structlog.get_logger()

SAMPLE = str(SAMPLE_KB)


async def roots(knowledge: KnowledgeBase) -> set[str]:
    """Return the folders that the documents in the index were read from."""
    known = await knowledge.store.known(await knowledge.collection())
    return {one.root for one in known.values()}


async def sync_folders(
    knowledge: KnowledgeBase, folders: Sequence[str], *, progress: OnProgress | None = None
) -> SyncReport:
    """Read `folders` beside what is there; with an owner's first folder the sample leaves the index."""
    before = await roots(knowledge)
    if SAMPLE not in before or SAMPLE in folders:
        return await sync(knowledge, folders, progress=progress)
    return await sync(knowledge, [*folders, *sorted(before - {SAMPLE})], prune=True, progress=progress)


class Readiness:
    """Opens the knowledge base, fills it if it is empty, and then lets questions through."""

    def __init__(self, knowledge: KnowledgeBase, assistant: Assistant, sources: list[str]) -> None:
        self._knowledge = knowledge
        self._assistant = assistant
        self._sources = sources
        self._open = asyncio.Event()
        self.first_sync: SyncReport | None = None

    async def assistant(self) -> Assistant:
        """Return the assistant once it can answer; a question asked before waits here."""
        await self._open.wait()
        return self._assistant

    @property
    def is_open(self) -> bool:
        """Whether questions are let through."""
        return self._open.is_set()

    async def load(self) -> None:
        """Load the model and the index and bring the index in line with its sources, once.

        Questions are let through even if that fails: without an answer they go to people.
        """
        try:
            await self._knowledge.open()
            if await self._knowledge.documents():
                self._open.set()  # yesterday's index answers while today's changes are read
            self.first_sync = await self.sync()
        finally:
            self._open.set()

    async def sync(self, progress: OnProgress | None = None) -> SyncReport:
        """Bring the index in line with KB_PATH, which is then all there is.

        While KB_PATH is not set, folders that were read by `kb sync FOLDER` count instead of the sample.
        """
        own = await roots(self._knowledge) - {SAMPLE} if self._sources == [SAMPLE] else set()
        report = await sync(self._knowledge, sorted(own) or self._sources, prune=True, progress=progress)
        for failure in report.failed:
            log.warning("kb_source_failed", source=failure.source, reason=failure.reason)
        return report
