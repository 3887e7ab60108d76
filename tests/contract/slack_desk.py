"""Operators who work in a Slack channel: they press, write, edit and read there as people do in Slack's client."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from channels.recording import RecordingChannel, until
from channels.slack import parse as slack_parse
from channels.slack.desk import parse as desk_parse
from channels.testing import Card, Seen
from core.ids import CaseId, OperatorId, ThreadKey
from core.messages import DeskAction, Resolution
from tests.contract.chat_desk import ChatDeskKit, state_of
from tests.contract.programs import Program
from tests.fakes.slack_people import Done, Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_text import acted
from tests.fakes.slack_workspace import BOT_USER, TEAM, Post, Read, Room, View

JSON = dict[str, Any]

_ME = slack_parse.Me(TEAM, BOT_USER)
_REACTIONS = {"white_check_mark": "delivered", "hourglass_flowing_sand": "waiting"}
_IN_MENU = {DeskAction.HAND_BACK: "hand_back"}
_IN_FORM = {DeskAction.NOTE: "note", DeskAction.REPLY: "suggestion", DeskAction.ASSIGN: "assign"}
_FATE = re.compile(r"^\u2022 (?P<what>.*?): (?P<state>[a-z]+)\.(?P<error>.*)$", re.MULTILINE)
_SOURCE = re.compile(r"^\u2022 \[\d+\] (.+)$", re.MULTILINE)


class SlackHand:
    """An operator in Slack, who is in the desk's channel."""

    def __init__(self, kit: "SlackDeskKit", person: Person, id_: OperatorId, name: str) -> None:
        self._kit = kit
        self.person = person
        self.id = id_
        self.name = name

    # Reading

    async def cards(self) -> list[Card]:
        return [
            Card(case, state_of(dict(read.parts)["state"]), read.text)
            for case, read in self._kit.cards(self.person).items()
        ]

    async def lines(self, case: CaseId) -> list[Seen]:
        return [seen for _, seen in self._lines(case)]

    def _lines(self, case: CaseId) -> list[tuple[Post, Seen]]:
        """Return the lines of a case's thread, each with the post it stands in."""
        found: list[tuple[Post, Seen]] = []
        for read in self._kit.thread(self.person, case):
            post = self._kit.post(read.ts)
            if any(name == "fate" for name, _ in read.parts):
                _with_fates(found, read)
            elif read.user == BOT_USER:
                found += [(post, seen) for seen in _said(read, post)]
            else:
                found.append((post, self._written(read, post)))
        return found

    def _written(self, read: Read, post: Post) -> Seen:
        text = read.text
        for user, name in self._kit.names.items():
            text = text.replace(acted(f"@{user}"), f"@{name}")
        outcome = _outcome(post)
        files = tuple((name, outcome) for name, _ in read.files)
        return Seen(text, outcome=outcome, mark="edited" if read.edited else "", files=files)

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        if not _has(self._kit.cards(self.person)[case], "desk:suggestion"):
            return "", []
        view = await self._form(case, "suggestion")
        blocks = view.view["blocks"]
        self._kit.slack.workspace.views.pop(view.id)
        fields = [block["element"].get("initial_value", "") for block in blocks if block["type"] == "input"]
        shown = {name: words for name, words in _words(blocks) if name}
        text = "\n\n".join(fields) if fields else "\n\n".join(v for n, v in shown.items() if n.startswith("words-"))
        return text, _SOURCE.findall(shown.get("sources", ""))

    async def called(self) -> list[str]:
        return [
            words for read in self.person.sees(self._kit.room.id) for name, words in read.parts if name == "reminder"
        ]

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
        before = len(self.person.whispers(self._kit.room.id))
        if action in _IN_FORM:
            done, event = await self._fills(case, action, text, to)
        elif action in {DeskAction.EDIT, DeskAction.WITHDRAW}:
            done, event = await self._changes(case, line, text if action is DeskAction.EDIT else None)
        else:
            done, event = await self._presses(case, action, outcome, line)
        if repeat:
            await self._kit.slack.tell(done.deliveries)
        return await self._told(case, event, before)

    async def _presses(self, case: CaseId, action: DeskAction, outcome: Resolution, line: str) -> tuple[Done, str]:
        word, value, ts = action.value, str(case), self._kit.card(case)
        if action is DeskAction.HAND_BACK:
            word, value = "more", f"hand_back {case}"
        elif action is DeskAction.RESOLVE:
            value = f"{case} {outcome.value}"
        elif line:
            value, ts = f"{case} {await self._message(case, line)}", self._notice(case, line)
        read = self._kit.slack.workspace.read(self._kit.post(ts))
        there = any((one.action_id, one.value) == (f"desk:{word}", value) for one in read.buttons)
        seen = None if there else _old_screen(f"desk:{word}", value)
        done = await self.person.presses(self._kit.room.id, ts, f"desk:{word}", value, seen=seen)
        press = slack_parse.pressed(done.deliveries[-1].payload, _ME)
        assert press
        return done, press.event

    async def _message(self, case: CaseId, line: str) -> str:
        post = self._post_of(case, line)
        key = ThreadKey("desk", case, "")
        found = await self._kit.store.receipts.message_of(key, f"{post.channel}:{post.ts}")
        assert found
        return found

    def _post_of(self, case: CaseId, line: str) -> Post:
        return next(post for post, seen in self._lines(case) if seen.text == line)

    def _notice(self, case: CaseId, line: str) -> str:
        """Return the post that says what became of a line, or the line where nothing had to be said."""
        for read in self._kit.thread(self.person, case):
            if any(name == "fate" and words.split("\n")[1] == line for name, words in read.parts):
                return read.ts
        return self._post_of(case, line).ts

    async def _changes(self, case: CaseId, line: str, text: str | None) -> tuple[Done, str]:
        post = self._post_of(case, line)
        if text is None:
            done = await self.person.deletes(post.channel, post.ts)
        else:
            done = await self.person.edits(post.channel, post.ts, text)
        changed = slack_parse.event(done.deliveries[-1].payload, _ME)
        assert isinstance(changed, slack_parse.Changed)
        return done, changed.event

    async def _fills(self, case: CaseId, action: DeskAction, text: str, to: OperatorId | None) -> tuple[Done, str]:
        if action is DeskAction.REPLY:
            await until(lambda: self._offers(case, "desk:suggestion"))
        view = await self._form(case, _IN_FORM[action])
        values: JSON = dict.fromkeys(("text1", "text2", "text3"), "") | {"text0": text}
        if to:
            values["user"] = next(hand.person.id for hand in self._kit.hands.values() if hand.id == to)
        done = await self.person.submits(view, values)
        form = desk_parse.filled(done.deliveries[-1].payload)
        assert form
        return done, form.event

    async def _offers(self, case: CaseId, action_id: str) -> bool:
        return _has(self._kit.cards(self.person)[case], action_id)

    async def _form(self, case: CaseId, word: str) -> View:
        ts, held = self._kit.card(case), self.person.modal
        if word == "note":
            await self.person.presses(self._kit.room.id, ts, "desk:more", f"note {case}")
        else:
            await self.person.presses(self._kit.room.id, ts, f"desk:{word}", case)

        async def opened() -> View | None:
            view = self.person.modal
            return view if view is not held else None

        return await until(opened)

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        before = len(self.person.whispers(self._kit.room.id))
        typed = text
        for user, name in self._kit.names.items():
            typed = re.sub(rf"@{name}\b", f"<@{user}>", typed)
        files = [file] if file else []
        done = await self.person.writes(self._kit.room.id, typed, thread_ts=self._kit.card(case), files=files)
        assert done.ok
        return await self._told(case, f"{self._kit.room.id}:{done.ts}", before)

    async def _told(self, case: CaseId, event: str, before: int) -> str:
        """Return the private word that came for this event."""
        if not await self._kit.has_word(case, event):
            return ""

        async def came() -> str | None:
            return next(iter(self.person.whispers(self._kit.room.id)[before:]), None)

        return await until(came)


def _has(read: Read, action_id: str) -> bool:
    return any(button.action_id == action_id for button in read.buttons)


def _words(blocks: Sequence[JSON]) -> list[tuple[str, str]]:
    from tests.fakes.slack_text import words_of_blocks

    return words_of_blocks(blocks)


def _said(read: Read, post: Post) -> Iterator[Seen]:
    """Return the lines that a post of the desk's shows; an upload is one of its own."""
    parts = dict(read.parts)
    for n in (name.removeprefix("who-") for name in parts if name.startswith("who-")):
        text = "".join(words for name, words in read.parts if name.startswith(f"words-{n}-"))
        marks = parts.get(f"marks-{n}", "")
        mark = "withdrawn" if "was withdrawn" in marks else "edited" if marks.startswith("Edited.") else ""
        yield Seen(text, outcome=_outcome(post), mark=mark)
    if read.files:
        yield Seen("", files=tuple((name, "") for name, _ in read.files))


def _outcome(post: Post) -> str:
    return next((state for name, state in _REACTIONS.items() if post.reactions.get(name)), "")


def _with_fates(found: list[tuple[Post, Seen]], read: Read) -> None:
    """Put what a notice says at the line that it quotes."""
    words = dict(read.parts)["fate"]
    quoted = words.split("\n")[1]
    at = next(n for n in reversed(range(len(found))) if quoted in (found[n][1].text, *dict(found[n][1].files)))
    fates = {fate["what"]: fate for fate in _FATE.finditer(words)}
    bad = [fate for fate in fates.values() if fate["state"] != "delivered"]
    post, seen = found[at]
    files = tuple((name, fates[name]["state"] if name in fates else state) for name, state in seen.files)
    offers = tuple(one.action_id.removeprefix("desk:") for one in read.buttons)
    outcome = bad[0]["state"] if bad else "delivered"
    error = bad[0]["error"].strip() if bad else ""
    found[at] = post, replace(seen, outcome=outcome, error=error, files=files, offers=offers)


def _old_screen(action_id: str, value: str) -> list[JSON]:
    """Return what a screen still shows that has not been brought up to date: a button that is there no more."""
    text = {"type": "plain_text", "text": "Old", "emoji": False}
    button: JSON = {"type": "button", "action_id": action_id, "text": text, "value": value}
    if action_id in {"desk:more", "desk:resolve"}:
        button = {"type": "overflow", "action_id": action_id, "options": [{"text": text, "value": value}]}
    return [{"type": "actions", "block_id": "actions", "elements": [button]}]


class SlackDeskKit(ChatDeskKit[SlackHand]):
    """The program whose desk is a channel of the fake Slack."""

    def __init__(self, program: Program, channel: RecordingChannel, slack: SlackServer, room: Room) -> None:
        super().__init__(program, channel)
        self.slack = slack
        self.room = room

    @property
    def names(self) -> dict[str, str]:
        """What operators are called, by their ids in Slack."""
        return {hand.person.id: name for name, hand in self.hands.items()}

    async def joins(self, name: str) -> SlackHand:
        person = self.slack.person(name)
        self.room.members.append(person.id)
        assert (await person.slash("/support")).ok
        return SlackHand(self, person, await self.operator_id(f"slack:{TEAM}/{person.id}", name), name)

    # What stands in the channel

    def cards(self, person: Person) -> dict[CaseId, Read]:
        """Return the cards as somebody reads them, by their cases."""
        found = {}
        for read in person.sees(self.room.id):
            if any(name == "state" for name, _ in read.parts):
                menu = next(one.value for one in read.buttons if one.action_id == "desk:more")
                found[CaseId(menu.partition(" ")[2])] = read
        return found

    def card(self, case: CaseId) -> str:
        """Return the `ts` of a case's card."""
        anybody = next(iter(self.hands.values())).person
        return self.cards(anybody)[case].ts

    def thread(self, person: Person, case: CaseId) -> list[Read]:
        """Return what stands below a case's card, without private words."""
        reads = person.sees(self.room.id, self.card(case))[1:]
        return [read for read in reads if not self.post(read.ts).only_for]

    def post(self, ts: str) -> Post:
        """Return a post of the channel."""
        return next(post for post in self.room.posts if post.ts == ts)


def settings(slack: SlackServer, room: Room) -> dict[str, Any]:
    """Return the settings that make the channel `room` the desk."""
    return {
        "desk": f"slack:{room.id}",
        "slack_bot_token": slack.bot_token,
        "slack_app_token": slack.app_token,
        "slack_api_url": f"{slack.url}/api/",
        "slack_seconds_apart": 0.05,
    }
