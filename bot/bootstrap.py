"""The composition root: settings in, a wired program out. Tests hand their fakes to this same function."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from bot.articles import Articles
from bot.assistant import make_assistant
from bot.home import Home
from bot.jobs import schedule
from bot.platforms import Parts, Platforms, make_platforms
from bot.readiness import Readiness
from bot.sending import Sender
from bot.settings import Settings
from bot.sweeps import Sweeps
from bot.telemetry import Metrics
from bot.toolbox import load_tools, make_servers
from bot.web import suggestions, web_routes
from bot.worker import Worker
from channels.base import Channel, Desk
from channels.web.access import Access
from channels.web.channel import WebChannel
from core import language, phrases
from core.agent.assistant import Assistant
from core.agent.providers import Provider
from core.agent.toolbox import Toolbox
from core.bell import Bell
from core.errors import SetupError
from core.faults import FaultPoints
from core.policy import WEB_DESK
from core.store.engine import Database, sqlite_url
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.migrations import migrate
from core.store.places import open_place
from core.store.store import Store
from kb.embed import Embedder
from kb.rerank import Reranker
from kb.search import KnowledgeBase
from kb.web import Limits, Web

if TYPE_CHECKING:
    from channels.email.senders.resolver import Lookup
    from core.agent.servers import Servers

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Threadline:
    """The wired program. `running()` brings it up; `routes` go into the HTTP application."""

    settings: Settings
    home: Home
    store: Store
    files: Files
    bell: Bell
    clock: Clock
    inbox: Inbox
    knowledge: KnowledgeBase
    assistant: Assistant
    readiness: Readiness
    worker: Worker
    sweeps: Sweeps
    articles: Articles
    metrics: Metrics
    access: Access
    routes: Sequence[web.RouteDef]
    own_embedder: Embedder | None
    platforms: Platforms
    servers: "Servers | None"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the database and the knowledge base, without working or serving."""
        await migrate(self.store.database)
        try:
            await self.knowledge.open()
            yield
        finally:
            await self.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bring the database up to date, work and load in the background; stop all of it at the end."""
        await migrate(self.store.database)
        if self.store.database.is_sqlite:
            await self.store.forget_leases()  # HOME is ours alone: whoever held one is dead
        warming = asyncio.create_task(asyncio.to_thread(_load_tables))
        loading = asyncio.create_task(self.readiness.load())
        loading.add_done_callback(_report)
        working = asyncio.create_task(self.worker.run())
        scheduler = schedule(
            self.store, self.files, self.sweeps, self.readiness, self.articles, self.settings, self.clock
        )
        try:
            async with AsyncExitStack() as doors:
                if self.servers:
                    await doors.enter_async_context(self.servers.running())
                await doors.enter_async_context(self.platforms.running())
                yield
        finally:
            scheduler.shutdown(wait=False)
            for task in (working, loading, warming):
                task.cancel()
            await asyncio.gather(working, loading, warming, return_exceptions=True)
            await self.articles.close()
            await self.close()

    async def close(self) -> None:
        """Close what was opened: the knowledge base first, the database last, each even if another fails."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            if self.own_embedder:
                stack.push_async_callback(self.own_embedder.close)
            if self.knowledge.reranker:
                stack.push_async_callback(self.knowledge.reranker.close)
            stack.push_async_callback(self.assistant.provider.close)
            stack.push_async_callback(self.platforms.close)
            stack.push_async_callback(self.knowledge.close)


def _load_tables() -> None:
    """Load what is built once, before the first message asks for it."""
    language.load()
    phrases.load()


def _report(loading: "asyncio.Task[None]") -> None:
    if not loading.cancelled() and (error := loading.exception()):
        log.error("knowledge_base_not_loaded", error=str(error), exc_info=error)


def build(
    settings: Settings,
    home: Home,
    *,
    clock: Clock = time.time,
    provider: Provider | None = None,
    embedder: Embedder | None = None,
    channels: Sequence[Channel] = (),
    desks: Mapping[str, Desk] | None = None,
    lookup: "Lookup | None" = None,
) -> Threadline:
    """Wire the program. Nothing is opened or started yet. Raises `SetupError` for a desk that is not there.

    Tests share one `embedder`: loading takes seconds. `channels` and `desks` (by their names in the
    settings) come beside those that are configured. `lookup` asks the DNS about mails' senders.
    """
    database = open_database(settings, home)
    policy = settings.policy
    store = Store(database, quiet=settings.quiet_seconds, policy=policy)
    files = open_files(settings, home, database)
    bell = Bell()
    inbox = Inbox(store, bell, clock)
    own_embedder = None
    if embedder is None:
        embedder = own_embedder = make_embedder(settings)
    knowledge = KnowledgeBase(
        database,
        folder=home.vectors,
        embedder=embedder,
        chroma_url=settings.chroma_url or None,
        reranker=make_reranker(settings),
    )
    servers = make_servers(settings)
    toolbox = Toolbox(tuple(load_tools(settings.tools)), servers.tools if servers else tuple)
    assistant = make_assistant(settings, knowledge, provider, files, toolbox)
    web = Web(private_hosts=settings.kb_private_hosts, limits=Limits(pages=settings.kb_web_pages))
    folder = settings.articles_folder
    readiness = Readiness(knowledge, assistant, settings.kb_path, web=web, articles=folder)
    articles = Articles(store, readiness, embedder, folder, clock, policy.hours.zone)
    metrics = Metrics()
    channel = WebChannel(bell)
    parts = Parts(settings, home, store, files, inbox, clock, suggestions(settings))
    platforms = make_platforms(parts, lookup)
    configured: tuple[Channel, ...] = (channel, *(platform.channel for platform in platforms), *channels)
    known_desks = _known_desks(settings, {WEB_DESK: channel, **(desks or {}), **platforms.desks})
    sender = Sender({one.name: one for one in configured}, known_desks, files)
    worker = Worker(store, bell, clock, readiness.assistant, sender, metrics, slow_seconds=settings.slow_seconds)
    access = Access(store, clock, hosts=settings.hosts)
    routes = [*web_routes(parts, channel, bell, access, articles, assistant), *platforms.routes()]
    return Threadline(
        settings=settings,
        home=home,
        store=store,
        files=files,
        bell=bell,
        clock=clock,
        inbox=inbox,
        knowledge=knowledge,
        assistant=assistant,
        readiness=readiness,
        worker=worker,
        sweeps=Sweeps(store, inbox, bell, policy, clock),
        articles=articles,
        metrics=metrics,
        access=access,
        routes=routes,
        own_embedder=own_embedder,
        platforms=platforms,
        servers=servers,
    )


def _known_desks(settings: Settings, desks: Mapping[str, Desk]) -> Mapping[str, Desk]:
    for name in ("desk", "second_desk"):
        desk = getattr(settings, name)
        if desk and desk not in desks:
            raise SetupError(f"{name.upper()}={desk}: that desk is not set up here. Known: {', '.join(desks)}.")
    return desks


def open_database(settings: Settings, home: Home) -> Database:
    """Return the configured database, not yet connected."""
    url = settings.database_url or sqlite_url(home.database)
    return Database(url, faults=FaultPoints.parse(settings.fault_point))


def open_files(settings: Settings, home: Home, database: Database) -> Files:
    """Return where the files that are sent are kept. Raises `SetupError` for a FILES_URL that names no bucket."""
    return Files(database, open_place(settings.files_url, home.files))


def make_embedder(settings: Settings) -> Embedder:
    """Return the configured embedding model, not yet loaded."""
    return Embedder(
        settings.embedding_model or None,
        dimensions=settings.embedding_dimensions,
        languages=settings.embedding_languages,
    )


def make_reranker(settings: Settings) -> Reranker | None:
    """Return the configured cross-encoder, not yet loaded; None without one."""
    return Reranker(settings.rerank_model) if settings.rerank_model else None
