"""Adaptive Cards as the fake Teams takes and shows them: what is wrong with one, and what a person reads and presses.

`complaints` follows the schema at adaptivecards.io to version 1.5, which is what Teams shows to bots' cards, with its
own limits: six actions, sixty people in a refresh. A card that Teams would show with holes is refused here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]

MOST_ACTIONS = 6
MOST_REFRESHED = 60
_VERSIONS = {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
_INPUTS = {"Input.Text", "Input.Number", "Input.Date", "Input.Time", "Input.Toggle", "Input.ChoiceSet"}
_LISTS = {
    "ActionSet": "actions",
    "ColumnSet": "columns",
    "Container": "items",
    "FactSet": "facts",
    "ImageSet": "images",
    "Media": "sources",
    "RichTextBlock": "inlines",
    "Table": "rows",
}
_WORDS = {"Image": "url", "TextBlock": "text"}
_ACTIONS = {"Action.Execute", "Action.OpenUrl", "Action.ShowCard", "Action.Submit", "Action.ToggleVisibility"}


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press: its title, its kind ('Action.Execute', ...), and the data it sends."""

    title: str
    kind: str
    data: JSON = field(default_factory=dict)
    verb: str = ""
    action: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it is read: its texts, its facts, what can be pressed, and the ids of what can be filled in."""

    texts: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    buttons: tuple[Button, ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All its words, a line for each text and each fact."""
        return "\n".join([*self.texts, *(f"{title}: {value}" for title, value in self.facts)])

    @property
    def titles(self) -> list[str]:
        """What can be pressed."""
        return [button.title for button in self.buttons]


# What is wrong


def complaints(card: Any) -> list[str]:
    """Return what Teams would not show of a card; nothing for a good one."""
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        return ["a card has to be of type AdaptiveCard"]
    found = [] if card.get("version") in _VERSIONS else [f"version {card.get('version')} is not shown"]
    body = card.get("body")
    if not isinstance(body, list) or not (body or card.get("actions")):
        found.append("a card needs a body")
    found += [one for item in _dicts(body) for one in _element(item)]
    found += _actions(card.get("actions", []))
    found += _refresh(card)
    newer = "refresh" in card or any(one.get("type") == "Action.Execute" for one in _all_actions(card))
    if newer and card.get("version") in {"1.0", "1.1", "1.2", "1.3"}:
        found.append("Action.Execute and refresh need version 1.4")
    names = [item.get("id") for item in _walk(card) if item.get("type") in _INPUTS]
    if len(names) != len(set(names)):
        found.append("two inputs have the same id")
    return found


def _dicts(value: Any) -> list[JSON]:
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []


def _element(item: JSON) -> list[str]:
    kind = item.get("type")
    if kind in _WORDS:
        return [] if isinstance(item.get(_WORDS[kind]), str) else [f"{kind} needs {_WORDS[kind]}"]
    if kind in _INPUTS:
        return _input(item)
    if kind not in _LISTS:
        return [] if "fallback" in item else [f"element {kind} is not known"]
    inner = item.get(_LISTS[kind])
    if not isinstance(inner, list):
        return [f"{kind} needs {_LISTS[kind]}"]
    checks: dict[str, Callable[[list[JSON]], list[str]]] = {
        "ActionSet": _actions,
        "ColumnSet": _columns,
        "Container": lambda items: [one for child in items for one in _element(child)],
        "FactSet": _facts,
        "Table": _rows,
    }
    check = checks.get(kind)
    return check(_dicts(inner)) if check else []


def _input(item: JSON) -> list[str]:
    if not item.get("id"):
        return [f"{item['type']} needs an id"]
    if item["type"] == "Input.ChoiceSet":
        whole = all({"title", "value"} <= choice.keys() for choice in _dicts(item.get("choices")))
        return [] if whole and item.get("choices") else ["Input.ChoiceSet needs choices, each with title and value"]
    return ["Input.Toggle needs a title"] if item["type"] == "Input.Toggle" and not item.get("title") else []


def _columns(columns: list[JSON]) -> list[str]:
    wrong = [f"{column['type']} is no Column" for column in columns if column.get("type", "Column") != "Column"]
    return wrong + [one for column in columns for item in _dicts(column.get("items")) for one in _element(item)]


def _facts(facts: list[JSON]) -> list[str]:
    whole = all(isinstance(fact.get("title"), str) and isinstance(fact.get("value"), str) for fact in facts)
    return [] if whole else ["a fact needs title and value, both texts"]


def _rows(rows: list[JSON]) -> list[str]:
    cells = [cell for row in rows for cell in _dicts(row.get("cells"))]
    return [one for cell in cells for item in _dicts(cell.get("items")) for one in _element(item)]


def _actions(actions: Any) -> list[str]:
    if not isinstance(actions, list):
        return ["actions have to be a list"]
    found = [f"{len(actions)} actions; six are shown"] if len(actions) > MOST_ACTIONS else []
    return found + [one for action in _dicts(actions) for one in _action(action)]


def _action(action: JSON) -> list[str]:
    kind = action.get("type")
    if kind not in _ACTIONS:
        return [f"action {kind} is not known"]
    if not action.get("title"):
        return [f"{kind} needs a title"]
    match kind:
        case "Action.OpenUrl":
            return (
                [] if str(action.get("url", "")).startswith(("https://", "http://")) else ["Action.OpenUrl needs a url"]
            )
        case "Action.ShowCard":
            return complaints({"version": "1.5", **(action.get("card") or {})})
        case "Action.Submit" | "Action.Execute":
            return [] if isinstance(action.get("data", {}), dict) else [f"the data of {kind} have to be an object"]
    return []


def _refresh(card: JSON) -> list[str]:
    if "refresh" not in card:
        return []
    refresh = card["refresh"] if isinstance(card["refresh"], dict) else {}
    action, users = refresh.get("action"), refresh.get("userIds", [])
    found = []
    if not isinstance(action, dict) or action.get("type") != "Action.Execute":
        found.append("refresh needs an Action.Execute")
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        found.append("userIds have to be a list of ids")
    elif len(users) > MOST_REFRESHED:
        found.append(f"{len(users)} userIds; sixty are refreshed")
    return found


# What is seen


def read(card: JSON) -> Card:
    """Return a card as it is read; what is hidden is left out, but for what a button would unfold to press."""
    texts: list[str] = []
    facts: list[tuple[str, str]] = []
    for item in _walk(card):
        match item.get("type"):
            case "TextBlock":
                texts.append(item["text"])
            case "RichTextBlock":
                texts.append("".join(one if isinstance(one, str) else one["text"] for one in item["inlines"]))
            case "FactSet":
                facts += [(fact["title"], fact["value"]) for fact in item["facts"]]
    buttons = tuple(_button(action) for action in _all_actions(card))
    inputs = tuple(str(item["id"]) for item in _walk(card, unfold=True) if item.get("type") in _INPUTS)
    return Card(tuple(texts), tuple(facts), buttons, inputs)


def _button(action: JSON) -> Button:
    data = action.get("data", {})
    return Button(str(action.get("title", "")), action["type"], dict(data), str(action.get("verb", "")), action)


def values(card: JSON, filled: JSON) -> JSON:
    """Return what the inputs of a card hold, with `filled` entered. AssertionError for what cannot be entered."""
    inputs = {str(item["id"]): item for item in _walk(card, unfold=True) if item.get("type") in _INPUTS}
    unknown = filled.keys() - inputs.keys()
    assert not unknown, f"there is no {unknown} to fill in, only {list(inputs)}"
    held = {name: filled.get(name, item.get("value", "")) for name, item in inputs.items()}
    empty = [name for name, item in inputs.items() if item.get("isRequired") and not held[name]]
    assert not empty, f"{empty} have to be filled in"
    for name, item in inputs.items():
        choices = {choice["value"] for choice in item.get("choices", ())}
        assert not held[name] or not choices or set(str(held[name]).split(",")) <= choices, (
            f"{held[name]} is none of them"
        )
    return {name: value for name, value in held.items() if value != ""}


def _walk(card: JSON, *, unfold: bool = False) -> Iterator[JSON]:
    """Yield the visible elements of a card, from the top; with `unfold` those behind Action.ShowCard too."""
    yield from _below(_dicts(card.get("body")))
    if unfold:
        for action in _all_actions(card):
            if action.get("type") == "Action.ShowCard":
                yield from _walk(action["card"], unfold=True)


def _below(items: Sequence[JSON]) -> Iterator[JSON]:
    for item in items:
        if item.get("isVisible") is False:
            continue
        yield item
        yield from _below(_dicts(item.get("items")))
        for column in _dicts(item.get("columns")):
            yield from _below(_dicts(column.get("items")))
        for row in _dicts(item.get("rows")):
            for cell in _dicts(row.get("cells")):
                yield from _below(_dicts(cell.get("items")))


def _all_actions(card: JSON) -> Iterator[JSON]:
    for item in _below(_dicts(card.get("body"))):
        chosen = [item["selectAction"]] if isinstance(item.get("selectAction"), dict) else []
        for action in [*_dicts(item.get("actions")), *chosen]:
            yield from _unfolded(action)
    for action in _dicts(card.get("actions")):
        yield from _unfolded(action)


def _unfolded(action: JSON) -> Iterator[JSON]:
    yield action
    if action.get("type") == "Action.ShowCard" and isinstance(action.get("card"), dict):
        yield from _all_actions(action["card"])
