"""Azure OpenAI on the wire: its own addresses, its own key header, the deployment as the model."""

import pytest

from tests.conftest import Launch
from tests.fakes.openai_server import FakeOpenAI, call, say

PATHS = {"responses": "/openai/responses", "chat": "/openai/deployments/support/chat/completions"}


@pytest.mark.parametrize("api", PATHS)
async def test_a_deployment_of_azure_answers_with_sources(launch: Launch, api: str) -> None:
    script = (call("search_knowledge_base", {"query": "delivery cost"}), say("Standard delivery costs £3.95 [1]."))
    async with FakeOpenAI(*script) as server:
        client = await launch(
            azure_openai_endpoint=server.azure_endpoint,
            azure_openai_api_key="azure-key",
            azure_openai_deployment="support",
            openai_api=api,
        )
        [reply] = await (await client.chat()).say("How much is delivery?")
        request = server.requests[0]
    assert (reply["text"], len(reply["citations"])) == ("Standard delivery costs £3.95 [1].", 1)
    assert request.path.split("?")[0] == PATHS[api]
    assert request.headers["api-key"] == "azure-key"
    assert (request.json["model"], request.json["store"]) == ("support", False)
