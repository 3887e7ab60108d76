"""Operators who work in a Teams channel: they press, write, edit and read there as people do in Teams' client."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from typing import Any

from channels.desk.answers import LATER
from channels.recording import RecordingChannel, until
from channels.teams import parse as teams_parse
from channels.teams.desk.actions import DONE_HERE
from channels.teams.desk.parse import FIELDS
from channels.testing import Card, Seen
from core.ids import CaseId, MessageId, OperatorId, ThreadKey
from core.messages import DeskAction, Resolution
from tests.contract.chat_desk import ChatDeskKit, state_of
from tests.contract.programs import Program, Programs
from tests.fakes.teams_cards import read
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_reading import shown_card
from tests.fakes.teams_server import APP_ID, TENANT, TeamsServer
from tests.fakes.teams_workspace import Message, Room

JSON = dict[str, Any]

_TITLES = {
    DeskAction.CLAIM: "Claim",
    DeskAction.RELEASE: "Release",
    DeskAction.ASSIGN: "Assign it",
    DeskAction.REPLY: "Send",
    DeskAction.NOTE: "Save the note",
    DeskAction.DRAFT: "Suggest a reply",
    DeskAction.RESOLVE: "Resolve it",
    DeskAction.HAND_BACK: "Hand back to the assistant",
    DeskAction.REOPEN: "Reopen",
    DeskAction.CHECK: "Check",
    DeskAction.RESEND: "Send again",
}
_OFFERS = {"Check": "check", "Send again": "resend"}
_SAID = re.compile(
    r"<p><strong>(?P<who>.*?)</strong>(?: <em>(?P<when>.*?)</em>)?</p>"
    r"(?:<p>(?!<)(?P<text>.*?)</p>)?(?P<marks>(?:<p><em>.*?</em></p>)*)"
)


class TeamsHand:
    """An operator in Teams, who is in the desk's channel."""

    def __init__(self, kit: "TeamsDeskKit", person: Person, id_: OperatorId, name: str) -> None:
        self._kit = kit
        self.person = person
        self.id = id_
        self.name = name

    # Reading

    async def cards(self) -> list[Card]:
        return [_as_card(case, message.cards[0]) for case, message in self._kit.cards().items()]

    async def lines(self, case: CaseId) -> list[Seen]:
        return [seen for _, seen in await self._lines(case)]

    async def _lines(self, case: CaseId) -> list[tuple[Message, Seen]]:
        """Return the lines of a case's thread, each with the message it stands in."""
        became = self._kit.became(case)
        found: list[tuple[Message, MessageId | None, Seen]] = []
        for message in self._kit.thread(case):
            if not message.by_bot:
                id_ = await self._kit.message(case, message)
                mark = "edited" if message.edited else ""
                found.append((message, id_, Seen(_plain(message.text), mark=mark)))
            elif message.cards:
                found += [(message, id_, Seen(text)) for id_, text in _own(message.cards[0])]
            else:
                found += [(message, None, seen) for seen in _said(message)]
        notices = {id_: fate for one in self._kit.thread(case) for id_, fate in _fates(one)}
        return [
            (message, _with(seen, became.get(id_ or "", ""), notices.get(id_ or MessageId(""))))
            for message, id_, seen in found
        ]

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        root = self._kit.cards()[case]
        if "Suggested reply" not in read(root.cards[0]).titles:
            return "", []
        done = await self.person.presses(self._kit.room, root.id, "Suggested reply", seen=root.cards[0])
        assert done.ok, done.problem
        form = root.views.pop(self.person.id)
        elements = form["body"]
        field = next((one["value"] for one in elements if one["type"] == "Input.Text"), "")
        plain = [_words(one) for one in elements if one["type"] == "RichTextBlock" and _is_plain(one)]
        sources = [_words(one) for one in elements if str(one.get("id")).startswith("source-")]
        return field or "\n".join(plain), [source.partition("] ")[2] for source in sources]

    async def called(self) -> list[str]:
        cards = [card for message in self._kit.room.messages.values() for card in message.cards]
        return [_words(one) for card in cards for one in card["body"] if one.get("id") == "reminder"]

    # Doing

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
        if action in {DeskAction.EDIT, DeskAction.WITHDRAW}:
            done = await self._changes(case, line, text if action is DeskAction.EDIT else None)
        else:
            given = {DeskAction.ASSIGN: to or "", DeskAction.RESOLVE: outcome.value}.get(action, text)
            done = await self._presses(case, action, str(given), line)
        assert done.ok, done.problem or done.ack
        if repeat:
            await self._kit.teams.again(done)
        if action in {DeskAction.EDIT, DeskAction.WITHDRAW} or done.toast == LATER:
            return await self._told(case, done)
        return "" if done.toast == DONE_HERE else done.toast

    async def _presses(self, case: CaseId, action: DeskAction, given: str, line: str) -> Done:
        root = self._kit.cards()[case]
        if line:
            return await self._presses_at(case, action, line)
        await self.person.refreshes(self._kit.room, root.id)
        if action is DeskAction.REPLY:
            await until(lambda: self._offers(case, "Suggested reply"))
            await self.person.presses(self._kit.room, root.id, "Suggested reply", seen=root.cards[0])
        filled = {FIELDS[action]: given} if action in FIELDS and given else {}
        seen = self._old_screen(root, case, action, given=given)
        return await self.person.presses(self._kit.room, root.id, _TITLES[action], filled, seen=seen)

    def _old_screen(
        self, root: Message, case: CaseId, action: DeskAction, message: str = "", given: str = ""
    ) -> JSON | None:
        """Return what a screen still shows that has not been brought up to date: a button that is there no more."""
        card = shown_card(root, self.person.id)
        offered = action is not DeskAction.ASSIGN or f'"{given}"' in json.dumps(card)
        if card and offered and _TITLES[action] in read(card).titles:
            return None
        field = {"type": "Input.Text", "id": FIELDS.get(action, "none")}
        about = {"message": message} if message else {}
        data = {"v": 1, "case": case, "action": action.value, **about}
        button = {"type": "Action.Execute", "title": _TITLES[action], "verb": action.value, "data": data}
        return {"type": "AdaptiveCard", "version": "1.5", "body": [field], "actions": [button]}

    async def _presses_at(self, case: CaseId, action: DeskAction, line: str) -> Done:
        """Press a button about a line: at the word of what became of it, or, where there is none, on an old screen."""
        written = next(message for message, seen in await self._lines(case) if seen.text == line)
        id_ = await self._kit.message(case, written)
        assert id_
        notices = (one for one in self._kit.thread(case) if any(about == id_ for about, _ in _fates(one)))
        at = next(notices, self._kit.cards()[case])
        seen = self._old_screen(at, case, action, id_)
        return await self.person.presses(self._kit.room, at.id, _TITLES[action], seen=seen)

    async def sends(self, case: CaseId, data: JSON) -> str:
        """Press a button with data of one's own at a case's card, as a hostile client can; returns what is answered."""
        button = {"type": "Action.Execute", "title": "Press", "verb": "press", "data": data}
        card = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "x"}]}
        seen = {**card, "actions": [button]}
        done = await self.person.presses(self._kit.room, self._kit.cards()[case].id, "Press", seen=seen)
        assert done.ok, done.problem or done.ack
        return done.toast

    async def asks(self, words: str) -> str:
        """Ask the app something in a new post; returns what it answers, once it does."""
        done = await self.person.writes(self._kit.room, words, mention=True)
        assert done.ok

        async def answered() -> str | None:
            answers = self._kit.room.thread(done.id)[1:]
            return "\n".join(_plain(one.text) or read(one.cards[0]).text for one in answers)

        return await until(answered)

    async def _changes(self, case: CaseId, line: str, text: str | None) -> Done:
        message = next(message for message, seen in await self._lines(case) if seen.text == line)
        if text is None:
            return await self.person.deletes(self._kit.room, message.id)
        return await self.person.edits(self._kit.room, message.id, text)

    async def _offers(self, case: CaseId, title: str) -> bool:
        return title in read(self._kit.cards()[case].cards[0]).titles

    async def wrote(self, case: CaseId, text: str) -> str:
        """Return the id of a line in the case's thread."""
        return next(message.id for message, seen in await self._lines(case) if seen.text == text)

    async def word_after(self, case: CaseId, done: Done) -> str:
        """Return the word that this operator is told in the thread after something they did."""
        assert done.ok
        return await self._whispered(case, done.id)

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        for name in self._kit.hands:
            text = re.sub(rf"@{name}\b", f"<at>{name}</at>", text)
        files = [file] if file else []
        root = self._kit.cards()[case].id
        done = await self.person.writes(self._kit.room, text, root=root, files=files)
        assert done.ok
        if not done.deliveries:
            return ""
        return await self._whispered(case, done.id) if file else await self._told(case, done)

    async def _told(self, case: CaseId, done: Done) -> str:
        """Return the word for the writer that came for this event."""
        happened = teams_parse.happened(done.deliveries[-1].activity)
        assert isinstance(happened, teams_parse.Said | teams_parse.Changed | teams_parse.Pressed)
        return await self._whispered(case, done.id) if await self._kit.has_word(case, happened.event) else ""

    async def _whispered(self, case: CaseId, after: str) -> str:
        async def came() -> str | None:
            words = [one.text for one in self._kit.whole_thread(case) if int(one.id) > int(after) and _is_word(one)]
            mine = f"<at>{self.person.member.name}</at> "
            return next((_plain(word.removeprefix(mine)) for word in words if word.startswith(mine)), None)

        return await until(came)


# What stands in messages and cards


def _plain(text: str) -> str:
    """Return words as they are seen."""
    text = re.sub(r"<at>(.*?)</at>", r"@\1", text)
    return unescape(text.replace("<br>", "\n")).replace("\u00a0", " ")


def _words(block: JSON) -> str:
    return "".join(run["text"] for run in block["inlines"])


def _is_plain(block: JSON) -> bool:
    return "id" not in block and not any(run.get("isSubtle") or run.get("weight") for run in block["inlines"])


def _is_word(message: Message) -> bool:
    """Whether a message of the app is for one person."""
    return message.by_bot and any(one["type"] == "mention" for one in message.activity.get("entities") or ())


def _as_card(case: CaseId, card: JSON) -> Card:
    return Card(case, state_of(dict(read(card).facts)["State"]), read(card).text)


def _said(message: Message) -> Iterator[Seen]:
    """Return the lines that a message of the app's shows."""
    for one in _SAID.finditer(message.text):
        marks = _plain(one["marks"])
        mark = "withdrawn" if "was withdrawn" in marks else "edited" if "Edited. Before" in marks else ""
        named = re.search(r"<em>With (.*?)</em>", one["marks"])
        files = tuple((name, "") for name in _plain(named[1]).split(", ")) if named else ()
        yield Seen(_plain(one["text"] or ""), mark=mark, files=files)


def _own(card: JSON) -> Iterator[tuple[MessageId, str]]:
    """Return the operator's line that a card of the app's shows."""
    for one in card["body"]:
        kind, _, id_ = str(one.get("id", "")).partition("-")
        if kind == "own":
            yield MessageId(id_), "\n".join(_words(block) for block in card["body"] if _is_plain(block))


def _fates(message: Message) -> Iterator[tuple[MessageId, Seen]]:
    """Return what a notice of the app's says of an operator's line."""
    for card in message.cards:
        kind, _, id_ = str(card["body"][0].get("id", "")).partition("-")
        if kind == "fate":
            parts = [(block["inlines"][0]["text"], block["inlines"][1]["text"]) for block in card["body"][2:]]
            states = [(name, *rest.removeprefix(": ").partition(". ")[::2]) for name, rest in parts]
            bad = next((one for one in states if one[1].rstrip(".") != "delivered"), ("", "delivered", ""))
            files = tuple((name, state.rstrip(".")) for name, state, _ in states if name != "Message")
            offers = tuple(_OFFERS[title] for title in read(card).titles)
            yield MessageId(id_), Seen("", outcome=bad[1].rstrip("."), error=bad[2], files=files, offers=offers)


def _with(seen: Seen, became: str, notice: Seen | None) -> Seen:
    """Return a line with what is said of it: trouble by a notice in the thread, what is well on the card alone."""
    if notice:
        return replace(seen, outcome=notice.outcome, error=notice.error, files=notice.files, offers=notice.offers)
    state = became.partition(", ")[0]
    return replace(seen, outcome=state) if state in {"delivered", "waiting"} else seen


class TeamsDeskKit(ChatDeskKit[TeamsHand]):
    """The program whose desk is a room of the fake Teams."""

    def __init__(self, program: Program, channel: RecordingChannel, teams: TeamsServer, room: Room) -> None:
        super().__init__(program, channel)
        self.teams = teams
        self.room = room

    async def joins(self, name: str) -> TeamsHand:
        person = self.teams.person(name)
        self.room.members.append(person.id)
        assert (await person.writes(self.room, "mine", mention=True)).ok
        return TeamsHand(self, person, await self.operator_id(f"teams:{TENANT}/{person.member.aad}", name), name)

    # What stands in the channel

    def cards(self) -> dict[CaseId, Message]:
        """Return the cards of cases, by their cases."""
        return {
            CaseId(message.cards[0]["refresh"]["action"]["data"]["case"]): message
            for message in self.room.messages.values()
            if message.cards and "refresh" in message.cards[0] and not message.deleted
        }

    def whole_thread(self, case: CaseId) -> list[Message]:
        """Return what stands below a case's card."""
        return self.room.thread(self.cards()[case].id)[1:]

    def thread(self, case: CaseId) -> list[Message]:
        """Return the same without words for one person, and what was deleted."""
        return [one for one in self.whole_thread(case) if not one.deleted and not _is_word(one)]

    def became(self, case: CaseId) -> dict[str, str]:
        """Return what the card says of the latest lines, by their ids."""
        blocks = [one for one in self.cards()[case].cards[0]["body"] if str(one.get("id")).startswith("line-")]
        return {one["id"].removeprefix("line-"): one["inlines"][1]["text"].strip() for one in blocks}

    async def message(self, case: CaseId, written: Message) -> MessageId | None:
        """Return the message that somebody's line in Teams became, if it became one."""
        if written.by_bot:
            return next((id_ for id_, _ in _own(written.cards[0])), None)
        return await self.store.receipts.message_of(ThreadKey("desk", case, ""), f"{self.room.id}:{written.id}")


def settings(teams: TeamsServer, room: Room) -> dict[str, Any]:
    """Return the settings that make the channel `room` the desk."""
    return {
        "desk": f"teams:{room.id}",
        "teams_app_id": APP_ID,
        "teams_app_password": teams.identity.secret,
        "teams_tenants": [TENANT],
        "teams_service_urls": list(teams.service_urls),
        "teams_openid_url": teams.identity.openid_url,
        "teams_login_url": teams.identity.url,
        "teams_seconds_apart": 0.01,
    }


@asynccontextmanager
async def desk(programs: Programs, *, chat: bool = False) -> AsyncIterator[TeamsDeskKit]:
    """Run the program with a Teams channel as its desk, or a group chat; the app hears all of it."""
    channel = RecordingChannel()
    async with TeamsServer() as teams:
        teams.hears_all = True
        room = teams.group("Support desk") if chat else teams.team("Larkfield").channel("Support desk")
        async with programs.running(channels=[channel], **settings(teams, room)) as program:
            teams.post_to = f"{program.client.url}/api/messages"
            yield TeamsDeskKit(program, channel, teams, room)
