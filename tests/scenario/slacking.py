"""The whole program in a Slack workspace, for `test_slack*`: the fake Slack is strict, and everything of ours is real.

An `Office` is one workspace with one program in it; a `Talk` is one conversation there, as Slack's people see it and as
our store has it; a `Desk` is the channel in which people work on cases.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from channels.slack.names import Place
from core.ids import ThreadKey
from kb.embed import Embedder
from tests.contract import slack as wire
from tests.fakes.slack_events import Delivery, Lines
from tests.fakes.slack_people import Done, Person
from tests.fakes.slack_server import Call, SlackServer
from tests.fakes.slack_workspace import BOT_USER, TEAM, Post, Read, Room, View
from tests.scenario.chatting import A_PERSON, DELIVERY, RETURNS, WITHIN, Clock, Conversation, Running, command
from tests.support import until

__all__ = ["A_PERSON", "DELIVERY", "RETURNS", "WITHIN", "command"]

MENTION = f"<@{BOT_USER}>"
PROMPTS = [RETURNS, "How do gift cards work?"]


class Office(Running):
    """A workspace, and the program in it; it can be stopped and started again."""

    def __init__(self, folder: Path, embedder: Embedder, server: SlackServer, clock: Clock, **settings: Any) -> None:
        super().__init__(folder, embedder, clock, **settings)
        self.server = server
        self.desk: Desk

    async def start(self) -> None:
        """Start the program; returns once Slack can reach it."""
        threadline = await self.launch()
        if self.settings.slack_app_token:
            await self.server.lines.connected()
            return
        self.server.lines.post_to = f"{self.client.url}/slack/events"

        async def knows_itself() -> bool:
            return bool(threadline.platforms.slack and threadline.platforms.slack.door.me)

        await until(knows_itself, WITHIN)

    async def asks(self, person: Person, text: str, room: Room | None = None, **more: Any) -> "Talk":
        """Begin a conversation: in a direct message, or by a mention in `room`. Returns once Slack was told 'ok'."""
        channel = room.id if room else person.dm
        done = await person.writes(channel, text, mention=bool(room), **more)
        assert done.ok, "the app did not say 'ok'"
        return Talk(self, channel, done.ts, done)

    def calls(self, method: str, channel: str) -> list[Call]:
        """Return the calls of `method` for a channel, oldest first."""
        return [
            call
            for call in self.server.calls_of(method)
            if channel in {call.arguments.get("channel"), call.arguments.get("channel_id")}
        ]


class Talk(Conversation[Read]):
    """One conversation with the app: the message that began it (`done`), and what followed."""

    def __init__(self, office: Office, channel: str, root: str, done: Done) -> None:
        self.office: Office = office
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

    async def says(self, person: Person, text: str, **more: Any) -> Done:
        """Go on in it. Returns once Slack was told 'ok'."""
        done = await person.writes(self.channel, text, thread_ts=self.root, **more)
        assert done.ok, "the app did not say 'ok'"
        return done


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
