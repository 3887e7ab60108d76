"""What an operator asks for in Slack, by a button, a menu or a form. Pure; lines are read by `slack.parse`.

A button's value is the case, with the message where it is about one: 'c_1 m_1'. A menu's choice says first what it
asks for: 'hand_back c_1', or, where a case is resolved, ends with the outcome: 'c_1 solved'.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.ids import CaseId, MessageId, OperatorId
from core.messages import DeskAction, Resolution

JSON = Mapping[str, Any]

PREFIX = "desk:"
FORMS = frozenset({"suggestion", "hint", "note", "assign", "correct"})
"""What is asked for with a form: pressing the button only opens it."""
_DIRECT = frozenset(
    {
        DeskAction.CLAIM,
        DeskAction.RELEASE,
        DeskAction.DRAFT,
        DeskAction.RESOLVE,
        DeskAction.HAND_BACK,
        DeskAction.REOPEN,
        DeskAction.WITHDRAW,
        DeskAction.CHECK,
        DeskAction.RESEND,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a press asks for: an action, or a form to fill in first (one of `FORMS`)."""

    action: DeskAction | None
    case: CaseId
    form: str = ""
    message: MessageId | None = None
    outcome: Resolution = Resolution.SOLVED


def asked(body: JSON) -> Asked | None:
    """Return what the button or menu of a block_actions payload asks for; None for nothing (a link), or what is old."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, Sequence) and actions and isinstance(actions[0], Mapping) else {}
    word = str(action.get("action_id") or "").removeprefix(PREFIX)
    chosen = action.get("selected_option")
    value = str((chosen if isinstance(chosen, Mapping) else action).get("value") or "")
    if word == "more":
        word, _, value = value.partition(" ")
    case, _, rest = value.partition(" ")
    if not case:
        return None
    if word in FORMS:
        return Asked(None, CaseId(case), form=word, message=MessageId(rest) if rest else None)
    if word not in _DIRECT:
        return None
    if word == DeskAction.RESOLVE:
        return Asked(DeskAction.RESOLVE, CaseId(case), outcome=Resolution(rest)) if rest in set(Resolution) else None
    return Asked(DeskAction(word), CaseId(case), message=MessageId(rest) if rest else None)


@dataclass(frozen=True, slots=True)
class About:
    """What a form is about, as it carries it: the case, where its answer belongs, and a message, if it is about one.

    `joins` stand between the pieces of a text that is too long for one field.
    """

    case: CaseId
    root: str = ""
    message: MessageId | None = None
    joins: tuple[str, ...] = ()

    def dumps(self) -> str:
        """Return it as the text that Slack keeps with the form."""
        return json.dumps([self.case, self.root, self.message or "", list(self.joins)])

    @classmethod
    def loads(cls, text: str) -> "About":
        """Read what `dumps` wrote. Raises ValueError."""
        case, root, message, joins = json.loads(text)
        return cls(CaseId(str(case)), str(root), MessageId(str(message)) if message else None, tuple(map(str, joins)))


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was sent: `user` and `operator` are whom a case is for."""

    action: DeskAction
    about: About
    sender: str
    team: str
    event: str
    text: str = ""
    user: str = ""
    operator: OperatorId | None = None


_FILLED = {
    "suggestion": DeskAction.REPLY,
    "hint": DeskAction.DRAFT,
    "note": DeskAction.NOTE,
    "assign": DeskAction.ASSIGN,
    "correct": DeskAction.EDIT,
}


def filled(body: JSON) -> Filled | None:
    """Return what the form of a view_submission asks for; None for one of nobody's. Raises ValueError, KeyError."""
    view, user = body["view"], body["user"]
    action = _FILLED.get(str(view.get("callback_id") or "").removeprefix(PREFIX))
    if action is None:
        return None
    about = About.loads(str(view["private_metadata"]))
    fields = dict(_fields(view))
    operator = fields.get("operator", "")
    return Filled(
        action,
        about,
        sender=str(user["id"]),
        team=str(user.get("team_id") or ""),
        event=f"form:{view['id']}",
        text=_together(fields, about.joins),
        user=fields.get("user", ""),
        operator=OperatorId(operator) if operator else None,
    )


def _fields(view: JSON) -> Iterator[tuple[str, str]]:
    values = (view.get("state") or {}).get("values") or {}
    for block in values.values():
        for name, given in block.items():
            option = given.get("selected_option") or {}
            yield str(name), str(given.get("value") or given.get("selected_user") or option.get("value") or "")


def _together(fields: Mapping[str, str], joins: Sequence[str]) -> str:
    pieces = [fields.get(f"text{n}", "") for n in range(len(joins) + 1)]
    return "".join(piece + join for piece, join in zip(pieces, (*joins, ""), strict=True)).strip()
