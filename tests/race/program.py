"""One store, two workers as two replicas have them, and some conversations that all happen at once.

`play(seed, folder)` lets customers, operators, thieves of leases and crashes do what the seed says, waits
until all is quiet, and returns what happened: the rows, the words at the wire, what operators were told,
and a journal that triggers keep in the database, in the order of the commits.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Row, Table, event, select, text, update

from bot.sending import Sender
from bot.sweeps import Sweeps
from bot.telemetry import Metrics
from bot.worker import Worker
from core.agent.assistant import Assistant
from core.agent.providers import Provider
from core.bell import DELIVERIES, RECEIPTS, RUNS, Bell
from core.desk import Operator
from core.ids import CaseId, ThreadId, ThreadKey
from core.messages import DeskAction, DeskEvent, InboundMessage, Resolution
from core.policy import WEB_DESK, Policy
from core.store import schema, threads
from core.store.engine import Database, sqlite_url
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.leases import WAITING
from core.store.receipts import Receipt
from core.store.store import Store
from core.thread import OwnerKind, Thread
from tests.race.cast import ROOM, Book, Manual, Room, Script, Scripted, StreamingWire, Wire
from tests.race.journal import EMPTY
from tests.race.simulated import World, run, simulated

WORK = (schema.receipts, schema.runs, schema.deliveries)
QUIET_WITHIN = 1_500.0  # simulated seconds for everything to end: leases, tries, the desk's sweeps
RARELY = 20.0  # simulated seconds between looks when only time has to pass
PATIENT = 120.0  # simulated seconds an operator waits for the answer to a click

Act = Coroutine[Any, Any, None]

SCRIPTS: Mapping[str, float] = {
    **dict.fromkeys(Script, 1.0),
    Script.TELLS: 8.0,
    Script.WAVERS: 3.0,
    Script.PASSES: 4.0,
    Script.HANGS: 0.4,
    "I want to talk to a person": 2.0,
    "thanks": 1.0,
}
"""What customers write, and how often: mostly a question whose last word is the model's script."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An operator's action, and the moment its answer was there; `began` is when it was handed in."""

    began: int
    order: int
    event: DeskEvent
    receipt: Receipt


@dataclass(slots=True)
class Chat:
    """One conversation, as its customer and the operators live it."""

    name: str
    key: ThreadKey
    thread: ThreadId
    asked: list[Receipt] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Played:
    """All that happened in one program."""

    seed: int
    chats: Sequence[Chat]
    rows: Mapping[str, Sequence[Row[Any]]]
    book: Book
    room: Room
    stolen: frozenset[str]
    trouble: Sequence[str]
    story: Sequence[tuple[int, str, str]]


def play(seed: int, folder: Path, *, chats: int) -> Played:
    """Play the program of `seed` with so many conversations side by side; `folder` holds the template."""
    file = folder / f"{seed}.db"
    shutil.copy(folder / EMPTY, file)
    with simulated(seed) as world:
        played = run(world, _Program(seed, world, file).play(chats))
    for left in folder.glob(f"{seed}.db*"):
        left.unlink()
    return played


class _Replica:
    """A worker and an inbox with a bell of their own. It can be stopped at any moment, and started again."""

    def __init__(self, make: Callable[[Bell], Worker], inbox: Callable[[Bell], Inbox]) -> None:
        self.bell = Bell()
        self.inbox = inbox(self.bell)
        self._make = make
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._make(self.bell).run())

    async def stop(self) -> None:
        if self._task:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _Program:
    def __init__(self, seed: int, world: World, file: Path) -> None:
        self.seed = seed
        self.world = world
        self.random = world.random
        self._order = count(1)
        self.book, self.room = Book(self.order), Room(world)
        database = Database(sqlite_url(file))
        event.listen(database.engine.sync_engine, "connect", _hurry)
        policy = Policy(desk=self.random.choice([ROOM, WEB_DESK, WEB_DESK]))
        self.store = Store(database, quiet=self.random.choice([0.0, 0.3]), policy=policy)
        self.assistant = Assistant(Provider("script", Scripted(world)), Manual(world), "Answer.", 0.5, 0.2)
        channels = {one.name: one for one in (Wire(world, self.book), StreamingWire(world, self.book))}
        self.sender = Sender(channels, {ROOM: self.room, WEB_DESK: self.room}, Files(database, file.parent))
        self.replicas = [_Replica(self._worker, self._inbox) for _ in range(2)]
        self.sweeps = Sweeps(self.store, self.replicas[0].inbox, self.replicas[0].bell, policy, world.clock)
        self.operators: list[Operator] = []
        self.stolen: set[str] = set()
        self.numbers = count(1)
        self.story: list[tuple[int, str, str]] = []

    def order(self) -> int:
        """Return the next number: what is numbered lower came first."""
        return next(self._order)

    def tell(self, thread: str, line: str) -> int:
        """Write `line` into the story, which a failing seed prints."""
        order = self.order()
        self.story.append((order, thread, f"{self.world.time():9.4f}s  {line}"))
        return order

    def _worker(self, bell: Bell) -> Worker:
        return Worker(self.store, bell, self.world.clock, self._ready, self.sender, Metrics())

    def _inbox(self, bell: Bell) -> Inbox:
        return Inbox(self.store, bell, self.world.clock)

    async def _ready(self) -> Assistant:
        return self.assistant

    async def play(self, chats: int) -> Played:
        with structlog.testing.capture_logs() as logs:
            async with self._opened():
                for name in ("Ada", "Ben"):
                    operator, _ = await self.store.credentials.add_operator(name, self.world.clock())
                    self.operators.append(operator)
                lived = [asyncio.create_task(self._live(f"chat {n}")) for n in range(chats)]
                crashes = asyncio.create_task(self._crashes())
                told = [await one for one in lived]
                await crashes
                await self._quiet()
                rows = await self._rows()
        trouble = [str(log) for log in logs if _is_trouble(log)]
        return Played(self.seed, told, rows, self.book, self.room, frozenset(self.stolen), trouble, sorted(self.story))

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        for replica in self.replicas:
            replica.start()
        try:
            yield
        finally:
            for replica in self.replicas:
                await replica.stop()
            await self.store.close()

    # What time does

    async def _crashes(self) -> None:
        """Now and then a replica stops in the middle of its work, and starts again before or after its leases end."""
        while self.random.random() < 0.5:
            await asyncio.sleep(self.random.uniform(0, 6))
            replica = self.random.choice(self.replicas)
            self.tell("", f"replica {self.replicas.index(replica)} stops")
            await self._note_leased()
            await replica.stop()
            await self._note_leased()
            await asyncio.sleep(self.random.choice([0.0, 0.5, 5.0, 40.0]))
            self.tell("", f"replica {self.replicas.index(replica)} starts")
            replica.start()

    async def _note_leased(self) -> None:
        """Remember what was in hand at this moment: its holder may be gone."""
        async with self.store.database.reading() as connection:
            for table in WORK:
                held = select(table.c.id).where(table.c.state == WAITING, table.c.lease_until.is_not(None))
                self.stolen.update(await connection.scalars(held))

    async def _steal(self, chat: Chat) -> None:
        """Let the leases of one table run out in this conversation: another worker takes its rows."""
        table = self.random.choice(WORK)
        thread = table.c.lane if table is schema.receipts else table.c.thread_id
        held = (thread == chat.thread, table.c.state == WAITING, table.c.lease_until.is_not(None))
        async with self.store.database.writing("race.steal") as connection:
            gone = list(await connection.scalars(select(table.c.id).where(*held)))
            await connection.execute(update(table).where(*held).values(lease_until=0.0))
        if gone:
            self.stolen.update(gone)
            self.tell(chat.thread, f"leases lost: {table.name} {gone}")
        for replica in self.random.sample(self.replicas, 2):
            replica.bell.ring(RECEIPTS, RUNS, DELIVERIES)

    async def _quiet(self) -> None:
        """Work until nothing waits and every card is posted; else the test shows what is left."""
        for replica in self.replicas:
            replica.start()
        until = self.world.time() + QUIET_WITHIN
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot.worker.POLL_SECONDS", RARELY)
            while self.world.time() < until and not await self._is_quiet():
                await asyncio.sleep(RARELY)
                await self.sweeps.look()

    async def _is_quiet(self) -> bool:
        backlog = await self.store.backlog()
        posted = all(not case.desk_error for case in await self.store.cases.find("open"))
        return posted and not self.book.late and not any(backlog[table.name] for table in WORK)

    async def _rows(self) -> Mapping[str, Sequence[Row[Any]]]:
        tables: tuple[Table, ...] = (*WORK, schema.threads, schema.messages, schema.cases)
        async with self.store.database.reading() as connection:
            rows = {table.name: (await connection.execute(select(table))).all() for table in tables}
            rows["journal"] = (await connection.execute(text("SELECT * FROM journal ORDER BY n"))).all()
        return rows

    # What people do

    async def _live(self, name: str) -> Chat:
        await asyncio.sleep(self.random.uniform(0, 2))
        key = ThreadKey(self.random.choice([Wire.name, StreamingWire.name]), "", name)
        first = await self._accept(key)
        chat = Chat(name, key, first.thread, [first])
        acts: list[asyncio.Task[None]] = []
        for _ in range(self.random.randint(7, 12)):
            await self._moment(chat)
            acts += [asyncio.create_task(act) for act in await self._next(chat)]
        for done in acts:
            await done
        return chat

    async def _moment(self, chat: Chat) -> None:
        """Wait for the next thing's moment: any, or just after something was decided or the bot began to speak."""
        kind = self.random.random()
        if kind < 0.25:
            await self.world.pause()
        elif kind < 0.35:
            await asyncio.sleep(self.random.uniform(0.2, 3))
        else:
            bell = self.book.begins if kind < 0.65 else self.random.choice(self.replicas).bell
            with bell.listen(chat.thread) as ear:
                await ear.wait(0)
                await ear.wait(3)
            await self.world.pause(slow=0)

    async def _accept(self, key: ThreadKey) -> Receipt:
        words, weights = list(SCRIPTS), list(SCRIPTS.values())
        [said] = self.random.choices(words, weights)
        number = f"q{next(self.numbers)}"
        line = f"Please explain topic {number} {said}" if said in set(Script) else said
        inbox = self.random.choice(self.replicas).inbox
        receipt = await inbox.accept(InboundMessage(key, number, f"customer:{key.conversation}", line))
        self.tell(receipt.thread, f"customer: {line}")
        return receipt

    async def _says(self, chat: Chat) -> None:
        chat.asked.append(await self._accept(chat.key))

    async def _next(self, chat: Chat) -> list[Act]:
        """Choose what happens next: one thing, or several at the same moment."""
        async with self.store.database.reading() as connection:
            thread = await threads.load(connection, chat.thread)
            cases = select(schema.cases.c.id).where(schema.cases.c.thread_id == thread.id).order_by("number")
            had = list(await connection.scalars(cases))
        if self.random.random() < 0.08:
            return [self._steal(chat)]
        if not had:
            return [self._says(chat)]
        case = CaseId(thread.case or (had[-1] if self.random.random() < 0.8 else self.random.choice(had)))
        match thread.owner.kind:
            case OwnerKind.BOT:
                return self._while_the_bot_speaks(chat, thread, case)
            case OwnerKind.DESK:
                return self._while_nobody_holds_it(chat, case)
            case OwnerKind.OPERATOR:
                return self._while_held(chat, thread, case)

    def _while_the_bot_speaks(self, chat: Chat, thread: Thread, case: CaseId) -> list[Act]:
        ada, ben = self._both()
        busy = thread.run is not None
        return self._one_of(
            (1 if busy else 6, lambda: [self._says(chat)]),
            (4 if busy else 1, lambda: [self._does(chat, case, ada, DeskAction.REOPEN)]),
            (2, lambda: [self._does(chat, case, one, DeskAction.REOPEN) for one in (ada, ben)]),
            (0.5, lambda: [self._does(chat, case, ada, DeskAction.NOTE)]),
        )

    def _while_nobody_holds_it(self, chat: Chat, case: CaseId) -> list[Act]:
        ada, ben = self._both()
        return self._one_of(
            (4, lambda: [self._does(chat, case, ada, DeskAction.CLAIM)]),
            (3, lambda: [self._does(chat, case, one, DeskAction.CLAIM) for one in (ada, ben)]),
            (1, lambda: [self._does(chat, case, ada, DeskAction.ASSIGN, to=ben)]),
            (2, lambda: [self._does(chat, case, ada, DeskAction.HAND_BACK)]),
            (1, lambda: [self._does(chat, case, ada, DeskAction.RESOLVE)]),
            (1, lambda: [self._does(chat, case, ada, DeskAction.NOTE)]),
            (1, lambda: [self._says(chat)]),
        )

    def _while_held(self, chat: Chat, thread: Thread, case: CaseId) -> list[Act]:
        holder, other = self._both()
        if not thread.owner.held_by(holder.id):
            holder, other = other, holder
        return self._one_of(
            (3, lambda: [self._does(chat, case, holder, DeskAction.REPLY)]),
            (2, lambda: [self._does(chat, case, holder, DeskAction.REPLY) for _ in range(3)]),
            (3, lambda: [self._does(chat, case, holder, DeskAction.HAND_BACK), self._says(chat)]),
            (2, lambda: [self._does(chat, case, holder, DeskAction.HAND_BACK)]),
            (1, lambda: [self._does(chat, case, holder, DeskAction.RESOLVE)]),
            (1, lambda: [self._does(chat, case, holder, DeskAction.RELEASE)]),
            (1, lambda: [self._does(chat, case, holder, DeskAction.ASSIGN, to=other)]),
            (1, lambda: [self._does(chat, case, other, DeskAction.ASSIGN, to=other)]),
            (1, lambda: [self._does(chat, case, other, DeskAction.REPLY)]),
            (1, lambda: [self._does(chat, case, other, DeskAction.CLAIM)]),
            (1, lambda: [self._does(chat, case, other, DeskAction.NOTE)]),
            (2, lambda: [self._says(chat)]),
        )

    def _one_of(self, *choices: tuple[float, Callable[[], list[Act]]]) -> list[Act]:
        [make] = self.random.choices([make for _, make in choices], [weight for weight, _ in choices])
        return make()

    def _both(self) -> Sequence[Operator]:
        return self.random.sample(self.operators, 2)

    async def _does(
        self, chat: Chat, case: CaseId, who: Operator, action: DeskAction, *, to: Operator | None = None
    ) -> None:
        number = next(self.numbers)
        outcome = self.random.choice(list(Resolution))
        event = DeskEvent(
            case, f"a{number}", who.id, who.name, action, f"{action} {number}", to.id if to else None, outcome
        )
        inbox = self.random.choice(self.replicas).inbox
        began = self.tell(chat.thread, f"{who.name} {action} [{number}]")
        receipt = await inbox.told(event, await inbox.accept(event), PATIENT)
        order = self.tell(chat.thread, f"{who.name} {action} [{number}] answered: {receipt.state} {receipt.result}")
        chat.answers.append(Answered(began, order, event, receipt))


def _is_trouble(log: Mapping[str, Any]) -> bool:
    """Whether nothing that this world does explains the line: a card of unknown fate is told as an unreachable desk."""
    return bool(log["log_level"] == "error" and log["event"] != "desk_unreachable")


def _hurry(connection: Any, _record: Any) -> None:
    """No power fails here, and a locked database is tried again by the simulation."""
    cursor = connection.cursor()
    for pragma in ("synchronous=OFF", "busy_timeout=0"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
