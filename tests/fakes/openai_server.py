"""An OpenAI server on a loopback port, for tests: what the real one sends, and every way it fails.

It stands at the wire, so the openai SDK and agent-framework's clients run unchanged against it:
`POST /v1/responses`, `POST /v1/chat/completions` (streaming and not, also at Azure's paths) and
`GET /v1/models`. A script says what each request gets, one step a request, the same for both endpoints:

    async with FakeOpenAI(call("search", {"query": "tyres"}), say("Two years. [1]")) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="test", max_retries=0)

Event shapes follow openai/types/responses and openai/types/chat of openai 3.52.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self, assert_never

from aiohttp import web

from tests.fakes import loopback

JSON = dict[str, Any]
Outcome = Literal["open", "answered", "refused", "cut", "abandoned"]
Ending = Literal["stop", "length", "content_filter"]

_CREATED = 1_790_000_000  # a fixed moment: answers are the same in every run


@dataclass(frozen=True, slots=True)
class Call:
    """One function call of the model; `arguments` is the JSON text as the model wrote it."""

    tool: str
    arguments: str
    call_id: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A turn of the model: text in `chunks`, then `calls`; cut or failed after `upto` pieces, if set."""

    chunks: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    ending: Ending = "stop"
    upto: int | None = None
    then: Literal["completed", "cut", "closed", "failed"] = "completed"
    pace: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer with an error status, in OpenAI's error json."""

    status: int
    message: str
    code: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Slow:
    """Nothing is sent until the time is over or the event is set; then `step`."""

    until: float | asyncio.Event
    step: "Step"


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is read and never answered."""


Step = Answer | Failure | Slow | Hang
Script = Step | Callable[[JSON], Step]


def say(
    text: str, chunks: int | Sequence[str] = 3, *, ending: Ending = "stop", pace: asyncio.Event | None = None
) -> Answer:
    """The model says `text`, streamed in so many pieces (or in exactly these).

    With `pace` set, each piece after the first waits for the event, which is cleared each time.
    """
    return Answer(_pieces(text, chunks), ending=ending, pace=pace)


def call(tool: str, arguments: Mapping[str, Any] | str = "{}", *, call_id: str | None = None) -> Answer:
    """The model calls `tool`. Arguments as a string go out as they are, so they may be no JSON at all."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Answer(calls=(Call(tool, text, call_id),))


def together(*answers: Answer) -> Answer:
    """Several calls (or text and calls) in one turn."""
    return Answer(
        tuple(chunk for answer in answers for chunk in answer.chunks),
        tuple(each for answer in answers for each in answer.calls),
    )


def text_then_call(text: str, tool: str, arguments: Mapping[str, Any] | str = "{}") -> Answer:
    """The model says something and calls `tool` in the same turn."""
    return together(say(text), call(tool, arguments))


def empty() -> Answer:
    """A complete answer with neither text nor calls."""
    return Answer()


def drop_after(n_chunks: int, step: Answer | None = None, *, cleanly: bool = False) -> Answer:
    """The connection breaks after `n_chunks` pieces of text or arguments; not streaming, within the body.

    `cleanly` ends the HTTP body properly but without the closing event, as a proxy with a time limit does.
    """
    return replace(step or say("This answer never ends", chunks=8), upto=n_chunks, then="closed" if cleanly else "cut")


def fail_after(n_chunks: int, step: Answer | None = None) -> Answer:
    """An error event in mid-stream, after `n_chunks` pieces; not streaming, status 500."""
    return replace(step or say("This answer fails", chunks=8), upto=n_chunks, then="failed")


def error(
    status: int, *, message: str | None = None, code: str | None = None, retry_after: float | None = None
) -> Failure:
    """An error status; 401, 429 and 5xx have OpenAI's own type, code and message unless others are given."""
    usual_code, usual_message = _ERRORS.get(status, (None, "The request could not be completed."))
    headers = (
        {}
        if retry_after is None
        else {"retry-after": f"{retry_after:g}", "retry-after-ms": f"{retry_after * 1000:.0f}"}
    )
    return Failure(status, message or usual_message, code or usual_code, headers)


def slow(until: float | asyncio.Event, step: Step | None = None) -> Slow:
    """Answers with `step` only after so many seconds, or when the event is set."""
    return Slow(until, step or say("Sorry for the wait."))


def hang() -> Hang:
    """Never answers; ends when the client gives up or the server closes."""
    return Hang()


_ERRORS: dict[int, tuple[str | None, str]] = {
    400: (None, "The request is not valid."),
    401: ("invalid_api_key", "Incorrect API key provided."),
    404: ("model_not_found", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", "The server had an error while processing your request. Sorry about that!"),
    503: ("server_overloaded", "The engine is currently overloaded, please try again later."),
}
_TYPES = {401: "invalid_request_error", 429: "requests", 500: "server_error", 503: "server_error"}


@dataclass(slots=True)
class Request:
    """One request as it came, and what became of it."""

    path: str
    headers: Mapping[str, str]
    json: JSON
    outcome: Outcome = "open"

    @property
    def streams(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.json.get("stream"))

    @property
    def tools(self) -> list[str]:
        """The names of the tools offered to the model."""
        return [tool.get("name") or tool["function"]["name"] for tool in self.json.get("tools") or ()]

    @property
    def tool_results(self) -> dict[str, str]:
        """What the tools returned, by call id; several parts of text are joined."""
        results: dict[str, str] = {}
        for item in self.items:
            if item.get("role") == "tool":
                results[item["tool_call_id"]] = _text(item["content"])
            elif item.get("type") == "function_call_output":
                results[item["call_id"]] = _text(item["output"])
        return results

    @property
    def items(self) -> list[JSON]:
        """The conversation sent: `messages` of the one endpoint, `input` of the other."""
        sent = self.json.get("messages") or self.json.get("input") or []
        return [{"role": "user", "content": sent}] if isinstance(sent, str) else list(sent)

    @property
    def said(self) -> list[tuple[str, str]]:
        """(role, text) of every message sent, system and developer messages included."""
        return [(item["role"], _text(item.get("content"))) for item in self.items if "role" in item]


class FakeOpenAI:
    """The server: `base_url` for clients, `requests` as they came, `left` steps of the script not yet used.

    A request beyond the script is refused with status 400, which no client retries, unless `otherwise` is set.
    A request that offers no tools is answered by `without_tools` if that is set: it takes no step of the script and
    is counted among `asides`, not among `requests`.
    """

    def __init__(self, *steps: Script, otherwise: Script | None = None, without_tools: Script | None = None) -> None:
        self.steps = deque(steps)
        self.otherwise = otherwise
        self.without_tools = without_tools
        self.requests: list[Request] = []
        self.asides: list[Request] = []
        self.base_url = ""
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self._changed = asyncio.Condition()
        self._numbers = count(1)

    def then(self, *steps: Script) -> None:
        """Adds steps to the end of the script."""
        self.steps.extend(steps)

    async def seen(self, number: int = 1, outcome: Outcome | None = None, *, within: float = 5.0) -> Request:
        """Waits until request `number` (from 1) has come, and has ended with `outcome` if one is given."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(
                lambda: len(self.requests) >= number and outcome in (None, self.requests[number - 1].outcome)
            )
        return self.requests[number - 1]

    @property
    def left(self) -> int:
        """How many steps of the script no request has used."""
        return len(self.steps)

    @property
    def azure_endpoint(self) -> str:
        """The address to give as Azure's endpoint."""
        return self.base_url.removesuffix("/v1")

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.get("/v1/models", self._models),
                web.post("/v1/responses", self._responses),
                web.post("/v1/chat/completions", self._chat),
                web.post("/openai/responses", self._responses),
                web.post("/openai/v1/responses", self._responses),
                web.post("/openai/v1/chat/completions", self._chat),
                web.post("/openai/deployments/{deployment}/chat/completions", self._chat),
            ]
        )
        self._runner, url = await loopback.serve(app, handler_cancellation=True, shutdown_timeout=0.2)
        self.base_url = f"{url}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._runner:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        model = {"id": "gpt-test", "object": "model", "created": _CREATED, "owned_by": "threadline"}
        return web.json_response({"object": "list", "data": [model]})

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _Responses)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _Chat)

    async def _serve(self, request: web.Request, form: "type[_Responses | _Chat]") -> web.StreamResponse:
        if not request.headers.get("api-key") and request.headers.get("authorization", "").strip() in ("", "Bearer"):
            return _refusal(error(401, message="You didn't provide an API key."))
        try:
            body = json.loads(await request.read())
        except ValueError:
            return _refusal(error(400, message="We could not parse the JSON body of your request."))
        seen = Request(request.path_qs, dict(request.headers), body)
        aside = self.without_tools is not None and not seen.tools
        (self.asides if aside else self.requests).append(seen)
        await self._tell()
        try:
            step = error(400, message=wrong) if (wrong := form.wrong_with(body)) else self._next(body, aside=aside)
            return await self._do(step, request, seen, form(body, next(self._numbers)))
        except (asyncio.CancelledError, ConnectionError):
            seen.outcome = "abandoned"
            raise
        finally:
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _next(self, body: JSON, *, aside: bool) -> Step:
        script = self.without_tools if aside else self.steps.popleft() if self.steps else self.otherwise
        if script is None:
            return error(400, message="The script of the fake server is over.", code="script_over")
        return script(body) if callable(script) else script

    async def _do(
        self, step: Step, request: web.Request, seen: Request, form: "_Responses | _Chat"
    ) -> web.StreamResponse:
        match step:
            case Slow(until, then):
                await (until.wait() if isinstance(until, asyncio.Event) else asyncio.sleep(until))
                return await self._do(then, request, seen, form)
            case Hang():
                await self._closing.wait()
                return _cut(request, seen)
            case Failure():
                seen.outcome = "refused"
                return _refusal(step)
            case Answer() if seen.streams:
                return await _stream(step, request, seen, form)
            case Answer(then="cut" | "closed"):
                body = json.dumps(form.whole(step)).encode()
                response = web.StreamResponse(
                    headers={"content-type": "application/json", "content-length": str(len(body))}
                )
                await response.prepare(request)
                await response.write(body[: len(body) // 2])
                return _cut(request, seen, response)
            case Answer(then="failed"):
                seen.outcome = "refused"
                return _refusal(error(500))
            case Answer():
                seen.outcome = "answered"
                return web.json_response(form.whole(step), headers={"x-request-id": form.id})
            case _:
                assert_never(step)


async def _stream(step: Answer, request: web.Request, seen: Request, form: "_Responses | _Chat") -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-request-id": form.id,
        }
    )
    await response.prepare(request)
    sent = 0
    async for event, is_piece in _paced(form.events(step), step.pace):
        if is_piece and sent == step.upto:
            break
        sent += is_piece
        await response.write(event)
    if step.upto is not None:
        match step.then:
            case "cut":
                return _cut(request, seen, response)
            case "failed":
                await response.write(form.failed())
            case "closed" | "completed":
                pass
            case _:
                assert_never(step.then)
    seen.outcome = "answered" if step.upto is None else "cut"
    await response.write_eof()
    return response


async def _paced(events: Iterator[tuple[bytes, bool]], pace: asyncio.Event | None) -> AsyncIterator[tuple[bytes, bool]]:
    first = True
    for event, is_piece in events:
        if pace and is_piece and not first:
            await pace.wait()
            pace.clear()
        first = first and not is_piece
        yield event, is_piece


def _cut(request: web.Request, seen: Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Breaks the connection without ending the body; what was written is flushed first."""
    seen.outcome = "cut"
    if request.transport:
        request.transport.close()
    return response or web.Response()


def _refusal(failure: Failure) -> web.Response:
    detail = {
        "message": failure.message,
        "type": _TYPES.get(failure.status, "invalid_request_error"),
        "param": None,
        "code": failure.code,
    }
    return web.json_response({"error": detail}, status=failure.status, headers=failure.headers)


class _Chat:
    """One answer in the form of `POST /v1/chat/completions`."""

    def __init__(self, body: JSON, number: int) -> None:
        self.id = f"chatcmpl-{number:06}"
        self._body, self._number = body, number

    @staticmethod
    def wrong_with(body: JSON) -> str | None:
        """What the real endpoint would refuse about a request, as far as our programs can get it wrong."""
        if not body.get("model"):
            return "you must provide a model parameter"
        if not body.get("messages"):
            return "Missing required parameter: 'messages'."
        asked: set[str] = set()
        for message in body["messages"]:
            asked |= {each["id"] for each in message.get("tool_calls") or ()}
            if message["role"] == "tool":
                if message["tool_call_id"] not in asked:
                    return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                asked.remove(message["tool_call_id"])
        return (
            f"An assistant message with 'tool_calls' lacks the responses to: {', '.join(sorted(asked))}"
            if asked
            else None
        )

    def whole(self, step: Answer) -> JSON:
        """The answer in one piece."""
        message: JSON = {
            "role": "assistant",
            "content": "".join(step.chunks) or None,
            "refusal": None,
            "annotations": [],
        }
        if step.calls:
            message["tool_calls"] = [self._call(index, each, each.arguments) for index, each in enumerate(step.calls)]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason(step)}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(step)}

    def events(self, step: Answer) -> Iterator[tuple[bytes, bool]]:
        """The answer as server-sent events, each with whether it is a piece of text or arguments."""
        opening = {"role": "assistant", "content": None if step.calls and not step.chunks else "", "refusal": None}
        yield self._chunk(opening), False
        for chunk in step.chunks:
            yield self._chunk({"content": chunk}), True
        for index, each in enumerate(step.calls):
            yield self._chunk({"tool_calls": [{"index": index, **self._call(index, each, "")}]}), False
            for part in _pieces(each.arguments, 2):
                yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}), True
        yield self._chunk({}, self._reason(step)), False
        if (self._body.get("stream_options") or {}).get("include_usage"):
            yield _event({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(step)}), False
        yield b"data: [DONE]\n\n", False

    def failed(self) -> bytes:
        """The event of an error in mid-stream."""
        code, message = _ERRORS[500]
        return _event({"error": {"message": message, "type": "server_error", "param": None, "code": code}})

    def _chunk(self, delta: JSON, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> JSON:
        return {
            "id": self.id,
            "object": kind,
            "created": _CREATED,
            "model": self._body["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_threadline",
        }

    def _call(self, index: int, each: Call, arguments: str) -> JSON:
        function = {"name": each.tool, "arguments": arguments}
        return {"id": each.call_id or f"call_{self._number}_{index}", "type": "function", "function": function}

    def _reason(self, step: Answer) -> str:
        return "tool_calls" if step.calls else step.ending

    def _usage(self, step: Answer) -> JSON:
        sent, answered = _tokens(self._body, step)
        return {
            "prompt_tokens": sent,
            "completion_tokens": answered,
            "total_tokens": sent + answered,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


class _Responses:
    """One answer in the form of `POST /v1/responses`."""

    def __init__(self, body: JSON, number: int) -> None:
        self.id = f"resp_{number:06}"
        self._body, self._number, self._sequence = body, number, count()

    @staticmethod
    def wrong_with(body: JSON) -> str | None:
        """What the real endpoint would refuse about a request, as far as our programs can get it wrong."""
        if not body.get("model"):
            return "Missing required parameter: 'model'."
        if not body.get("input"):
            return "Missing required parameter: 'input'."
        items = [] if isinstance(body["input"], str) else body["input"]
        asked = {item["call_id"] for item in items if item.get("type") == "function_call"}
        given = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
        if not body.get("previous_response_id") and (unasked := sorted(given - asked)):
            return f"No tool call found for function call output with call_id {unasked[0]}."
        if missing := sorted(asked - given):
            return f"No tool output found for function call {missing[0]}."
        return None

    def whole(self, step: Answer) -> JSON:
        """The answer in one piece."""
        return self._response(step, "completed" if step.ending == "stop" else "incomplete", self._output(step))

    def events(self, step: Answer) -> Iterator[tuple[bytes, bool]]:
        """The answer as server-sent events, each with whether it is a piece of text or arguments."""
        yield self._event("response.created", response=self._response(step, "in_progress", [])), False
        yield self._event("response.in_progress", response=self._response(step, "in_progress", [])), False
        for index, item in enumerate(self._output(step)):
            at: JSON = {"output_index": index, "item_id": item["id"]}
            if item["type"] == "message":
                yield from self._message(step, item, at)
            else:
                yield from self._function_call(item, at)
            yield self._event("response.output_item.done", output_index=index, item=item), False
        whole = self.whole(step)
        yield self._event(f"response.{whole['status']}", response=whole), False

    def failed(self) -> bytes:
        """The event of an error in mid-stream."""
        code, message = _ERRORS[500]
        response = {**self._response(Answer(), "failed", []), "error": {"code": code, "message": message}}
        return self._event("response.failed", response=response)

    def _message(self, step: Answer, item: JSON, at: JSON) -> Iterator[tuple[bytes, bool]]:
        opened = {**item, "status": "in_progress", "content": []}
        yield self._event("response.output_item.added", output_index=at["output_index"], item=opened), False
        part, at = item["content"][0], {**at, "content_index": 0}
        yield self._event("response.content_part.added", **at, part={**part, "text": ""}), False
        for chunk in step.chunks:
            yield self._event("response.output_text.delta", **at, delta=chunk, logprobs=[]), True
        yield self._event("response.output_text.done", **at, text=part["text"], logprobs=[]), False
        yield self._event("response.content_part.done", **at, part=part), False

    def _function_call(self, item: JSON, at: JSON) -> Iterator[tuple[bytes, bool]]:
        opened = {**item, "status": "in_progress", "arguments": ""}
        yield self._event("response.output_item.added", output_index=at["output_index"], item=opened), False
        for part in _pieces(item["arguments"], 2):
            yield self._event("response.function_call_arguments.delta", **at, delta=part), True
        done = {**at, "name": item["name"], "arguments": item["arguments"]}
        yield self._event("response.function_call_arguments.done", **done), False

    def _output(self, step: Answer) -> list[JSON]:
        output: list[JSON] = []
        if step.chunks:
            text = {"type": "output_text", "text": "".join(step.chunks), "annotations": [], "logprobs": []}
            status = "completed" if step.ending == "stop" else "incomplete"
            message = {"id": f"msg_{self._number:06}", "type": "message", "role": "assistant"}
            output.append({**message, "status": status, "content": [text]})
        for index, each in enumerate(step.calls):
            called = {"type": "function_call", "name": each.tool, "arguments": each.arguments, "status": "completed"}
            ids = {"id": f"fc_{self._number}_{index}", "call_id": each.call_id or f"call_{self._number}_{index}"}
            output.append({**called, **ids})
        return output

    def _response(self, step: Answer, status: str, output: list[JSON]) -> JSON:
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        sent, answered = _tokens(self._body, step)
        usage = {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answered,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sent + answered,
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": _CREATED,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": reasons[step.ending]} if status == "incomplete" else None,
            "instructions": self._body.get("instructions"),
            "max_output_tokens": self._body.get("max_output_tokens"),
            "metadata": {},
            "model": self._body["model"],
            "output": output,
            "parallel_tool_calls": self._body.get("parallel_tool_calls", True),
            "previous_response_id": self._body.get("previous_response_id"),
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "store": self._body.get("store", True),
            "temperature": self._body.get("temperature", 1.0),
            "text": {"format": {"type": "text"}},
            "tool_choice": self._body.get("tool_choice", "auto"),
            "tools": self._body.get("tools", []),
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage if status in ("completed", "incomplete") else None,
            "user": None,
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        return _event({"type": kind, "sequence_number": next(self._sequence), **fields}, kind)


def _event(data: JSON, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _pieces(text: str, chunks: int | Sequence[str]) -> tuple[str, ...]:
    """`text` in `chunks` pieces of about the same length, none of them empty."""
    if not isinstance(chunks, int):
        return tuple(chunks)
    size = max(1, -(-len(text) // max(1, chunks)))
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _text(content: Any) -> str:
    """The text of a message's content or a tool's output, which may be a string or a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content or "")


def _tokens(body: JSON, step: Answer) -> tuple[int, int]:
    """Plausible counts of tokens in and out: four characters each."""
    sent = len(json.dumps(body.get("messages") or body.get("input")))
    answered = sum(map(len, step.chunks)) + sum(len(each.arguments) + len(each.tool) for each in step.calls)
    return -(-sent // 4), -(-answered // 4)
