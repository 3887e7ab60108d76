"""The workspace that the fake Slack keeps: people, channels, posts, files, views; and what may be done to them.

The Web API (`slack_methods`) and the people (`slack_people`) both change it; whoever wants to tell the app about a
change listens at `heard`. Everything that Slack would refuse raises `Refused` with Slack's own word.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.fakes.slack_text import Button, acted, buttons_of, words_of_blocks, words_of_markdown, words_of_mrkdwn

JSON = dict[str, Any]

TEAM, APP, BOT_USER, BOT = "T1", "A1", "UBOT", "B1"
STREAM_SECONDS = 300.0  # how long a stream takes text after it was started (measured by others: about 306)


class Refused(Exception):  # noqa: N818 (an answer, not a fault)
    """Slack says no: its word, and what else stands in the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Member:
    """Somebody in Slack. `team` is another workspace's for people who come through Slack Connect."""

    id: str
    name: str
    team: str = TEAM
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    locale: str = "en-US"
    email: str = ""
    is_email_confirmed: bool = True

    def payload(self, *, with_email: bool = True) -> JSON:
        """Return the user object of users.info; without the scope `users:read.email`, it says no address."""
        profile = {"real_name": self.name, "display_name": self.name, "team": self.team, "image_48": ""}
        if self.email and with_email:
            profile["email"] = self.email
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name.lower(),
            "real_name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "tz": "Europe/Berlin",
            "locale": self.locale,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_email_confirmed": self.is_email_confirmed,
            "is_admin": False,
            "is_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            **({"is_stranger": True} if self.is_stranger else {}),
        }


@dataclass
class Post:
    """A message. `only_for`: nobody else sees it. `hidden`: deleted, but it has replies below it."""

    channel: str
    ts: str
    user: str
    text: str = ""
    thread_ts: str = ""
    bot: bool = False
    blocks: list[JSON] = field(default_factory=list)
    metadata: JSON | None = None
    files: list[str] = field(default_factory=list)
    attachments: list[JSON] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: str = ""
    subtype: str = ""
    only_for: str = ""
    team: str = TEAM
    markdown: str | None = None
    mrkdwn: bool = True
    streams_until: float = 0.0
    hidden: bool = False

    @property
    def root(self) -> str:
        """The thread it stands in, or begins."""
        return self.thread_ts or self.ts


@dataclass
class Room:
    """A conversation; `kind` is 'channel', 'group', 'im' or 'mpim', as in events. `teams`: whose share it."""

    id: str
    name: str
    kind: str
    members: list[str] = field(default_factory=list)
    archived: bool = False
    teams: tuple[str, ...] = ()
    posts: list[Post] = field(default_factory=list)
    refuses: str = ""
    _at: dict[str, Post] = field(default_factory=dict)
    _below: dict[str, list[Post]] = field(default_factory=dict)

    def add(self, post: Post) -> None:
        """Put a post at the end."""
        self.posts.append(post)
        self._at[post.ts] = post
        if post.thread_ts and not post.only_for:
            self._below.setdefault(post.thread_ts, []).append(post)

    def remove(self, post: Post) -> None:
        """Take a post away."""
        self.posts.remove(post)
        del self._at[post.ts]
        if post in self._below.get(post.thread_ts, ()):
            self._below[post.thread_ts].remove(post)

    def at(self, ts: str) -> Post | None:
        """Return the post that everybody sees at `ts`, maybe a gravestone."""
        found = self._at.get(ts)
        return None if found is None or found.only_for else found

    def below(self, root: str) -> Sequence[Post]:
        """Return the replies to a post, as everybody sees them."""
        return self._below.get(root, ())

    @property
    def is_private(self) -> bool:
        """Whether nobody knows of it who isn't in it."""
        return self.kind != "channel"

    def payload(self) -> JSON:
        """Return the channel object of conversations.info."""
        payload: JSON = {
            "id": self.id,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.is_private,
            "is_archived": self.archived,
            "is_shared": bool(self.teams),
            "is_ext_shared": bool(self.teams),
            "is_org_shared": False,
            "context_team_id": TEAM,
            "shared_team_ids": [TEAM, *self.teams],
        }
        if self.kind == "im":
            return {**payload, "user": next(member for member in self.members if member != BOT_USER)}
        return {**payload, "name": self.name, "is_member": BOT_USER in self.members, "num_members": len(self.members)}


@dataclass
class Upload:
    """A file. `access` is 'check_file_info' where it came from another workspace."""

    id: str
    name: str
    type: str
    content: bytes
    user: str
    url: str
    access: str = ""
    size: int = 0
    shares: dict[str, list[JSON]] = field(default_factory=dict)
    deleted: bool = False
    page: bool = False
    uploaded: bool = True

    def payload(self) -> JSON:
        """Return the file object of files.info."""
        return {
            "id": self.id,
            "created": 1,
            "name": self.name,
            "title": self.name,
            "mimetype": self.type,
            "filetype": self.name.rpartition(".")[2],
            "user": self.user,
            "size": len(self.content),
            "mode": "hosted",
            "is_external": False,
            "url_private": self.url,
            "url_private_download": f"{self.url}/download",
            "shares": {"private": self.shares} if self.shares else {},
        }

    def in_event(self) -> JSON:
        """Return the file object as it stands in a message event."""
        if self.access:
            return {"id": self.id, "created": 0, "user": self.user, "mode": "file_access", "file_access": self.access}
        return {name: value for name, value in self.payload().items() if name != "shares"}


@dataclass
class View:
    """A modal or a home tab that somebody has open."""

    id: str
    user: str
    view: JSON
    hash: str

    def payload(self) -> JSON:
        """Return the view object."""
        fixed = {
            "id": self.id,
            "team_id": TEAM,
            "app_id": APP,
            "bot_id": BOT,
            "hash": self.hash,
            "root_view_id": self.id,
        }
        blocks = [{"block_id": f"x{at}", **block} for at, block in enumerate(self.view["blocks"])]
        kept = {"private_metadata": "", "callback_id": "", "state": {"values": {}}, **self.view, "blocks": blocks}
        return {**kept, **fixed, "previous_view_id": None}


@dataclass(frozen=True, slots=True)
class Read:
    """A message as a person reads it: the words of each block, by its block_id, or of the text; and what to press."""

    ts: str
    user: str
    parts: tuple[tuple[str, str], ...]
    buttons: tuple[Button, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    edited: bool = False

    @property
    def text(self) -> str:
        """All the words."""
        return "\n".join(words for _, words in self.parts)


class Workspace:
    """One workspace with one app installed. `clock` gives the timestamps of its posts, in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.members = {BOT_USER: Member(BOT_USER, "Threadline", is_bot=True)}
        self.rooms: dict[str, Room] = {}
        self.files: dict[str, Upload] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.statuses: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], list[JSON]] = {}
        self.triggers: dict[str, tuple[str, float]] = {}
        self.heard: list[Callable[[JSON, Room], None]] = []
        self.stream_seconds = STREAM_SECONDS
        self._last = 0
        self._ids = count(1)

    # Making things

    def ts(self) -> str:
        """Return the next timestamp: later than all before it."""
        self._last = max(int(self.clock() * 1e6), self._last + 1)
        return f"{self._last // 10**6}.{self._last % 10**6:06d}"

    def id(self, letter: str) -> str:
        """Return a fresh id."""
        return f"{letter}{next(self._ids):04d}"

    def add_member(self, name: str, **more: Any) -> Member:
        """Take somebody in."""
        member = Member(self.id("U"), name, **more)
        self.members[member.id] = member
        return member

    def add_room(self, name: str, *members: str, kind: str = "channel", bot: bool = True, **more: Any) -> Room:
        """Make a channel with these members; the app's bot is in it unless told otherwise."""
        room = Room(self.id("D" if kind == "im" else "C"), name, kind, [*members, *([BOT_USER] if bot else [])], **more)
        self.rooms[room.id] = room
        return room

    def dm(self, user: str) -> Room:
        """Return the direct messages between somebody and the bot."""
        found = [room for room in self.rooms.values() if room.kind == "im" and user in room.members]
        return found[0] if found else self.add_room("", user, kind="im")

    def trigger(self, user: str) -> str:
        """Return a fresh trigger id."""
        trigger = f"{next(self._ids)}.{TEAM}.{user}"
        self.triggers[trigger] = (user, time.monotonic())
        return trigger

    # Finding things

    def room(self, channel: str, *, member: bool = False, to_write: bool = False) -> Room:
        """Return the channel as the bot may use it. Raises `Refused` as Slack does."""
        room = self.rooms.get(channel)
        if room is None or (room.is_private and BOT_USER not in room.members):
            raise Refused("channel_not_found")
        if (member or to_write) and BOT_USER not in room.members:
            raise Refused("not_in_channel")
        if to_write and room.archived:
            raise Refused("is_archived")
        if to_write and room.refuses:
            raise Refused(room.refuses)
        if to_write and room.kind == "im" and any(self.members[user].deleted for user in room.members):
            raise Refused("user_disabled")
        return room

    def find(self, channel: str, ts: str, error: str = "message_not_found") -> Post:
        """Return the post. Raises `Refused`."""
        found = self.room(channel).at(ts)
        if found is None or found.hidden:
            raise Refused(error)
        return found

    def thread(self, channel: str, root: str) -> list[Post]:
        """Return a thread, its root first; a deleted root still stands there while it has replies."""
        room = self.room(channel)
        first = room.at(root)
        return [*([first] if first else []), *room.below(root)]

    def post(self, post: Post) -> Post:
        """Put a post into its channel, and let whoever listens know."""
        room = self.rooms[post.channel]
        if post.thread_ts and room.at(post.thread_ts) is None:
            post.thread_ts = ""  # Slack takes a reply to a deleted message for a message of its own
        room.add(post)
        for file in post.files:
            share = {"ts": post.ts, **({"thread_ts": post.thread_ts} if post.thread_ts else {})}
            self.files[file].shares.setdefault(post.channel, []).append(share)
        if not post.only_for:
            self._tell({**self.payload(post), "event_ts": post.ts}, room)
        return post

    def change(self, post: Post, **fields: Any) -> None:
        """Change a post, and let whoever listens know."""
        before = self.payload(post)
        for name, value in fields.items():
            setattr(post, name, value)
        self._tell_change("message_changed", post, {"message": self.payload(post), "previous_message": before})

    def delete(self, post: Post) -> None:
        """Delete a post; a root with replies leaves a gravestone."""
        room, before = self.rooms[post.channel], self.payload(post)
        if room.below(post.ts):
            fields = {"text": "This message was deleted.", "user": "USLACKBOT", "subtype": "tombstone", "hidden": True}
            for name, value in {**fields, "blocks": [], "files": [], "metadata": None}.items():
                setattr(post, name, value)
            self._tell_change("message_changed", post, {"message": self.payload(post), "previous_message": before})
        else:
            room.remove(post)
            self._tell_change("message_deleted", post, {"deleted_ts": post.ts, "previous_message": before})

    def preview(self, post: Post, url: str = "https://shop.example") -> None:
        """Show a link's preview below a post: Slack calls that a change, though nobody edited anything."""
        preview = {"from_url": url, "title": "A page", "text": "What the page says", "fallback": "A page"}
        self.change(post, attachments=[*post.attachments, preview])

    def _tell_change(self, subtype: str, post: Post, more: JSON) -> None:
        ts = self.ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "ts": ts, "event_ts": ts, **more}
        self._tell(event, self.rooms[post.channel])

    def _tell(self, event: JSON, room: Room) -> None:
        event = {**event, "channel": room.id, "channel_type": room.kind}
        for hear in self.heard:
            hear(event, room)

    # What is sent, and what is read

    def payload(self, post: Post, *, metadata: bool = False) -> JSON:
        """Return the message object, as events and histories have it."""
        payload: JSON = {"type": "message", "user": post.user, "text": post.text, "ts": post.ts, "team": post.team}
        if self.rooms[post.channel].teams:
            payload |= {"user_team": post.team, "source_team": post.team}
        if post.bot or (post.user in self.members and self.members[post.user].is_bot):
            bot, app = (BOT, APP) if post.bot else (f"B{post.user}", f"A{post.user}")
            payload |= {"bot_id": bot, "app_id": app, "bot_profile": {"id": bot, "app_id": app, "team_id": post.team}}
        else:
            payload |= {"client_msg_id": f"cm-{post.ts}"}
        if post.blocks:
            payload["blocks"] = [{"block_id": f"x{at}", **block} for at, block in enumerate(post.blocks)]
        payload |= {
            name: getattr(post, name) for name in ("thread_ts", "subtype", "attachments") if getattr(post, name)
        }
        if post.files:
            payload["files"] = [self.files[file].in_event() for file in post.files]
        if post.edited:
            payload["edited"] = {"user": post.user, "ts": post.edited}
        if metadata and post.metadata:
            payload["metadata"] = post.metadata
        if post.reactions:
            payload["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in post.reactions.items()
            ]
        return payload | self._about_thread(post)

    def _about_thread(self, post: Post) -> JSON:
        room = self.rooms[post.channel]
        if post.thread_ts:
            parent = room.at(post.thread_ts)
            return {"parent_user_id": parent.user if parent else ""}
        replies = room.below(post.ts)
        return {"thread_ts": post.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts} if replies else {}

    def reads(self, channel: str, root: str = "", *, who: str = "") -> list[Read]:
        """Return what a person reads in a thread, or in the whole channel, from the top.

        What only `who` sees is among it.
        """
        posts = self.rooms[channel].posts
        there = [post for post in posts if not root or root in {post.ts, post.thread_ts}]
        return [self.read(post) for post in there if not post.hidden and post.only_for in {"", who}]

    def read(self, post: Post) -> Read:
        """Return what a person reads of one post."""
        parts = words_of_blocks(post.blocks)
        if post.markdown is not None:
            parts = [("", words_of_markdown(post.markdown)), *parts]
        elif not post.blocks and post.text:
            parts = [("", words_of_mrkdwn(post.text, marks=post.mrkdwn))]
        for attachment in post.attachments:
            parts.append(("", acted("preview") if attachment.get("from_url") else words_of_mrkdwn(attachment["text"])))
        files = tuple((self.files[file].name, self.files[file].content) for file in post.files)
        return Read(post.ts, post.user, tuple(parts), tuple(buttons_of(post.blocks)), files, edited=bool(post.edited))
