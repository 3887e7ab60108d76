"""What an operator asks for in Teams, by a button of a card or, in a chat without threads, by naming a case. Pure.

A button carries {"v": 1, "case": "c_1", "action": "claim"}, with "message" where it is about one; Teams adds what was
filled in. Whoever is in the channel can send whatever they like as if a button had, so nothing of it is believed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import html

from channels.teams.words import as_text, pages
from core.ids import CaseId, MessageId, OperatorId
from core.messages import DeskAction, Resolution

JSON = Mapping[str, Any]

VERSION = 1
REFRESH, SUGGESTION = "refresh", "suggestion"
"""What changes nothing: the card as it is now, and the form with the suggested reply."""
FIELDS = {
    DeskAction.REPLY: "text",
    DeskAction.EDIT: "text",
    DeskAction.NOTE: "note",
    DeskAction.DRAFT: "hint",
    DeskAction.ASSIGN: "operator",
    DeskAction.RESOLVE: "outcome",
}
"""What is filled in for an action: the names of the inputs, each once in a card."""
_ACTIONS = frozenset(DeskAction) - {DeskAction.WRITE}
_LONGEST_ID = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What a press asks for: an action, or to be shown something (`REFRESH`, `SUGGESTION`)."""

    case: CaseId
    action: DeskAction | None
    show: str = ""
    text: str = ""
    message: MessageId | None = None
    to: OperatorId | None = None
    outcome: Resolution = Resolution.SOLVED


def asked(data: JSON, *, again: bool = False) -> Asked | None:
    """Return what the data of a press ask for; None for what no card of today carries. `again`: Teams asks itself."""
    case, word = _word(data, "case"), _word(data, "action")
    if data.get("v") != VERSION or not case:
        return None
    if again or word == REFRESH:
        return Asked(CaseId(case), None, REFRESH)
    if word == SUGGESTION:
        return Asked(CaseId(case), None, SUGGESTION)
    if word not in _ACTIONS:
        return None
    return _action(data, CaseId(case), DeskAction(word))


def _action(data: JSON, case: CaseId, action: DeskAction) -> Asked | None:
    filled = _text(data, FIELDS.get(action, ""))
    message = _word(data, "message")
    if action is DeskAction.RESOLVE:
        return Asked(case, action, outcome=Resolution(filled)) if filled in set(Resolution) else None
    if action is DeskAction.ASSIGN:
        return Asked(case, action, to=OperatorId(filled[:_LONGEST_ID]) if filled else None)
    return Asked(case, action, text=filled, message=MessageId(message) if message else None)


def _text(data: JSON, name: str) -> str:
    found = data.get(name)
    return found.replace("\x00", "").encode("utf-8", "replace").decode().strip() if isinstance(found, str) else ""


def _word(data: JSON, name: str) -> str:
    found = _text(data, name)
    return found if len(found) <= _LONGEST_ID else ""


# Chats without threads


@dataclass(frozen=True, slots=True)
class Addressed:
    """A line in a chat that names its case: by number ('#12 Hello'), or by answering the message `of`."""

    text: str
    number: int | None = None
    of: str = ""


_NUMBERED = re.compile(r"#(\d{1,9})[:,]?\s+(?=\S)")
_REPLY = "//blockquote[contains(@itemtype, 'schema.skype.com/Reply')]"


def addressed(text: str, raw: JSON) -> Addressed | None:
    """Return a line of a chat that names a case; None for what people say to each other there."""
    if named := _NUMBERED.match(text):
        return Addressed(text[named.end() :], number=int(named[1]))
    for page in pages(raw):
        of, quoted = _quoted(page)
        if of:
            return Addressed(_without(quoted, text), of=of)
    return None


def _quoted(page: str) -> tuple[str, str]:
    """Return the id of the message that a page of HTML answers, and the words that it repeats of it."""
    if "/Reply" not in page:
        return "", ""
    try:
        quotes = html.fromstring(f"<div>{page}</div>").xpath(_REPLY)
    except (ValueError, html.etree.ParserError):
        return "", ""
    if not quotes:
        return "", ""
    shown = as_text(html.tostring(quotes[0], encoding="unicode", with_tail=False))
    return str(quotes[0].get("itemid") or "")[:_LONGEST_ID], shown


def _without(quoted: str, text: str) -> str:
    """Return `text` without the words it repeats, which Teams puts first, in whatever lines."""
    words = re.escape(" ".join(quoted.split())).replace(r"\ ", r"\s+")
    return re.sub(rf"\A\s*{words}\s*", "", text) if words else text
