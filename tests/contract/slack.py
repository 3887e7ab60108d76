"""Customers who write to the app in Slack's direct messages, at the wire of a fake Slack that is as strict as the real.

With the agent view each conversation is a thread: the customer's first message begins it, later ones stand in it.
"""

import re
from typing import Any

from channels.recording import WITHIN, until
from channels.slack import parse
from channels.slack.names import Place
from channels.testing import Can, Shown
from core.ids import CaseId, ThreadKey
from tests.contract.programs import Program
from tests.fakes.slack_people import Done, Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import BOT, BOT_USER, TEAM, Read

_SOURCE = re.compile(r"\d+\. (.+)")
_AROUND = frozenset({"by", "sources"})
_ME = parse.Me(TEAM, BOT_USER, BOT)


def settings(server: SlackServer) -> dict[str, Any]:
    """Return the settings of a program that is connected to `server` by a socket."""
    return {
        "slack_bot_token": server.bot_token,
        "slack_app_token": server.app_token,
        "slack_api_url": f"{server.url}/api/",
        "slack_seconds_apart": 0.05,
    }


def settings_over_http(server: SlackServer) -> dict[str, Any]:
    """Return the settings of a program that is sent signed posts; tell `server` where to with `lines.post_to`."""
    return {
        "slack_bot_token": server.bot_token,
        "slack_signing_secret": server.lines.secret,
        "slack_api_url": f"{server.url}/api/",
        "slack_seconds_apart": 0.05,
    }


def shown(read: Read) -> Shown:
    """Return the words of one of our posts without what stands around them."""
    around = dict(read.parts)
    words = "\n".join(text for name, text in read.parts if name not in _AROUND)
    lines = around.get("sources", "").split("\n")
    titles = tuple(found[1].partition(" > ")[0] for line in lines if (found := _SOURCE.fullmatch(line)))
    return Shown(words, around.get("by", ""), titles)


class SlackCustomer:
    """A customer in direct messages with the app."""

    def __init__(self, kit: "SlackKit", person: Person) -> None:
        self._kit = kit
        self.person = person
        self.dm = person.dm
        self._root = ""
        self._done: dict[str, Done] = {}
        self._surveys: dict[CaseId, tuple[str, list[dict[str, Any]]]] = {}

    @property
    def key(self) -> ThreadKey:
        assert self._root, "the customer has not written yet"
        return Place(self.dm, self._root).key(TEAM)

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        done = await self.person.writes(self.dm, text, thread_ts=self._root, files=files)
        assert done.ok, "the app did not say 'ok'"
        self._root = self._root or done.ts
        event = f"{self.dm}:{done.ts}"
        self._done[event] = done
        return event

    async def again(self, event: str) -> None:
        await self._kit.server.tell(self._done[event].deliveries)
        assert self._done[event].ok

    async def changes(self, event: str, text: str | None) -> None:
        ts = self._done[event].ts
        deleted = text is None
        done = await (self.person.deletes(self.dm, ts) if deleted else self.person.edits(self.dm, ts, text or ""))
        assert done.ok, "the app did not say 'ok'"

    def _posts(self) -> list[Read]:
        """Return what the app has posted; what only this customer sees for a moment is not among it."""
        posts = self._kit.server.workspace.reads(self.dm)
        return [post for post in posts if post.user == BOT_USER]

    async def reads(self) -> list[Shown]:
        return [one for post in self._posts() if (one := shown(post)).text]

    async def files(self) -> list[tuple[str, bytes]]:
        return [file for post in self._posts() for file in post.files]

    async def rates(self, case: CaseId, score: int) -> str:
        action, value = f"survey:{score}", f"{case}:{score}"
        for post in self._posts():
            if any(button.value == value for button in post.buttons):
                blocks = self._kit.server.workspace.payload(self._kit.server.workspace.find(self.dm, post.ts))["blocks"]
                self._surveys[case] = (post.ts, blocks)  # a second screen may show its buttons for longer
        ts, seen = self._surveys[case]
        done = await self.person.presses(self.dm, ts, action, value, seen=seen)
        assert done.ok, "the app did not say 'ok'"
        press = parse.pressed(done.deliveries[0].payload, _ME)
        assert press

        async def settled() -> tuple[str, str] | None:
            found = await self._kit.store.receipts.result_of(self.key, press.event)
            return found if found and found[0] != "waiting" else None

        state, result = await until(settled, WITHIN)
        return result if state == "refused" else ""


class SlackKit:
    """The program in a Slack workspace. A customer whose account is switched off can't be reached."""

    can = frozenset(Can)

    def __init__(self, program: Program, server: SlackServer) -> None:
        self.program = program
        self.server = server

    inbox = property(lambda self: self.program.inbox)
    store = property(lambda self: self.program.store)
    files = property(lambda self: self.program.files)
    read_by_assistant = property(lambda self: self.program.read_by_assistant)

    async def lose(self, file: str) -> None:
        await self.program.lose(file)  # type: ignore[arg-type]

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)

    async def customer(self, name: str) -> SlackCustomer:
        return SlackCustomer(self, self.server.person(name))

    async def block(self, customer: SlackCustomer) -> None:
        customer.person.member.deleted = True

    async def restart(self) -> None:
        await self.program.stop()
        await self.program.start()
        self.tell()

    def tell(self) -> None:
        """Have Slack post to the program that runs now, if it posts at all."""
        if self.server.lines.post_to:
            self.server.lines.post_to = f"{self.program.client.url}/slack/events"
