"""What tests share: a clock that stands, settings without an environment, a client that speaks our HTTP API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

from bot.bootstrap import Threadline
from bot.settings import Settings

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""The real material, beside the checkout; never part of it."""


class ManualClock:
    """A clock in seconds since the epoch that moves only by `tick`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> float:
        """Move on by `seconds` and return the new time."""
        self.now += seconds
        return self.now


def plain_settings(home: Path, **overrides: Any) -> Settings:
    """Return the default settings with HOME at `home`; no `.env` is read, generous rates."""
    values = {"threadline_home": home, "chat_sessions_per_minute": 10_000, "chat_messages_per_minute": 10_000}
    return Settings(_env_file=None, **{**values, **overrides})  # type: ignore[call-arg]


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status: int, data: Any, headers: Any) -> None:
        self.status = status
        self.data = data
        self.headers = headers


class Client:
    """Speaks the HTTP API of a running program. `threadline` is the program itself, for looking behind it."""

    def __init__(self, url: str, threadline: Threadline) -> None:
        self.url = url
        self.threadline = threadline

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def call(self, method: str, path: str, *, token: str = "", **options: Any) -> Answer:
        """Send a request and read the answer; JSON where it is JSON."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **options) as response:
            is_json = response.content_type == "application/json"
            return Answer(response.status, await (response.json() if is_json else response.text()), response.headers)

    async def chat(self) -> "Chat":
        """Open a chat session."""
        answer = await self.call("POST", "/api/v1/chat/sessions")
        assert answer.status == 201
        return Chat(self, answer.data["session_id"], answer.data["token"])

    async def operator(self, name: str = "Ada") -> "Operator":
        """Make an operator."""
        _, token = await self.threadline.store.credentials.add_operator(name, self.threadline.clock())
        return Operator(self, token)


class Chat:
    """One customer's chat session."""

    def __init__(self, client: Client, session: str, token: str) -> None:
        self.client = client
        self.session = session
        self.token = token
        self.path = f"/api/v1/chat/sessions/{session}"

    async def say(self, text: str, *, key: str = "") -> list[dict[str, Any]]:
        """Say `text` and return the replies, once the turn is over."""
        headers = {"Idempotency-Key": key} if key else {}
        path = f"{self.path}/messages?wait=60"
        answer = await self.client.call("POST", path, token=self.token, json={"text": text}, headers=headers)
        assert answer.status == 200, answer.data
        return list(answer.data["replies"])

    async def post(self, text: str) -> str:
        """Say `text` without waiting; returns the message's id."""
        answer = await self.client.call("POST", f"{self.path}/messages", token=self.token, json={"text": text})
        assert answer.status == 202, answer.data
        return str(answer.data["message_id"])

    async def read(self) -> list[dict[str, Any]]:
        """Return all messages the customer sees."""
        return list((await self.client.call("GET", f"{self.path}/messages", token=self.token)).data["messages"])

    @asynccontextmanager
    async def socket(self, after: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open the live socket."""
        ticket = (await self.client.call("POST", f"{self.path}/ticket", token=self.token)).data["ticket"]
        address = f"{self.client.url}{self.path}/ws?ticket={ticket}&after={after}"
        async with self.client.http.ws_connect(address) as socket:
            yield socket


class Operator:
    """One operator at the web desk."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token

    async def cases(self, state: str = "open") -> list[dict[str, Any]]:
        """Return the cases."""
        return list(
            (await self.client.call("GET", f"/api/v1/desk/cases?state={state}", token=self.token)).data["cases"]
        )

    async def case(self, case: str) -> dict[str, Any]:
        """Return one case in full."""
        return dict((await self.client.call("GET", f"/api/v1/desk/cases/{case}", token=self.token)).data)

    async def act(self, case: str, action: str, text: str = "", *, key: str = "", **more: str) -> Answer:
        """Do something to a case; `more` are other fields of the action."""
        headers = {"Idempotency-Key": key} if key else {}
        path = f"/api/v1/desk/cases/{case}/actions"
        body = {"action": action, "text": text, **more}
        return await self.client.call("POST", path, token=self.token, json=body, headers=headers)


async def until(condition: Any, seconds: float = 10.0) -> Any:
    """Return what the async `condition` returns, once it is true; AssertionError if that takes too long."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 (what is waited for lies behind HTTP)
            await asyncio.sleep(0.01)
    return found
