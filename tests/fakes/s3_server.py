"""An S3-compatible server on a loopback port, for tests: one bucket, three calls, and failures when told to.

Objects are put, got and deleted (several at once, as clients do) as S3's REST API has it; signatures are not checked,
but must be there. `failing` answers every request with that status.
"""

import asyncio
import re
from types import TracebackType
from typing import Self
from xml.sax.saxutils import unescape

from aiohttp import web

from tests.fakes import loopback

MISSING = '<?xml version="1.0"?><Error><Code>{}</Code><Message>not there</Message></Error>'


class FakeS3:
    """The server, while its block lasts; `objects` are what the bucket holds, by path."""

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.failing = 0
        self.requests = 0

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        for path in ("/{bucket}", "/{bucket}/{path:.*}"):
            application.router.add_route("*", path, self._answer)
        self._runner, self.endpoint = await loopback.serve(application)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.wait_for(self._runner.cleanup(), 10)

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        if self.failing:
            return web.Response(status=self.failing)
        if request.match_info["bucket"] != self.bucket:
            return web.Response(status=404, text=MISSING.format("NoSuchBucket"), content_type="application/xml")
        path = request.match_info.get("path", "")
        match request.method:
            case "PUT":
                self.objects[path] = await request.read()
                return web.Response(headers={"ETag": '"e"'})
            case "POST" if "delete" in request.query:
                keys = re.findall(r"<Key>.*?</Key>", await request.text())
                for key in keys:
                    self.objects.pop(unescape(key[5:-6]), None)
                done = "".join(f"<Deleted>{key}</Deleted>" for key in keys)
                return web.Response(text=f"<DeleteResult>{done}</DeleteResult>", content_type="application/xml")
            case "GET" if path in self.objects:
                dated = {"ETag": '"e"', "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT"}
                return web.Response(body=self.objects[path], headers=dated)
            case _:
                return web.Response(status=404, text=MISSING.format("NoSuchKey"), content_type="application/xml")
