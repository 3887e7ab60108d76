"""Who takes part: a language model that follows its script, a customers' channel and a desk that write down all.

Each stands at the wire, behind the Protocols of `channels.base`, `core.grounding` and agent-framework. All
of them are slow in seeded ways. The words of a question say how the model behaves.
"""

import asyncio
import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
)
from agent_framework.exceptions import ChatClientException

from channels.base import Sent
from core.agent.tools import ASK_BACK, DECLINE, HAND_OFF, SEARCH
from core.bell import Bell
from core.delivery import Part, PartKind
from core.errors import PermanentError, TemporaryError
from core.grounding import Grounding, Passage
from core.ids import CaseId, ThreadId
from core.messages import Author
from tests.race.simulated import World

ROOM = "room"
AWAY = 0.05
"""How often the channel is away for a moment: the line surely did not go out."""
SLOW = 0.2
"""How often a send takes seconds, before or after the customer sees the line."""
LEFT_ALREADY = 0.3
"""How often a line has left when its sender is stopped."""


class Script(StrEnum):
    """How the model takes a question."""

    TELLS = "tells"
    WAVERS = "wavers"
    PASSES = "passes"
    BREAKS = "breaks"
    STOPS = "stops"
    IS_MUTE = "mute"
    HANGS = "hangs"
    ASKS = "asks"
    DECLINES = "declines"


class Scripted(FunctionInvocationLayer[Any], ChatMiddlewareLayer[Any], BaseChatClient[Any]):
    """A language model: looks the question up, then speaks a few sentences, piece by piece."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._calls = count(1)

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        return self._build_response_stream(self._speak(messages)) if stream else self._draft()

    async def _draft(self) -> ChatResponse:
        await self._world.pause()
        return ChatResponse(messages=[Message("assistant", ["SUMMARY: A question.\nREPLY: It is in the manual [1]."])])

    async def _speak(self, messages: Sequence[Message]) -> AsyncIterable[ChatResponseUpdate]:
        asked = max(i for i, message in enumerate(messages) if message.role == "user")
        question = messages[asked].text
        script = next((Script(word) for word in reversed(question.split()) if word in set(Script)), Script.TELLS)
        looked_up = any(content.type == "function_result" for m in messages[asked + 1 :] for content in m.contents)
        async for content in self._contents(script, question, looked_up=looked_up):
            await self._world.pause()
            yield ChatResponseUpdate(contents=[content], role="assistant", message_id="x")
        if script is not Script.STOPS or not looked_up:
            yield ChatResponseUpdate(contents=[], role="assistant", message_id="x", finish_reason="stop")

    async def _contents(self, script: Script, question: str, *, looked_up: bool) -> AsyncIterable[Content]:
        endings = {Script.PASSES: (HAND_OFF, "reason"), Script.ASKS: (ASK_BACK, "question")}
        endings |= {Script.DECLINES: (DECLINE, "subject")}
        if script in endings:
            tool, argument = endings[script]
            yield self._call(tool, **{argument: "Which one do you mean?"})
        elif script is Script.IS_MUTE:
            return
        elif not looked_up:
            yield self._call(SEARCH, query=question)
        else:
            async for content in self._answer(script, question):
                yield content

    async def _answer(self, script: Script, question: str) -> AsyncIterable[Content]:
        for number in range(self._world.random.randint(2, 5)):
            yield Content.from_text(f"Part {number} of the answer to ")
            yield Content.from_text(f"“{question.splitlines()[-1]}” is in the manual [1]. ")
        match script:
            case Script.WAVERS:
                yield self._call(HAND_OFF, reason="It is not sure.")
            case Script.BREAKS:
                raise ChatClientException("the model's server hung up")
            case Script.HANGS:
                await asyncio.sleep(200)
            case _:
                yield Content.from_text("That is all.")

    def _call(self, tool: str, **arguments: str) -> Content:
        return Content.from_function_call(f"call_{next(self._calls)}", tool, arguments=json.dumps(arguments))


@dataclass(frozen=True, slots=True)
class Manual:
    """A knowledge base of one passage, which carries every answer."""

    world: World

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        """Find the one passage."""
        await self.world.pause()
        passage = Passage("p_1", "manual", "Manual", "", "manual.md", "It is in the manual.", 1.0)
        return Grounding((passage,), 0.9, 0.9)


@dataclass(frozen=True, slots=True)
class Word:
    """What a customer saw appear, as the `order`th thing of all; `began` is when its sending was.

    `part` is the delivery's id, '' for the text of a stream; `epoch` and `run` are the stream's.
    """

    order: int
    began: int
    thread: ThreadId
    author: Author
    text: str
    part: str = ""
    epoch: int = -1
    run: str = ""


@dataclass(slots=True)
class Book:
    """What all customers saw, in order, and the threads where an answer still grows.

    `begins` rings a thread whenever the bot begins to say something there.
    """

    order: Callable[[], int]
    words: list[Word] = field(default_factory=list)
    begins: Bell = field(default_factory=Bell)
    late: set[asyncio.Task[None]] = field(default_factory=set)
    growing: set[tuple[ThreadId, str]] = field(default_factory=set)


class Wire:
    """A customers' channel, which shows a line twice that is sent twice.

    Of a sender that is stopped the line may have left already: it arrives later.
    """

    name = "wire"
    deduplicates = False
    live = True

    def __init__(self, world: World, book: Book) -> None:
        self._world = world
        self._book = book

    async def send(self, part: Part) -> Sent:
        """Let the customer see the message."""
        assert part.thread
        assert part.message
        assert part.kind is PartKind.TEXT
        began = self._book.order()
        if part.message.author is Author.BOT:
            self._book.begins.ring(part.thread.id)
        try:
            await self._world.pause(slow=SLOW)
        except asyncio.CancelledError:
            if self._world.random.random() < LEFT_ALREADY:
                self._arrives_late(part, began)
            raise
        if self._world.random.random() < AWAY:
            raise TemporaryError("the channel is away", retry_after=self._world.random.uniform(0, 2))
        self._show(part, began)
        await self._world.pause(slow=SLOW)
        return Sent(platform_id=f"w_{began}")

    def _arrives_late(self, part: Part, began: int) -> None:
        async def arrive() -> None:
            await self._world.pause()
            self._show(part, began)

        task = asyncio.create_task(arrive())
        self._book.late.add(task)
        task.add_done_callback(self._book.late.discard)

    def _show(self, part: Part, began: int) -> None:
        assert part.thread
        assert part.message
        said = part.message
        if part.run:
            self._book.growing.discard((part.thread.id, part.run))
        self._book.words.append(Word(self._book.order(), began, part.thread.id, said.author, said.text, part.id))


class StreamingWire(Wire):
    """A customers' channel that shows answers while they grow."""

    name = "streaming"

    async def stream(self, part: Part, text: str) -> str:
        """Let the customer see the answer so far."""
        thread = part.thread
        assert thread
        assert part.run
        began = self._book.order()
        self._book.begins.ring(thread.id)
        await self._world.pause()
        self._book.words.append(
            Word(self._book.order(), began, thread.id, Author.BOT, text, epoch=thread.epoch, run=part.run)
        )
        self._book.growing.add((thread.id, part.run))
        await self._world.pause()
        return f"stream_{part.run}"

    async def cut_off(self, part: Part) -> None:
        """End the growing answer; that shows nothing new."""
        await self._world.pause()
        assert part.thread
        assert part.run
        if part.platform_id not in {"", f"stream_{part.run}"}:
            raise PermanentError(f"no such stream: {part.platform_id}")
        self._book.growing.discard((part.thread.id, part.run))


@dataclass(slots=True)
class Room:
    """The operators' channel: it counts the cards of each case and keeps the lines."""

    world: World
    cards: dict[CaseId, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    deduplicates: bool = False

    async def show_card(self, part: Part) -> Sent:
        """Post the card, or change it."""
        await self.world.pause()
        assert part.case
        self.cards[part.case] = self.cards.get(part.case, 0) + 1
        return Sent(platform_id=f"card_{part.case}")

    async def post_line(self, part: Part) -> Sent:
        """Post a line below the card."""
        await self.world.pause()
        assert part.message
        self.lines.append(part.message.text)
        return Sent(platform_id=f"line_{len(self.lines)}")

    async def show_outcome(self, part: Part) -> Sent:
        """Show what became of a line."""
        await self.world.pause()
        return Sent()

    async def remind(self, part: Part) -> Sent:
        """Post a reminder."""
        await self.world.pause()
        return Sent()

    async def post_digest(self, part: Part) -> Sent:
        """Post the digest."""
        return Sent()
