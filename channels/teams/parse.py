"""Teams' activities, read into what happened there. Pure.

Teams sends many kinds, and more every year: only those that are named here are anything at all.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from channels.teams import words
from channels.teams.names import activity, channel_of, root_of, thread_in

JSON = Mapping[str, Any]

MAX_TEXT = 20_000  # characters of a message that are answered
MOST_FILES = 10
_DOWNLOAD = "application/vnd.microsoft.teams.file.download.info"
_HELLO = "Hello!"


class Scope(StrEnum):
    """What kind of conversation it is."""

    PERSONAL = "personal"
    GROUP = "group"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation, and what it takes to speak there: Teams' address for it, and who we are to it.

    `conversation` is a chat's id, or that of one thread of a channel.
    """

    service: str
    conversation: str
    scope: Scope
    bot: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something. `id` is Teams' own, `user` the directory's where there is one; `tenant` their organisation."""

    id: str
    user: str
    name: str
    tenant: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as Teams names it; `origin` is what it takes to fetch it. Teams does not say how large it is."""

    name: str
    type: str
    origin: dict[str, object]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote `text`, as people read it.

    `unfetched` counts files that Teams does not give to apps here, `left_out` those above `MOST_FILES`.
    """

    place: Place
    person: Person
    id: str
    text: str
    mentioned: bool
    files: tuple[RemoteFile, ...] = ()
    unfetched: int = 0
    left_out: int = 0

    @property
    def event(self) -> str:
        """The id of what happened; the same if Teams sends it again."""
        return activity(self.place.conversation, self.id)


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody edited, deleted (`text` is None) or brought back (`undone`) what they wrote as `of`."""

    place: Place
    person: Person
    of: str
    event: str
    text: str | None
    mentioned: bool = False
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of a card of ours: `data` is what we gave it, with what was filled in.

    `again`: Teams asks for the card as this person should see it, and nobody pressed anything. `card` is the id of
    the activity that the card is.
    """

    place: Place
    person: Person
    data: JSON
    card: str
    event: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """Somebody judged the activity `of`: 1 or -1."""

    place: Place
    person: Person
    of: str
    score: int
    reason: str
    event: str


@dataclass(frozen=True, slots=True)
class Consented:
    """Somebody takes (`upload` says where it goes) or declines (None) a file that we offered; `about` is our own."""

    place: Place
    person: Person
    about: JSON
    upload: JSON | None
    card: str
    event: str


@dataclass(frozen=True, slots=True)
class Came:
    """We were added to a conversation."""

    place: Place
    person: Person


@dataclass(frozen=True, slots=True)
class Went:
    """We were removed from a conversation."""

    place: Place
    person: Person


class Silent(StrEnum):
    """Why an activity asks nothing of us."""

    KIND = "kind"  # of a kind that is not listened to
    NO_PERSON = "no_person"
    EMPTY = "empty"


Happened = Said | Changed | Pressed | Judged | Consented | Came | Went | Silent


def happened(raw: JSON) -> Happened:
    """Return what an activity tells. Raises ValueError for one that is not built as Teams builds them."""
    match raw.get("type"):
        case "message":
            return _message(raw)
        case "messageUpdate":
            return _changed(raw)
        case "messageDelete":
            return _deleted(raw)
        case "messageReaction":
            return _reaction(raw)
        case "invoke":
            return _invoked(raw)
        case "conversationUpdate":
            return _came(raw)
        case "installationUpdate" if raw.get("action") == "remove":
            where = place(raw)
            return Went(where, _person(raw, where))
        case _:
            return Silent.KIND


def said_by_now(happened: Said | Changed, raw: JSON) -> Said | None:
    """Return what stands there after `happened`, as if it had been written so; None if nothing does."""
    if isinstance(happened, Said):
        return happened
    said = _message({**raw, "type": "message"}) if happened.text is not None else None
    return said if isinstance(said, Said) else None


def place(raw: JSON) -> Place:
    """Return where an activity happened. A first message of a channel begins the thread it names. Raises ValueError."""
    conversation = _object(raw, "conversation")
    name, kind = _required(conversation, "id"), _text(conversation, "conversationType")
    scope = {"personal": Scope.PERSONAL, "groupChat": Scope.GROUP, "channel": Scope.CHANNEL}.get(kind)
    if scope is None:
        scope = Scope.GROUP if conversation.get("isGroup") else Scope.PERSONAL
    if scope is Scope.CHANNEL and not root_of(name) and raw.get("type") == "message":
        name = thread_in(name, _required(raw, "id"))
    tenant = _text(_object(_object(raw, "channelData"), "tenant"), "id") or _text(conversation, "tenantId")
    return Place(_required(raw, "serviceUrl"), name, scope, _text(_object(raw, "recipient"), "id"), tenant)


def _person(raw: JSON, where: Place) -> Person:
    found = _object(raw, "from")
    user = _text(found, "aadObjectId")
    return Person(
        _required(found, "id"),
        user or _text(found, "id"),
        " ".join(_text(found, "name").split())[:200],
        _text(found, "tenantId") or where.tenant,
    )


def _is_bots(raw: JSON) -> bool:
    found = _object(raw, "from")
    return _text(found, "role") == "bot" or _text(found, "id") in {"", _text(_object(raw, "recipient"), "id")}


def _message(raw: JSON) -> Happened:
    if _is_bots(raw):
        return Silent.NO_PERSON
    where = place(raw)
    who = _person(raw, where)
    value = raw.get("value")
    if isinstance(value, Mapping) and not _text(raw, "text"):
        return Pressed(where, who, value, _text(raw, "replyToId"), activity(where.conversation, _required(raw, "id")))
    text, mentioned = words.read(raw)
    files = tuple(_files(raw))
    unfetched = words.attached(raw)
    if not (text or files or unfetched):
        text = _HELLO if mentioned else ""
        if not text:
            return Silent.EMPTY
    return Said(
        where,
        who,
        _required(raw, "id"),
        text,
        mentioned or where.scope is Scope.PERSONAL,
        files[:MOST_FILES],
        unfetched,
        max(len(files) - MOST_FILES, 0),
    )


def _files(raw: JSON) -> Iterator[RemoteFile]:
    for one in _list(raw, "attachments"):
        kind, content = _text(one, "contentType"), _object(one, "content")
        if kind == _DOWNLOAD:
            name = _text(one, "name") or "file"
            yield RemoteFile(
                name, words.media_type(name), {"channel": "teams", "url": _text(content, "downloadUrl"), "token": False}
            )
        elif kind.startswith("image/"):
            name = _text(one, "name") or f"picture.{kind.removeprefix('image/').partition(';')[0].strip('*') or 'png'}"
            # Teams says image/* of a pasted picture, and the server what it is
            origin: dict[str, object] = {"channel": "teams", "url": _text(one, "contentUrl"), "token": True}
            yield RemoteFile(name, "" if kind == "image/*" else kind, origin)


def _changed(raw: JSON) -> Changed | Silent:
    if _is_bots(raw):
        return Silent.NO_PERSON
    how = _text(_object(raw, "channelData"), "eventType")
    if how not in {"editMessage", "undeleteMessage"}:
        return Silent.KIND
    where = place(raw)
    of = activity(where.conversation, _required(raw, "id"))
    undone = how == "undeleteMessage"
    text, mentioned = words.read(raw)
    when = _text(raw, "timestamp") or _text(raw, "localTimestamp")
    event = f"{of}:{'undeleted' if undone else 'edited'}:{when}"
    return Changed(where, _person(raw, where), of, event, text, mentioned, undone)


def _deleted(raw: JSON) -> Changed | Silent:
    if _is_bots(raw):
        return Silent.NO_PERSON
    where = place(raw)
    of = activity(where.conversation, _required(raw, "id"))
    when = _text(raw, "timestamp") or _text(raw, "localTimestamp")
    return Changed(where, _person(raw, where), of, f"{of}:deleted:{when}", None)


_LIKED = frozenset({"like", "heart", "laugh", "plusOne", "1f44d", "thumbsup"})
_DISLIKED = frozenset({"sad", "angry", "1f44e", "thumbsdown"})


def _reaction(raw: JSON) -> Judged | Silent:
    """A reaction to one of our messages; what was taken back says nothing."""
    if _is_bots(raw):
        return Silent.NO_PERSON
    kinds = [_text(one, "type") for one in _list(raw, "reactionsAdded")]
    score = next((1 if kind in _LIKED else -1 for kind in kinds if kind in _LIKED | _DISLIKED), 0)
    of = _text(raw, "replyToId")
    if not (score and of):
        return Silent.KIND
    where = place(raw)
    who = _person(raw, where)
    event = f"{activity(where.conversation, of)}:{who.user}:{kinds[0]}"
    return Judged(where, who, of, score, "", event)


def _invoked(raw: JSON) -> Happened:
    where, value = place(raw), _object(raw, "value")
    who = _person(raw, where)
    event = activity(where.conversation, _text(raw, "id") or _text(raw, "timestamp"))
    match raw.get("name"):
        case "message/submitAction" if value.get("actionName") == "feedback":
            judged = _object(value, "actionValue")
            score = {"like": 1, "dislike": -1}.get(_text(judged, "reaction"), 0)
            if not score:
                return Silent.KIND
            return Judged(where, who, _text(raw, "replyToId"), score, _reason(judged.get("feedback")), event)
        case "adaptiveCard/action":
            action = _object(value, "action")
            again = _text(action, "verb") == "refresh" or _text(value, "trigger") == "automatic"
            return Pressed(where, who, _object(action, "data"), _text(raw, "replyToId"), event, again)
        case "fileConsent/invoke":
            taken = _text(value, "action") == "accept"
            upload = _object(value, "uploadInfo") if taken else None
            return Consented(where, who, _object(value, "context"), upload, _text(raw, "replyToId"), event)
        case _:
            return Silent.KIND


def _reason(feedback: object) -> str:
    """Return what was written beside a thumb: JSON within a string in Teams, plain in the Playground."""
    try:
        read = json.loads(feedback) if isinstance(feedback, str) else feedback
    except ValueError:
        read = feedback
    found = read.get("feedbackText") if isinstance(read, Mapping) else read
    return found[:2_000] if isinstance(found, str) else ""


def _came(raw: JSON) -> Came | Silent:
    where = place(raw)
    added = {_text(one, "id") for one in _list(raw, "membersAdded")}
    return Came(where, _person(raw, where)) if where.bot in added else Silent.KIND


def route(where: Place, who: Person) -> dict[str, object]:
    """Return what an answer needs, for `Thread.route`."""
    return {"service": where.service, "scope": where.scope.value, "bot": where.bot, "user": who.id}


def in_channel(where: Place) -> str:
    """Return the id of the channel or chat that a conversation stands in."""
    return channel_of(where.conversation)


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
        raise ValueError(f"the activity has no {name}")
    return found
