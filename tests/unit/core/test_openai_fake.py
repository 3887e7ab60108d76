"""The fake OpenAI server speaks the wire format that the real SDK and agent-framework's clients read.

What the clients make of each failure is written down here, because the agent's runner relies on it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from agent_framework import Agent, AgentResponse, Message, tool
from agent_framework.exceptions import ChatClientException
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.types.responses import ResponseFunctionToolCall

from tests.fakes.openai_server import (
    FakeOpenAI,
    Script,
    call,
    drop_after,
    empty,
    error,
    fail_after,
    hang,
    say,
    slow,
    text_then_call,
    together,
)

Client = type[OpenAIChatClient] | type[OpenAIChatCompletionClient]
ASK: Any = [{"role": "user", "content": "How long is the warranty?"}]
LIMIT_REACHED = "Function invocation limit reached before a final answer could be produced."

both_clients = pytest.mark.parametrize("client", [OpenAIChatClient, OpenAIChatCompletionClient])
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@asynccontextmanager
async def serving(*steps: Script, **options: Any) -> AsyncIterator[tuple[FakeOpenAI, AsyncOpenAI]]:
    async with (
        FakeOpenAI(*steps) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="test", **{"max_retries": 0, **options}) as sdk,
    ):
        yield server, sdk


class Desk:
    """An agent with one tool, which notes what it was asked for."""

    def __init__(self, client: Client, sdk: AsyncOpenAI, **limits: Any) -> None:
        self.searched: list[str] = []
        self.streamed: list[str] = []
        self.heard = asyncio.Event()

        @tool
        def search(query: str) -> str:
            """Looks in the knowledge base."""
            self.searched.append(query)
            return f"passage about {query}"

        self.agent = Agent(
            client=client(model="gpt-test", async_client=sdk, function_invocation_configuration=limits or None),  # type: ignore[arg-type]
            instructions="Be kind.",
            tools=[search],
            default_options={"store": False},
        )

    async def ask(self, stream: bool) -> AgentResponse[Any]:
        if not stream:
            return await self.agent.run("How long is the warranty?")
        running = self.agent.run("How long is the warranty?", stream=True)
        async for update in running:
            for part in update.contents:
                # The Responses client repeats the whole text at `output_text.done`, marked "replace".
                if part.type == "text" and part.text and part.merge_mode != "replace":
                    self.streamed.append(part.text)
                    self.heard.set()
        return await running.get_final_response()


# The SDK


async def test_the_sdk_reads_a_whole_response() -> None:
    async with serving(together(say("Let me see."), call("search", {"query": "warranty"}, call_id="call_a"))) as (
        server,
        sdk,
    ):
        response = await sdk.responses.create(model="gpt-test", input=ASK, store=False)
    assert (response.status, response.output_text, (response.model_extra or {})["store"]) == (
        "completed",
        "Let me see.",
        False,
    )
    called = response.output[1]
    assert isinstance(called, ResponseFunctionToolCall)
    assert (called.name, called.arguments, called.call_id) == ("search", '{"query": "warranty"}', "call_a")
    assert response.usage and response.usage.total_tokens > 0
    [seen] = server.requests
    assert (seen.headers["Authorization"], seen.said, seen.streams, seen.outcome) == (
        "Bearer test",
        [("user", "How long is the warranty?")],
        False,
        "answered",
    )


async def test_the_sdk_reads_a_streamed_response() -> None:
    async with (
        serving(text_then_call("Let me see.", "search", {"query": "warranty"})) as (_, sdk),
        sdk.responses.stream(model="gpt-test", input=ASK) as stream,
    ):
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Let me see."
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")] == sorted(
        {event.sequence_number for event in events if hasattr(event, "sequence_number")}
    )
    assert [item.type for item in final.output] == ["message", "function_call"]
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


async def test_the_sdk_reads_a_whole_completion() -> None:
    async with serving(together(call("search", {"query": "a"}), call("search", {"query": "b"}))) as (_, sdk):
        completion = await sdk.chat.completions.create(model="gpt-test", messages=ASK)
    [choice] = completion.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert [each.id for each in choice.message.tool_calls or ()] == ["call_1_0", "call_1_1"]
    assert completion.usage and completion.usage.prompt_tokens > 0


async def test_the_sdk_reads_a_streamed_completion() -> None:
    async with (
        serving(text_then_call("Let me see.", "search", {"query": "warranty"})) as (_, sdk),
        sdk.chat.completions.stream(model="gpt-test", messages=ASK, stream_options={"include_usage": True}) as stream,
    ):
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    message = final.choices[0].message
    assert "".join(deltas) == message.content == "Let me see."
    assert [each.function.arguments for each in message.tool_calls or ()] == ['{"query": "warranty"}']
    assert final.usage and final.usage.completion_tokens > 0


async def test_the_sdk_lists_the_models() -> None:
    async with serving() as (_, sdk):
        assert [model.id async for model in sdk.models.list()] == ["gpt-test"]


async def test_azure_has_its_own_paths_and_key() -> None:
    async with (
        FakeOpenAI(say("Two years."), say("Two years.")) as server,
        AsyncAzureOpenAI(
            azure_endpoint=server.azure_endpoint, api_key="test", api_version="2024-10-21", max_retries=0
        ) as sdk,
    ):
        completion = await sdk.chat.completions.create(model="our-deployment", messages=ASK)
        client = OpenAIChatClient(model="our-deployment", azure_endpoint=server.azure_endpoint, api_key="test")
        async with client.client:
            response = await Agent(client=client, default_options={"store": False}).run("How long is the warranty?")
    assert completion.choices[0].message.content == response.text == "Two years."
    assert [request.path.split("?")[0] for request in server.requests] == [
        "/openai/deployments/our-deployment/chat/completions",
        "/openai/v1/responses",
    ]


async def test_a_request_without_a_key_is_refused() -> None:
    async with FakeOpenAI() as server, AsyncOpenAI(base_url=server.base_url, api_key="test", max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError):
            await sdk.responses.create(model="gpt-test", input=ASK, extra_headers={"Authorization": openai.Omit()})


async def test_a_tool_result_nobody_asked_for_is_refused_as_the_real_server_does() -> None:
    stray: Any = {"type": "function_call_output", "call_id": "call_x", "output": "?"}
    async with serving() as (_, sdk):
        with pytest.raises(openai.BadRequestError, match="No tool call found"):
            await sdk.responses.create(model="gpt-test", input=[*ASK, stray])
        with pytest.raises(openai.BadRequestError, match="must be a response"):
            await sdk.chat.completions.create(
                model="gpt-test", messages=[*ASK, {"role": "tool", "tool_call_id": "call_x", "content": "?"}]
            )


async def test_a_request_beyond_the_script_is_refused_and_not_tried_again() -> None:
    async with serving(max_retries=2) as (server, sdk):
        with pytest.raises(openai.BadRequestError, match="script"):
            await sdk.responses.create(model="gpt-test", input=ASK)
    assert len(server.requests) == 1


async def test_a_step_may_look_at_the_request_and_a_script_may_grow() -> None:
    async with serving(lambda sent: say(f"You use {sent['model']}.")) as (server, sdk):
        server.then(say("More."))
        first = await sdk.responses.create(model="gpt-test", input=ASK)
        second = await sdk.chat.completions.create(model="gpt-test", messages=ASK)
    assert (first.output_text, second.choices[0].message.content, server.left) == ("You use gpt-test.", "More.", 0)


async def test_the_sdk_tries_again_by_default_after_429_and_500() -> None:
    async with serving(error(429, retry_after=0.01), error(500, retry_after=0.01), say("At last."), max_retries=2) as (
        server,
        sdk,
    ):
        assert (await sdk.responses.create(model="gpt-test", input=ASK)).output_text == "At last."
    assert [request.outcome for request in server.requests] == ["refused", "refused", "answered"]
    assert openai.DEFAULT_MAX_RETRIES == 2


# agent-framework


@both_clients
@both_ways
async def test_a_tool_call_goes_out_and_its_result_comes_back(client: Client, stream: bool) -> None:
    steps = text_then_call("Let me see. ", "search", {"query": "warranty"}), say("Two years. [1]")
    async with serving(*steps) as (server, sdk):
        desk = Desk(client, sdk)
        response = await desk.ask(stream)
    assert desk.searched == ["warranty"]
    assert response.messages[-1].text == "Two years. [1]"
    assert response.finish_reason == "stop"
    first, second = server.requests
    assert (first.tools, first.json["store"], first.streams) == (["search"], False, stream)
    assert second.tool_results == {"call_1_0": "passage about warranty"}
    assert "previous_response_id" not in second.json
    if stream:
        assert "".join(desk.streamed) == "Let me see. Two years. [1]"
        assert len(desk.streamed) == 6


@both_clients
@both_ways
async def test_two_calls_in_one_turn_are_both_run(client: Client, stream: bool) -> None:
    async with serving(together(call("search", {"query": "a"}), call("search", {"query": "b"})), say("Both.")) as (
        server,
        sdk,
    ):
        desk = Desk(client, sdk)
        await desk.ask(stream)
    assert sorted(desk.searched) == ["a", "b"]
    assert server.requests[1].tool_results == {"call_1_0": "passage about a", "call_1_1": "passage about b"}


@both_clients
@both_ways
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (call("no_such_tool"), 'Error: Requested function "no_such_tool" not found.'),
        (call("search", '{"query": '), "Error: Argument parsing failed."),
        (call("search", {}), "Error: Argument parsing failed."),
    ],
    ids=["unknown tool", "broken arguments", "missing argument"],
)
async def test_a_wrong_call_is_told_to_the_model(client: Client, stream: bool, wrong: Script, told: str) -> None:
    async with serving(wrong, say("Sorry.")) as (server, sdk):
        desk = Desk(client, sdk)
        assert (await desk.ask(stream)).text == "Sorry."
    assert (server.requests[1].tool_results, desk.searched) == ({"call_1_0": told}, [])


@both_clients
@both_ways
@pytest.mark.parametrize(
    "limits", [{"max_iterations": 2}, {"max_iterations": 9, "max_function_calls": 2}], ids=["turns", "calls"]
)
async def test_an_exhausted_budget_ends_in_a_sentence_that_looks_like_an_answer(
    client: Client, stream: bool, limits: dict[str, int]
) -> None:
    async with (
        FakeOpenAI(otherwise=call("search", {"query": "again"})) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="test") as sdk,
    ):
        desk = Desk(client, sdk, **limits)
        response = await desk.ask(stream)
    assert response.messages[-1].text == LIMIT_REACHED
    assert len(desk.searched) == 2
    assert [request.json["tool_choice"] for request in server.requests] == ["auto", "auto", "none"]


@both_clients
@both_ways
@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (error(429, retry_after=20), openai.RateLimitError),
        (error(500), openai.InternalServerError),
        (error(503), openai.InternalServerError),
        (error(401), openai.AuthenticationError),
        (error(404), openai.NotFoundError),
        (error(400), openai.BadRequestError),
        (drop_after(0), openai.APIConnectionError),
        (drop_after(3), openai.APIConnectionError),
    ],
    ids=["429", "500", "503", "401", "404", "400", "dropped at once", "dropped in the middle"],
)
async def test_a_failure_is_a_chat_client_exception_with_the_sdks_as_its_cause(
    client: Client, stream: bool, failure: Script, cause: type[Exception]
) -> None:
    async with serving(failure) as (server, sdk):
        desk = Desk(client, sdk)
        with pytest.raises(ChatClientException) as caught:
            await desk.ask(stream)
    assert type(caught.value.__cause__) is cause
    assert server.requests[0].outcome in ("refused", "cut")
    if isinstance(caught.value.__cause__, openai.RateLimitError):
        assert caught.value.__cause__.response.headers["retry-after"] == "20"


@both_clients
async def test_a_dropped_stream_had_given_out_what_came_before(client: Client) -> None:
    async with serving(drop_after(3, say("one two three four five six", chunks=6)), max_retries=2) as (server, sdk):
        desk = Desk(client, sdk)
        with pytest.raises(ChatClientException):
            await desk.ask(stream=True)
    assert len(desk.streamed) == 3
    assert len(server.requests) == 1, "the SDK doesn't try again once a stream has begun"


@both_clients
async def test_a_stream_that_ends_without_its_closing_event_has_no_finish_reason(client: Client) -> None:
    async with serving(drop_after(3, cleanly=True)) as (_, sdk):
        response = await Desk(client, sdk).ask(stream=True)
    assert response.text
    assert response.finish_reason is None


async def test_an_error_event_in_mid_stream_raises_for_completions_but_not_for_responses() -> None:
    async with serving(fail_after(2), fail_after(2)) as (_, sdk):
        with pytest.raises(ChatClientException):
            await Desk(OpenAIChatCompletionClient, sdk).ask(stream=True)
        response = await Desk(OpenAIChatClient, sdk).ask(stream=True)
    assert response.text
    assert response.finish_reason is None


@both_clients
@both_ways
async def test_an_empty_answer_is_an_ordinary_end_without_text(client: Client, stream: bool) -> None:
    async with serving(empty()) as (_, sdk):
        response = await Desk(client, sdk).ask(stream)
    assert (response.text, response.finish_reason) == ("", "stop")


@both_clients
@both_ways
async def test_an_answer_cut_by_its_length_says_so(client: Client, stream: bool) -> None:
    async with serving(say("Two ye", ending="length")) as (_, sdk):
        response = await Desk(client, sdk).ask(stream)
    assert (response.text, response.finish_reason) == ("Two ye", "length")


@both_clients
@both_ways
async def test_a_server_that_hangs_ends_in_the_sdks_timeout(client: Client, stream: bool) -> None:
    async with serving(hang(), timeout=0.1) as (_, sdk):
        with pytest.raises(ChatClientException) as caught:
            await Desk(client, sdk).ask(stream)
    assert type(caught.value.__cause__) is openai.APITimeoutError


@both_clients
async def test_an_answer_waits_for_the_test_to_let_it_go(client: Client) -> None:
    gate = asyncio.Event()
    async with serving(slow(gate, say("Now."))) as (server, sdk):
        asking = asyncio.ensure_future(Desk(client, sdk).ask(stream=True))
        await server.seen()
        assert (server.requests[0].outcome, asking.done()) == ("open", False)
        gate.set()
        assert (await asking).text == "Now."


@both_clients
async def test_the_pieces_of_a_stream_come_at_the_tests_pace(client: Client) -> None:
    pace = asyncio.Event()
    async with serving(say("one two three", chunks=["one ", "two ", "three"], pace=pace)) as (_, sdk):
        desk = Desk(client, sdk)
        asking = asyncio.ensure_future(desk.ask(stream=True))
        for heard in (["one "], ["one ", "two "]):
            async with asyncio.timeout(5):
                await desk.heard.wait()
            desk.heard.clear()
            assert desk.streamed == heard
            pace.set()
        assert (await asking).text == "one two three"


async def test_a_client_that_goes_away_is_noticed() -> None:
    async with serving(hang()) as (server, sdk):
        asking = asyncio.ensure_future(Desk(OpenAIChatClient, sdk).ask(stream=True))
        await server.seen()
        asking.cancel()
        await server.seen(1, "abandoned")
        with pytest.raises(asyncio.CancelledError):
            await asking


@both_clients
async def test_history_given_to_the_agent_reaches_the_model(client: Client) -> None:
    async with serving(say("Yes.")) as (server, sdk):
        past = [
            Message("user", ["Hello"]),
            Message("assistant", ["Hi, how can I help?"]),
            Message("user", ["Warranty?"]),
        ]
        await Desk(client, sdk).agent.run(past)
    said = [text for role, text in server.requests[0].said if role in ("user", "assistant")]
    assert said == ["Hello", "Hi, how can I help?", "Warranty?"]
