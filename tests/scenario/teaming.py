"""The whole program in an organisation's Teams, for `test_teams*`: the fake is strict, and everything of ours is real.

An `Office` is one organisation with one program in it; a `Talk` is one conversation there, as people in Teams see it
and as our store has it; a `Desk` is the channel in which people work on cases.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from channels.teams.names import key, thread_in
from core.ids import CaseId, ThreadKey
from kb.embed import Embedder
from tests.contract import teams as wire
from tests.fakes.teams_cards import read
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_reading import Read
from tests.fakes.teams_server import TENANT, Call, TeamsServer
from tests.fakes.teams_workspace import Message, Room
from tests.scenario.chatting import A_PERSON, DELIVERY, RETURNS, WITHIN, Clock, Conversation, Running, command
from tests.support import until

__all__ = ["A_PERSON", "DELIVERY", "RETURNS", "WITHIN", "Desk", "Office", "Talk", "command", "office"]

JSON = dict[str, Any]

PARTNER = "5a3f4b1e-0000-4000-8000-00000000beef"
"""Another organisation whose people are served, too."""


class Office(Running):
    """An organisation, and the program in it; it can be stopped and started again."""

    def __init__(self, folder: Path, embedder: Embedder, server: TeamsServer, clock: Clock, **settings: Any) -> None:
        super().__init__(folder, embedder, clock, **settings)
        self.server = server
        self.desk: Desk

    async def start(self) -> None:
        """Start the program; returns once Teams can reach it."""
        await self.launch()
        self.server.post_to = f"{self.client.url}/api/messages"

    async def asks(self, person: Person, text: str, room: Room | None = None, **more: Any) -> "Talk":
        """Begin a conversation: in the chat with the app, or by a mention in `room`. Returns once Teams was told."""
        chat = room or person.chat
        done = await person.writes(chat, text, mention=room is not None, **more)
        assert done.ok, f"the app did not say 'ok': {done.ack}"
        return Talk(self, person, chat, (more.get("root") or done.id) if chat.kind == "channel" else "", done)

    def calls(self, room: Room, name: str = "send") -> list[Call]:
        """Return the calls of an operation in a conversation, oldest first."""
        return [call for call in self.server.calls_of(name) if f"/conversations/{room.id}" in unquote(call.path)]


def pieces(calls: list[Call]) -> list[JSON]:
    """Return the pieces of streams that were sent by `calls`, without their ends: what Teams says of each, and text."""
    found = []
    for call in calls:
        info = piece(call.body)
        if info and info.get("streamType") != "final":
            found.append({**info, "text": call.body["text"], "status": call.status, "at": call.at})
    return found


def piece(body: JSON) -> JSON | None:
    """Return what an activity says of the stream that it is a part of; None if it is of none."""
    return next((one for one in body.get("entities") or () if one.get("type") == "streaminfo"), None)


def is_begun(body: JSON) -> bool:
    """Whether an activity begins a stream."""
    found = piece(body)
    return bool(found) and "streamId" not in (found or {})


def is_more(body: JSON) -> bool:
    """Whether an activity goes on with a stream."""
    found = piece(body) or {}
    return "streamId" in found and found.get("streamType") != "final"


def is_end(body: JSON) -> bool:
    """Whether an activity ends a stream."""
    return (piece(body) or {}).get("streamType") == "final"


class Talk(Conversation[Read]):
    """One conversation with the app, as `person` sees it: what began it (`done`), and what followed."""

    def __init__(self, office: Office, person: Person, room: Room, root: str, done: Done) -> None:
        self.office: Office = office
        self.person = person
        self.room = room
        self.root = root
        self.done = done

    @property
    def key(self) -> ThreadKey:
        """Its key in our store."""
        return key(TENANT, thread_in(self.room.id, self.root) if self.root else self.room.id)

    @property
    def posts(self) -> list[Read]:
        """What the app has posted there and was not deleted, as people read it."""
        return [one for one in self.person.sees(self.room, self.root) if one.by_bot and not one.deleted]

    @property
    def words(self) -> list[str]:
        """The words of these."""
        return [wire.plain(one.text) for one in self.posts]

    async def says(self, person: Person, text: str, **more: Any) -> Done:
        """Go on in it. Returns once Teams was told 'ok'."""
        done = await person.writes(self.room, text, root=self.root, **more)
        assert done.ok, f"the app did not say 'ok': {done.ack}"
        return done


class Desk:
    """The channel `room` as a desk: what stands there, as those in it see it."""

    def __init__(self, office: Office, room: Room) -> None:
        self.office = office
        self.room = room

    def member(self, name: str, **more: Any) -> Person:
        """Take somebody into the desk's team: they become operators by what they do first."""
        person = self.office.server.person(name, **more)
        self.room.members.append(person.id)
        return person

    def cards(self, customer: str) -> list[Message]:
        """Return the cards of a customer that stand there."""
        found = [one for one in self.room.messages.values() if one.cards and "refresh" in one.cards[0]]
        return [one for one in found if not one.deleted and customer in read(one.cards[0]).text]

    async def card(self, customer: Person, shows: str = "") -> Message:
        """Return the newest card of a customer, once it is there and reads `shows`."""

        async def there() -> Message | None:
            cards = reversed(self.cards(customer.member.name))
            return next((card for card in cards if shows in read(card.cards[0]).text), None)

        found: Message = await until(there, WITHIN)
        return found

    def thread(self, card: Message) -> list[Message]:
        """Return what stands below a card."""
        return [one for one in self.room.thread(card.id)[1:] if not one.deleted]

    async def presses(self, person: Person, card: Message, title: str, filled: JSON | None = None) -> Done:
        """Press a button of a card as this person sees it, once their view is up to date."""
        await person.refreshes(self.room, card.id)
        done = await person.presses(self.room, card.id, title, filled)
        assert done.ok, done.problem or done.ack
        return done

    async def told(self, person: Person, words: str, root: str) -> str:
        """Return what somebody was told by name in a thread, once it has `words`."""

        async def said() -> str:
            mine = [one.text for one in self.room.thread(root) if f"<at>{person.member.name}</at>" in one.text]
            return next((word for word in mine if words in word), "")

        found: str = await until(said, WITHIN)
        return found

    async def claimed(self, operator: Person, customer: Person) -> tuple[Talk, CaseId, Message]:
        """Let a customer ask for a person, and an operator take the case: the conversation, the case, its card."""
        talk = await self.office.asks(customer, A_PERSON)
        card = await self.card(customer)
        await self.office.silence()
        await self.presses(operator, card, "Claim")
        card = await self.card(customer, "Held by")
        await self.office.silence()
        return talk, case_of(card), card

    async def writes(self, operator: Person, card: Message, text: str, **more: Any) -> Done:
        """Write a line into a case's thread."""
        done = await operator.writes(self.room, text, root=card.id, **more)
        assert done.ok, f"the app did not say 'ok': {done.ack}"
        return done

    async def asks(self, person: Person, words: str) -> str:
        """Ask the app something in a new post; return what it answers."""
        done = await person.writes(self.room, words, mention=True)
        assert done.ok

        async def answered() -> str:
            answers = self.room.thread(done.id)[1:]
            return "\n".join(f"{one.text}{''.join(read(card).text for card in one.cards)}" for one in answers)

        found: str = await until(answered, WITHIN)
        return found


def case_of(card: Message) -> CaseId:
    """Return the case whose card this is."""
    return CaseId(card.cards[0]["refresh"]["action"]["data"]["case"])


@asynccontextmanager
async def office(
    folder: Path, sample_home: Path, embedder: Embedder, *, desk: bool | str = False, **settings: Any
) -> AsyncIterator[Office]:
    """Run the program in an organisation of its own; it knows the sample knowledge base.

    With `desk` a channel there is its desk, which the app hears all of: `running.desk`. A word is what is set as the
    desk instead; then that channel is one that may be chosen.
    """
    shutil.copytree(sample_home, folder)
    clock = Clock()
    async with TeamsServer(clock=clock) as server:
        wire.tune(server)
        room = server.team("Larkfield").channel("Support desk")
        server.hears_all = bool(desk)
        there = {"desk": desk if isinstance(desk, str) else f"teams:{room.id}"} if desk else {}
        running = Office(folder, embedder, server, clock, **{**wire.settings(server), **there, **settings})
        running.desk = Desk(running, room)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
