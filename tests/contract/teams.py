"""Customers who write to the app in personal chats of a fake Teams that is as strict as the real one."""

import re
from typing import Any

from channels.recording import WITHIN, until
from channels.teams.names import key
from channels.testing import Can, Shown
from core.ids import CaseId, ThreadKey
from tests.contract.programs import Program
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_reading import Read, shown_card
from tests.fakes.teams_server import APP_ID, TENANT, TeamsServer

_BY = re.compile(r"\*\*(?P<name>[^*\n]+)\*\*\n\n(?P<words>.*)", re.DOTALL)
_LIST = re.compile(r"(?:\A|\n\n)(?P<lines>\[\d+\] [^\n]+(?:\n+\[\d+\] [^\n]+)*)\Z")


def settings(server: TeamsServer) -> dict[str, Any]:
    """Return the settings of a program that is an app of `server`."""
    return {
        "teams_app_id": APP_ID,
        "teams_app_password": server.identity.secret,
        "teams_tenants": [TENANT],
        "teams_service_urls": list(server.service_urls),
        "teams_openid_url": server.identity.openid_url,
        "teams_login_url": server.identity.url,
        "teams_seconds_apart": 0.01,
    }


def tune(server: TeamsServer) -> None:
    """Make a Teams that has no time to lose."""
    server.stream_pace = 0.0
    server.lines.patience = 5.0
    server.lines.again_after = (0.0, 0.05)


def shown(read: Read) -> Shown:
    """Return the words of one of our messages without what stands around them."""
    if read.card:
        return Shown("\n".join(read.card.texts))
    found = _BY.fullmatch(read.text)
    name, words = (found["name"], found["words"]) if found else ("", read.text)
    return Shown(plain(words), name.replace("\\", ""), tuple(one.name.partition(" > ")[0] for one in read.citations))


def plain(markdown: str) -> str:
    """Return the words of Teams' Markdown."""
    unlinked = re.sub(r"\[((?:[^\[\]\\]|\\.)*)\]\([^()\s]*\)", r"\1", _LIST.sub("", markdown))
    words = re.sub(r"\\([\\`*_{}\[\]()#+\-.!|~>&<])", r"\1", unlinked)
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


class TeamsCustomer:
    """A customer in a personal chat with the app."""

    def __init__(self, kit: "TeamsKit", person: Person) -> None:
        self._kit = kit
        self.person = person
        self.chat = person.chat
        self._done: dict[str, Done] = {}
        self._surveys: dict[CaseId, tuple[str, Any]] = {}

    @property
    def key(self) -> ThreadKey:
        return key(TENANT, self.chat.id)

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        done = await self.person.writes(self.chat, text, files=files)
        assert done.ok, f"the app did not say 'ok': {done.ack}"
        event = f"{self.chat.id}:{done.id}"
        self._done[event] = done
        return event

    async def again(self, event: str) -> None:
        await self._kit.server.again(self._done[event])
        assert self._done[event].ok

    async def changes(self, event: str, text: str | None) -> None:
        one = self._done[event].id
        deleted = text is None
        done = await (self.person.deletes(self.chat, one) if deleted else self.person.edits(self.chat, one, text or ""))
        assert done.ok, f"the app did not say 'ok': {done.ack}"

    def _posts(self) -> list[Read]:
        return [one for one in self.person.sees(self.chat) if one.by_bot and not one.deleted]

    async def reads(self) -> list[Shown]:
        return [found for one in self._posts() if (found := shown(one)).text]

    async def files(self) -> list[tuple[str, bytes]]:
        """Agree to take what is offered, and open it."""
        for one in self._posts():
            for name in one.offers:
                taken = await self.person.accepts(self.chat, one.id, name)
                assert taken.ok

        async def here() -> list[tuple[str, bytes]] | None:
            posts = self._posts()
            named = [name for one in posts for name in one.files]
            open_ = any(one.offers for one in posts)
            return (
                None
                if open_ or any(name not in self.person.drive for name in named)
                else [(name, self.person.drive[name]) for name in named]
            )

        return await until(here, WITHIN)

    async def rates(self, case: CaseId, score: int) -> str:
        for one in self._posts():
            if one.card and any(button.data.get("survey") == case for button in one.card.buttons):
                self._surveys[case] = (one.id, shown_card(self.chat.messages[one.id], self.person.id))
        message, card = self._surveys[case]
        pressed = await self.person.presses(self.chat, message, str(score), seen=card)
        assert pressed.ok, f"the app did not say 'ok': {pressed.problem}"
        found = await self._kit.store.receipts.result_of(self.key, f"{self.chat.id}:{pressed.activity['id']}")
        return found[1] if found and found[0] == "refused" else ""


class TeamsKit:
    """The program in an organisation's Teams."""

    can = frozenset(Can)

    def __init__(self, program: Program, server: TeamsServer) -> None:
        self.program = program
        self.server = server
        self.tell()

    inbox = property(lambda self: self.program.inbox)
    store = property(lambda self: self.program.store)
    files = property(lambda self: self.program.files)
    read_by_assistant = property(lambda self: self.program.read_by_assistant)

    async def lose(self, file: str) -> None:
        await self.program.lose(file)  # type: ignore[arg-type]

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)

    async def customer(self, name: str) -> TeamsCustomer:
        return TeamsCustomer(self, self.server.person(name))

    async def block(self, customer: TeamsCustomer) -> None:
        customer.person.blocks()

    async def restart(self) -> None:
        await self.program.stop()
        await self.program.start()
        self.tell()

    def tell(self) -> None:
        """Have Teams post to the program that runs now."""
        self.server.post_to = f"{self.program.client.url}/api/messages"
