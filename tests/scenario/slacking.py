"""The whole program in a Slack workspace, for `test_slack*`: the fake Slack is strict, and everything of ours is real.

An `Office` is one workspace with one program in it; a `Talk` is one conversation there, as Slack's people see it and as
our store has it; a `Desk` is the channel in which people work on cases.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bot.bootstrap import build
from bot.home import Home
from bot.settings import Settings
from channels.recording import quiet
from channels.slack.names import Place
from core.ids import ThreadKey
from core.messages import Author, Message
from core.store.store import Store
from core.thread import Thread
from kb.embed import Embedder
from tests.conftest import serving
from tests.contract import slack as wire
from tests.fakes.slack_events import Delivery, Lines
from tests.fakes.slack_people import Done, Person
from tests.fakes.slack_server import Call, SlackServer
from tests.fakes.slack_workspace import BOT_USER, TEAM, Post, Read, Room, View
from tests.support import Client, Operator, plain_settings, until

ROOT = Path(__file__).resolve().parents[2]

WITHIN = 20.0  # seconds for what must happen on a busy machine
RETURNS = "How do I return an article?"
DELIVERY = "How much does delivery cost?"
A_PERSON = "I want to talk to a person, please."
MENTION = f"<@{BOT_USER}>"
PROMPTS = [RETURNS, "How do gift cards work?"]


class Clock:
    """The real time, moved on by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Office:
    """A workspace, and the program in it; it can be stopped and started again."""

    def __init__(self, folder: Path, embedder: Embedder, server: SlackServer, clock: Clock, **settings: Any) -> None:
        self._folder = folder
        self._embedder = embedder
        self._settings = settings
        self._stack = AsyncExitStack()
        self.server = server
        self.clock = clock
        self.client: Client
        self.desk: Desk

    @property
    def settings(self) -> Settings:
        """How the program is set."""
        return plain_settings(self._folder, **self._settings)

    async def start(self) -> None:
        """Start the program; returns once Slack can reach it."""
        settings = self.settings
        threadline = build(settings, Home(self._folder), clock=self.clock, embedder=self._embedder)
        self.client = await self._stack.enter_async_context(serving(threadline))
        if settings.slack_app_token:
            await self.server.lines.connected()
            return
        self.server.lines.post_to = f"{self.client.url}/slack/events"

        async def knows_itself() -> bool:
            return bool(threadline.platforms.slack and threadline.platforms.slack.door.me)

        await until(knows_itself, WITHIN)

    async def stop(self) -> None:
        """Stop the program, whatever it is at."""
        await self._stack.aclose()

    @property
    def store(self) -> Store:
        """What the program remembers."""
        return self.client.threadline.store

    @property
    def written(self) -> bytes:
        """Everything that the program has put on disk."""
        return b"".join(path.read_bytes() for path in self._folder.rglob("*") if path.is_file())

    async def command(self, *words: str) -> tuple[int, str, str]:
        """Run `threadline WORDS` beside the program; return its status, and what it printed and complained of."""
        return await command(self._folder, *words, **self._settings)

    async def silence(self) -> None:
        """Wait until nothing is on its way any more: what has not come by now does not come."""
        await quiet(self.store)

    async def asks(self, person: Person, text: str, room: Room | None = None, **more: Any) -> "Talk":
        """Begin a conversation: in a direct message, or by a mention in `room`. Returns once Slack was told 'ok'."""
        channel = room.id if room else person.dm
        done = await person.writes(channel, text, mention=bool(room), **more)
        assert done.ok, "the app did not say 'ok'"
        return Talk(self, channel, done.ts, done)

    async def case_of(self, operator: Operator, customer: str) -> dict[str, Any]:
        """Return the newest case whose customer is called `customer`, in full, once there is one."""

        async def opened() -> dict[str, Any] | None:
            named = [case for case in await operator.cases() if case["customer"] == customer]
            return max(named, key=lambda case: int(case["number"])) if named else None

        line = await until(opened, WITHIN)
        return await operator.case(str(line["id"]))

    def calls(self, method: str, channel: str) -> list[Call]:
        """Return the calls of `method` for a channel, oldest first."""
        return [
            call
            for call in self.server.calls_of(method)
            if channel in {call.arguments.get("channel"), call.arguments.get("channel_id")}
        ]


async def command(folder: Path, *words: str, **settings: Any) -> tuple[int, str, str]:
    """Run `threadline WORDS` in HOME `folder`; return its status, and what it printed and complained of."""
    named = {name.upper(): str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "THREADLINE_HOME": str(folder), **named},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


class Talk:
    """One conversation with the app: the message that began it (`done`), and what followed."""

    def __init__(self, office: Office, channel: str, root: str, done: Done) -> None:
        self.office = office
        self.channel = channel
        self.root = root
        self.done = done

    @property
    def key(self) -> ThreadKey:
        """Its key in our store."""
        return Place(self.channel, self.root).key(TEAM)

    @property
    def posts(self) -> list[Read]:
        """What the app has posted there, as people read it."""
        everything = self.office.server.workspace.reads(self.channel, self.root)
        return [read for read in everything if read.user == BOT_USER]

    @property
    def words(self) -> list[str]:
        """The words of these."""
        return [post.text for post in self.posts]

    async def settled(self) -> list[str]:
        """Return the words of what the app has posted, once nothing more is to come."""
        await self.office.silence()
        return self.words

    async def answer(self, number: int = 1) -> Read:
        """Return the post `number` of the app's, once it is there and nothing more is to come."""

        async def posted() -> bool:
            return len(self.posts) >= number

        await until(posted, WITHIN)
        await self.office.silence()
        return self.posts[number - 1]

    async def says(self, person: Person, text: str, **more: Any) -> Done:
        """Go on in it. Returns once Slack was told 'ok'."""
        done = await person.writes(self.channel, text, thread_ts=self.root, **more)
        assert done.ok, "the app did not say 'ok'"
        return done

    async def thread(self) -> Thread | None:
        """Return it as our store has it; None if it has nothing of it."""
        return await self.office.store.find_thread(self.key)

    async def stored(self, author: Author | None = None) -> list[Message]:
        """Return what our store has of it, or what one side said."""
        thread = await self.thread()
        assert thread, "nothing was stored"
        said = await self.office.store.messages(thread.id)
        return [message for message in said if author in {None, message.author}]


class Desk:
    """The channel `room` as a desk: what stands there, as those in it see it."""

    def __init__(self, office: Office, room: Room) -> None:
        self.office = office
        self.room = room

    def member(self, name: str, **more: Any) -> Person:
        """Take somebody into the workspace and its desk: they become operators by what they do first."""
        person = self.office.server.person(name, **more)
        self.room.members.append(person.id)
        return person

    def cards(self, customer: str) -> list[Read]:
        """Return the cards of a customer."""
        reads = self.office.server.workspace.reads(self.room.id)
        return [read for read in reads if "state" in dict(read.parts) and customer in read.text]

    async def card(self, customer: Person, shows: str = "", *, offers: str = "") -> Read:
        """Return the newest card of a customer, once it is there, reads `shows`, and has the button `offers`."""

        async def there() -> Read | None:
            for card in reversed(self.cards(customer.member.name)):
                buttons = {button.action_id for button in card.buttons}
                if shows in card.text and (not offers or f"desk:{offers}" in buttons):
                    return card
            return None

        found: Read = await until(there, WITHIN)
        return found

    async def case(self, customer: Person) -> tuple[str, Read]:
        """Return the id of a customer's case and its card, once that is there."""
        card = await self.card(customer)
        return case_of(card), card

    def thread(self, card: Read) -> list[Read]:
        """Return what stands below a card, for all to read."""
        return self.office.server.workspace.reads(self.room.id, card.ts)[1:]

    def post(self, ts: str) -> Post:
        """Return a post as Slack keeps it."""
        return next(post for post in self.room.posts if post.ts == ts)

    async def presses(self, person: Person, card: Read, word: str, value: str = "") -> None:
        """Press a button of a card as it stands there now."""
        assert (await person.presses(self.room.id, card.ts, f"desk:{word}", value)).ok

    async def presses_old(self, person: Person, card: Read, word: str, value: str) -> None:
        """Press what a screen still shows, though it is not in the card any more."""
        button = {
            "type": "button",
            "action_id": f"desk:{word}",
            "value": value,
            "text": {"type": "plain_text", "text": "Old"},
        }
        seen = [{"type": "actions", "block_id": "actions", "elements": [button]}]
        assert (await person.presses(self.room.id, card.ts, f"desk:{word}", value, seen=seen)).ok

    async def told(self, person: Person, words: str, root: str = "") -> None:
        """Return once somebody was told `words` in private, in the thread `root` if it is named."""

        async def said() -> bool:
            return any(words in whisper for whisper in person.whispers(self.room.id, root))

        await until(said, WITHIN)

    async def claimed(self, operator: Person, customer: Person) -> tuple[Talk, str, Read]:
        """Let a customer ask for a person, and an operator take the case: the conversation, the case, its card."""
        talk = await self.office.asks(customer, A_PERSON)
        case, card = await self.case(customer)
        await self.presses(operator, card, "claim")
        card = await self.card(customer, "Held by")
        await self.office.silence()
        return talk, case, card

    async def writes(self, operator: Person, card: Read, text: str, **more: Any) -> Done:
        """Write a line into a case's thread."""
        done = await operator.writes(self.room.id, text, thread_ts=card.ts, **more)
        assert done.ok
        return done

    async def form(self, person: Person) -> View:
        """Return the form that opens for somebody."""

        async def opened() -> View | None:
            return person.modal

        found: View = await until(opened, WITHIN)
        return found


def case_of(card: Read) -> str:
    """Return the case whose card this is."""
    menu = next(button.value for button in card.buttons if button.action_id == "desk:more")
    return menu.partition(" ")[2]


def rating_button(post: Read, side: str) -> str:
    """Return the value of the feedback button 'up' or 'down' below an answer."""
    [value] = [button.value for button in post.buttons if button.value.startswith(f"{side}:")]
    return value


def reworded(deliveries: Sequence[Delivery], change: Callable[[dict[str, Any]], None]) -> Sequence[Delivery]:
    """Change the events in these deliveries by `change`, as another Slack might send them."""
    for delivery in deliveries:
        change(delivery.payload["event"])
    return deliveries


@asynccontextmanager
async def office(
    folder: Path, sample_home: Path, embedder: Embedder, *, by_http: bool = False, desk: bool = False, **settings: Any
) -> AsyncIterator[Office]:
    """Run the program in a workspace of its own; it knows the sample knowledge base.

    With `desk` a private channel there is its desk: `running.desk`.
    """
    shutil.copytree(sample_home, folder)
    clock = Clock()
    async with SlackServer(clock=clock, lines=Lines(again_after=(0.0, 0.05, 0.2))) as server:
        how = wire.settings_over_http(server) if by_http else wire.settings(server)
        room = server.channel("support-desk", kind="group")
        there = {"desk": f"slack:{room.id}"} if desk else {}
        running = Office(folder, embedder, server, clock, **{**how, **there, **settings})
        running.desk = Desk(running, room)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
