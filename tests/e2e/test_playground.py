"""The Agents Playground in a browser, from question to survey: `make e2e`. Screenshots go to THREADLINE_SCREENSHOTS."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from channels.teams.names import key
from core.messages import Author
from tests.conftest import Launch
from tests.scenario.playground import BROWSER, MISSING, free_port, playground

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


async def test_a_chat_a_group_a_channel_and_a_desk_are_seen_as_teams_shows_them(launch: Launch, tmp_path: Path) -> None:
    port, files = free_port(), free_port()
    shots = os.environ.get("THREADLINE_SCREENSHOTS") or str(tmp_path)
    trusted = [f"http://127.0.0.1:{port}/_connector", f"http://127.0.0.1:{files}"]
    client = await launch(teams_dev=True, teams_service_urls=trusted, desk="teams")
    store = client.threadline.store
    code = await store.desks.offer("teams", time.time())
    async with playground(f"{client.url}/api/messages", port, tmp_path) as alex:
        process = await asyncio.create_subprocess_exec(
            "node", "playground.mjs", alex.url, shots, code, str(files), cwd=BROWSER, stdout=-1, stderr=-2
        )
        output, _ = await asyncio.wait_for(process.communicate(), 180)
        refused = [one["response"] for one in alex.said if one["response"]["statusCode"] >= 300]
        chat = await store.find_thread(key("", alex.config["personalChat"]["id"]))
    assert process.returncode == 0, output.decode()
    assert refused == []
    assert chat
    said = await store.messages(chat.id)
    [file] = [file for message in said for file in message.files]
    assert await client.threadline.files.read(file.id) == b"A bell, 4 pounds."
    answers = [message.text for message in said if message.author is Author.OPERATOR]
    assert answers == ["Thank you, the money is on its way."]
