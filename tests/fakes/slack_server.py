"""A Slack on a loopback port, for tests: its Web API, files, Socket Mode and people; as strict as the real one.

It stands at the wire, so slack_sdk and Bolt run unchanged against it:

    async with SlackServer() as slack:
        kim = slack.person("Kim")
        ... AsyncWebClient(slack.bot_token, slack.url + "/api/") ...
        done = await kim.writes(kim.dm, "Hello")        # the app is told, again until it says 'ok'
        slack.fail("chat.postMessage", retry_after=2)   # the next one; those after it work again
        assert kim.sees(kim.dm)[-1].text == "Hello, Kim!"

Over HTTP instead of sockets: `slack.lines.post_to = "http://127.0.0.1:.../slack/events"`. Who wants to know more of the
parts: slack_workspace (what there is), slack_methods (the API), slack_people (what people do), slack_events (how the
app is told), slack_blocks (what may be posted), slack_text (words).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml  # type: ignore[import-untyped]
from aiohttp import web

from tests.fakes import loopback
from tests.fakes.slack_events import Delivery, Lines, callback
from tests.fakes.slack_methods import METHODS, SCOPES
from tests.fakes.slack_people import Person
from tests.fakes.slack_workspace import BOT_USER, Post, Refused, Room, Workspace

JSON = dict[str, Any]

_MANIFEST = yaml.safe_load((Path(__file__).resolve().parents[2] / "manifests/slack/manifest.yaml").read_text("utf-8"))
EVENTS = frozenset(_MANIFEST["settings"]["event_subscriptions"]["bot_events"])
SCOPES_GIVEN = frozenset(_MANIFEST["oauth_config"]["scopes"]["bot"])
"""What the app has subscribed to, and may do: no more than its manifest says, so that nothing works here only."""

_OF_ROOM = {"channel": "message.channels", "group": "message.groups", "im": "message.im", "mpim": "message.mpim"}
_READING = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}
_AS_JSON = ("blocks", "metadata", "view", "files", "prompts", "chunks", "attachments")
_SIGN_IN = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in to your workspace</body></html>"


@dataclass
class Call:
    """One request to the Web API, and what it was answered; `at` is in seconds of a clock that only goes on."""

    at: float
    method: str
    arguments: JSON
    token: str
    status: int = 0
    answer: JSON | None = None


@dataclass
class Trouble:
    """What happens to the next calls of a method instead of, or after, what it does (`done`)."""

    method: str
    channel: str
    left: int
    error: str
    status: int
    retry_after: float
    delay: float
    drop: bool
    done: bool
    when: Callable[[JSON], bool] | None
    more: JSON
    late: float = 0.0

    def meets(self, call: Call) -> bool:
        """Whether it is this call's."""
        channel = call.arguments.get("channel") or call.arguments.get("channel_id") or ""
        if self.left == 0 or self.method not in {"", call.method} or self.channel not in {"", channel}:
            return False
        return self.when is None or self.when(call.arguments)


class SlackServer:
    """The server. `clock` gives the timestamps of posts; `echo`: the app is told of its own posts too, as in Slack.

    `scopes` and `events` are what the app was given and has subscribed to. `auth_error`, once set, is what every call
    with the bot's token is answered ('token_revoked').
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, lines: Lines | None = None, echo: bool = True
    ) -> None:
        self.workspace = Workspace(clock)
        self.lines = lines or Lines()
        self.bot_token = "xoxb-fake"
        self.app_token = "xapp-fake"
        self.scopes = set(SCOPES_GIVEN)
        self.events = set(EVENTS)
        self.auth_error = ""
        self.echo = echo
        self.pace = 0.0
        """Seconds between two posts in one channel; who is quicker is told 'ratelimited'."""
        self.calls: list[Call] = []
        self.url = ""
        self._troubles: list[Trouble] = []
        self._posted: dict[str, float] = {}
        self._numbers = count(1)
        self._collected: list[Delivery] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.workspace.heard.append(self._hear)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=100 * 1024 * 1024)
        application.router.add_route("*", "/api/{method}", self._api)
        application.router.add_get("/link/", self.lines.socket)
        application.router.add_post("/upload/v1/{file}", self._upload)
        application.router.add_get("/files-pri/{name:.+}", self._download)
        application.router.add_post("/actions/{user}/{channel}/{ts}", self._respond)
        self._runner, self.url = await loopback.serve(application, shutdown_timeout=0.1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.lines.close()
        await self._runner.cleanup()

    # People and places

    def person(self, name: str, **more: Any) -> Person:
        """Take a person into the workspace: `is_restricted`, `team`, `is_stranger` ... as in users.info."""
        return Person(self, self.workspace.add_member(name, **more))

    def channel(self, name: str, *people: Person, kind: str = "channel", **more: Any) -> Room:
        """Make a channel with these people and the app's bot in it; `kind` as in events, 'group' is a private one."""
        return self.workspace.add_room(name, *(person.id for person in people), kind=kind, **more)

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of a method, oldest first."""
        return [call for call in self.calls if call.method == method]

    # Trouble

    def fail(
        self,
        method: str,
        *,
        channel: str = "",
        times: int = 1,
        error: str = "",
        status: int = 200,
        retry_after: float = 0.0,
        delay: float = 0.0,
        drop: bool = False,
        done: bool = False,
        when: Callable[[JSON], bool] | None = None,
        late: float = 0.0,
        **more: Any,
    ) -> Trouble:
        """Have the next `times` calls of `method` ('': any) go wrong; -1: all from now on.

        `retry_after`: status 429. `status`: a fault of Slack's. `error`: Slack's word, with `more` in the answer.
        `delay`: seconds before it is done. `drop`: the connection ends without an answer. `done`: what was asked is
        done all the same. `when`: only for such arguments. With `delay` alone it is done and answered, late; with
        `late` it is done, and answered so many seconds later.
        """
        trouble = Trouble(method, channel, times, error, status, retry_after, delay, drop, done, when, more, late)
        self._troubles.append(trouble)
        return trouble

    def heal(self) -> None:
        """End all trouble."""
        self._troubles.clear()

    def end_streams(self) -> None:
        """Let the time of all streams be over."""
        for room in self.workspace.rooms.values():
            for post in room.posts:
                post.streams_until = 0.0

    def forget(self) -> None:
        """Forget all calls, deliveries and posts: for tests that count what somebody else remembers."""
        self.calls.clear()
        self.lines.deliveries.clear()
        for room in self.workspace.rooms.values():
            for post in list(room.posts):
                room.remove(post)

    # Events

    def told(self, event: JSON, room: Room | None) -> Delivery | None:
        """Return the delivery of `event`; None if the app has not subscribed to it, or is not in that channel."""
        if room and BOT_USER not in room.members:
            return None
        name = _OF_ROOM[room.kind] if room and event["type"] == "message" else event["type"]
        if name not in self.events or not {_READING.get(name, "")} <= {"", *self.scopes}:
            return None
        wrapped = callback(event, f"Ev{next(self._numbers):06d}", shared=bool(room and room.teams))
        return Delivery("events_api", wrapped)

    def _hear(self, event: JSON, room: Room) -> None:
        """Tell the app what happened in a channel; at once, unless somebody collects it."""
        found = [self.told(event, room)]
        mentioned = f"<@{BOT_USER}>" in event.get("text", "") and event.get("subtype") in {None, "file_share"}
        if mentioned and room.kind != "im" and not event.get("bot_id"):
            left_out = {"channel_type", "subtype"}
            mention = {name: value for name, value in event.items() if name not in left_out}
            found.append(self.told({**mention, "type": "app_mention"}, room))
        deliveries = [delivery for delivery in found if delivery]
        if self._collected is not None:
            self._collected += deliveries
        elif self.echo and deliveries:
            self._in_background(deliveries)

    @contextmanager
    def quietly(self) -> Iterator[list[Delivery]]:
        """Collect what the app is to be told, instead of telling it."""
        collected: list[Delivery] = []
        self._collected = collected
        try:
            yield collected
        finally:
            self._collected = None

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver these, all at the same moment; once more, if they were delivered before."""
        await asyncio.gather(*(self.lines.deliver(one, first=len(one.acks)) for one in deliveries))

    def _in_background(self, deliveries: Sequence[Delivery]) -> None:
        task = asyncio.create_task(self.tell(deliveries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The Web API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        call = Call(time.monotonic(), request.match_info["method"], arguments, token)
        self.calls.append(call)
        trouble = next((one for one in self._troubles if one.meets(call)), None) or self._too_quick(call)
        if trouble:
            trouble.left -= 1
            await asyncio.sleep(trouble.delay)
        goes_wrong = trouble and (trouble.error or trouble.drop or trouble.retry_after or trouble.status != 200)
        call.answer = self._done(call) if not trouble or trouble.done or not goes_wrong else {}
        call.status = 200
        await asyncio.sleep(trouble.late if trouble else 0)
        if trouble and goes_wrong:
            return self._goes_wrong(request, call, trouble)
        return web.json_response(call.answer, headers=self._headers(call.method))

    def _too_quick(self, call: Call) -> Trouble | None:
        if not self.pace or call.method != "chat.postMessage":
            return None
        channel = str(call.arguments.get("channel"))
        if call.at < self._posted.get(channel, 0.0) + self.pace:
            return Trouble(call.method, channel, 1, "", 429, 1.0, 0.0, drop=False, done=False, when=None, more={})
        self._posted[channel] = call.at
        return None

    def _headers(self, method: str) -> dict[str, str]:
        accepted = ",".join(SCOPES.get(method, ()))
        return {"X-OAuth-Scopes": ",".join(sorted(self.scopes)), "X-Accepted-OAuth-Scopes": accepted}

    def _goes_wrong(self, request: web.Request, call: Call, trouble: Trouble) -> web.StreamResponse:
        if trouble.drop:
            call.status = 0
            assert request.transport
            request.transport.abort()
            return web.Response()
        if trouble.retry_after:
            call.status, call.answer = 429, {"ok": False, "error": "ratelimited"}
            headers = {"Retry-After": f"{trouble.retry_after:g}"}
            return web.json_response(call.answer, status=429, headers=headers)
        call.status = trouble.status
        if not trouble.error:
            return web.Response(status=trouble.status, text="upstream connect error")
        call.answer = {"ok": False, "error": trouble.error, **trouble.more}
        return web.json_response(call.answer, status=trouble.status)

    def _done(self, call: Call) -> JSON:
        """Do what was asked, and return the answer."""
        try:
            self._check(call)
            if call.method == "apps.connections.open":
                return {"ok": True, "url": f"{self.url.replace('http', 'ws', 1)}/link/?ticket={next(self._numbers)}"}
            more = {"url": self.url, "scopes": self.scopes}
            return {"ok": True, **METHODS[call.method](self.workspace, {**call.arguments, **more})}
        except Refused as refused:
            return {"ok": False, "error": refused.error, **refused.more}

    def _check(self, call: Call) -> None:
        """Check that there is such a method, and that the token may call it."""
        opens_socket = call.method == "apps.connections.open"
        if call.method not in METHODS and not opens_socket:
            raise Refused("unknown_method", req_method=call.method)
        if not call.token:
            raise Refused("not_authed")
        if call.token not in {self.bot_token, self.app_token}:
            raise Refused("invalid_auth")
        if opens_socket != (call.token == self.app_token):
            raise Refused("not_allowed_token_type")
        if self.auth_error:
            raise Refused(self.auth_error)
        needed = SCOPES.get(call.method, ())
        if needed and not set(needed) & self.scopes:
            raise Refused("missing_scope", needed=",".join(needed), provided=",".join(sorted(self.scopes)))

    # Files, and answers to presses

    async def _upload(self, request: web.Request) -> web.Response:
        file = self.workspace.files.get(request.match_info["file"])
        content = await request.read()
        if file is None or file.uploaded or file.size != len(content):
            return web.Response(status=400, text="not what was announced")
        file.content, file.uploaded = content, True
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.Response:
        """Give a file's bytes; who has no right to it is shown the sign-in page, with status 200, as at Slack."""
        file = self.workspace.files.get(request.match_info["name"].partition("-")[2].partition("/")[0])
        token = request.headers.get("Authorization", "")
        may = token == f"Bearer {self.bot_token}" and "files:read" in self.scopes and not self.auth_error
        if file is None or file.deleted:
            return web.Response(status=404, text="not found")
        if not may or file.page:
            return web.Response(text=_SIGN_IN, content_type="text/html")
        return web.Response(body=file.content, content_type=file.type)

    async def _respond(self, request: web.Request) -> web.Response:
        """Take what the app posts to a response_url."""
        body = await request.json()
        user, channel, ts = (request.match_info[name] for name in ("user", "channel", "ts"))
        shown = self.workspace.rooms[channel].at(ts)
        if shown and body.get("delete_original"):
            self.workspace.delete(shown)
        elif shown and body.get("replace_original"):
            self.workspace.change(shown, text=body.get("text", ""), blocks=body.get("blocks", []))
        else:
            private = user if body.get("response_type") != "in_channel" else ""
            post = Post(channel, self.workspace.ts(), BOT_USER, body.get("text", ""), bot=True, only_for=private)
            post.blocks = body.get("blocks", [])
            self.workspace.post(post)
        return web.Response(text="ok")


async def _arguments(request: web.Request) -> JSON:
    """Return the arguments of a call, however they were sent: in the address, as a form, or as JSON."""
    arguments: JSON = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        arguments |= await request.json()
    elif request.can_read_body:
        arguments |= dict(await request.post())
    for name in _AS_JSON:
        if isinstance(arguments.get(name), str):
            try:
                arguments[name] = json.loads(arguments[name])
            except ValueError:
                continue
    return arguments
