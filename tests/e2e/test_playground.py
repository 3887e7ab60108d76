"""The Agents Playground in a browser, from question to claim: `make e2e`. Screenshots go to THREADLINE_SCREENSHOTS."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.conftest import Launch
from tests.scenario.playground import BROWSER, MISSING, free_port, playground

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

DESK = "channel-announcements-id"


async def test_a_chat_a_group_a_channel_and_a_desk_are_seen_as_teams_shows_them(launch: Launch, tmp_path: Path) -> None:
    port = free_port()
    shots = os.environ.get("THREADLINE_SCREENSHOTS") or str(tmp_path)
    trusted = [f"http://127.0.0.1:{port}/_connector"]
    client = await launch(teams_dev=True, teams_service_urls=trusted, desk=f"teams:{DESK}")
    async with playground(f"{client.url}/api/messages", port, tmp_path) as alex:
        process = await asyncio.create_subprocess_exec(
            "node", "playground.mjs", alex.url, shots, cwd=BROWSER, stdout=-1, stderr=-2
        )
        output, _ = await asyncio.wait_for(process.communicate(), 180)
        refused = [one["response"] for one in alex.said if one["response"]["statusCode"] >= 300]
    assert process.returncode == 0, output.decode()
    assert refused == []
