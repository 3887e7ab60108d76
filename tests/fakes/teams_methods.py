"""The Connector of the fake Teams: what each request does and answers, and how it refuses.

`teams_server` checks the token and calls `perform(connector, operation, ...)` for what `operation(verb, path)` found.
Paths are those of the Connector's REST reference; codes of refusal as in `teams_workspace`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.teams_checks import MOST_BYTES, check
from tests.fakes.teams_streams import CANCELED, STREAM_SECONDS, Pace, begin, check_piece, early, forbidden, go_on, info
from tests.fakes.teams_workspace import BOT_ID, Member, Message, Refused, Room, Team, Workspace, refusal

JSON = dict[str, Any]
Answer = tuple[int, Any]

_OPERATIONS = {
    ("DELETE", "conversations/*/activities/*"): "delete",
    ("GET", "attachments/*"): "attachment",
    ("GET", "attachments/*/views/*"): "picture",
    ("GET", "conversations/*/members"): "members",
    ("GET", "conversations/*/members/*"): "member",
    ("GET", "conversations/*/pagedmembers"): "pagedmembers",
    ("GET", "teams/*"): "team",
    ("GET", "teams/*/conversations"): "channels",
    ("POST", "conversations"): "create",
    ("POST", "conversations/*/activities"): "send",
    ("POST", "conversations/*/activities/*"): "send",
    ("PUT", "conversations/*/activities/*"): "update",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked for, and the ids in the path."""

    name: str
    ids: tuple[str, ...]


@dataclass
class Connector:
    """What the Connector works on. `ticks` gives seconds that only go on.

    `strict_final`: the final text of a stream has to hold what was streamed. `splits`: text and card are two messages.
    """

    workspace: Workspace
    ticks: Callable[[], float] = time.monotonic
    stream_seconds: float = STREAM_SECONDS
    pace: Pace = field(default_factory=Pace)
    strict_final: bool = True
    splits: bool = True


def operation(verb: str, path: str) -> Operation | None:
    """Return what a request is for; `path` is what follows '/v3/'."""
    parts = path.strip("/").split("/")
    for (of, pattern), name in _OPERATIONS.items():
        expected = pattern.split("/")
        pairs = list(zip(expected, parts, strict=False))
        if of == verb and len(expected) == len(parts) and all(one in ("*", part) for one, part in pairs):
            return Operation(name, tuple(part for one, part in pairs if one == "*"))
    return None


def perform(connector: Connector, asked: Operation, body: Any, query: JSON) -> Answer:
    """Do what was asked, and return status and body. Raises `Refused`."""
    workspace, ids = connector.workspace, asked.ids
    match asked.name:
        case "create":
            return _create(connector, body)
        case "send":
            return _send(connector, ids[0], ids[1] if len(ids) > 1 else "", body)
        case "update":
            return _update(workspace, ids[0], ids[1], body)
        case "delete":
            return _delete(workspace, ids[0], ids[1])
        case "members":
            return 200, [member.payload() for member in _roster(workspace, ids[0])]
        case "pagedmembers":
            return _pages(_roster(workspace, ids[0]), query)
        case "member":
            return _member(_roster(workspace, ids[0]), ids[1])
        case "team":
            return _team(workspace, ids[0])
        case "channels":
            return _channels(workspace, ids[0])
        case "attachment":
            kind, content = _picture(workspace, ids[0])
            view = {"viewId": "original", "size": len(content)}
            return 200, {"name": "image", "type": kind, "views": [view]}
        case _:
            return 200, _picture(workspace, ids[0])


# Sending


def _send(connector: Connector, address: str, reply_to: str, body: Any) -> Answer:
    workspace = connector.workspace
    room, root = workspace.open_room(address)
    piece = info(body)
    if piece is not None:
        return _stream(connector, room, body, piece)
    workspace.dropped += check(body, room.kind)
    if body["type"] == "typing":
        return _typing(workspace, room)
    answered = room.messages.get(reply_to)
    thread = root or (answered.root or answered.id if answered else "")
    if connector.splits and body.get("text") and _splits(body):
        # The documentation: such an activity becomes two messages, and no id is returned.
        workspace.add(room, BOT_ID, {name: value for name, value in body.items() if name != "attachments"}, thread)
        workspace.add(room, BOT_ID, {"type": "message", "attachments": body["attachments"]}, thread)
        return 201, {}
    return 201, {"id": workspace.add(room, BOT_ID, body, thread).id}


def _splits(activity: JSON) -> bool:
    return any(not one["contentType"].startswith("image/") for one in activity.get("attachments") or ())


def _typing(workspace: Workspace, room: Room) -> Answer:
    if room.kind == "channel":
        workspace.dropped.append("typing in a channel")
    else:
        room.typing += 1
    return 202, {}


def _stream(connector: Connector, room: Room, activity: JSON, piece: JSON) -> Answer:
    workspace, now = connector.workspace, connector.ticks()
    check_piece(activity, piece, room, MOST_BYTES)
    connector.pace.take(now)
    if piece.get("streamType") == "final":
        workspace.dropped += check(activity, room.kind)
    else:
        workspace.dropped += early(activity)
    identity = piece.get("streamId")
    if not identity:
        stream = begin(activity, piece, room, now)
        message = workspace.add(room, BOT_ID, activity)
        message.stream = stream
        return 201, {"id": message.id}
    return _continue(connector, _own(room, identity), activity, piece, now)


def _continue(connector: Connector, message: Message, activity: JSON, piece: JSON, now: float) -> Answer:
    taken = go_on(message, activity, piece, now, seconds=connector.stream_seconds, strict=connector.strict_final)
    if not taken:
        words = "PreCondition failed exception when processing streaming activity."
        return 202, {"error": {"code": "ContentStreamSequenceOrderPreConditionFailed", "message": words}}
    message.activity = activity
    return 202, {}


def _own(room: Room, identity: str) -> Message:
    """Return a message that the app may change. Raises `Refused`."""
    message = room.messages.get(identity)
    if message is None or message.deleted:
        raise refusal("ActivityNotFoundInConversation")
    if not message.by_bot:
        raise refusal("NotEnoughPermissions")
    return message


def _update(workspace: Workspace, address: str, identity: str, body: Any) -> Answer:
    room, _ = workspace.open_room(address)
    workspace.dropped += check(body, room.kind)
    message = _own(room, identity)
    if message.stream and message.stream.state == "stopped":
        raise forbidden(CANCELED)
    message.activity, message.edited = body, True
    message.views.clear()
    if message.stream:
        # Not documented; Microsoft's own SDKs finish a stream whose time is up so.
        message.stream.state = "final"
    return 200, {"id": message.id}


def _delete(workspace: Workspace, address: str, identity: str) -> Answer:
    room, _ = workspace.open_room(address)
    _own(room, identity).deleted = True
    return 200, None


# New conversations


def _create(connector: Connector, body: Any) -> Answer:
    if not isinstance(body, dict):
        raise Refused(400, "BadSyntax", "Conversation parameters are missing")
    data = body.get("channelData") or {}
    channel = (data.get("channel") or {}).get("id") or data.get("teamsChannelId")
    if channel:
        return _new_post(connector, channel, body)
    members = body.get("members") or []
    if body.get("isGroup") or len(members) != 1:
        raise Refused(403, "NotEnoughPermissions", "Bots create personal chats and channel posts only")
    tenant = (data.get("tenant") or {}).get("id") or body.get("tenantId")
    return _new_chat(connector, str(members[0].get("id")), tenant, body.get("activity"))


def _new_post(connector: Connector, channel: str, body: JSON) -> Answer:
    if not body.get("isGroup") or not body.get("activity"):
        raise Refused(400, "BadSyntax", "A channel post needs isGroup and an activity")
    status, sent = _send(connector, channel, "", body["activity"])
    posted = sent.get("id", "")
    room, _ = connector.workspace.room(channel)
    return status, {"id": room.address(room.messages.get(posted)), "activityId": posted}


def _new_chat(connector: Connector, who: str, tenant: str | None, activity: JSON | None) -> Answer:
    workspace = connector.workspace
    member = next((one for one in workspace.members.values() if who in (one.id, one.aad)), None)
    if not tenant or member is None:
        raise Refused(400, "BadSyntax", "Bad format of conversation ID")
    room = workspace.chat(member)
    if not room.installed:
        raise refusal("ForbiddenOperationException")
    sent = _send(connector, room.id, "", activity)[1] if activity else {}
    return 201, {"id": room.id, **({"activityId": sent.get("id", "")} if sent else {})}


# Who and where


def _roster(workspace: Workspace, address: str) -> list[Member]:
    room, _ = workspace.room(address)
    if not room.installed:
        raise refusal("BotNotInConversationRoster")
    return [workspace.members[member] for member in room.members]


def _member(roster: Sequence[Member], identity: str) -> Answer:
    found = next((member for member in roster if identity in (member.id, member.aad)), None)
    if found is None:
        raise refusal("MemberNotFoundInConversation")
    return 200, found.payload()


def _pages(roster: Sequence[Member], query: JSON) -> Answer:
    start, size = int(query.get("continuationToken") or 0), min(max(int(query.get("pageSize") or 50), 50), 500)
    more = {"continuationToken": str(start + size)} if start + size < len(roster) else {}
    return 200, {**more, "members": [member.payload() for member in roster[start : start + size]]}


def _installed_team(workspace: Workspace, identity: str) -> Team:
    team = workspace.teams.get(identity)
    if team is None:
        raise refusal("ConversationNotFound")
    if not any(channel.installed for channel in team.channels):
        raise refusal("BotNotInConversationRoster")
    return team


def _team(workspace: Workspace, identity: str) -> Answer:
    team = _installed_team(workspace, identity)
    counts = {"channelCount": len(team.channels), "memberCount": len(team.members)}
    return 200, {"id": team.id, "name": team.name, "aadGroupId": team.group, **counts}


def _channels(workspace: Workspace, identity: str) -> Answer:
    """Return the channels; General has no name there, since each client shows it in its own language."""
    team = _installed_team(workspace, identity)
    named = [
        {"id": channel.id, **({} if channel.id == team.id else {"name": channel.name})} for channel in team.channels
    ]
    return 200, {"conversations": named}


def _picture(workspace: Workspace, identity: str) -> tuple[str, bytes]:
    if identity not in workspace.pictures:
        raise Refused(404, "NotFound", "Attachment not found.")
    return workspace.pictures[identity]
