"""What posts in Slack are made of: blocks, and the pieces of blocks. Pure; called by the desk's rooms that draw.

Words of customers, models and colleagues stand in `rich_text` and `plain_text`, where Slack shows them as they are:
nothing in them is a mention, a link or markup. Only words of our own are mrkdwn. Limits: docs.slack.dev, Block Kit.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from channels.desk.words import one_line, shortened
from channels.slack.desk.parse import PREFIX
from channels.slack.rich.elements import escape

JSON = dict[str, Any]

PIECE = 3_000
"""Characters of one text, as in a section block."""
_PLAIN = 3_000  # characters of the words that stand for the blocks in notifications
_MOST_UPDATE = 3_900


@dataclass(frozen=True, slots=True)
class Post:
    """A message for Slack: its blocks, and the same in plain words where blocks are not shown."""

    text: str
    blocks: list[JSON] = field(default_factory=list)

    @property
    def look(self) -> str:
        """A short name of what it shows: the same for two posts that look the same."""
        return hashlib.sha256(json.dumps([self.text, self.blocks]).encode()).hexdigest()[:12]


def flat(text: str) -> str:
    """Return the words for a notification: an update takes 4,000 characters, and escaping makes up to five of one."""
    whole = escape(shortened(text, _PLAIN))
    return whole if len(whole) < _MOST_UPDATE else escape(shortened(text, _MOST_UPDATE // 5))


def plain(text: str, most: int = 3000) -> JSON:
    """Return a text object that is shown letter by letter."""
    return {"type": "plain_text", "text": shortened(text, most) or " ", "emoji": False}


def mrkdwn(text: str) -> JSON:
    """Return a text object of words of our own."""
    return {"type": "mrkdwn", "text": text}


def header(text: str) -> JSON:
    """Return a headline."""
    return {"type": "header", "text": plain(one_line(text, 150))}


def context(*elements: JSON | str, block_id: str = "") -> JSON:
    """Return small grey words; strings are shown letter by letter."""
    parts = [plain(one) if isinstance(one, str) else one for one in elements]
    return {"type": "context", "elements": parts, **({"block_id": block_id} if block_id else {})}


def rich(*elements: JSON, block_id: str = "") -> JSON:
    """Return a rich_text block."""
    return {"type": "rich_text", "elements": list(elements), **({"block_id": block_id} if block_id else {})}


def words(text: str, *, bold: bool = False, italic: bool = False) -> JSON:
    """Return words for a rich_text element; they can't be empty."""
    style = {name: True for name, on in (("bold", bold), ("italic", italic)) if on}
    return {"type": "text", "text": text or " ", **({"style": style} if style else {})}


def section(*elements: JSON) -> JSON:
    """Return a paragraph of a rich_text block."""
    return {"type": "rich_text_section", "elements": list(elements)}


def quote(text: str) -> JSON:
    """Return quoted words for a rich_text block."""
    return {"type": "rich_text_quote", "elements": [words(text)]}


def bullets(items: Iterable[str]) -> JSON:
    """Return a list for a rich_text block."""
    return {"type": "rich_text_list", "style": "bullet", "elements": [section(words(item)) for item in items]}


def button(label: str, word: str, value: str, *, style: str = "", url: str = "") -> JSON:
    """Return a button that asks for `word`."""
    more = {**({"style": style} if style else {}), **({"url": url} if url else {})}
    return {"type": "button", "action_id": f"{PREFIX}{word}", "text": plain(label), "value": value, **more}


def option(label: str, value: str) -> JSON:
    """Return a choice of a menu."""
    return {"text": plain(one_line(label, 75)), "value": value}


def overflow(options: list[JSON]) -> JSON:
    """Return a menu behind three dots."""
    return {"type": "overflow", "action_id": f"{PREFIX}more", "options": options}


def when(seconds: float) -> str:
    """Return mrkdwn that shows a time in each reader's own zone."""
    return f"<!date^{int(seconds)}^{{date_short_pretty}}, {{time}}|some time ago>"
