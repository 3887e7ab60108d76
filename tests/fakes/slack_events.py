"""How the fake Slack brings events to the app: over Socket Mode, or as signed HTTP posts, again until it is told 'ok'.

Facts from docs.slack.dev (Socket Mode, Events API, Verifying requests): an event not acknowledged within three seconds
comes again, at most three times, with the same event_id; presses, forms and commands come once.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from tests.fakes.slack_workspace import APP, BOT_USER, TEAM

JSON = dict[str, Any]
Kind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(frozen=True, slots=True)
class Ack:
    """How the app took a delivery: after how many seconds, with what status (0: not at all), at which attempt.

    `answer` is what it sent along.
    """

    seconds: float
    status: int
    attempt: int = 0
    answer: Any = None

    @property
    def ok(self) -> bool:
        """Whether it took it."""
        return 200 <= self.status < 300


@dataclass
class Delivery:
    """Something that the app is told, and how it took it each time."""

    kind: Kind
    payload: JSON
    acks: list[Ack] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the app took it in the end."""
        return bool(self.acks) and self.acks[-1].ok


def callback(event: JSON, event_id: str, *, shared: bool = False) -> JSON:
    """Return `event` in the wrapper of the Events API."""
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "context_team_id": TEAM,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(float(event.get("event_ts", "0"))),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": shared,
        "event_context": f"4-{event_id}",
    }


class Lines:
    """The ways to the app. `patience`: seconds it has for an 'ok'; `again_after`: what passes before each repeat.

    With `post_to` set, it goes there by HTTP, signed with `secret`; else by the open sockets.
    """

    def __init__(self, *, patience: float = 3.0, again_after: tuple[float, ...] = (0.0, 0.1, 0.5)) -> None:
        self.patience = patience
        self.again_after = again_after
        self.post_to = ""
        self.secret = "signing-secret"
        self.deliveries: list[Delivery] = []
        self.opened = 0
        self._sockets: list[web.WebSocketResponse] = []
        self._connected = asyncio.Event()
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[Any]]] = {}
        self._numbers = count(1)
        self._turn = count()
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all ways."""
        for socket in list(self._sockets):
            await socket.close()
        if self._http:
            await self._http.close()

    @property
    def connections(self) -> int:
        """How many sockets are open now."""
        return len(self._sockets)

    async def connected(self, seconds: float = 10.0) -> None:
        """Wait until the app has opened a socket. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._connected.wait()

    # Telling the app

    async def deliver(self, delivery: Delivery, *, first: int = 0) -> Ack:
        """Tell the app, again if it must be; returns its last answer. `first`: the number of the first attempt."""
        self.deliveries.append(delivery)
        pauses = self.again_after if delivery.kind == "events_api" else ()
        ack = await self._attempt(delivery, first, "")
        for attempt, pause in enumerate(pauses, start=first + 1):
            if ack.ok or (isinstance(ack.answer, dict) and ack.answer.get("no_retry")):
                break
            await asyncio.sleep(pause)
            ack = await self._attempt(delivery, attempt, "timeout" if ack.status == 0 else "http_error")
        return ack

    async def _attempt(self, delivery: Delivery, attempt: int, reason: str) -> Ack:
        tell = self._by_http if self.post_to else self._by_socket
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.patience):
                status, answer = await tell(delivery, attempt, reason)
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            status, answer = 0, None
        delivery.acks.append(Ack(time.monotonic() - began, status, attempt, answer))
        return delivery.acks[-1]

    async def _by_socket(self, delivery: Delivery, attempt: int, reason: str) -> tuple[int, Any]:
        await self._connected.wait()
        socket = self._sockets[next(self._turn) % len(self._sockets)]
        envelope = f"env-{next(self._numbers)}"
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = (socket, told)
        frame = {
            "type": delivery.kind,
            "envelope_id": envelope,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            frame |= {"retry_attempt": attempt, "retry_reason": reason}
        try:
            await socket.send_json(frame)
            return 200, await told
        finally:
            self._waiting.pop(envelope, None)

    async def _by_http(self, delivery: Delivery, attempt: int, reason: str) -> tuple[int, Any]:
        body, content_type = self.body_of(delivery)
        headers = {"Content-Type": content_type, **self.signed(body)}
        if attempt:
            reason = "http_timeout" if reason == "timeout" else reason
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        return await self.post(body, headers)

    async def post(self, body: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Post anything to the app, as anybody can; returns the status and what it answers."""
        if self._http is None:
            self._http = aiohttp.ClientSession()
        async with self._http.post(self.post_to, data=body.encode(), headers=headers) as response:
            text = await response.text()
            if response.headers.get("X-Slack-No-Retry") == "1":
                return response.status, {"no_retry": True}
            is_json = response.content_type == "application/json" and bool(text)
            return response.status, json.loads(text) if is_json else text

    async def verify(self) -> bool:
        """Ask whether the address is the app's, as Slack does when it is entered."""
        body = json.dumps({"token": "verification-token", "challenge": "3eZbrw1a", "type": "url_verification"})
        status, answer = await self.post(body, {"Content-Type": "application/json", **self.signed(body)})
        return status == 200 and "3eZbrw1a" in str(answer)

    @staticmethod
    def body_of(delivery: Delivery) -> tuple[str, str]:
        """Return the body of the HTTP post, and its content type: JSON for events, forms for the rest."""
        match delivery.kind:
            case "events_api":
                return json.dumps(delivery.payload), "application/json"
            case "interactive":
                return urlencode({"payload": json.dumps(delivery.payload)}), "application/x-www-form-urlencoded"
            case _:
                return urlencode(delivery.payload), "application/x-www-form-urlencoded"

    def signed(self, body: str, *, at: float | None = None) -> dict[str, str]:
        """Return the headers that vouch for `body`, signed at `at` (now)."""
        stamp = str(int(time.time() if at is None else at))
        digest = hmac.new(self.secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    # The sockets

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection of the app."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        self._sockets.append(socket)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._sockets),
                "connection_info": {"app_id": APP},
                "debug_info": {"host": "fake", "approximate_connection_time": 18_060},
            }
        )
        self._connected.set()
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._answered(json.loads(message.data))
        finally:
            self._leave(socket)
            self._lost_with(socket)
        return socket

    def _answered(self, frame: JSON) -> None:
        _, waiting = self._waiting.get(frame.get("envelope_id", ""), (None, None))
        if waiting and not waiting.done():
            waiting.set_result(frame.get("payload"))

    def _lost_with(self, socket: web.WebSocketResponse) -> None:
        """What a connection took along when it ended was not told: no 'ok' can come for it any more."""
        for on, told in self._waiting.values():
            if on is socket and not told.done():
                told.set_exception(ConnectionError("the connection ended"))

    def _leave(self, socket: web.WebSocketResponse) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
        if not self._sockets:
            self._connected.clear()

    async def refresh(self) -> None:
        """Ask the app to come on a new socket, as Slack does every few hours; the old one takes nothing any more."""
        await self._end(lambda socket: socket.send_json({"type": "disconnect", "reason": "refresh_requested"}))

    async def hang_up(self) -> None:
        """Close all sockets without a word."""
        await self._end(lambda socket: socket.close())

    async def _end(self, how: Callable[[web.WebSocketResponse], Awaitable[object]]) -> None:
        for socket in list(self._sockets):
            self._leave(socket)
            await how(socket)
