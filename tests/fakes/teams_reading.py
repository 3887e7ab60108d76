"""What a person reads in the fake Teams: each message with its words, sources, buttons, cards and files.

Tests ask for it by `Person.sees`; nothing here changes anything.
"""

from dataclasses import dataclass
from typing import Any

from tests.fakes.teams_cards import Card, read
from tests.fakes.teams_checks import CONSENT, message_entity, suggested
from tests.fakes.teams_workspace import BOT_ID, BOT_NAME, Message, Room, Workspace

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the words cite as [position]."""

    position: int
    name: str
    url: str = ""
    abstract: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A message as a person reads it.

    `stream`: '' (never was one), 'streaming', 'final', 'stopped' or 'broken'. `offers`: files that they may agree to
    take. `suggested`: titles, below the newest message only. `card`: their own view of it, if they have one.
    """

    id: str
    sender: str
    at: float
    text: str
    citations: tuple[Citation, ...] = ()
    ai: bool = False
    feedback: bool = False
    suggested: tuple[str, ...] = ()
    card: Card | None = None
    files: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    edited: bool = False
    deleted: bool = False
    stream: str = ""
    root: str = ""

    @property
    def by_bot(self) -> bool:
        """Whether the app wrote it."""
        return self.sender == BOT_NAME


def reads(workspace: Workspace, room: Room, root: str, who: str, *, broken_after: float) -> list[Read]:
    """Return what somebody reads in a conversation, from the top: in a channel the posts, or one thread with `root`.

    `broken_after`: streams that began before this are broken, in the seconds of the Connector's clock.
    """
    if room.kind == "channel":
        shown = room.thread(root) if root else [message for message in room.messages.values() if not message.root]
    else:
        shown = list(room.messages.values())
    last = shown[-1] if shown else None
    return [_read(workspace, room, message, who, broken_after, newest=message is last) for message in shown]


def shown_card(message: Message, who: str) -> JSON | None:
    """Return the card of a message as somebody has it before them."""
    return message.views.get(who) or (message.cards[0] if message.cards else None)


def _read(workspace: Workspace, room: Room, message: Message, who: str, broken_after: float, *, newest: bool) -> Read:
    name = BOT_NAME if message.by_bot else workspace.members[message.sender].name
    if message.deleted:
        return Read(message.id, name, message.at, "", deleted=True, root=message.root)
    activity, card = message.activity, shown_card(message, who)
    entity = message_entity(activity)
    stream = message.stream
    state = stream.state if stream else ""
    if stream and state == "streaming" and stream.began < broken_after:
        state = "broken"
    done = state in {"", "final"}
    return Read(
        message.id,
        name,
        message.at,
        message.text if done or not stream else stream.text or stream.informative,
        citations=_citations(entity, message.text) if done else (),
        ai="AIGeneratedContent" in entity.get("additionalType", ()) and done,
        feedback="feedbackLoop" in (activity.get("channelData") or {}) and done and message.by_bot,
        suggested=tuple(one["title"] for one in suggested(activity, room.kind)) if newest else (),
        card=read(card) if card else None,
        files=(*message.files, *_names(activity)),
        offers=_names(activity, CONSENT),
        edited=message.edited,
        stream=state,
        root=message.root,
    )


def _citations(entity: JSON, text: str) -> tuple[Citation, ...]:
    cited = [one for one in entity.get("citation", ()) if f"[{one['position']}]" in text]
    shown = [(one["position"], one["appearance"]) for one in cited]
    return tuple(
        Citation(position, one["name"], one.get("url", ""), one.get("abstract", "")) for position, one in shown
    )


def _names(activity: JSON, kind: str = "") -> tuple[str, ...]:
    """Return the names of the app's files and pictures, or of attachments of one kind."""
    attachments = activity.get("attachments") or ()
    kinds = (kind,) if kind else ("application/vnd.microsoft.teams.card.file.info", "image/")
    found = [one for one in attachments if str(one.get("contentType")).startswith(kinds)]
    by_app = (activity.get("from") or {}).get("id", BOT_ID) == BOT_ID
    return tuple(str(one.get("name") or "image") for one in found if by_app)
