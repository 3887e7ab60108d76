"""Slack's words: what the composer makes of what a person types, and what a person reads of what was posted.

Used by the fake Slack's people and by the kits that read as customers and operators do. The rules are those of
docs.slack.dev ('Formatting message text', 'Rich text block').
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any
from zlib import crc32

from markdown_it import MarkdownIt

JSON = dict[str, Any]

_URL = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?'\")]")
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_PICTURE = "[\u2600-\u27bf\U0001f300-\U0001faff]"
_EMOJI = re.compile(f"{_FLAG}|{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?(?:\u200d{_PICTURE}\ufe0f?)*")
_PIECE = re.compile(f"(?P<url>{_URL.pattern})|(?P<emoji>{_EMOJI.pattern})|(?P<mention><@(?P<user>[UW]\\w+)>)")
_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_MARKS = [
    re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^\n{sign}]+?)(?<=\S){sign}(?![\w{sign}])")
    for sign in (r"\*", "_", "~", "`")
]


def escape(text: str) -> str:
    """Return `text` as Slack writes it in `text` fields: & < > as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# What a person types


def compose(typed: str, mentions: Iterable[str] = ()) -> tuple[str, list[JSON]]:
    """Return (text, blocks) of what was typed: links found, pictures named, `<@U1>` a mention if U1 is in `mentions`.

    Slack's composer writes a picture as ':bike:' into the text, and as an emoji element with its code into the blocks.
    """
    known = set(mentions)
    elements = list(_elements(typed, known))
    if not elements:
        return "", []
    section = {"type": "rich_text_section", "elements": elements}
    block_id = f"b{crc32(typed.encode()):x}"
    return "".join(map(_in_text, elements)), [{"type": "rich_text", "block_id": block_id, "elements": [section]}]


def _elements(typed: str, known: set[str]) -> Iterator[JSON]:
    at = 0
    for found in _PIECE.finditer(typed):
        if found["mention"] and found["user"] not in known:
            continue
        if found.start() > at:
            yield {"type": "text", "text": typed[at : found.start()]}
        if found["url"]:
            yield {"type": "link", "url": found["url"]}
        elif found["emoji"]:
            yield _emoji(found["emoji"])
        else:
            yield {"type": "user", "user_id": found["user"]}
        at = found.end()
    if typed[at:]:
        yield {"type": "text", "text": typed[at:]}


def _emoji(picture: str) -> JSON:
    names = [unicodedata.name(sign, "sign").lower().replace(" ", "_") for sign in picture]
    return {"type": "emoji", "name": names[0], "unicode": "-".join(f"{ord(sign):04x}" for sign in picture)}


def _in_text(element: JSON) -> str:
    match element["type"]:
        case "link":
            return f"<{escape(element['url'])}>"
        case "emoji":
            return f":{element['name']}:"
        case "user":
            return f"<@{element['user_id']}>"
        case _:
            return escape(element["text"])


# What a person reads


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press."""

    action_id: str
    value: str
    label: str


def acted(what: str) -> str:
    """Return what stands for something that Slack acts on, such as a call to everyone: it is not words."""
    return f"\u27e6{what}\u27e7"


def words_of_mrkdwn(text: str, *, marks: bool = True) -> str:
    """Return what is read of a `text` field or a mrkdwn object; `marks`: '*' and the like are not words there."""
    shown = _TOKEN.sub(_token, text)
    for mark in _MARKS if marks else ():
        shown = mark.sub(r"\1", shown)
    return unescape(shown)


def _token(found: re.Match[str]) -> str:
    kind, target, label = found.groups()
    if kind:
        return acted(kind + target)
    return label or target


def words_of_markdown(text: str) -> str:
    """Return what is read of Markdown in a stream or a markdown block: mentions act there too."""
    lines = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline":
            lines.append("".join(_of_markdown(child.type, child.content) for child in token.children or ()))
        elif token.type in {"fence", "code_block", "html_block"}:
            lines.append(token.content.rstrip("\n"))
    return _TOKEN.sub(_token, "\n".join(lines))


def _of_markdown(kind: str, content: str) -> str:
    return "\n" if kind in {"softbreak", "hardbreak"} else content


def words_of_blocks(blocks: Iterable[JSON]) -> list[tuple[str, str]]:
    """Return (block_id, words) of each block that has words; what is on buttons is not words."""
    read = ((block.get("block_id", ""), words_of_block(block)) for block in blocks)
    return [(block_id, words) for block_id, words in read if words]


def words_of_block(block: JSON) -> str:
    """Return what is read in one block."""
    match block["type"]:
        case "rich_text":
            return "\n".join(_rich(element) for element in block["elements"])
        case "section":
            texts = [block["text"]] if "text" in block else []
            return "\n".join(map(_object, [*texts, *block.get("fields", ())]))
        case "header":
            return _object(block["text"])
        case "context":
            return " ".join(_object(element) for element in block["elements"] if element["type"] != "image")
        case "markdown":
            return words_of_markdown(block["text"])
        case "table":
            return "\n".join(" | ".join(map(_cell, row)) for row in block["rows"])
        case "input":
            return _object(block["label"])
        case _:
            return ""


def _object(text: JSON) -> str:
    return words_of_mrkdwn(text["text"]) if text["type"] == "mrkdwn" else str(text["text"])


def _cell(cell: JSON) -> str:
    return words_of_block(cell) if cell["type"] == "rich_text" else str(cell["text"])


def _rich(element: JSON) -> str:
    if element["type"] == "rich_text_list":
        indent = "    " * element.get("indent", 0)
        first = element.get("offset", 0) + 1
        marks = [f"{n}." if element["style"] == "ordered" else "\u2022" for n in range(first, first + 100_000)]
        return "\n".join(
            f"{indent}{mark} {_rich(item)}" for mark, item in zip(marks, element["elements"], strict=False)
        )
    return "".join(map(_inline, element["elements"]))


def _inline(element: JSON) -> str:
    match element["type"]:
        case "text":
            return str(element["text"])
        case "link":
            return str(element.get("text") or element["url"])
        case "emoji":
            code = element.get("unicode")
            return "".join(chr(int(part, 16)) for part in code.split("-")) if code else f":{element['name']}:"
        case "user":
            return acted("@" + element["user_id"])
        case "usergroup":
            return acted("@" + element["usergroup_id"])
        case "channel":
            return acted("#" + element["channel_id"])
        case "broadcast":
            return acted("!" + element["range"])
        case _:
            return str(element.get("fallback", ""))


def buttons_of(blocks: Iterable[JSON]) -> list[Button]:
    """Return what can be pressed in `blocks`, from the top; of a menu, each choice."""
    found: list[Button] = []
    for block in blocks:
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ())]
        if block["type"] in {"actions", "context_actions", "section"}:
            found += [button for element in elements for button in _pressable(element)]
    return found


def _pressable(element: JSON) -> Iterator[Button]:
    action = element.get("action_id", "")
    match element["type"]:
        case "button":
            yield Button(action, element.get("value", ""), element["text"]["text"])
        case "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                yield Button(action, element[side]["value"], element[side]["text"]["text"])
        case "overflow" | "static_select" | "radio_buttons":
            groups = element.get("option_groups") or [element]
            for option in (option for group in groups for option in group["options"]):
                yield Button(action, option["value"], option["text"]["text"])
