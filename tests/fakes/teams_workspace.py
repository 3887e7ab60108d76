"""What the fake Teams keeps: people, chats, teams with channels, messages, files; and how it finds and refuses.

The Connector (`teams_methods`) and the people (`teams_people`) both change it. Whatever Teams would refuse raises
`Refused` with its status, code and words, as learn.microsoft.com lists them ('Status codes from bot conversational
APIs').
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

JSON = dict[str, Any]

TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
APP_ID = "c9e8c047-0000-4000-8000-b162d5f5327c"
BOT_ID = f"28:{APP_ID}"
BOT_NAME = "Threadline"
THREAD = ";messageid="
MISSING = "The message ID provided could not be found in the conversation."

_MESSAGES = {
    "ActivityNotFoundInConversation": (404, MISSING),
    "BotDisabledByAdmin": (403, "The tenant admin disabled this bot"),
    "BotNotInConversationRoster": (403, "The bot is not part of the conversation roster."),
    "ConversationBlockedByUser": (403, "User blocked the conversation with the bot."),
    "ConversationNotFound": (404, "Conversation not found."),
    "ForbiddenOperationException": (403, "Bot is not installed in user's personal scope"),
    "MessageSizeTooBig": (413, "Message size too large."),
    "MemberNotFoundInConversation": (404, "Member not found in conversation."),
    "NotEnoughPermissions": (403, "Bot does not have permission to change this message."),
}
# As Teams really sends it, without the envelope of the others (its documentation on proactive messages shows one).
_WRITES_BLOCKED = {
    "errorCode": 209,
    "message": '{\r\n  "subCode": "MessageWritesBlocked",\r\n  "details": "Thread is blocked from message writes.",'
    '\r\n  "errorCode": null,\r\n  "errorSubCode": null\r\n}',
}


class Refused(Exception):  # noqa: N818 (an answer, not a fault)
    """Teams says no: with a status, and a body or nothing."""

    def __init__(
        self, status: int, code: str = "", message: str = "", *, body: JSON | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.headers = {"Retry-After": f"{retry_after:g}"} if retry_after else {}
        self.body = body if body is not None or not code else {"error": {"code": code, "message": message}}


def refusal(code: str) -> Refused:
    """Return the refusal that Teams has for `code`, with its own words."""
    if code == "MessageWritesBlocked":
        return Refused(403, code, body=_WRITES_BLOCKED)
    status, message = _MESSAGES[code]
    return Refused(status, code, message)


@dataclass
class Member:
    """Somebody. `tenant` is another one's for people from elsewhere; `guest`: theirs, invited into ours."""

    id: str
    name: str
    aad: str
    tenant: str = TENANT
    guest: bool = False
    locale: str = "en-US"
    timezone: str = "America/Los_Angeles"

    @property
    def email(self) -> str:
        """Their address."""
        return f"{self.name.lower().replace(' ', '.')}@{self.tenant[:8]}.example"

    def payload(self) -> JSON:
        """Return the account as the roster has it."""
        given, _, surname = self.name.partition(" ")
        principal = self.email.replace("@", "_") + "#EXT#@larkfield.example" if self.guest else self.email
        return {
            "id": self.id,
            "name": self.name,
            "objectId": self.aad,
            "aadObjectId": self.aad,
            "givenName": given,
            "surname": surname,
            "email": self.email,
            "userPrincipalName": principal,
            "tenantId": self.tenant,
            "userRole": "guest" if self.guest else "user",
        }


@dataclass
class Stream:
    """An answer that grows. `state`: 'streaming', 'final', 'stopped' (they pressed Stop) or 'broken' (time is up)."""

    began: float
    sequence: int = 1
    text: str = ""
    informative: str = ""
    state: str = "streaming"


@dataclass
class Message:
    """A message, the bot's or a person's; `activity` is what was sent. `views`: the cards that only one person sees."""

    id: str
    sender: str
    at: float
    activity: JSON
    root: str = ""
    edited: bool = False
    deleted: bool = False
    stream: Stream | None = None
    views: dict[str, JSON] = field(default_factory=dict)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def by_bot(self) -> bool:
        """Whether the app sent it."""
        return self.sender == BOT_ID

    @property
    def text(self) -> str:
        """Its words."""
        return str(self.activity.get("text") or "")

    @property
    def cards(self) -> list[JSON]:
        """Its Adaptive Cards, as everybody sees them."""
        kind = "application/vnd.microsoft.card.adaptive"
        return [one["content"] for one in self.activity.get("attachments") or () if one.get("contentType") == kind]


@dataclass
class Room:
    """A conversation; `kind` is the conversationType: 'personal', 'groupChat' or 'channel'.

    `blocked`: the code by which writes are refused, '' for none. `team` is the team's id, for a channel.
    """

    id: str
    kind: str
    name: str = ""
    tenant: str = TENANT
    region: str = "amer"
    members: list[str] = field(default_factory=list)
    installed: bool = True
    blocked: str = ""
    team: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    typing: int = 0

    def address(self, message: Message | None = None) -> str:
        """Return the conversation id as activities have it: in a channel with the thread that `message` stands in."""
        if self.kind != "channel" or message is None:
            return self.id
        return f"{self.id}{THREAD}{message.root or message.id}"

    def thread(self, root: str) -> list[Message]:
        """Return a post and its replies, oldest first."""
        return [message for message in self.messages.values() if root in (message.id, message.root)]


@dataclass
class Team:
    """A team; its id is that of its channel General."""

    id: str
    name: str
    group: str
    members: list[str]
    channels: list[Room] = field(default_factory=list)


@dataclass
class Download:
    """A file's content at an address that needs no token; `until` (seconds of `Workspace.clock`) it may be fetched."""

    name: str
    content: bytes
    type: str
    until: float
    fetched: int = 0


@dataclass
class Upload:
    """Where the app may put a file that somebody agreed to take; `size` becomes known with the first piece."""

    name: str
    owner: str
    size: int = -1
    content: bytes = b""


class Workspace:
    """All of it, with one app. `clock` gives the time of messages, in seconds since the epoch.

    `dropped`: what the app sent and Teams left out without a word.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {}
        self.teams: dict[str, Team] = {}
        self.downloads: dict[str, Download] = {}
        self.uploads: dict[str, Upload] = {}
        self.pictures: dict[str, tuple[str, bytes]] = {}
        self.dropped: list[str] = []
        self._last = 0
        self._ids = count(1)

    # Making

    def guid(self) -> str:
        """Return an id that was not given before."""
        return str(uuid5(NAMESPACE_OID, f"threadline-{next(self._ids)}"))

    def message_id(self) -> str:
        """Return the id of a new message: milliseconds since the epoch, each greater than the one before."""
        self._last = max(self._last + 1, int(self.clock() * 1000))
        return str(self._last)

    def add_member(self, name: str, **more: Any) -> Member:
        """Take in a person."""
        member = Member("29:1" + self.guid().replace("-", ""), name, self.guid(), **more)
        self.members[member.id] = member
        return member

    def chat(self, member: Member, *, region: str = "amer", installed: bool = True) -> Room:
        """Return the chat of somebody with the app."""
        for room in self.rooms.values():
            if room.kind == "personal" and room.members == [member.id]:
                return room
        tenant = TENANT if member.guest else member.tenant
        return self._add(
            Room("a:1" + self.guid().replace("-", ""), "personal", "", tenant, region, [member.id], installed)
        )

    def add_group(self, name: str, *members: str, region: str = "amer", installed: bool = True) -> Room:
        """Make a group chat."""
        identity = f"19:{self.guid().replace('-', '')}@thread.v2"
        return self._add(Room(identity, "groupChat", name, TENANT, region, list(members), installed))

    def add_team(self, name: str, *members: str) -> Team:
        """Make a team; its channel General comes with it."""
        team = Team(f"19:{self.guid().replace('-', '')}@thread.tacv2", name, self.guid(), list(members))
        self.teams[team.id] = team
        return team

    def add_channel(self, team: Team, name: str, *, region: str = "amer", installed: bool = True) -> Room:
        """Make a channel, or return the one of that name."""
        for channel in team.channels:
            if channel.name == name:
                return channel
        identity = team.id if name == "General" else f"19:{self.guid().replace('-', '')}@thread.tacv2"
        room = self._add(Room(identity, "channel", name, TENANT, region, team.members, installed, team=team.id))
        team.channels.append(room)
        return room

    def _add(self, room: Room) -> Room:
        self.rooms[room.id] = room
        return room

    def add(self, room: Room, sender: str, activity: JSON, root: str = "") -> Message:
        """Put a message at the end of a conversation."""
        message = Message(self.message_id(), sender, self.clock(), activity, root if room.kind == "channel" else "")
        room.messages[message.id] = message
        return message

    # Finding

    def room(self, address: str) -> tuple[Room, str]:
        """Return the conversation at a conversation id, and the root of the thread that it names. Raises `Refused`."""
        identity, thread, root = address.partition(THREAD)
        if not identity.startswith(("a:", "19:")) or (thread and not root.isdigit()):
            raise Refused(400, "BadSyntax", "Bad format of conversation ID")
        room = self.rooms.get(identity)
        if room is None or (thread and room.kind != "channel"):
            raise refusal("ConversationNotFound")
        return room, root

    def open_room(self, address: str) -> tuple[Room, str]:
        """Return the same, where the app may write. Raises `Refused`."""
        room, root = self.room(address)
        if not room.installed:
            raise refusal("BotNotInConversationRoster")
        if room.blocked:
            raise refusal(room.blocked)
        if root and (root not in room.messages or room.messages[root].deleted):
            raise refusal("ActivityNotFoundInConversation")
        return room, root


def stamp(at: float) -> str:
    """Return a time as activities have it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
