"""Which chat client speaks: OpenAI, Azure OpenAI, any compatible server, or the extractive answerer."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from agent_framework import BaseChatClient, FunctionInvocationConfiguration, Message
from agent_framework.exceptions import AgentFrameworkException

from core.agent.extractive import ExtractiveClient

REQUEST_SECONDS = 60.0
REQUEST_RETRIES = 1  # by the SDK, honouring Retry-After within the run's own time; then people take over
AZURE_API_VERSION = "2025-04-01-preview"

_LIMITS: FunctionInvocationConfiguration = {
    "max_iterations": 8,  # model calls a run; the fence ends a run sooner, by counting tool calls
    "max_consecutive_errors_per_request": 2,
    "include_detailed_errors": False,
}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where the language model is. Without a key and without an endpoint there is none."""

    model: str
    api_key: str
    base_url: str = ""
    api: Literal["responses", "chat"] = "responses"
    azure_endpoint: str = ""
    sees: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """A chat client and the options every run of it takes; `name` is what people read, `errors` what it raises.

    `sees`: the model is shown pictures.
    """

    name: str
    client: BaseChatClient[Any]
    options: dict[str, Any] = field(default_factory=dict)
    has_model: bool = True
    errors: tuple[type[Exception], ...] = (AgentFrameworkException,)
    sees: bool = False
    connections: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def close(self) -> None:
        """Close the connections to the model."""
        await self.connections.aclose()


def extractive() -> Provider:
    """Return the answerer that quotes the knowledge base."""
    return Provider("extractive answerer", ExtractiveClient(function_invocation_configuration=_LIMITS), has_model=False)


def openai_provider(settings: ModelSettings) -> Provider:
    """Return the provider for a language model. Nothing is sent before the first run.

    OpenAI's packages are imported here and only here: it takes them half a second, and without a
    model nobody needs them.
    """
    from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
    from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAIError

    client: AsyncOpenAI
    if settings.azure_endpoint:
        client = AsyncAzureOpenAI(
            azure_endpoint=settings.azure_endpoint,
            api_key=settings.api_key,
            api_version=AZURE_API_VERSION,
            timeout=REQUEST_SECONDS,
            max_retries=REQUEST_RETRIES,
        )
    else:
        client = AsyncOpenAI(
            api_key=settings.api_key,
            base_url=settings.base_url or None,
            timeout=REQUEST_SECONDS,
            max_retries=REQUEST_RETRIES,
        )
    kind = OpenAIChatClient if settings.api == "responses" else OpenAIChatCompletionClient
    chat: BaseChatClient[Any] = kind(
        model=settings.model, async_client=client, function_invocation_configuration=_LIMITS
    )
    provider = Provider(
        settings.model, chat, {"store": False}, errors=(AgentFrameworkException, OpenAIError), sees=settings.sees
    )
    provider.connections.push_async_callback(client.close)
    return provider


def load_instructions(company: str, name: str = "instructions") -> str:
    """Return the agent's instructions for `company`; those named 'drafting' are for suggestions to operators."""
    text = resources.files("core.agent").joinpath(f"{name}.md").read_text(encoding="utf-8")
    return text.replace("{company}", company)


async def ping(provider: Provider, *, seconds: float = 15.0) -> str:
    """Ask the model for one word; returns '' if it answered, else what went wrong."""
    try:
        async with asyncio.timeout(seconds):
            await provider.client.get_response(
                [Message("user", ["Answer with the word: ready"])], options=provider.options
            )
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except provider.errors as error:
        return describe(error)
    return ""


def describe(error: BaseException) -> str:
    """Name a provider's failure for operators, without what it quotes of our request."""
    cause = error.__cause__ or error
    status = getattr(error, "status_code", None) or getattr(cause, "status_code", None)
    kind = type(cause).__name__
    return f"{kind} (HTTP {status})" if status else kind
