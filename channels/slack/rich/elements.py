"""The blocks and elements of which Slack's rich text is made, and what is read in one of them. Pure.

The rules of blocks are those of docs.slack.dev/reference/block-kit/blocks; where Slack says nothing of a limit, the
numbers here are chosen and say why.
"""

from collections.abc import Iterable, Sequence
from typing import Any

Block = dict[str, Any]
"""A block, or an element of one, as Slack's JSON."""

LONGEST_TEXT = 4_000
"""Characters of a `text` field: Slack asks for no more (chat.postMessage, 'Truncating content')."""

LONGEST_URL = 2_000
RULE = "———"


def escape(text: str) -> str:
    """Return `text` with & < > as entities, which is all that Slack's own markup needs to be words."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(*lines: str) -> Block:
    """Return a rich_text block that shows `lines` as they are."""
    return rich_text(element_of("section", [text_of("\n".join(lines))]))


def text_of(words: str, style: Sequence[str] = ()) -> Block:
    """Return words."""
    return {"type": "text", "text": words} | styled(style)


def link_to(url: str, words: str, style: Sequence[str] = ()) -> Block:
    """Return a link that reads `words`, or its own address."""
    shown = {"text": words} if words.strip() and words != url else {}
    return {"type": "link", "url": url} | shown | styled(style)


def styled(style: Sequence[str]) -> Block:
    """Return what an element says of its style."""
    return {"style": dict.fromkeys(style, True)} if style else {}


def element_of(kind: str, elements: list[Block], **rest: Any) -> Block:
    """Return a 'section', 'list', 'quote' or 'preformatted' of a rich_text block."""
    return {"type": f"rich_text_{kind}", **rest, "elements": elements}


def rich_text(*elements: Block) -> Block:
    """Return a rich_text block."""
    return {"type": "rich_text", "elements": list(elements)}


def joined(elements: Iterable[Block]) -> list[Block]:
    """Return `elements` with plain words that follow each other as one."""
    out: list[Block] = []
    for inline in elements:
        if out and out[-1].keys() == inline.keys() == {"type", "text"}:
            out[-1] = text_of(out[-1]["text"] + inline["text"])
        else:
            out.append(inline)
    return out


def solid(elements: Iterable[Block]) -> bool:
    """Return whether there is anything to see in `elements`."""
    return any(shown(element).strip() for element in elements)


def shown(inline: Block) -> str:
    """Return what a text or a link reads as."""
    return str(inline.get("text") or inline["url"])
