"""What people in Teams wrote, as they read it themselves. Pure.

A message comes as words, with <at>Name</at> where somebody is mentioned, and once more as HTML in an attachment.
"""

import mimetypes
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import html

JSON = Mapping[str, Any]

_CONFIG = ParserConfig(css=CSS_PROFILES["strict"])
_AT = re.compile(r"</?at(?:\s[^<>]{0,200})?>", re.IGNORECASE)
_ATTACHED = re.compile(r"<attachment\b|<img\b[^<>]{0,2000}?AMSImage", re.IGNORECASE)
_LONGEST_HTML = 100_000  # characters; Teams takes no more
_DEEPEST = 150  # levels of HTML
_SPACES = re.compile(r"[ \t\u00a0]+")


def read(activity: JSON) -> tuple[str, bool]:
    """Return what was written, and whether it mentions us. Mentions of us are gone, others are '@Name'."""
    written = activity.get("text")
    text = written if isinstance(written, str) else ""
    mentioned = False
    for entity in _mentions(activity):
        marked, who = entity.get("text"), entity.get("mentioned")
        if not (isinstance(marked, str) and marked and isinstance(who, Mapping)):
            continue
        ours = who.get("id") == _id(activity.get("recipient"))
        mentioned = mentioned or ours
        text = text.replace(marked, "" if ours else f"@{_AT.sub('', marked)}")
    if activity.get("textFormat") == "xml":
        text = as_text(text)
    elif text.strip():
        text = unescape(_AT.sub("", text)).replace("\r\n", "\n")
    else:
        text = next((as_text(page) for page in _pages(activity)), "")
        mentioned = mentioned or any(True for _ in _mentions(activity))
    lines = (_SPACES.sub(" ", line).strip() if mentioned else line.replace("\xa0", " ") for line in text.split("\n"))
    return "\n".join(lines).replace("\x00", "").encode("utf-8", "replace").decode().strip(), mentioned


def attached(activity: JSON) -> int:
    """Return how many files and pasted pictures a message has that Teams does not hand to apps, as in channels."""
    handed = sum(1 for one in _attachments(activity) if one.get("contentType") != "text/html")
    named = sum(len(_ATTACHED.findall(page)) for page in _pages(activity))
    return max(named - handed, 0)


def media_type(name: str) -> str:
    """Return the media type that a file's name tells; '' if none."""
    return mimetypes.guess_type(name)[0] or ""


def as_text(page: str) -> str:
    """Return the words of an HTML page as it is seen; what can't be read is taken as words."""
    page = _AT.sub("", page[:_LONGEST_HTML])
    try:
        tree = html.fromstring(f"<div>{page}</div>")
    except (ValueError, html.etree.ParserError):
        return unescape(re.sub(r"<[^<>]*>", " ", page))
    if _depth(tree) > _DEEPEST:
        return " ".join(tree.text_content().split())
    return str(Inscriptis(tree, _CONFIG).get_text()).strip()


def _depth(tree: Any) -> int:
    deepest, level = 0, [tree]
    while level and deepest <= _DEEPEST:
        deepest += 1
        level = [child for node in level for child in node]
    return deepest


def _mentions(activity: JSON) -> Iterator[JSON]:
    found = activity.get("entities")
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping) and one.get("type") == "mention":
            yield one


def _attachments(activity: JSON) -> Iterator[JSON]:
    found = activity.get("attachments")
    yield from (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()


def _pages(activity: JSON) -> Iterator[str]:
    for one in _attachments(activity):
        content = one.get("content")
        if one.get("contentType") == "text/html" and isinstance(content, str):
            yield content


def _id(holder: object) -> object:
    return holder.get("id") if isinstance(holder, Mapping) else None
