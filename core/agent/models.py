"""The language models as one chat client: the first that can be reached answers, the others stand by.

A model that fails is left alone for a while, so that nobody waits for it in vain; then one question tries it again.
The last one is asked once more, after the time it asks for. A model is changed only before it has said anything: what
a customer may have read is never said twice. What the models took is counted in the `Meter` of the run. Made by
`providers`.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import structlog
from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
)
from agent_framework.exceptions import AgentFrameworkException, ChatClientContentFilterException

from core.budget import Price, Usage

log = structlog.get_logger()
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

FAILURES = 3
PAUSE = 30.0  # seconds
MOST_PAUSE = 600.0
AGAIN = 0.5  # seconds until the last model is asked again, if it names no time
_REFUSES_THIS = frozenset({400, 413, 422})  # says nothing of other questions
_REFUSES_AGAIN = _REFUSES_THIS | {401, 403, 404}
_CHARACTERS = 4  # of a token, roughly, where a server doesn't count: OpenAI's rule of thumb for English


class ModelsAway(AgentFrameworkException):
    """Every model has failed a short while ago; none was asked."""


class Breaker:
    """Whether a model is asked: not for a while after `FAILURES` in a row, nor before the time it named itself."""

    def __init__(self, clock: Callable[[], float], *, pause: float = PAUSE) -> None:
        """`clock` returns seconds; any start will do. `pause`: how long it is left alone, in seconds; 0: never."""
        self._clock = clock
        self._pause = pause
        self._failures = 0
        self._until = 0.0
        self._tried = False

    @property
    def left_alone(self) -> float:
        """How many seconds the model is left alone yet."""
        return max(0.0, self._until - self._clock())

    @property
    def broken(self) -> bool:
        """Whether it is left alone, or tried, because it failed again and again; else it has but asked for time."""
        return self._until > 0.0 and self._failures >= FAILURES

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """Give whether the model may be asked now; who asks tells by `worked` or `failed` how it went.

        If it is broken, one question alone tries it after the pause. Who is broken off has learnt nothing.
        """
        trial = self.broken
        if self.left_alone or (trial and self._tried):
            yield False
            return
        self._tried = trial
        try:
            yield True
        finally:
            if trial:
                self._tried = False

    def worked(self) -> None:
        """It answered: its failures are forgotten. The time it asked others for is kept."""
        self._failures = 0

    def failed(self, retry_after: float | None = None) -> None:
        """It failed; `retry_after`: it asked to be left alone for so many seconds.

        While it is left alone only those fail who had asked before: they count as one with the first of them.
        """
        if not self.left_alone:
            self._failures += 1
        pause = max(self._pause if self._failures >= FAILURES else 0.0, retry_after or 0.0)
        if self._pause and pause:
            self._until = max(self._until, self._clock() + min(MOST_PAUSE, pause))


@dataclass(frozen=True, slots=True)
class Model:
    """One model behind a client that does nothing but ask it; `errors` are what that raises."""

    name: str
    client: BaseChatClient[Any]
    breaker: Breaker
    price: Price = field(default_factory=Price)
    errors: tuple[type[Exception], ...] = (AgentFrameworkException, TimeoutError)


class Meter:
    """Counts what one run takes."""

    def __init__(self) -> None:
        self.usage = Usage()

    def add(self, model: Model, tokens_in: int, tokens_out: int) -> None:
        """Count one answer of `model`."""
        self.usage = Usage(
            self.usage.tokens_in + tokens_in,
            self.usage.tokens_out + tokens_out,
            self.usage.cost + model.price.of(tokens_in, tokens_out),
            model.name,
        )


class Models(FunctionInvocationLayer[Any], ChatMiddlewareLayer[Any], BaseChatClient[Any]):
    """Asks the first of `models` that answers; `seconds` is how long each may take to its first word.

    The last one has no other to stand by for it. It is asked again where that is of use and fits into its `seconds`.
    """

    OTEL_PROVIDER_NAME = "threadline.models"

    def __init__(self, models: Sequence[Model], *, seconds: float, sleep: Sleep = asyncio.sleep, **layers: Any) -> None:
        super().__init__(**layers)
        self._models = models
        self._seconds = seconds
        self._sleep = sleep

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        meter = kwargs.get("meter") or Meter()
        answer = self._build_response_stream(self._answer(messages, options, meter))
        return answer if stream else answer.get_final_response()

    async def _answer(
        self, messages: Sequence[Message], options: Mapping[str, Any], meter: Meter
    ) -> AsyncGenerator[ChatResponseUpdate, None]:
        why: Exception | None = None
        last = self._models[-1]
        for again, model in [*((False, one) for one in self._models), (True, last)]:
            if not again:
                deadline, failure = asyncio.get_running_loop().time() + self._seconds, None
            elif not await self._rested(model, failure, deadline):
                break
            with model.breaker.asking() as may:
                if not may:
                    continue
                spoke = False
                try:
                    async for update in self._ask(model, messages, options, meter, deadline):
                        spoke = spoke or any(one.text or one.type == "function_call" for one in update.contents)
                        yield update
                except model.errors as error:
                    _note(model, error, AGAIN if model is last and status_of(error) not in _REFUSES_AGAIN else None)
                    if spoke or isinstance(error, ChatClientContentFilterException):
                        raise
                    why = failure = error
                else:
                    model.breaker.worked()
                    return
        if isinstance(why, TimeoutError):
            raise ModelsAway(f"No word of the model within {self._seconds:g} s.") from why
        if why is None:
            rest = min(model.breaker.left_alone for model in self._models)
            raise ModelsAway(f"The model failed a short while ago; it is asked again in {rest:.0f} s.")
        raise why

    async def _rested(self, model: Model, failure: Exception | None, deadline: float) -> bool:
        """Wait until `model` may be asked again after `failure` (None: it wasn't asked); False if that is of no use."""
        if failure and status_of(failure) in _REFUSES_AGAIN:
            return False
        rest = max(model.breaker.left_alone, (retry_after(failure) or AGAIN) if failure else 0.0)
        while rest:
            if model.breaker.broken or asyncio.get_running_loop().time() + rest > deadline:
                return False
            await self._sleep(rest)
            rest = model.breaker.left_alone
        return True

    async def _ask(
        self, model: Model, messages: Sequence[Message], options: Mapping[str, Any], meter: Meter, deadline: float
    ) -> AsyncIterator[ChatResponseUpdate]:
        counted, written = False, 0
        stream = model.client.get_response(messages, stream=True, options=options)
        async for update in _begun(stream, deadline):
            for content in update.contents:
                written += len(content.text or "") + len(str(content.arguments or ""))
                if content.type == "usage" and (usage := content.usage_details):
                    meter.add(model, usage.get("input_token_count") or 0, usage.get("output_token_count") or 0)
                    counted = True
            yield update
        if not counted:
            meter.add(model, sum(len(m.text) for m in messages) // _CHARACTERS, written // _CHARACTERS)


async def _begun(stream: ResponseStream[T, Any], deadline: float) -> AsyncIterator[T]:
    """Give what `stream` gives; raises TimeoutError if its first piece isn't there by `deadline` (the loop's time)."""
    pieces = aiter(stream)
    try:
        async with asyncio.timeout_at(deadline):
            first = await anext(pieces)
    except StopAsyncIteration:
        return
    yield first
    async for piece in pieces:
        yield piece


def _note(model: Model, error: Exception, rest: float | None) -> None:
    """Tell the log and the breaker of a failure; what a model refuses about one question counts for that one alone.

    `rest` is how many seconds the model is left alone if it names no time.
    """
    status, pause = status_of(error), retry_after(error)
    log.warning("model_failed", model=model.name, error=type(error).__name__, status=status, retry_after=pause)
    if not isinstance(error, ChatClientContentFilterException) and status not in _REFUSES_THIS:
        model.breaker.failed(pause or rest)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the server behind `error` answered with; None if it gave none."""
    for one in (error, error.__cause__):
        status = getattr(one, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def retry_after(error: BaseException) -> float | None:
    """Return how many seconds the server behind `error` asked for; None if it named none (RFC 9110, 10.2.3)."""
    responses = (getattr(one, "response", None) for one in (error, error.__cause__))
    headers: Mapping[str, str] = next((one.headers for one in responses if one is not None), {})
    named = headers.get("retry-after", "")
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", named):
        return float(named)
    try:
        at = parsedate_to_datetime(named)
        sent = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return max(0.0, (at - sent).total_seconds())
