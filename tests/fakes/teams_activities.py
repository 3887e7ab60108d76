"""The activities by which the fake Teams tells the app what people did: JSON as Teams sends it.

Shapes after the samples of learn.microsoft.com ('Conversations with a bot', 'Conversation events', 'Send and receive
files') and after payloads that Microsoft's SDKs keep as test data. Pure: `teams_people` decides what happened.
"""

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.fakes.teams_workspace import BOT_ID, BOT_NAME, Member, Message, Room, Team, stamp

JSON = dict[str, Any]

_AT = re.compile(r"<at>(.*?)</at>")
_MENTION = '<span itemtype="http://schema.skype.com/Mention" itemscope="" itemid="{}">{}</span>'


def activity(kind: str, identity: str, member: Member, room: Room, at: float, **more: Any) -> JSON:
    """Return what all activities from a person have in common. `thread` (a message): where in a channel it happened."""
    thread: Message | None = more.pop("thread", None)
    data: JSON = more.pop("data", {})
    team: Team | None = more.pop("team", None)
    local = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(member.timezone))
    return {
        "type": kind,
        "id": identity,
        "timestamp": stamp(at),
        "localTimestamp": local.isoformat(timespec="milliseconds"),
        "localTimezone": member.timezone,
        "serviceUrl": "",
        "channelId": "msteams",
        "from": {"id": member.id, "name": member.name, "aadObjectId": member.aad},
        "conversation": conversation(room, thread),
        "recipient": {"id": BOT_ID, "name": BOT_NAME},
        "entities": [client_info(member)],
        "channelData": {**channel_data(room, member, team), **data},
        "locale": member.locale,
        **more,
    }


def conversation(room: Room, thread: Message | None = None) -> JSON:
    """Return a conversation as it stands in an activity."""
    group = {"isGroup": True} if room.kind != "personal" else {}
    return {**group, "conversationType": room.kind, "tenantId": room.tenant, "id": room.address(thread)}


def channel_data(room: Room, member: Member, team: Team | None) -> JSON:
    """Return Teams' own part: the tenant (that of the person, for people from elsewhere), and team and channel."""
    tenant = {"tenant": {"id": room.tenant if member.guest else member.tenant}}
    if room.kind != "channel":
        return tenant
    assert team
    where = {"channel": {"id": room.id}, "team": {"id": team.id}}
    return {"teamsChannelId": room.id, "teamsTeamId": team.id, **where, **tenant}


def client_info(member: Member) -> JSON:
    """Return the entity that tells of the person's Teams."""
    country = member.locale.partition("-")[2] or "US"
    return {
        "locale": member.locale,
        "country": country,
        "platform": "Web",
        "timezone": member.timezone,
        "type": "clientInfo",
    }


# Words


def mentions(text: str, names: dict[str, str]) -> list[JSON]:
    """Return the entities of the `<at>name</at>` in a text; `names` has the ids by name."""
    found = [name for name in _AT.findall(text) if name in names]
    return [
        {"mentioned": {"id": names[name], "name": name}, "text": f"<at>{name}</at>", "type": "mention"}
        for name in found
    ]


def as_html(text: str) -> str:
    """Return a text as it stands in the text/html attachment that comes with every message."""
    pieces, numbers = [], iter(range(1000))
    for at, part in enumerate(_AT.split(text)):
        pieces.append(_MENTION.format(next(numbers), html.escape(part)) if at % 2 else html.escape(part, quote=False))
    lines = "".join(pieces).replace("</span> ", "</span>&nbsp;").split("\n")
    return "".join(f"<p>{line or '&nbsp;'}</p>" for line in lines)


def html_attachment(content: str) -> JSON:
    """Return the attachment."""
    return {"contentType": "text/html", "content": content}


def file_attachment(name: str, identity: str, address: str, download: str) -> JSON:
    """Return a file that somebody gave to the app in their chat; `download` needs no token."""
    kind = name.rpartition(".")[2] if "." in name else ""
    content = {"downloadUrl": download, "uniqueId": identity.upper(), "fileType": kind, "etag": '"{1},1"'}
    return {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "contentUrl": address,
        "name": name,
        "content": content,
    }


def picture_attachment(address: str) -> JSON:
    """Return a picture that somebody pasted; the address needs the bot's token."""
    return {"contentType": "image/*", "contentUrl": address}


# Members and installing


def installed(action: str, team: Team | None, room: Room) -> JSON:
    """Return what an installationUpdate says beside the common: `action` is 'add' or 'remove'."""
    data: JSON = {"source": {"name": "message"}}
    if team:
        data |= _in_team(team, room)
    return {"action": action, "data": data}


def members(change: str, who: Sequence[JSON], team: Team | None, room: Room) -> JSON:
    """Return what a conversationUpdate says beside the common: `change` is 'membersAdded' or 'membersRemoved'."""
    data: JSON = {}
    if team:
        event = "teamMemberAdded" if change == "membersAdded" else "teamMemberRemoved"
        data = {**_in_team(team, room), "eventType": event}
    return {change: list(who), "data": data}


def _in_team(team: Team, room: Room) -> JSON:
    named = {"aadGroupId": team.group, "name": team.name, "id": team.id}
    return {"settings": {"selectedChannel": {"id": room.id}}, "team": named}
