"""The whole program in a Slack workspace, for `test_slack`: the fake Slack is strict, and everything of ours is real.

An `Office` is one workspace with one program in it; a `Talk` is one conversation there, as Slack's people see it and as
our store has it.
"""

import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bot.bootstrap import build
from bot.home import Home
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
from tests.fakes.slack_workspace import BOT_USER, TEAM, Read, Room
from tests.support import Client, Operator, plain_settings, until

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

    async def start(self) -> None:
        """Start the program; returns once Slack can reach it."""
        settings = plain_settings(self._folder, **self._settings)
        threadline = build(settings, Home(self._folder), clock=self.clock, embedder=self._embedder)
        self.client = await self._stack.enter_async_context(serving(threadline))
        if settings.slack_app_token:
            await self.server.lines.connected()
            return
        self.server.lines.post_to = f"{self.client.url}/slack/events"

        async def knows_itself() -> bool:
            return bool(threadline.slack and threadline.slack.door.me)

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
    folder: Path, sample_home: Path, embedder: Embedder, *, by_http: bool = False, **settings: Any
) -> AsyncIterator[Office]:
    """Run the program in a workspace of its own; it knows the sample knowledge base."""
    shutil.copytree(sample_home, folder)
    clock = Clock()
    async with SlackServer(clock=clock, lines=Lines(again_after=(0.0, 0.05, 0.2))) as server:
        how = wire.settings_over_http(server) if by_http else wire.settings(server)
        running = Office(folder, embedder, server, clock, **{**how, **settings})
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
