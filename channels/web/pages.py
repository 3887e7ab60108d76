"""The pages themselves: plain files, served by us, under a policy that lets nothing else in.

One page may be shown inside another: the chat as `/?embed=1`, in the frame that `widget.js` makes, and only on the
sites the owner has listed. `bot/web.py` builds it; `bot/http.py` puts `HEADERS` on every answer.
"""

import mimetypes
import re
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


_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_NAMES = {"/": "chat.html", "/desk": "desk.html", "/favicon.ico": "favicon.svg"}


def site_origin(text: str) -> str:
    """Return a site's origin as browsers write it, 'https://www.example.com'. Raises `ValueError` with the fix."""
    site = text.strip().rstrip("/")
    try:
        plain = site.lower().encode("ascii").decode()
    except UnicodeEncodeError:
        raise ValueError(f"write {site!r} as browsers send it: a name like müller.example is xn--...") from None
    match = _ORIGIN.fullmatch(plain)
    if match is None or int(match[3] or 1) > 65535:
        raise ValueError(f"{site!r} is not a site's origin: give scheme and name, for example https://www.example.com")
    scheme, name, port = match.groups()
    return f"{scheme}://{name}" + (f":{int(port)}" if port and port != _DEFAULT_PORTS[scheme] else "")


def embedding_policy(origins: Sequence[str]) -> str:
    """Return the policy of the chat page inside a frame of `origins`, each one as `site_origin` gives it."""
    return POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(origins)}") if origins else POLICY


class Pages:
    """Serves `/`, `/desk` and `/static/`.

    `config` is asked for what the chat page shows at first; its `widget_origins` are the sites that may frame it.
    """

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
        answer = web.Response(body=self._files[name], content_type=kind, charset=charset)
        if request.path == "/" and request.query.get("embed") == "1":
            answer.headers["Content-Security-Policy"] = embedding_policy(self._config().get("widget_origins", ()))
        return answer

    async def config(self, _request: web.Request) -> web.Response:
        """Return the company's name, a notice, and questions to begin with."""
        return web.json_response(dict(self._config()))
