"""The pages themselves: plain files, served by us, under a policy that lets nothing else in."""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from aiohttp import web

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


_NAMES = {"/": "chat.html", "/desk": "desk.html", "/favicon.ico": "favicon.svg"}


class Pages:
    """Serves `/`, `/desk` and `/static/`. `config` is asked for what the chat page shows at first."""

    def __init__(self, config: Callable[[], Mapping[str, Any]]) -> None:
        self._config = config
        folder = resources.files("channels.web").joinpath("static")
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the pages."""
        return (
            web.get("/", self.file),
            web.get("/desk", self.file),
            web.get("/favicon.ico", self.file),
            web.get("/static/{name}", self.file),
            web.get("/api/v1/chat/config", self.config),
        )

    async def file(self, request: web.Request) -> web.Response:
        """Return a page or one of the files it is made of."""
        name = request.match_info.get("name") or _NAMES[request.path]
        if name not in self._files:
            raise web.HTTPNotFound(text="There is no such page.")
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "text/plain"
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=self._files[name], content_type=kind, charset=charset)

    async def config(self, _request: web.Request) -> web.Response:
        """Return the company's name, a notice, and questions to begin with."""
        return web.json_response(dict(self._config()))
