"""What people in Slack wrote, as they read it themselves: Slack's tokens become words, its entities signs. Pure."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

_TOKEN = re.compile(r"<([^<>\n]{1,4000})>")
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_CODES = re.compile(r"(?:10|[0-9a-f])?[0-9a-f]{2,4}(?:-(?:10|[0-9a-f])?[0-9a-f]{2,4}){0,15}")
_HALF = re.compile(r"[\ud800-\udfff]")
_DEEPEST = 8
_SPECIAL = {"!here": "@here", "!channel": "@channel", "!everyone": "@everyone"}
_NO_NAME = {"!subteam": "@a-group", "!date": "some time"}


def mentioned(text: str) -> list[str]:
    """Return the ids of the people that `text` mentions, each once, in their order."""
    return list(dict.fromkeys(_USER.findall(text)))


def read(text: str, *, own: str = "", names: Mapping[str, str] | None = None) -> str:
    """Return `text` as people read it: mentions of `own` (the bot) are gone, others are '@Name' by `names`."""
    known = names or {}

    def word(token: re.Match[str]) -> str:
        return "" if token[1].partition("|")[0] == f"@{own}" else _word(token[1], known)

    shown = unescape_signs(_TOKEN.sub(word, text))
    return "\n".join(line.strip(" ") if own and f"<@{own}" in text else line for line in shown.split("\n")).strip()


def shown(text: str, written: Mapping[str, Any], *, own: str = "", names: Mapping[str, str] | None = None) -> str:
    """Return `text` as `read` does, with the pictures that the blocks of the message `written` know."""
    return with_pictures(read(text, own=own, names=names), pictures(written))


def unescape_signs(text: str) -> str:
    """Return `text` with the three entities that Slack writes as signs; others stay as somebody typed them."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _word(token: str, names: Mapping[str, str]) -> str:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return f"@{names.get(target[1:], '') or label or 'somebody'}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        kind = target.partition("^")[0]
        return _SPECIAL.get(kind) or label or _NO_NAME.get(kind, kind[1:])
    address = target.removeprefix("mailto:").removeprefix("tel:")
    plain = (unescape(label), unescape(f"http://{label}"), unescape(f"https://{label}"), unescape(f"{label}/"))
    return address if not label or unescape(address) in plain else f"{label} ({address})"


def pictures(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the pictures of a message, by the names (':bike:') that stand for them in its text.

    Slack's own names mean nothing elsewhere; pictures that a workspace made itself have no code, and keep theirs.
    """
    found = {}
    for element in _elements(event.get("blocks")):
        code = str(element.get("unicode") or "")
        if element.get("type") == "emoji" and _CODES.fullmatch(code):
            tone = element.get("skin_tone")
            name = f":{element.get('name')}:" + (f":skin-tone-{tone}:" if tone else "")
            signs = "".join(chr(int(part, 16)) for part in code.split("-"))
            if not _HALF.search(signs):
                found[name] = signs
    return found


def with_pictures(text: str, found: Mapping[str, str]) -> str:
    """Return `text` with its pictures instead of their names."""
    for name in sorted(found, key=len, reverse=True):
        text = text.replace(name, found[name])
    return text


def _elements(part: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(part, list):
        for one in part:
            yield from _elements(one, depth + 1)
    elif isinstance(part, Mapping):
        yield part
        yield from _elements(part.get("elements"), depth + 1)
