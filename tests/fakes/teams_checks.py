"""What the fake Teams takes as a message, and what it drops without a word: `check` looks at an activity.

Numbers and codes are those of learn.microsoft.com: 'Format your bot messages' (about 100 KB, in UTF-16, without
Base64 pictures), 'Bot messages with AI-generated content' (citations), 'Conversations with a bot' (suggested actions).
Where Teams only leaves something out, the words for it are returned, so that a test can ask that nothing was.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from tests.fakes.teams_cards import complaints
from tests.fakes.teams_workspace import Refused, refusal

JSON = dict[str, Any]

MOST_BYTES = 100 * 1024
MOST_CITATIONS = 20
MOST_NAME, MOST_ABSTRACT, MOST_KEYWORD = 80, 160, 28
MOST_KEYWORDS = 3
MOST_SUGGESTED = 6
MESSAGE = "https://schema.org/Message"
ADAPTIVE = "application/vnd.microsoft.card.adaptive"
CONSENT = "application/vnd.microsoft.teams.card.file.consent"
FILE_INFO = "application/vnd.microsoft.teams.card.file.info"
_CARDS = {
    "application/vnd.microsoft.card.hero",
    "application/vnd.microsoft.card.receipt",
    "application/vnd.microsoft.card.signin",
    "application/vnd.microsoft.card.thumbnail",
    "application/vnd.microsoft.teams.card.list",
    "application/vnd.microsoft.teams.card.o365connector",
}
_PICTURES = {"image/gif", "image/jpeg", "image/png"}
_TYPES = {"message", "typing"}
_FORMATS = {"markdown", "plain", "xml"}
_ICONS = {
    "Microsoft Word", "Microsoft Excel", "Microsoft PowerPoint", "Microsoft OneNote", "Microsoft SharePoint",
    "Microsoft Visio", "Microsoft Loop", "Microsoft Whiteboard", "Source Code", "Sketch", "Adobe Illustrator",
    "Adobe Photoshop", "Adobe InDesign", "Adobe Flash", "Image", "GIF", "Video", "Sound", "ZIP", "Text", "PDF",
}  # fmt: skip


def bad(message: str) -> Refused:
    """Return the refusal of an activity with something wrong in it."""
    return Refused(400, "BadArgument", message)


def size(activity: JSON) -> int:
    """Return how large Teams finds an activity: its JSON in UTF-16, without Base64 pictures, in bytes."""
    text = json.dumps(activity, ensure_ascii=False, separators=(",", ":"))
    return len(re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*", "", text).encode("utf-16-le", "surrogatepass"))


def check(activity: Any, kind: str) -> list[str]:
    """Return what Teams would drop of an activity in a conversation of this kind. Raises `Refused`."""
    if not isinstance(activity, dict) or activity.get("type") not in _TYPES:
        raise Refused(400, "BadSyntax", "Activity type is missing or not supported")
    if size(activity) > MOST_BYTES:
        raise refusal("MessageSizeTooBig")
    if activity["type"] == "typing":
        return []
    text, attachments = activity.get("text") or "", activity.get("attachments") or []
    if not isinstance(text, str) or not isinstance(attachments, list):
        raise Refused(400, "BadSyntax", "Text has to be a string, attachments an array")
    if not text and not attachments:
        raise Refused(400, "BadSyntax", "Activity must include text or attachments")
    if activity.get("textFormat") not in {None, *_FORMATS}:
        raise bad(f"Unknown text format {activity['textFormat']}")
    for attachment in attachments:
        _attachment(attachment, kind)
    _feedback(activity)
    return [*_entities(activity), *_suggested(activity, kind)]


# Attachments


def _attachment(attachment: Any, kind: str) -> None:
    of = attachment.get("contentType") if isinstance(attachment, dict) else None
    if of == ADAPTIVE:
        wrong = complaints(attachment.get("content"))
        if wrong:
            raise bad(f"Adaptive Card: {'; '.join(wrong)}")
    elif of == CONSENT:
        _consent(attachment, kind)
    elif of == FILE_INFO:
        content = attachment.get("content") or {}
        if kind != "personal" or not {"uniqueId", "fileType"} <= content.keys() or not attachment.get("contentUrl"):
            raise bad("A file card needs uniqueId, fileType and contentUrl, and a personal chat")
    elif of in _PICTURES:
        if not re.match(r"https?://|data:image/", str(attachment.get("contentUrl", ""))):
            raise bad("A picture needs a contentUrl")
    elif of not in _CARDS:
        raise bad(f"Unknown attachment type {of}")


def _consent(attachment: JSON, kind: str) -> None:
    content = attachment.get("content") or {}
    if kind != "personal":
        raise bad("File consent cards are for personal chats")
    if not attachment.get("name") or not isinstance(content.get("sizeInBytes"), int):
        raise bad("A file consent card needs a name and sizeInBytes")


# Entities


def message_entity(activity: JSON) -> JSON:
    """Return what the activity says of itself in the words of schema.org; {} if nothing."""
    return next((one for one in activity.get("entities") or () if one.get("type") == MESSAGE), {})


def _entities(activity: JSON) -> list[str]:
    entities = activity.get("entities") or []
    if not isinstance(entities, list) or not all(isinstance(one, dict) and one.get("type") for one in entities):
        raise Refused(400, "BadSyntax", "Entities have to be an array of objects with a type")
    if sum(one["type"] == MESSAGE for one in entities) > 1:
        raise bad("Multiple root message entities found under `entities` array.")
    dropped = [one for entity in entities if entity["type"] == "mention" for one in _mention(entity, activity)]
    entity = message_entity(activity)
    return dropped + (_message(entity, str(activity.get("text") or "")) if entity else [])


def _mention(entity: JSON, activity: JSON) -> list[str]:
    text, mentioned = entity.get("text"), entity.get("mentioned")
    if not isinstance(mentioned, dict) or not mentioned.get("id"):
        raise bad("A mention needs mentioned.id")
    return [] if text and text in str(activity.get("text")) else [f"the mention {text}: it is not in the text"]


def _message(entity: JSON, text: str) -> list[str]:
    kinds, citations = entity.get("additionalType", []), entity.get("citation", [])
    whole = entity.get("@type") == "Message" and entity.get("@context") == "https://schema.org"
    if (
        not whole
        or not isinstance(kinds, list)
        or set(kinds) - {"AIGeneratedContent"}
        or not isinstance(citations, list)
    ):
        raise bad("Error parsing message entity from `entities` array.")
    if len(citations) > MOST_CITATIONS:
        raise bad("Bot message with more than 20 citations.")
    for citation in citations:
        _citation(citation)
    positions = [citation["position"] for citation in citations]
    if len(set(positions)) != len(positions):
        raise bad(f"Error while parsing citation entity with ID: {max(positions, key=positions.count)}")
    return [
        f"citation {position}: [{position}] is not in the text" for position in positions if f"[{position}]" not in text
    ]


def _citation(citation: Any) -> None:
    position = citation.get("position") if isinstance(citation, dict) else None
    if not isinstance(position, int) or position < 1 or citation.get("@type") != "Claim":
        raise bad(f"Error while parsing citation entity with ID: {position}")
    shown = citation.get("appearance")
    if not shown:
        raise bad("The `appearance` object is empty.")
    checks: Sequence[Callable[[JSON], bool]] = (_titled, _addressed, _described, _carded, _pictured)
    if not isinstance(shown, dict) or not all(check(shown) for check in checks):
        raise bad(f"Error while parsing citation entity with ID: {position}")


def _titled(shown: JSON) -> bool:
    name = shown.get("name")
    return shown.get("@type") == "DigitalDocument" and isinstance(name, str) and 0 < len(name) <= MOST_NAME


def _addressed(shown: JSON) -> bool:
    return "url" not in shown or bool(re.match(r"https?://\S+$", str(shown["url"])))


def _described(shown: JSON) -> bool:
    words = shown.get("keywords", [])
    fits = isinstance(words, list) and len(words) <= MOST_KEYWORDS and all(len(word) <= MOST_KEYWORD for word in words)
    abstract = shown.get("abstract", "")
    return fits and isinstance(abstract, str) and len(abstract) <= MOST_ABSTRACT


def _carded(shown: JSON) -> bool:
    return "text" not in shown or shown.get("encodingFormat") == ADAPTIVE


def _pictured(shown: JSON) -> bool:
    image = shown.get("image")
    return image is None or (image.get("@type") == "ImageObject" and image.get("name") in _ICONS)


# What stands below a message


def _feedback(activity: JSON) -> None:
    data = activity.get("channelData") or {}
    if not isinstance(data, dict):
        raise Refused(400, "BadSyntax", "Channel data have to be an object")
    loop = data.get("feedbackLoop")
    if loop is not None and (not isinstance(loop, dict) or loop.get("type") not in {"default", "custom"}):
        raise bad("feedbackLoop.type has to be default or custom")


def _suggested(activity: JSON, kind: str) -> list[str]:
    suggested = activity.get("suggestedActions")
    if not suggested:
        return []
    actions = suggested.get("actions") if isinstance(suggested, dict) else None
    if not isinstance(actions, list) or not all(one.get("title") and one.get("value") for one in actions):
        raise bad("Suggested actions need a title and a value")
    if kind != "personal":
        return ["suggested actions outside a personal chat"]
    if activity.get("attachments"):
        return ["suggested actions of a message with attachments"]
    others = [f"the suggested action {one['title']}: it is no imBack" for one in actions if one.get("type") != "imBack"]
    more = [f"the suggested action {one['title']}: six are shown" for one in actions[MOST_SUGGESTED:]]
    return others + more


def suggested(activity: JSON, kind: str) -> list[JSON]:
    """Return the suggested actions that the person sees."""
    if kind != "personal" or activity.get("attachments"):
        return []
    actions = (activity.get("suggestedActions") or {}).get("actions", [])
    return [one for one in actions[:MOST_SUGGESTED] if one.get("type") == "imBack"]
