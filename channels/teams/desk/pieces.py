"""What the desk's posts in Teams are made of: activities, cards and the pieces of cards. Pure.

Words of customers, models and colleagues stand where Teams shows them letter by letter: in a card in TextRuns, which
know no Markdown, and in messages as HTML that is escaped. Limits: learn.microsoft.com, 'Format your bot messages'.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from channels.desk.words import one_line, shortened
from channels.teams.desk.parse import FIELDS, VERSION
from core.ids import CaseId, MessageId
from core.messages import DeskAction

JSON = dict[str, Any]

MOST_CARD = 28 * 1024  # bytes of a card, in UTF-16
_ADAPTIVE = "application/vnd.microsoft.card.adaptive"
_MARKS = str.maketrans("", "", "*_~`[]{}<>\\|#")


# Activities


def size(activity: object) -> int:
    """Return how large Teams finds it: its JSON in UTF-16, in bytes."""
    return len(json.dumps(activity, ensure_ascii=False, separators=(",", ":")).encode("utf-16-le", "surrogatepass"))


def carrying(card: JSON, summary: str) -> JSON:
    """Return the activity that shows a card; `summary` stands for it in notifications."""
    attachment = {"contentType": _ADAPTIVE, "content": card}
    return {"type": "message", "summary": one_line(summary, 300), "attachments": [attachment]}


def look(card: JSON) -> str:
    """Return a short name of what a card shows: the same for two that look the same."""
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]


def said(markup: str) -> JSON:
    """Return the activity that says something in Teams' HTML."""
    return {"type": "message", "textFormat": "xml", "text": markup}


def verbatim(text: str) -> str:
    """Return words as HTML that shows them letter by letter, line by line."""
    return "<br>".join(escape(line, quote=False).replace("  ", "\u00a0 ") for line in text.split("\n"))


def to_person(user: str, name: str, text: str) -> JSON:
    """Return a sentence that names the one it is for, in a place where all can read it."""
    called = one_line(name.translate(_MARKS), 80) or "You"
    marked = f"<at>{called}</at>"
    mention = {"type": "mention", "text": marked, "mentioned": {"id": user, "name": called}}
    return {**said(f"{marked} {verbatim(shortened(text, 2_000))}"), "entities": [mention]}


# Pieces of a card


def run(text: str, **style: Any) -> JSON:
    """Return words that are shown letter by letter; they can't be empty."""
    return {"type": "TextRun", "text": text or " ", **style}


def rich(*runs: JSON, **more: Any) -> JSON:
    """Return a paragraph of runs."""
    return {"type": "RichTextBlock", "inlines": list(runs), **more}


def ours(text: str, **style: Any) -> JSON:
    """Return a block of words of our own."""
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def subtle(text: str, **more: Any) -> JSON:
    """Return small grey words."""
    return rich(run(text, isSubtle=True, size="Small"), **more)


def literal(text: str, most: int) -> list[JSON]:
    """Return words that keep their lines: in a TextRun some clients would run them together."""
    lines = shortened(text, most).split("\n")
    return [rich(run(line), spacing="None" if n else "Default") for n, line in enumerate(lines[:60])]


def data(case: CaseId, word: str, message: MessageId | None = None) -> JSON:
    """Return what a button carries: `parse.asked` reads it."""
    about = {"message": message} if message else {}
    return {"v": VERSION, "case": case, "action": word, **about}


def button(label: str, case: CaseId, word: str, message: MessageId | None = None, *, style: str = "") -> JSON:
    """Return a button that asks for `word`."""
    more = {"style": style} if style else {}
    return {
        "type": "Action.Execute",
        "title": label,
        "verb": word,
        "data": data(case, word, message),
        **more,
    }


def form(label: str, *body: JSON, submit: JSON) -> JSON:
    """Return a button that unfolds something to fill in."""
    card = {"type": "AdaptiveCard", "version": "1.5", "body": list(body), "actions": [submit]}
    return {"type": "Action.ShowCard", "title": label, "card": card}


def field_for(action: DeskAction, label: str, value: str = "") -> JSON:
    """Return a field for the words of an action."""
    given = {"value": value} if value else {}
    return {"type": "Input.Text", "id": FIELDS[action], "label": label, "isMultiline": True, **given}


def menu(action: DeskAction, label: str, choices: Iterable[tuple[str, str]], value: str = "") -> JSON:
    """Return a menu for an action; `choices` are what they stand for, and their names."""
    options = [{"title": one_line(name, 80) or " ", "value": id_} for id_, name in choices]
    given = {"value": value} if value else {}
    return {"type": "Input.ChoiceSet", "id": FIELDS[action], "label": label, "choices": options, **given}


def card_of(body: Iterable[JSON], actions: Sequence[JSON] = (), **more: Any) -> JSON:
    """Return a card with its buttons."""
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "body": list(body),
        **({"actions": list(actions)} if actions else {}),
        **more,
    }


def moment(seconds: float) -> str:
    """Return words that Teams shows as a time in each reader's own zone (adaptivecards.io, text features)."""
    at = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{{{{DATE({at},SHORT)}}}} {{{{TIME({at})}}}}"


def plain(text: str, most: int) -> str:
    """Return a name for where Teams reads Markdown: the signs that would mark it up are left out."""
    return one_line(text.translate(_MARKS), most) or "-"


def fitting(draw: Callable[[int], JSON], limits: Sequence[int] = (5_000, 2_000, 500)) -> JSON:
    """Return the card that is drawn with the first of the limits that keeps it small enough, or with the last."""
    for limit in limits:
        drawn = draw(limit)
        if size(drawn) <= MOST_CARD:
            break
    return drawn
