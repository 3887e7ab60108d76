"""A channel and a desk whose platform is a list: they keep what they are given, and can be told to fail.

Whole implementations of `channels.base`, for the contracts in `channels.testing` and for anyone's own tests.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from channels.base import Content, Sent
from core.case import Case
from core.delivery import Delivery, DeliveryState, Part
from core.desk import RESENDABLE
from core.errors import PermanentError
from core.ids import CaseId, FileId, MessageId, OperatorId, ThreadId, ThreadKey, new_id
from core.inbound import Inbound
from core.messages import (
    Author,
    DeskAction,
    DeskEvent,
    InboundChange,
    InboundMessage,
    InboundRating,
    Message,
    Resolution,
)
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.receipts import REFUSED, Receipt
from core.store.store import Store
from core.thread import OwnerKind

T = TypeVar("T")
WITHIN = 15.0  # seconds a test waits for what must happen


async def quiet(store: Store) -> None:
    """Wait until nothing of the whole program is on its way: what has not come by now does not come."""

    async def idle() -> bool:
        return not any((await store.backlog()).values())

    await until(idle)


async def until(look: Callable[[], Awaitable[T | None]], seconds: float = WITHIN) -> T:
    """Return what `look` returns once it is true. Raises TimeoutError, which names what was seen last."""
    found = await look()
    for _ in range(int(seconds / 0.02)):
        if found:
            return found
        await asyncio.sleep(0.02)
        found = await look()
    raise TimeoutError(f"after {seconds:g} s still {found!r}")


@dataclass(frozen=True, slots=True)
class Received:
    """What a customer has on the screen: a message, or a file of that name.

    `name` is the operator's whose name stands at it, `sources` are the titles below it.
    """

    message: MessageId
    author: Author
    text: str
    file: str = ""
    content: bytes = b""
    name: str = ""
    sources: tuple[str, ...] = ()


@dataclass
class RecordingChannel:
    """A channel whose platform is a list. It can't tell a part it has from a new one, as most platforms can't.

    `fail` is raised, or returned, by the next sends, one each: an error, or a `Sent` that says otherwise.
    `arrives_anyway`: what was returned as unknown did arrive. Nothing reaches the conversations in `blocked`.
    """

    name: str = "recording"
    deduplicates: bool = False
    live: bool = True
    received: dict[str, list[Received]] = field(default_factory=dict)
    growing: dict[str, list[str]] = field(default_factory=dict)
    fail: list[Exception | Sent] = field(default_factory=list)
    arrives_anyway: bool = False
    blocked: set[str] = field(default_factory=set)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    async def send(self, part: Part) -> Sent:
        """Keep the message, or fail as told."""
        assert part.message
        return self._keep(part, _shown(part.message))

    async def send_file(self, part: Part, content: Content) -> Sent:
        """Keep the file, or fail as told."""
        assert part.message
        assert part.file
        kept = replace(_shown(part.message), text="", file=part.file.name, content=await content())
        return self._keep(part, kept)

    async def edit(self, part: Part) -> Sent:
        """Change what was kept; a withdrawn message disappears."""
        assert part.message
        shown = self._of(part)
        for at, one in enumerate(shown):
            if one.message == part.message.id and not one.file:
                shown[at : at + 1] = [] if part.message.withdrawn else [_shown(part.message)]
        return Sent(platform_id=part.platform_id)

    async def look_up(self, part: Part) -> DeliveryState:
        """Say whether it is there."""
        there = part.message and any(one.message == part.message.id for one in self._of(part))
        return DeliveryState.DELIVERED if there else DeliveryState.FAILED

    async def stream(self, part: Part, text: str) -> str:
        """Keep each growing text."""
        assert part.thread
        self.growing.setdefault(part.thread.key.conversation, []).append(text)
        return part.platform_id or f"p{next(self._ids)}"

    async def cut_off(self, part: Part) -> None:
        """Keep that the growing text ended without a message."""
        assert part.thread
        self.growing.setdefault(part.thread.key.conversation, []).append("")

    def _of(self, part: Part) -> list[Received]:
        assert part.thread
        return self.received.setdefault(part.thread.key.conversation, [])

    def _keep(self, part: Part, received: Received) -> Sent:
        assert part.thread
        if part.thread.key.conversation in self.blocked:
            raise PermanentError("This customer has blocked us.")
        failure = self.fail.pop(0) if self.fail else None
        if isinstance(failure, Exception):
            raise failure
        if failure is None or self.arrives_anyway:
            self._of(part).append(received)
        return failure or Sent(platform_id=f"p{next(self._ids)}")


def _shown(said: Message) -> Received:
    name = said.name if said.author is Author.OPERATOR else ""
    return Received(said.id, said.author, said.text, name=name, sources=tuple(c.title for c in said.citations))


class Customer:
    """One customer of a channel whose platform is a list."""

    def __init__(self, inbox: Inbox, channel: RecordingChannel, name: str = "Kim") -> None:
        self.inbox = inbox
        self._channel = channel
        self._said: dict[str, InboundMessage] = {}
        self.name = name
        self.key = ThreadKey(channel.name, "test", new_id("x"))
        self.thread: ThreadId | None = None

    async def says(self, text: str, files: tuple[FileId, ...] = ()) -> str:
        """Say `text`; returns the event's id, once it was decided."""
        event = new_id("i")
        said = InboundMessage(self.key, event, f"test:{self.key.conversation}", text, self.name, files=files)
        self._said[event] = said
        self.thread = (await self._settled(said)).thread
        return event

    async def again(self, event: str) -> None:
        """Have the platform deliver `event` once more."""
        await self._settled(self._said[event])

    async def rates(self, case: CaseId, score: int) -> str:
        """Answer the survey of `case`; returns the sentence of a refusal, or ''."""
        receipt = await self._settled(InboundRating(self.key, new_id("i"), score, case=case))
        return receipt.result if receipt.state == REFUSED else ""

    async def _settled(self, inbound: Inbound) -> Receipt:
        return await self.inbox.settled(await self.inbox.accept(inbound), WITHIN)

    async def changes(self, event: str, text: str | None) -> None:
        """Edit what was said as `event`, or withdraw it (None)."""
        await self._settled(InboundChange(self.key, new_id("i"), event, text))

    def screen(self) -> list[Received]:
        """Return what is on this customer's screen."""
        return list(self._channel.received.get(self.key.conversation, []))

    def reads(self, *authors: Author) -> list[str]:
        """Return the texts on this customer's screen, of `authors` or of all."""
        return [one.text for one in self.screen() if not one.file and (not authors or one.author in authors)]

    def files(self) -> dict[str, bytes]:
        """Return the files on this customer's screen."""
        return {one.file: one.content for one in self.screen() if one.file}

    async def gets(self, text: str) -> None:
        """Wait until `text` is on the screen."""

        async def shown() -> bool:
            return text in self.reads()

        await until(shown)


@dataclass
class DeskLine:
    """A line in a case's thread. `id` is the platform's; `message` is ours, None for a line that became nothing."""

    id: str
    text: str
    message: MessageId | None = None
    mark: str = ""
    files: tuple[tuple[str, str], ...] = ()
    fates: tuple[Delivery, ...] = ()


@dataclass
class RecordingDesk:
    """A desk whose platform is a list of cards, each with a list of lines below it.

    `fail` is raised by the next posts, one each; `gone`, while it is set, by all of them.
    """

    name: str = "recording:desk"
    deduplicates: bool = False
    cards: dict[CaseId, str] = field(default_factory=dict)
    threads: dict[CaseId, list[DeskLine]] = field(default_factory=dict)
    reminders: list[tuple[str, bool]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    fail: list[Exception] = field(default_factory=list)
    gone: Exception | None = None
    store: Store = field(init=False)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def connect(self, store: Store) -> None:
        """Give the desk what it reads its cases from."""
        self.store = store

    async def show_card(self, part: Part) -> Sent:
        """Show the case as it is now; the first time, with what was said so far."""
        self._answer()
        assert part.case
        case = await self.store.cases.get(part.case)
        if not part.desk_thread:
            said = await self.store.cases.messages(case)
            self.threads[case.id] = [self._line(m) for m in said]
        self.cards[case.id] = card_text(case)
        return Sent(platform_id=part.desk_thread or f"card{next(self._ids)}")

    async def post_line(self, part: Part) -> Sent:
        """Post a line, or mark one that changed."""
        self._answer()
        assert part.case
        assert part.message
        line = self._find(part)
        if line is None:
            line = self._line(part.message)
            self.threads[part.case].append(line)
        else:
            line.text, line.mark = part.message.text, "withdrawn" if part.message.withdrawn else "edited"
        return Sent(platform_id=line.id)

    async def show_outcome(self, part: Part) -> Sent:
        """Show at the operator's line what became of it."""
        self._answer()
        if line := self._find(part):
            line.fates = part.fates
        return Sent()

    async def remind(self, part: Part) -> Sent:
        """Keep the reminder, and whether everyone was called."""
        self._answer()
        self.reminders.append((part.text, part.everyone))
        return Sent()

    async def post_digest(self, part: Part) -> Sent:
        """Keep the digest."""
        self._answer()
        self.digests.append(part.text)
        return Sent()

    def written(self, case: CaseId, id_: str, text: str, files: tuple[str, ...]) -> DeskLine:
        """An operator wrote a line here: it stands on the platform before we hear of it."""
        line = DeskLine(id_, text, files=tuple((name, "") for name in files))
        self.threads.setdefault(case, []).append(line)
        return line

    def _answer(self) -> None:
        if self.gone:
            raise self.gone
        if self.fail:
            raise self.fail.pop(0)

    def _find(self, part: Part) -> DeskLine | None:
        assert part.case
        lines = self.threads.get(part.case, [])
        mine = part.message.id if part.message else None
        return next((line for line in lines if line.id == part.platform_id or line.message == mine), None)

    def _line(self, said: Message) -> DeskLine:
        files = tuple((file.name, "") for file in said.files)
        return DeskLine(f"line{next(self._ids)}", said.text, said.id, files=files)


def card_text(case: Case) -> str:
    """Return all that a card shows of a case, as plain text."""
    sources = [passage.title for passage in case.result.grounding.passages]
    trace = [f"{step.step}: {step.detail}" for step in case.result.trace]
    name = case.thread.customer_name
    return "\n".join((f"#{case.number} {name}", state_of(case), case.reason.sentence, case.summary, *sources, *trace))


def state_of(case: Case) -> str:
    """Return the state of a case in the contract's words."""
    if not case.is_open:
        return "resolved"
    return "unclaimed" if case.thread.owner.kind is OwnerKind.DESK else "held"


class DeskHand:
    """An operator who works at a `RecordingDesk`."""

    def __init__(self, desk: RecordingDesk, inbox: Inbox, files: Files, id_: OperatorId, name: str) -> None:
        self._desk = desk
        self._inbox = inbox
        self._files = files
        self.id = id_
        self.name = name

    async def press(
        self,
        case: CaseId,
        action: DeskAction,
        text: str = "",
        *,
        to: OperatorId | None = None,
        outcome: Resolution = Resolution.SOLVED,
        line: str = "",
        repeat: bool = False,
    ) -> str:
        """Do `action`, as with a button; returns the private word."""
        about = next((one for one in self._desk.threads[case] if one.text == line), None) if line else None
        event = DeskEvent(
            case,
            new_id("press"),
            self.id,
            self.name,
            action,
            text,
            to=to,
            outcome=outcome,
            message=about.message if about else None,
            desk=self._desk.name,
        )
        return await self._enter(event, repeat=repeat)

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        """Write a line into the case's thread."""
        files: tuple[FileId, ...] = ()
        if file:
            files = ((await self._files.save(file[0], "application/octet-stream", file[1], 0.0)).id,)
        line = self._desk.written(case, new_id("ts"), text, (file[0],) if file else ())
        event = DeskEvent(case, line.id, self.id, self.name, DeskAction.WRITE, text, files=files, desk=self._desk.name)
        line.message = (await self._inbox.accept(event)).message
        return await self._enter(event)

    async def _enter(self, event: DeskEvent, *, repeat: bool = False) -> str:
        receipt = await self._inbox.accept(event)
        if repeat:
            await self._inbox.accept(event)
        return (await self._inbox.told(event, receipt, WITHIN)).result

    async def card_of(self, case: CaseId) -> str:
        """Return what the case's card shows."""
        return self._desk.cards[case]


def offers(line: DeskLine) -> tuple[str, ...]:
    """Return what a desk offers for a line of an operator, by what became of it."""
    states = {fate.state for fate in line.fates}
    check = ("check",) if DeliveryState.UNKNOWN in states else ()
    return (*check, "resend") if states & RESENDABLE else check
