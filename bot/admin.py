"""Administration over HTTP, for the other commands of the same user while `serve` runs.

The key is in HOME's `serve.json`, which only that user can read. Also here: health, readiness and
metrics, which need no key.
"""

import hmac
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web

from bot.bootstrap import Threadline
from bot.http import metrics_response
from bot.work import ask
from channels.web.access import Unauthorised, bearer
from channels.web.parse import BadRequest, read_object, read_text
from core.errors import SetupError, TemporaryError
from core.figures import Waiting

MOST_FOUND = 100


class Admin:
    """Handlers of `/api/v1/admin`, `/healthz`, `/readyz` and `/metrics`. The key is set once HOME announces it."""

    def __init__(self, threadline: Threadline) -> None:
        self._threadline = threadline
        self.key = ""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of administration."""
        return (
            web.get("/healthz", self.health),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
            web.post("/api/v1/admin/ask", self.ask),
            web.post("/api/v1/admin/kb/search", self.search),
            web.post("/api/v1/admin/kb/sync", self.sync),
            web.post("/api/v1/admin/kb/drop", self.drop),
            web.post("/api/v1/admin/tools", self.tools),
        )

    async def health(self, _request: web.Request) -> web.Response:
        """Alive: the event loop turns."""
        return web.json_response({"status": "alive"})

    async def ready(self, _request: web.Request) -> web.Response:
        """200 when questions can be answered, 503 until then, with what each part is at."""
        parts = await readiness_parts(self._threadline)
        ready = all(part["ready"] for part in parts.values())
        return web.json_response({"ready": ready, "parts": parts}, status=200 if ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Prometheus' page."""
        for table, count in (await self._threadline.store.backlog()).items():
            self._threadline.metrics.backlog.labels(table).set(count)
        await self._count_cases()
        return metrics_response(self._threadline.metrics.registry)

    async def _count_cases(self) -> None:
        cases = await self._threadline.store.cases.find("open")
        waiting = Waiting.of(cases, self._threadline.clock(), self._threadline.settings.policy)
        gauges = self._threadline.metrics.cases
        for state, count in (("open", waiting.open), ("unclaimed", waiting.unclaimed), ("overdue", waiting.overdue)):
            gauges.labels(state).set(count)
        self._threadline.metrics.unreachable.set(sum(bool(case.desk_error) for case in cases))

    def _check(self, request: web.Request) -> None:
        if not self.key or not hmac.compare_digest(bearer(request).encode(), self.key.encode()):
            raise Unauthorised("This key is not the one in HOME's serve.json.")

    async def ask(self, request: web.Request) -> web.Response:
        """One question through the whole way of a message."""
        self._check(request)
        text = read_text(read_object(await request.read()))
        return web.json_response(await ask(self._threadline, text))

    async def search(self, request: web.Request) -> web.Response:
        """Search the knowledge base."""
        self._check(request)
        data = read_object(await request.read())
        k = data.get("k", 5)
        if type(k) is not int or not 1 <= k <= MOST_FOUND:
            raise BadRequest("bad_k", f'"k" is a number of passages from 1 to {MOST_FOUND}.')
        found = await self._threadline.knowledge.search(read_text({"text": data.get("query")}), k=k)
        return web.json_response([asdict(passage) for passage in found.passages])

    async def sync(self, request: web.Request) -> web.Response:
        """Bring the index in line with the sources given, or the configured ones."""
        self._check(request)
        sources = _sources(read_object(await request.read()))
        readiness = self._threadline.readiness
        report = await (readiness.read(sources) if sources else readiness.sync())
        return web.json_response(report.as_json())

    async def drop(self, request: web.Request) -> web.Response:
        """Drop the documents of the sources given from the index."""
        self._check(request)
        sources = _sources(read_object(await request.read()))
        try:
            removed = await self._threadline.readiness.drop(sources)
        except SetupError as error:
            raise BadRequest("bad_source", str(error)) from None
        return web.json_response({"removed": removed})

    async def tools(self, request: web.Request) -> web.Response:
        """What the MCP servers are at: why one is away, and which tools were left out since the start."""
        self._check(request)
        servers = self._threadline.servers
        states = servers.states() if servers else []
        return web.json_response(
            {"servers": [{"name": name, "away": away, "left_out": out} for name, away, out in states]}
        )


def _sources(data: dict[str, Any]) -> list[str]:
    sources = data.get("sources") or []
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise web.HTTPBadRequest(text='"sources" is a list of folders and addresses.')
    return sources


async def readiness_parts(threadline: Threadline) -> dict[str, dict[str, Any]]:
    """Return what each part is at: the store, the model, the index and the channels."""
    try:
        backlog = await threadline.store.backlog()
        store: dict[str, Any] = {"ready": True, "backlog": backlog}
    except TemporaryError as away:
        store = {"ready": False, "reason": str(away)}
    status = threadline.knowledge.status()
    return {
        "store": store,
        "model": {
            "ready": status.model != "loading",
            "state": status.model,
            "languages": list(status.languages) or ["all"],
        },
        "index": {
            "ready": threadline.readiness.is_open,
            "state": status.mode,
            "documents": status.documents,
            "passages": status.passages,
        },
        "channels": {"ready": True, "web": "ready"},
    }
