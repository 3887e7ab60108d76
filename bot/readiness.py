"""What is ready and what is still coming up: the model and the index load behind a running server."""

import asyncio

import structlog

from core.agent.assistant import Assistant
from kb.documents import SyncReport
from kb.search import KnowledgeBase
from kb.sync import sync

log = structlog.get_logger()


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

    async def sync(self) -> SyncReport:
        """Bring the index in line with the configured sources."""
        report = await sync(self._knowledge, self._sources, prune=True)
        for failure in report.failed:
            log.warning("kb_source_failed", source=failure.source, reason=failure.reason)
        return report
