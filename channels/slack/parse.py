"""Slack's events and button presses, read into what happened there. Pure: who is who comes in as `Me`.

What Slack sends has many kinds, and grows: only those that are named here are anything at all.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from channels.slack import words
from channels.slack.names import Place, person
from core.ids import CaseId, MessageId, ThreadKey
from core.messages import InboundRating

JSON = Mapping[str, Any]

MAX_TEXT = 20_000  # characters of a message that are answered; Slack takes 40,000
MAX_FULL = 40_000
MOST_FILES = 10
_SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
_HELLO = "Hello!"


@dataclass(frozen=True, slots=True)
class Me:
    """Who we are in a workspace: its id, our user and our bot there."""

    team: str
    user: str
    bot: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as Slack names it; `origin` is what it takes to fetch it."""

    name: str
    type: str
    size: int
    origin: dict[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote. `text` is Slack's own, with its tokens; `team` is the writer's, `mentioned` means us.

    `direct`: in a direct message with us. Shared parts of other messages come in `forwarded`. `left_out` counts files
    above `MOST_FILES`.
    """

    place: Place
    ts: str
    user: str
    team: str
    text: str
    mentioned: bool
    direct: bool
    files: tuple[RemoteFile, ...] = ()
    forwarded: tuple[tuple[str, str], ...] = ()
    left_out: int = 0

    @property
    def event(self) -> str:
        """The id of what happened: the same for each event that Slack sends of one message."""
        return f"{self.place.channel}:{self.ts}"


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody edited (`text`) or deleted (None) what they wrote as `of`."""

    place: Place
    of: str
    user: str
    event: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody opened the app: `tab` is 'home' or 'messages', `channel` their direct messages with us."""

    user: str
    channel: str
    tab: str


class Silent(StrEnum):
    """Why an event asks nothing of us."""

    KIND = "kind"  # of a kind that is not listened to
    NO_PERSON = "no_person"  # our own words, another app's, Slack's
    UNCHANGED = "unchanged"  # the words are as before: a link got its preview, a thread a reply
    OVERHEARD = "overheard"  # said in a channel, and not to us


Happened = Said | Changed | Opened | Silent


def recipient(body: JSON) -> Me:
    """Return whom Slack sent the callback `body` to, as it says itself; without a user where it does not say."""
    granted = next((one for one in _list(body, "authorizations") if one.get("is_bot")), {})
    happened = _object(body, "event")
    mentioned = words.mentioned(_text(happened, "text")) if happened.get("type") == "app_mention" else []
    user = _text(granted, "user_id") or next(iter(mentioned), "")
    return Me(_text(granted, "team_id") or _text(body, "team_id"), user)


def event(body: JSON, me: Me, *, agent_view: bool = True) -> Happened:
    """Return what the Events API callback `body` tells. What is overheard is `Said` too: our threads aren't known here.

    Raises ValueError for one that is not built as Slack builds them.
    """
    happened = body.get("event")
    if not isinstance(happened, Mapping):
        raise ValueError("an event callback holds an event")  # noqa: TRY004 (what came, not what we passed)
    match happened.get("type"):
        case "app_mention":
            return _said(happened, me, agent_view=agent_view, mentioned=True)
        case "message":
            return _message(happened, me, agent_view=agent_view)
        case "app_home_opened":
            return Opened(_text(happened, "user"), _text(happened, "channel"), _text(happened, "tab") or "home")
        case _:
            return Silent.KIND


def _message(happened: JSON, me: Me, *, agent_view: bool) -> Happened:
    match _text(happened, "subtype"):
        case subtype if subtype in _SPOKEN:
            return _said(happened, me, agent_view=agent_view)
        case "message_changed":
            return _changed(happened, me, agent_view=agent_view)
        case "message_deleted":
            return _deleted(happened, me, agent_view=agent_view)
        case _:
            return Silent.KIND


def _is_ours_or_a_bots(message: JSON, me: Me) -> bool:
    return bool(message.get("bot_id")) or _text(message, "user") in {"", me.user, "USLACKBOT"}


def _said(happened: JSON, me: Me, *, agent_view: bool, mentioned: bool = False) -> Said | Silent:
    if _is_ours_or_a_bots(happened, me):
        return Silent.NO_PERSON
    text = _text(happened, "text")
    channel, ts = _required(happened, "channel"), _required(happened, "ts")
    shared = [one for one in _list(happened, "attachments") if one.get("is_share") or one.get("is_msg_unfurl")]
    everything = [file for holder in (happened, *shared) for file in _list(holder, "files")]
    files = [file for file in everything if _text(file, "mode") != "tombstone"]
    return Said(
        place=place(channel, _text(happened, "thread_ts"), ts, agent_view=agent_view),
        ts=ts,
        user=_required(happened, "user"),
        team=_text(happened, "user_team") or _text(happened, "source_team") or me.team,
        text=text[:MAX_FULL],
        mentioned=mentioned or f"<@{me.user}>" in text or f"<@{me.user}|" in text,
        direct=channel.startswith("D"),
        files=tuple(map(read_file, files[:MOST_FILES])),
        forwarded=tuple((_text(one, "author_name"), _text(one, "text")) for one in shared if _text(one, "text")),
        left_out=max(len(files) - MOST_FILES, 0),
    )


def _changed(happened: JSON, me: Me, *, agent_view: bool) -> Changed | Silent:
    """An edit by a person; Slack says 'changed' of link previews and of new replies too."""
    now, before = _object(happened, "message"), _object(happened, "previous_message")
    if _text(now, "subtype") == "tombstone":
        return _deleted({**happened, "deleted_ts": before.get("ts") or now.get("ts")}, me, agent_view=agent_view)
    if _is_ours_or_a_bots(now, me):
        return Silent.NO_PERSON
    if _text(now, "text") == _text(before, "text"):
        return Silent.UNCHANGED
    channel, of = _required(happened, "channel"), _required(now, "ts")
    return Changed(
        place(channel, _text(now, "thread_ts"), of, agent_view=agent_view),
        f"{channel}:{of}",
        _text(now, "user"),
        f"{channel}:{of}:edited:{_text(_object(now, 'edited'), 'ts') or _text(happened, 'ts')}",
        _text(now, "text")[:MAX_FULL],
    )


def _deleted(happened: JSON, me: Me, *, agent_view: bool) -> Changed | Silent:
    before = _object(happened, "previous_message")
    if _is_ours_or_a_bots(before, me):
        return Silent.NO_PERSON
    channel, of = _required(happened, "channel"), _required(happened, "deleted_ts")
    where = place(channel, _text(before, "thread_ts"), of, agent_view=agent_view)
    return Changed(where, f"{channel}:{of}", _text(before, "user"), f"{channel}:{of}:deleted", None)


def now_said(happened: JSON, me: Me, *, agent_view: bool = True) -> Said | None:
    """Return a message that mentions us since it was edited, None for any other change."""
    said = _said({**_object(happened, "message"), "channel": happened.get("channel")}, me, agent_view=agent_view)
    return said if isinstance(said, Said) and said.mentioned else None


def place(channel: str, root: str, ts: str, *, agent_view: bool = True) -> Place:
    """Return the conversation of a message `ts` in the thread `root` ('' if it stands in the channel itself).

    A message that stands by itself begins a thread, but for direct messages without the agent view: they are one.
    """
    if channel.startswith("D") and not agent_view:
        return Place(channel, root if root and root != ts else "")
    return Place(channel, root or ts)


def named(said: Said, me: Me) -> list[str]:
    """Return the people, but for us, whose names are needed to read what was said."""
    others = [user for user in words.mentioned(said.text) if user != me.user]
    return [*others, *(user for _, text in said.forwarded for user in words.mentioned(text))]


def as_read(said: Said, written: JSON, me: Me, names: Mapping[str, str]) -> str:
    """Return all of what was said, as people read it: with what was forwarded; `written` is its event.

    A mention of us that says nothing else is a greeting: it is answered too.
    """
    own = words.shown(said.text, written, own=me.user, names=names)
    whole = "\n\n".join(filter(None, (own, *(_quoted(author, text, names) for author, text in said.forwarded))))
    return whole or ("" if said.files else _HELLO)


def _quoted(author: str, text: str, names: Mapping[str, str]) -> str:
    lines = "\n".join(f"> {line}" for line in words.read(text, names=names).split("\n"))
    return f"Forwarded{f' from {author}' if author else ''}:\n{lines}"


def read_file(file: JSON) -> RemoteFile:
    """Return a file as Slack describes it."""
    size = file.get("size")
    origin: dict[str, object] = {
        "channel": "slack",
        "id": _text(file, "id"),
        "url": _text(file, "url_private_download") or _text(file, "url_private"),
        "size": size if isinstance(size, int) else 0,
    }
    if _text(file, "file_access") == "check_file_info":
        origin["url"] = ""
    name = _text(file, "name") or _text(file, "title") or "file"
    return RemoteFile(name, _text(file, "mimetype"), size if isinstance(size, int) else 0, origin)


# Buttons and forms


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of ours was pressed: which, with what value, by whom, at which message."""

    action: str
    value: str
    user: str
    team: str
    place: Place
    ts: str
    event: str
    trigger: str


def pressed(body: JSON, me: Me, *, agent_view: bool = True) -> Pressed | None:
    """Return the press that a block_actions payload tells of. Raises ValueError for one that Slack would not build."""
    action = next(iter(_list(body, "actions")), None)
    message, container = _object(body, "message"), _object(body, "container")
    channel = _text(_object(body, "channel"), "id") or _text(container, "channel_id")
    if action is None:
        raise ValueError("block_actions holds an action")
    ts = _text(message, "ts") or _text(container, "message_ts")
    root = _text(message, "thread_ts") or _text(container, "thread_ts")
    user = _object(body, "user")
    return Pressed(
        action=_text(action, "action_id"),
        value=_text(action, "value"),
        user=_required(user, "id"),
        team=_text(user, "team_id") or me.team,
        place=place(channel, root, ts, agent_view=agent_view) if channel else Place(""),
        ts=ts,
        event=f"{channel}:{ts}:{_required(user, 'id')}:{_text(action, 'action_id')}:{_text(action, 'action_ts')}",
        trigger=_text(body, "trigger_id"),
    )


def rating(press: Pressed, me: Me) -> InboundRating | None:
    """Return what the customer thinks of an answer ('up:m_1'), or answers to a survey ('c_1:4')."""
    key = press.place.key(me.team)
    first, _, second = press.value.partition(":")
    if press.action == "feedback" and first in {"up", "down"} and second:
        return InboundRating(key, press.event, 1 if first == "up" else -1, message=MessageId(second))
    if press.action.startswith("survey") and first and second in set("12345"):
        return InboundRating(key, press.event, int(second), case=CaseId(first))
    return None


def reason_of(body: JSON) -> InboundRating:
    """Return the rating that the form about an unhelpful answer sends. Raises ValueError, KeyError."""
    view = _object(body, "view")
    about = json.loads(_required(view, "private_metadata"))
    if not isinstance(about, dict):
        raise ValueError("the form does not say what it is about")  # noqa: TRY004 (what came, not what we passed)
    values = _object(_object(view, "state"), "values")
    field = _object(_object(values, "reason"), "reason")
    key = ThreadKey("slack", str(about["team"]), str(about["conversation"]))
    return InboundRating(
        key,
        f"{_required(view, 'id')}:reason",
        -1,
        _text(field, "value")[:2_000],
        message=MessageId(str(about["message"])),
    )


def customer(said: Said) -> str:
    """Return who wrote, in our words."""
    return person(said.team, said.user)


def _object(holder: JSON, name: str) -> JSON:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(holder: JSON, name: str) -> list[JSON]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(holder: JSON, name: str) -> str:
    found = holder.get(name)
    return found.replace("\x00", "").encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def _required(holder: JSON, name: str) -> str:
    found = _text(holder, name)
    if not found:
        raise ValueError(f"the event has no {name}")
    return found
