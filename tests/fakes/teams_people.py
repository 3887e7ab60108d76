"""People in the fake Teams: they write, edit, press buttons, take files, as they do in Teams' client.

What they do changes the workspace, and the app is told by just the activities that Teams would send it: in groups and
channels of nothing where it isn't mentioned. Chats are given as `Room`, or as a conversation id.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from mimetypes import guess_type
from typing import Any, Protocol
from urllib.parse import quote

from tests.fakes.teams_activities import (
    activity,
    as_html,
    file_attachment,
    html_attachment,
    installed,
    members,
    mentions,
    picture_attachment,
)
from tests.fakes.teams_cards import Button, complaints, read, values
from tests.fakes.teams_checks import CONSENT, suggested
from tests.fakes.teams_lines import Ack, Delivery
from tests.fakes.teams_reading import Read, shown_card
from tests.fakes.teams_workspace import (
    BOT_ID,
    BOT_NAME,
    THREAD,
    Download,
    Member,
    Message,
    Room,
    Upload,
    Workspace,
)

JSON = dict[str, Any]
Chat = Room | str
Files = Sequence[tuple[str, bytes]]


@dataclass
class Done:
    """What somebody did: the message it made or is about, and what the app was told of it.

    `problem`: what is wrong with the app's answer to a press; they read 'Something went wrong' then. `toast`: the
    words that it answered.
    """

    id: str
    deliveries: list[Delivery] = field(default_factory=list)
    conversation: str = ""
    problem: str = ""
    toast: str = ""

    @property
    def ok(self) -> bool:
        """Whether the app took all of it, and answered well."""
        return all(delivery.ok for delivery in self.deliveries) and not self.problem

    @property
    def ack(self) -> Ack:
        """How the app took the last of it."""
        return self.deliveries[-1].acks[-1]

    @property
    def answer(self) -> Any:
        """What the app answered."""
        return self.ack.answer

    @property
    def activity(self) -> JSON:
        """What the app was told first."""
        return self.deliveries[0].activity


class Teams(Protocol):
    """What people need of the server."""

    workspace: Workspace
    url: str
    hears_all: bool
    download_seconds: float

    def service_url(self, room: Room) -> str:
        """Return the service address for a conversation."""
        ...

    def reads(self, room: Room, root: str, who: str) -> list[Read]:
        """Return what somebody reads."""
        ...

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver all of these."""
        ...


class Person:
    """One person."""

    def __init__(self, teams: Teams, member: Member, *, installed: bool = True) -> None:
        self._teams = teams
        self._workspace = teams.workspace
        self.member = member
        self.id = member.id
        self.chat = teams.workspace.chat(member, installed=installed)

    @property
    def drive(self) -> dict[str, bytes]:
        """The files that they took from the app, whole ones only."""
        taken = [one for one in self._workspace.uploads.values() if one.owner == self.id]
        return {one.name: one.content for one in taken if one.size == len(one.content)}

    # Writing

    async def writes(
        self,
        chat: Chat,
        text: str = "",
        *,
        root: str = "",
        mention: bool = False,
        files: Files = (),
        pictures: Files = (),
        markup: str = "",
        tell: bool = True,
    ) -> Done:
        """Write into a chat. `<at>Name</at>` in the text is a mention, `mention` puts the app's before the words.

        `root`: the post that it answers, in a channel. `markup`: the HTML of it, instead of the plain one. With `tell`
        off the app is not told yet: `TeamsServer.tell(done.deliveries)` does that, in any order.
        """
        room, root = self._place(chat, root)
        said = f"<at>{BOT_NAME}</at> {text}".rstrip() if mention else text
        message = self._workspace.add(room, self.id, {}, root)
        message.activity = self._message(room, message, said, markup, files, pictures)
        message.files = [name for name, _ in (*files, *pictures)]
        return await self._tells(message, room, [message.activity] if self._heard(room, said) else [], tell=tell)

    def _place(self, chat: Chat, root: str = "") -> tuple[Room, str]:
        """Return a conversation that they are in, and the root of the thread."""
        identity, _, thread = (chat if isinstance(chat, str) else chat.id).partition(THREAD)
        room = self._workspace.rooms[identity]
        assert self.id in room.members, f"{self.member.name} is not in {room.name or room.id}"
        return room, root or thread

    def _heard(self, room: Room, text: str) -> bool:
        """Whether the app is told of words: in its chats of all, elsewhere of what mentions it."""
        mentioned = f"<at>{BOT_NAME}</at>" in text or self._teams.hears_all
        return room.installed and not room.blocked and (room.kind == "personal" or mentioned)

    def _message(
        self, room: Room, message: Message, text: str, markup: str, files: Files, pictures: Files, kind: str = "message"
    ) -> JSON:
        """Return the activity of a message: in a personal chat with its files, elsewhere with their marks only."""
        content, attachments = markup or as_html(text), []
        for name, data in pictures:
            address = self._picture(room, name, data)
            content += f'<p><img alt="image" src="{address}" itemtype="http://schema.skype.com/AMSImage"></p>'
            attachments.append(picture_attachment(address))
        for name, data in files:
            attachments.append(self._file(name, data))
            if room.kind != "personal":
                content += f'<attachment id="{self._workspace.guid()}"></attachment>'
        if room.kind != "personal":
            attachments = []
        words = {"text": text, "textFormat": "plain"} if text else {}
        told = self._activity(kind, message.id, room, message, **words)
        told["entities"] = [*mentions(text, self._names()), *told["entities"]]
        shown = text or markup or pictures or room.kind != "personal"
        told["attachments"] = [*attachments, *([html_attachment(content)] if shown else [])]
        return told

    def _names(self) -> dict[str, str]:
        return {BOT_NAME: BOT_ID, **{member.name: member.id for member in self._workspace.members.values()}}

    def _picture(self, room: Room, name: str, data: bytes) -> str:
        """Return the address of a pasted picture: on the service address, or for groups and channels in Graph."""
        identity = self._workspace.guid()
        self._workspace.pictures[identity] = (guess_type(name)[0] or "image/png", data)
        if room.kind == "personal":
            return f"{self._teams.service_url(room)}v3/attachments/{identity}/views/original"
        return f"https://graph.microsoft.com/v1.0/chats/{quote(room.id)}/messages/0/hostedContents/{identity}/$value"

    def _file(self, name: str, data: bytes) -> JSON:
        identity = self._workspace.guid()
        until = self._workspace.clock() + self._teams.download_seconds
        kind = guess_type(name)[0] or "application/octet-stream"
        self._workspace.downloads[identity] = Download(name, data, kind, until)
        address = f"{self._teams.url}/personal/{self.member.aad}/Documents/{quote(name)}"
        return file_attachment(name, identity, address, f"{self._teams.url}/download/{identity}?tempauth=v1.fake")

    def _activity(self, kind: str, identity: str, room: Room, thread: Message | None, **more: Any) -> JSON:
        team = self._workspace.teams.get(room.team)
        now = self._workspace.clock()
        made = activity(kind, identity, self.member, room, now, thread=thread, team=team, **more)
        return {**made, "serviceUrl": self._teams.service_url(room)}

    async def _tells(self, message: Message, room: Room, told: Sequence[JSON], *, tell: bool = True) -> Done:
        done = Done(message.id, [Delivery(one) for one in told], room.address(message))
        if tell:
            await self._teams.tell(done.deliveries)
        return done

    def _find(self, chat: Chat, identity: str) -> tuple[Room, Message]:
        room, _ = self._place(chat)
        return room, room.messages[identity]

    def _own(self, chat: Chat, identity: str) -> tuple[Room, Message]:
        room, message = self._find(chat, identity)
        assert message.sender == self.id, "people change only what is theirs"
        return room, message

    # Changing what was written

    async def edits(self, chat: Chat, identity: str, text: str, *, mention: bool = False, tell: bool = True) -> Done:
        """Change the words of what they wrote."""
        room, message = self._own(chat, identity)
        said = f"<at>{BOT_NAME}</at> {text}" if mention else text
        changed = self._message(room, message, said, "", (), (), kind="messageUpdate")
        changed["channelData"]["eventType"] = "editMessage"
        message.activity, message.edited = {**changed, "type": "message"}, True
        return await self._tells(message, room, [changed] if self._heard(room, said) else [], tell=tell)

    async def deletes(self, chat: Chat, identity: str, *, tell: bool = True) -> Done:
        """Delete what they wrote."""
        room, message = self._own(chat, identity)
        message.deleted = True
        told = self._activity("messageDelete", message.id, room, message, data={"eventType": "softDeleteMessage"})
        return await self._tells(message, room, [told] if self._heard(room, message.text) else [], tell=tell)

    async def undeletes(self, chat: Chat, identity: str, *, tell: bool = True) -> Done:
        """Take back that they deleted something."""
        room, message = self._own(chat, identity)
        message.deleted = False
        told = {**self._message(room, message, message.text, "", (), (), kind="messageUpdate")}
        told["channelData"]["eventType"] = "undeleteMessage"
        return await self._tells(message, room, [told] if self._heard(room, message.text) else [], tell=tell)

    async def reacts(self, chat: Chat, identity: str, kind: str = "like", *, removes: bool = False) -> Done:
        """React to a message, or take that back; the app hears of reactions to its own messages."""
        room, message = self._find(chat, identity)
        who = message.reactions.setdefault(kind, [])
        if removes:
            who.remove(self.id)
        else:
            who.append(self.id)
        change = {"reactionsRemoved" if removes else "reactionsAdded": [{"type": kind}]}
        told = self._event("messageReaction", room, message, replyToId=message.id, **change)
        return await self._tells(message, room, [told] if message.by_bot and room.installed else [])

    def _event(self, kind: str, room: Room, message: Message | None = None, **more: Any) -> JSON:
        return self._activity(kind, f"f:{self._workspace.guid()}", room, message, **more)

    # Reading

    def sees(self, chat: Chat, root: str = "") -> list[Read]:
        """Return what they read, from the top: a chat, the posts of a channel, or with `root` a thread of it."""
        room, thread = self._place(chat, root)
        return self._teams.reads(room, thread, self.id)

    def stops(self, chat: Chat, identity: str) -> None:
        """Press Stop below an answer that grows."""
        _, message = self._find(chat, identity)
        assert message.stream and message.stream.state == "streaming", "nothing grows there"
        message.stream.state = "stopped"

    # Pressing

    async def presses(
        self,
        chat: Chat,
        identity: str,
        title: str,
        filled: JSON | None = None,
        *,
        seen: JSON | None = None,
        tell: bool = True,
    ) -> Done:
        """Press the button of that title in a card, with its inputs filled in (by id); the app's answer is shown.

        `seen`: the card as an old screen still shows it.
        """
        room, message = self._find(chat, identity)
        card = seen or shown_card(message, self.id)
        assert card, "there is no card"
        found = [button for button in read(card).buttons if button.title == title]
        assert found, f"there is no {title} to press, only {read(card).titles}"
        data = {**found[0].data, **values(card, filled or {})}
        if found[0].kind == "Action.Execute":
            return await self._executes(room, message, found[0], data, "manual", tell=tell)
        assert found[0].kind == "Action.Submit", f"{found[0].kind} says nothing to the app"
        told = self._pressed("message", self._workspace.message_id(), room, message, value=data)
        return await self._tells(message, room, [told], tell=tell)

    async def refreshes(self, chat: Chat, identity: str, *, manual: bool = False) -> Done:
        """Look at a message: if its card refreshes for them, the app is asked for their view. `manual`: they ask."""
        room, message = self._find(chat, identity)
        card = message.cards[0]
        refresh = card.get("refresh", {})
        assert refresh or not manual, "this card has no refresh"
        if not refresh or not (manual or self._is_refreshed(refresh, room)):
            return Done(identity, conversation=room.address(message))
        action = refresh["action"]
        button = Button("", "Action.Execute", {}, str(action.get("verb", "")), action)
        trigger = "manual" if manual else "automatic"
        return await self._executes(room, message, button, dict(action.get("data", {})), trigger, tell=True)

    def _is_refreshed(self, refresh: JSON, room: Room) -> bool:
        """Whether Teams refreshes it for them by itself: for those listed; without a list for all of sixty or fewer."""
        return self.id in refresh["userIds"] if "userIds" in refresh else len(room.members) <= 60

    async def _executes(
        self, room: Room, message: Message, button: Button, data: JSON, trigger: str, *, tell: bool
    ) -> Done:
        kept: JSON = {name: button.action[name] for name in ("id", "title", "verb") if name in button.action}
        value = {"action": {"type": "Action.Execute", **kept, "data": data}, "trigger": trigger}
        done = await self._invokes(room, message, "adaptiveCard/action", value, tell=tell)
        if tell:
            self._answered(done, message)
        return done

    async def _invokes(self, room: Room, message: Message, name: str, value: JSON, *, tell: bool = True) -> Done:
        identity = f"f:{self._workspace.guid()}"
        told = self._pressed("invoke", identity, room, message, name=name, value=value)
        return await self._tells(message, room, [told], tell=tell)

    def _pressed(self, kind: str, identity: str, room: Room, message: Message, **more: Any) -> JSON:
        legacy = {"replyToId": f"1:{message.id}"}
        data = {"source": {"name": "message"}, "legacy": legacy}
        return self._activity(kind, identity, room, message, replyToId=message.id, data=data, **more)

    def _answered(self, done: Done, message: Message) -> None:
        """Show the app's answer to a press, if it is one."""
        done.problem, card, done.toast = _checked(done.ack)
        if card:
            message.views[self.id] = card

    async def gives_feedback(self, chat: Chat, identity: str, reaction: str = "like", words: str = "") -> Done:
        """Press a thumb ('like', 'dislike') below an answer, and fill in the form."""
        room, message = self._find(chat, identity)
        loop = (message.activity.get("channelData") or {}).get("feedbackLoop", {})
        assert loop.get("type") == "default", "this message asks for no feedback"
        given = {"reaction": reaction, "feedback": json.dumps({"feedbackText": words})}
        value = {"actionName": "feedback", "actionValue": given}
        done = await self._invokes(room, message, "message/submitAction", value)
        done.problem = "" if done.ack.status == 200 else f"status {done.ack.status}, not 200"
        return done

    async def chooses(self, chat: Chat, identity: str, title: str) -> Done:
        """Press a suggested action: its value is written in their name."""
        room, message = self._find(chat, identity)
        offered = {one["title"]: one["value"] for one in suggested(message.activity, room.kind)}
        assert title in offered, f"there is no {title}, only {list(offered)}"
        assert message.id == list(room.messages)[-1], "suggested actions go away with the next message"
        return await self.writes(room, str(offered[title]))

    # Files from the app

    async def accepts(self, chat: Chat, identity: str, name: str = "") -> Done:
        """Agree to take a file; the app may put it where its activity says, and it is in `drive` then."""
        room, message, offer = self._offer(chat, identity, name)
        place = self._workspace.guid()
        self._workspace.uploads[place] = Upload(offer["name"], self.id)
        kind = offer["name"].rpartition(".")[2]
        info = {
            "contentUrl": f"{self._teams.url}/personal/{self.member.aad}/Documents/{quote(offer['name'])}",
            "name": offer["name"],
            "uploadUrl": f"{self._teams.url}/upload/{place}?tempauth=v1.fake",
            "uniqueId": place.upper(),
            "fileType": kind,
        }
        value = {"type": "fileUpload", "action": "accept", "context": offer["content"].get("acceptContext") or {}}
        return await self._invokes(room, message, "fileConsent/invoke", {**value, "uploadInfo": info})

    async def declines(self, chat: Chat, identity: str, name: str = "") -> Done:
        """Refuse to take a file."""
        room, message, offer = self._offer(chat, identity, name)
        value = {"type": "fileUpload", "action": "decline", "context": offer["content"].get("declineContext") or {}}
        return await self._invokes(room, message, "fileConsent/invoke", value)

    def _offer(self, chat: Chat, identity: str, name: str) -> tuple[Room, Message, JSON]:
        room, message = self._find(chat, identity)
        attachments = message.activity.get("attachments") or ()
        offers = [one for one in attachments if one["contentType"] == CONSENT and name in {"", one["name"]}]
        assert offers, "no file is offered there"
        return room, message, offers[0]

    # The app, and membership

    async def installs(self, chat: Chat | None = None, *, tell: bool = True) -> Done:
        """Add the app to their chats (None), a group, or the team of a channel."""
        room, _ = self._place(chat or self.chat)
        self._set_installed(room, True)
        added: list[JSON] = [{"id": BOT_ID}]
        if room.kind == "personal":
            added.append({"id": self.id, "aadObjectId": self.member.aad})
        return await self._installation(room, "add", "membersAdded", added, tell=tell)

    async def removes(self, chat: Chat | None = None, *, tell: bool = True) -> Done:
        """Remove the app from there."""
        room, _ = self._place(chat or self.chat)
        self._set_installed(room, False)
        gone = [] if room.kind == "personal" else [{"id": BOT_ID}]
        return await self._installation(room, "remove", "membersRemoved", gone, tell=tell)

    def _set_installed(self, room: Room, value: bool) -> None:
        team = self._workspace.teams.get(room.team)
        for one in team.channels if team else [room]:
            one.installed = value

    async def _installation(self, room: Room, action: str, change: str, who: list[JSON], *, tell: bool) -> Done:
        team = self._workspace.teams.get(room.team)
        told = [self._event("installationUpdate", room, **installed(action, team, room))]
        if who:
            told.append(self._event("conversationUpdate", room, **members(change, who, team, room)))
        done = Done("", [Delivery(one) for one in told], room.id)
        if tell:
            await self._teams.tell(done.deliveries)
        return done

    async def joins(self, chat: Chat) -> Done:
        """Come into a group or a team."""
        return await self._comes(chat, "membersAdded")

    async def leaves(self, chat: Chat) -> Done:
        """Go from a group or a team."""
        return await self._comes(chat, "membersRemoved")

    async def _comes(self, chat: Chat, change: str) -> Done:
        room = self._workspace.rooms[(chat if isinstance(chat, str) else chat.id).partition(THREAD)[0]]
        if change == "membersAdded":
            room.members.append(self.id)
        else:
            room.members.remove(self.id)
        team = self._workspace.teams.get(room.team)
        general = self._workspace.rooms.get(room.team, room)
        account = {"id": self.id, "aadObjectId": self.member.aad}
        told = self._event("conversationUpdate", general, **members(change, [account], team, general))
        done = Done("", [Delivery(told)] if room.installed else [], general.id)
        await self._teams.tell(done.deliveries)
        return done

    def blocks(self, code: str = "ConversationBlockedByUser") -> None:
        """Block the app; Teams doesn't tell it, but refuses what it sends ('MessageWritesBlocked': as it also does)."""
        self.chat.blocked = code

    def unblocks(self) -> None:
        """Let it write again."""
        self.chat.blocked = ""


def _checked(ack: Ack) -> tuple[str, JSON | None, str]:
    """Return what is wrong with an answer to adaptiveCard/action, the card to show, the words to show."""
    answer = ack.answer
    if ack.status != 200 or not isinstance(answer, dict):
        return f"status {ack.status} with {type(answer).__name__}, not 200 with an object", None, ""
    code, kind, value = answer.get("statusCode"), answer.get("type"), answer.get("value")
    if not isinstance(code, int) or not isinstance(kind, str):
        return f"statusCode and type are missing in {list(answer)}", None, ""
    match kind:
        case "application/vnd.microsoft.card.adaptive" if code == 200:
            wrong = complaints(value)
            return "; ".join(wrong), None if wrong else value, ""
        case "application/vnd.microsoft.activity.message" if code == 200:
            return ("", None, value) if isinstance(value, str) else ("a message has a text as value", None, "")
        case "application/vnd.microsoft.error" if code >= 400:
            if isinstance(value, dict) and {"code", "message"} <= value.keys():
                return "", None, str(value["message"])
            return "an error has code and message", None, ""
    return f"{code} {kind} is no answer that Teams knows", None, ""
