"""Microsoft's own client of Teams, the Agents Playground, talks to the program; more of it in a browser: `make e2e`."""

from pathlib import Path
from typing import Any

import pytest

from channels.recording import WITHIN, until
from tests.conftest import Launch
from tests.scenario.playground import MISSING, Playground, free_port, playground

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

QUESTION = "How much does delivery cost?"


async def answer_in(client: Playground, conversation: str) -> dict[str, Any]:
    """Return the first whole message of the program in a conversation, or in a thread of a channel."""

    async def look() -> dict[str, Any] | None:
        messages = (one for one in client.activities() if one["type"] == "message")
        return next((one for one in messages if one["conversation"]["id"].startswith(conversation)), None)

    return await until(look, WITHIN)


def cited(activity: dict[str, Any]) -> list[str]:
    """Return the names of the sources that Teams shows at an answer."""
    return [claim["appearance"]["name"] for entity in activity["entities"] for claim in entity.get("citation", ())]


async def test_the_playground_is_answered_with_sources_in_a_chat_a_group_and_a_channel(
    launch: Launch, tmp_path: Path
) -> None:
    port = free_port()
    client = await launch(teams_dev=True, teams_service_urls=[f"http://127.0.0.1:{port}/_connector"])
    async with playground(f"{client.url}/api/messages", port, tmp_path) as alex:
        chat, group = alex.config["personalChat"]["id"], alex.config["groupChats"][0]["id"]
        channel = alex.config["teams"][0]["channels"][0]["id"]
        await alex.writes(chat, QUESTION)
        await alex.writes(group, QUESTION, mention=True)
        await alex.writes(channel, QUESTION, mention=True)
        for conversation in (chat, group, channel):
            said = await answer_in(alex, conversation)
            assert cited(said)[0].startswith("Delivery"), conversation
            assert said["channelData"]["feedbackLoop"] == {"type": "default"}
        pieces = [one for one in alex.activities() if one["type"] == "typing" and one.get("entities")]
        assert pieces, "in the chat it streamed"
        refused = [one["response"] for one in alex.said if one["response"]["statusCode"] >= 300]
        assert refused == []
