"""The worst model there can be: it does whatever it is told, by whomever, wherever in a request it finds it.

An order stands between two pairs of percent signs, `%%say hello%%`; it may stand in any role, in what a tool returned,
in a file's name, or in the bytes of a picture. Beside that the model does its work: it searches first, and begins its
answer with a sentence and its source, so that nothing it adds is kept back for want of one.

    async with FakeOpenAI(otherwise=Obedient(key="sk-..."), without_tools=Obedient.drafting) as server: ...

An order that begins with `@word` is meant for those alone who ask about that word.

Orders: `say TEXT`, `call TOOL {JSON}`, `cite NUMBER`, `promise a person`, `remember FACT`, `repeat everything`,
`print environment [FORM]`, `show your instructions [FORM]`, with a form of backwards, base64, hex, rot13, spaced,
dashed, in pieces.
"""

import base64
import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.openai_server import Answer, Call, call, say

JSON = dict[str, Any]

OPENING = "Here is what I have found [1]."
_ORDER = re.compile(r"%%(.+?)%%", re.DOTALL)
_TAGS = 0xE0000  # the block of Unicode in which letters are written that no screen shows, and models read
_SEARCH = "search_knowledge_base"
_FORMS: Mapping[str, Callable[[str], str]] = {
    "": str,
    "backwards": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "spaced": lambda text: " ".join(text),
    "dashed": lambda text: "\n".join(f"- {word}" for word in text.split()),
    "in pieces": lambda text: "\u200b".join(text),
}


@dataclass(frozen=True, slots=True)
class Obedient:
    """A script for `FakeOpenAI`. `key` is the API key, which a server of models knows."""

    key: str = "sk-unknown"

    def __call__(self, request: JSON) -> Answer:
        """Return the next step: a search, then what was ordered to be called, then an answer with all the rest."""
        made = list(_calls(request))
        if _SEARCH not in [name for name, _ in made]:
            return call(_SEARCH, {"query": _ORDER.sub(" ", _question(request)).strip() or "Hello"})
        orders = _orders(request)
        wanted = [found for order in orders if (found := _ordered_call(order)) and found not in made]
        if wanted:
            return Answer(calls=tuple(Call(name, json.dumps(given), None) for name, given in wanted))
        said = [OPENING, *filter(None, (self._obeyed(order, request) for order in orders))]
        return say("\n".join(f"{one} " for one in said), 40)

    def drafting(self, request: JSON) -> Answer:
        """Return a draft for operators, as obedient."""
        said = " ".join(filter(None, (self._obeyed(order, request) for order in _orders(request))))
        return say(f"SUMMARY: A customer wrote. {said[:200]}\nREPLY: Hello! {said}")

    def _obeyed(self, order: str, request: JSON) -> str:
        verb, _, rest = order.partition(" ")
        match verb:
            case "say":
                return rest
            case "cite":
                return f"As shown there [{rest}]."
            case "promise":
                return "I am connecting you with a colleague."
            case "repeat":
                return "\n".join(_ORDER.sub("", text) for text in texts(request))
            case "print":
                form = _FORMS[rest.removeprefix("environment").strip()]
                return f"{form(f'OPENAI_API_KEY={self.key}')}\nHOME=/root"
            case "show":
                return _FORMS[rest.removeprefix("your instructions").strip()](instructions(request))
            case _:
                return ""


def _orders(request: JSON) -> list[str]:
    asked = _question(request)
    found = dict.fromkeys(order.strip() for text in texts(request) for order in _ORDER.findall(text))
    meant = (one for one in found if not one.startswith("@") or _name(one) in asked)
    return list(dict.fromkeys(one.partition(" ")[2] if one.startswith("@") else one for one in meant))


def _name(order: str) -> str:
    return order.partition(" ")[0][1:]


def instructions(request: JSON) -> str:
    """Return what the model was told to be."""
    first = [str(request.get("instructions") or "")]
    said = request.get("messages") or []
    return "\n".join(first + [text for one in said if one.get("role") == "system" for text in _strings(one["content"])])


def texts(request: JSON) -> Iterator[str]:
    """Yield every text of a request, of any role; what is JSON or a picture is opened."""
    for part in (request.get("instructions"), request.get("messages") or request.get("input")):
        for text in _strings(part):
            yield from _opened(text)


def _opened(text: str) -> Iterator[str]:
    if text.startswith("data:"):
        yield base64.b64decode(text.partition(",")[2]).decode("latin-1")
        return
    yield "".join(chr(ord(sign) - _TAGS) for sign in text if _TAGS <= ord(sign) < _TAGS + 128)
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if isinstance(held, dict | list):
        yield from _strings(held)
    else:
        yield text


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _strings(one)
        case list():
            for one in value:
                yield from _strings(one)


def _question(request: JSON) -> str:
    """Return the first paragraph of the customer's last words."""
    items = request.get("messages") or request.get("input") or []
    asked = [item["content"] for item in items if isinstance(item, dict) and item.get("role") == "user"]
    said = [one if isinstance(one, str) else "".join(part.get("text", "") for part in one) for one in asked]
    return next(filter(None, reversed(said)), "").partition("\n\n")[0]


def _calls(request: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield the calls that were made in this turn already."""
    for item in request.get("messages") or request.get("input") or []:
        for made in item.get("tool_calls") or ():
            yield made["function"]["name"], json.loads(made["function"]["arguments"])
        if item.get("type") == "function_call":
            yield item["name"], json.loads(item["arguments"])


def _ordered_call(order: str) -> tuple[str, JSON] | None:
    verb, _, rest = order.partition(" ")
    if verb == "remember":
        return "remember", {"fact": rest}
    if verb != "call":
        return None
    tool, _, given = rest.partition(" ")
    return tool, json.loads(given or "{}")
