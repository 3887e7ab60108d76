"""What an operator's mail asks for: a command in its first line, or a line for the case's thread. Pure."""

import re
from dataclasses import dataclass

from core.ids import MessageId
from core.messages import DeskAction, Resolution

_COMMAND = re.compile(r"\s*#(?P<word>[a-z_]+)\b[ \t]*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_MESSAGE = re.compile(r"m_[0-9a-f]{16}")
_WORDS = {
    "claim": DeskAction.CLAIM,
    "release": DeskAction.RELEASE,
    "assign": DeskAction.ASSIGN,
    "reply": DeskAction.REPLY,
    "send": DeskAction.REPLY,
    "note": DeskAction.NOTE,
    "draft": DeskAction.DRAFT,
    "resolve": DeskAction.RESOLVE,
    "bot": DeskAction.HAND_BACK,
    "reopen": DeskAction.REOPEN,
    "edit": DeskAction.EDIT,
    "withdraw": DeskAction.WITHDRAW,
    "check": DeskAction.CHECK,
    "resend": DeskAction.RESEND,
    "forget": DeskAction.FORGET,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the mail asks for. `colleague` is whom a case is given to; `draft`: send the suggested reply."""

    action: DeskAction
    text: str = ""
    colleague: str = ""
    outcome: Resolution = Resolution.SOLVED
    draft: bool = False


def read(text: str) -> Asked | str:
    """Return what an operator's words ask for, or the sentence that says why they can't be understood."""
    found = _COMMAND.match(text)
    if not found:
        return Asked(DeskAction.WRITE, text)
    word, rest = found["word"].lower(), found["rest"].strip()
    action = _WORDS.get(word)
    if action is None:
        known = " ".join(f"#{name}" for name in _WORDS)
        return f"There is no #{word} here. These work: {known}. Nothing was sent to the customer."
    if action is DeskAction.ASSIGN:
        return Asked(action, colleague=rest.lstrip("@").partition("\n")[0].strip())
    if action is DeskAction.RESOLVE:
        return _resolve(rest)
    return Asked(action, rest, draft=word == "send" and not rest)


def _resolve(rest: str) -> Asked | str:
    try:
        return Asked(DeskAction.RESOLVE, outcome=Resolution((rest.split() or ["solved"])[0].lower()))
    except ValueError:
        return f"A case is resolved as one of: {', '.join(Resolution)}. It is still open."


def message_in(part: str) -> MessageId | None:
    """Return the message that the Message-ID part of a desk's mail names."""
    found = _MESSAGE.match(part)
    return MessageId(found[0]) if found else None
