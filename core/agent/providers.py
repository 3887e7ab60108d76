"""Which chat client speaks: OpenAI, Azure OpenAI, any compatible server, or the extractive answerer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from agent_framework import BaseChatClient, FunctionInvocationConfiguration, Message
from agent_framework.exceptions import AgentFrameworkException

from core.agent.extractive import ExtractiveClient
from core.agent.models import PAUSE, Breaker, Model, Models, ModelsAway, Sleep, status_of
from core.budget import Price

REQUEST_SECONDS = 60.0
REQUEST_RETRIES = 0  # by the SDK: it would keep a Retry-After within our call, and nobody else would hear of it
FIRST_WORD_SECONDS = 20.0
AZURE_API_VERSION = "2025-04-01-preview"

_LIMITS: FunctionInvocationConfiguration = {
    "max_iterations": 8,  # model calls a run; the fence ends a run sooner, by counting tool calls
    "max_consecutive_errors_per_request": 2,
    "include_detailed_errors": False,
}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where a language model is, and what it costs. Without a key and without an endpoint there is none.

    `pause`: how many seconds it is left alone when it fails again and again; 0: never.
    """

    model: str
    api_key: str
    base_url: str = ""
    api: Literal["responses", "chat"] = "responses"
    azure_endpoint: str = ""
    sees: bool = False
    price: Price = field(default_factory=Price)
    pause: float = PAUSE


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


def openai_provider(
    *all_settings: ModelSettings,
    seconds: float = FIRST_WORD_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Provider:
    """Return the provider for language models: the first, and those that stand by for it, in order.

    `seconds` is how long each may take to its first word. Nothing is sent before the first run.
    """
    connections = AsyncExitStack()
    models = [_model(settings, connections, clock) for settings in all_settings]
    return Provider(
        ", then ".join(model.name for model in models),
        Models(models, seconds=seconds, sleep=sleep, function_invocation_configuration=_LIMITS),
        {"store": False},
        errors=tuple({AgentFrameworkException, *(error for model in models for error in model.errors)}),
        sees=all(settings.sees for settings in all_settings),
        connections=connections,
    )


def _model(settings: ModelSettings, connections: AsyncExitStack, clock: Callable[[], float]) -> Model:
    """Return one model of OpenAI's, Azure's, or of a server that speaks like them.

    OpenAI's packages are imported here and only here: it takes them half a second, and without a
    model nobody needs them.
    """
    from agent_framework.openai import RawOpenAIChatClient, RawOpenAIChatCompletionClient
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
    connections.push_async_callback(client.close)
    kind = RawOpenAIChatClient if settings.api == "responses" else RawOpenAIChatCompletionClient
    raw: BaseChatClient[Any] = kind(model=settings.model, async_client=client)
    errors = (AgentFrameworkException, OpenAIError, TimeoutError)
    return Model(settings.model, raw, Breaker(clock, pause=settings.pause), settings.price, errors)


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
    if isinstance(error, ModelsAway):
        return str(error)
    kind, status = type(error.__cause__ or error).__name__, status_of(error)
    return f"{kind} (HTTP {status})" if status else kind
