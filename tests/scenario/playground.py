"""Microsoft's Agents Playground, the one real client of Teams there is here: started beside the program on loopback."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

BROWSER = Path(__file__).resolve().parents[1] / "browser"
PROGRAM = BROWSER / "node_modules" / "@microsoft" / "m365agentsplayground" / "cli.js"
_LOOPBACK = BROWSER / "loopback.cjs"
MISSING = [
    what
    for what, there in {
        "node": shutil.which("node"),
        "the Agents Playground (cd tests/browser && npm ci)": PROGRAM.exists(),
    }.items()
    if not there
]


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Playground:
    """A running Playground: one person, Alex Wilber, in a personal chat, a group chat and a team's channels."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http
        self.config: dict[str, Any] = {}
        self.said: list[dict[str, Any]] = []

    async def _wait(self) -> None:
        for _ in range(150):
            try:
                async with self._http.get(f"{self.url}/_internal/v1/config") as answer:
                    self.config = (await answer.json())["config"]
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        raise AssertionError("the Playground did not start")

    async def _listen(self) -> None:
        """Write down what the program sends; the Playground tells of each request in both directions."""
        async with self._http.ws_connect(f"{self.url}/_ws/log/stream") as socket_:
            async for message in socket_:
                entry = json.loads(message.data).get("log") or {}
                if entry.get("from") == "User Application":
                    self.said.append(entry)

    async def writes(self, conversation: str, text: str, *, mention: bool = False) -> None:
        """Write as Alex."""
        bot = self.config["bot"]
        marked = f"<at>{bot['name']}</at> " if mention else ""
        body: dict[str, Any] = {
            "type": "text",
            "text": f"{marked}{text}",
            "textFormat": "plain",
            "from": {"id": self.config["currentUser"]["id"]},
        }
        if mention:
            body["mentions"] = [{"mentioned": {"id": bot["id"], "name": bot["name"]}, "text": marked.strip()}]
        url = f"{self.url}/_conversation/v1/conversations/{conversation}/messages"
        async with self._http.post(url, json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def sends(self, activity: dict[str, Any]) -> int:
        """Send the program an activity of Alex's personal chat as it is; returns the status that it answered."""
        who, bot = self.config["currentUser"], self.config["bot"]
        whole = {
            "id": str(len(self.said)),
            "channelId": "msteams",
            "serviceUrl": f"{self.url}/_connector",
            "timestamp": "2026-11-21T10:00:00Z",
            "from": {"id": who["id"], "name": who["name"], "aadObjectId": who["aadObjectId"]},
            "recipient": {"id": bot["id"], "name": bot["name"]},
            "conversation": {"id": self.config["personalChat"]["id"], "conversationType": "personal"},
            "channelData": {"tenant": {"id": self.config["tenantId"]}},
            **activity,
        }
        async with self._http.post(f"{self.url}/_internal/v1/customActivities", json=whole) as answer:
            return answer.status

    def activities(self) -> list[dict[str, Any]]:
        """Return the activities that the program has sent."""
        return [body for one in self.said if isinstance(body := (one.get("request") or {}).get("body"), dict)]


@asynccontextmanager
async def playground(endpoint: str, port: int, folder: Path) -> AsyncIterator[Playground]:
    """Run the Playground at `port` for the program at `endpoint`."""
    url = f"http://127.0.0.1:{port}"
    command = [
        *("node", "--require", str(_LOOPBACK), str(PROGRAM), "start", "-e", endpoint, "-c", "msteams"),
        *("-p", str(port), "--service-url", f"{url}/_connector", "--disable-telemetry"),
    ]
    quiet = {"TEAMSAPPTESTER_BROWSER": "none", "M365_AGENTS_PLAYGROUND_LOGFILE": str(folder / "playground.log")}
    with (folder / "playground.out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=out, stderr=out, env={**os.environ, **quiet}
        )
    async with aiohttp.ClientSession() as http:
        running = Playground(url, http)
        listening = None
        try:
            await running._wait()
            listening = asyncio.create_task(running._listen())
            await asyncio.sleep(0.2)
            yield running
        finally:
            if listening:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            process.terminate()
            await process.wait()
