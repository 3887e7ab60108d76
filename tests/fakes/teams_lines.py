"""How the fake Teams tells the app: signed HTTP posts to its messaging endpoint, again until it says 'ok'.

Teams waits about fifteen seconds and then posts the same activity again, with the same id; how often is not documented
(msteams-docs issues 6084 and 8998). Invokes come once here: the person waits for their answer.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.fakes.teams_workspace import THREAD

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ack:
    """How the app took a delivery: after how many seconds, with what status (0: not at all), at which attempt.

    `answer` is the body it answered: JSON if it is some, else its text.
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
    """An activity that the app is told, and how it took it each time."""

    activity: JSON
    acks: list[Ack] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the app took it in the end."""
        return bool(self.acks) and self.acks[-1].ok


class Lines:
    """The way to the app, which is at `post_to`. `sign` gives the token for a service address.

    `patience`: seconds that it has for an 'ok'; `again_after`: what passes before each repeat.
    """

    def __init__(
        self, sign: Callable[[str], str], *, patience: float = 15.0, again_after: tuple[float, ...] = (0.0, 0.5)
    ) -> None:
        self.patience = patience
        self.again_after = again_after
        self.post_to = ""
        self.deliveries: list[Delivery] = []
        self._sign = sign
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._http:
            await self._http.close()

    async def deliver(self, delivery: Delivery) -> Ack:
        """Tell the app, again if it must be; returns its last answer."""
        self.deliveries.append(delivery)
        pauses = () if delivery.activity["type"] == "invoke" else self.again_after
        ack = await self._attempt(delivery)
        for pause in pauses:
            if ack.ok:
                break
            await asyncio.sleep(pause)
            ack = await self._attempt(delivery)
        return ack

    async def _attempt(self, delivery: Delivery) -> Ack:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.patience):
                status, answer = await self.post(delivery.activity)
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            status, answer = 0, None
        delivery.acks.append(Ack(time.monotonic() - began, status, len(delivery.acks), answer))
        return delivery.acks[-1]

    async def post(self, activity: JSON | bytes, *, token: str | None = None) -> tuple[int, Any]:
        """Post anything to the app, as anybody can: `token` None is a good one, '' none. Returns status and body."""
        if self._http is None:
            self._http = aiohttp.ClientSession()
        said = activity if isinstance(activity, dict) else {}
        bearer = self._sign(said.get("serviceUrl", "")) if token is None else token
        headers = {"Content-Type": "application/json; charset=utf-8", **_headers(said)}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        data = json.dumps(activity).encode() if isinstance(activity, dict) else activity
        async with self._http.post(self.post_to, data=data, headers=headers) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and bool(text)
            return response.status, json.loads(text) if is_json else text


def _headers(activity: JSON) -> dict[str, str]:
    """Return the headers that let a bot route without reading the body ('Request headers of the bot')."""
    conversation = activity.get("conversation") or {}
    return {
        "x-ms-conversation-id": str(conversation.get("id", "")).partition(THREAD)[0],
        "x-ms-tenant-id": str(conversation.get("tenantId", "")),
    }
