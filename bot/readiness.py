"""What is ready and what is still coming up: the model and the index load behind a running server."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from bot.settings import SAMPLE_KB
from core.agent.assistant import Assistant
from core.errors import SetupError
from kb.documents import OnProgress, SyncReport
from kb.load import fingerprint, is_address
from kb.plan import root_of
from kb.search import KnowledgeBase
from kb.sync import forget, sync
from kb.web import Web

log = structlog.get_logger()

SAMPLE = str(SAMPLE_KB)


async def roots(knowledge: KnowledgeBase) -> set[str]:
    """Return the folders and addresses that the documents in the index were read from."""
    known = await knowledge.store.known(await knowledge.collection())
    return {one.root for one in known.values()}


def _holds(source: str, folder: str) -> bool:
    """Whether a sync of `source` reads the files of `folder`, too; hidden folders are left out by every sync."""
    if is_address(source) or not Path(folder).is_relative_to(root_of(source)):
        return False
    return not any(part.startswith(".") for part in Path(folder).relative_to(root_of(source)).parts)


class Readiness:
    """Opens the knowledge base, fills it if it is empty, keeps it in step, and lets questions through."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        assistant: Assistant,
        sources: list[str],
        *,
        web: Web | None = None,
        articles: Path | None = None,
    ) -> None:
        """`articles` is the folder of approved articles: a source beside the others once something is in it."""
        self._articles = root_of(str(articles)) if articles else ""
        self._knowledge = knowledge
        self._assistant = assistant
        self._sources = sources
        self._web = web or Web()
        self._open = asyncio.Event()
        self._reading = asyncio.Lock()
        self._folders: frozenset[str] = frozenset()
        self._synced = self._seen = ""
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
        async with self._reading:
            held = await roots(self._knowledge)
            own = held - {SAMPLE, self._articles} if self._sources == [SAMPLE] else set()
            sources = await asyncio.to_thread(self._and_articles, sorted(own) or self._sources, held)
            await self._note(sources)
            report = await sync(self._knowledge, sources, prune=True, web=self._web, progress=progress)
        for failure in report.failed:
            log.warning("kb_source_failed", source=failure.source, reason=failure.reason)
        return report

    async def read(self, sources: Sequence[str], progress: OnProgress | None = None) -> SyncReport:
        """Read `sources`, given by hand, beside what is there.

        While KB_PATH is not set, the sample leaves the index with the owner's first document.
        """
        async with self._reading:
            report = await sync(self._knowledge, sources, web=self._web, progress=progress)
            own = await roots(self._knowledge) - {SAMPLE, self._articles}
            if self._sources != [SAMPLE] or SAMPLE in sources or not own:
                return report
            removed = await forget(self._knowledge, {SAMPLE})
            await self._note(sorted(own))
            _, passages = await self._knowledge.store.counts(await self._knowledge.collection())
        return replace(report, removed=report.removed + removed, passages=passages)

    async def read_articles(self) -> SyncReport:
        """Read the folder of approved articles, or the source that it lies in; the sample stays beside it.

        An approved article is no reason for the sample to go: it goes with the first source of the owner's own.
        """
        await self._open.wait()
        known = dict.fromkeys([*self._sources, *sorted(await roots(self._knowledge))])
        around = [source for source in known if _holds(source, self._articles)]
        return await self.read(around[:1] or [self._articles])

    def _and_articles(self, sources: list[str], held: set[str]) -> list[str]:
        """Return `sources` and the folder of approved articles, unless one of them holds it or it never had any."""
        if not self._articles or any(_holds(source, self._articles) for source in sources):
            return sources
        filled = self._articles in held or any(Path(self._articles).glob("*.md"))
        return [*sources, self._articles] if filled else sources

    async def drop(self, sources: Sequence[str]) -> int:
        """Drop the documents of `sources` from the index, and return how many they were.

        Raises `SetupError` for a source that the next sync would read again, or that nothing was read from.
        """
        async with self._reading:
            held, wanted = await roots(self._knowledge), {root_of(source): source for source in sources}
            for root, source in wanted.items():
                if root == self._articles:
                    raise SetupError(f"{source} holds the approved articles: delete the files there that shall go.")
                if root in map(root_of, self._sources):
                    raise SetupError(f"{source} stands in KB_PATH: take it out there, and the next sync drops it.")
                if root not in held:
                    raise SetupError(f"Nothing was read from {source}. The index holds: {', '.join(sorted(held))}.")
            removed = await forget(self._knowledge, wanted.keys())
            await self._note(sorted(held - wanted.keys()))
        return removed

    async def look(self) -> None:
        """Bring the index in line when a file in the local folders has changed since the last sync.

        The folders must look alike twice: whoever copies files into them has finished then. Looking at
        times and sizes works on every kind of disk, network shares and mounts of containers among them,
        where systems don't tell of changes.
        """
        if not self._synced or self._reading.locked():
            return
        before, self._seen = self._seen, await asyncio.to_thread(fingerprint, self._folders)
        if self._seen != self._synced and self._seen == before:
            await self.sync()

    async def _note(self, sources: Sequence[str]) -> None:
        """Remember how the local folders look before they are read."""
        local = {source for source in sources if not is_address(source)}
        self._folders = frozenset(local | {self._articles} if self._articles else local)
        self._synced = await asyncio.to_thread(fingerprint, self._folders)
