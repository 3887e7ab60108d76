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
_MENTIONED = "//*[@itemtype='http://schema.skype.com/Mention']"


def read(activity: JSON) -> tuple[str, bool]:
    """Return what was written, and whether it mentions us. Mentions of us are gone, others are '@Name'."""
    written = activity.get("text")
    text = written if isinstance(written, str) else ""
    marks = dict(_mentions(activity))
    mentioned = any(marks.values())
    if not text.strip():
        text = next((as_text(page, marks) for page in pages(activity)), "")
    elif activity.get("textFormat") == "xml":
        text = as_text(_without(marks, text))
    else:
        text = unescape(_AT.sub("", _without(marks, text))).replace("\r\n", "\n")
    lines = (_SPACES.sub(" ", line).strip() if mentioned else line.replace("\xa0", " ") for line in text.split("\n"))
    return "\n".join(lines).replace("\x00", "").encode("utf-8", "replace").decode().strip(), mentioned


def attached(activity: JSON) -> int:
    """Return how many files and pasted pictures a message has that Teams does not hand to apps, as in channels."""
    handed = sum(1 for one in _attachments(activity) if one.get("contentType") != "text/html")
    named = sum(len(_ATTACHED.findall(page)) for page in pages(activity))
    return max(named - handed, 0)


def media_type(name: str) -> str:
    """Return the media type that a file's name tells; '' if none."""
    return mimetypes.guess_type(name)[0] or ""


def _without(marks: Mapping[str, bool], text: str) -> str:
    """Return `text` without mentions of us, and '@Name' for others; a mark is never found within a word."""
    for mark, ours in marks.items():
        shown = "" if ours else f"@{_AT.sub('', mark)}"
        if "<" in mark:
            text = text.replace(mark, shown)
        else:
            text = re.sub(rf"(?<!\w){re.escape(mark)}(?!\w)", shown.replace("\\", r"\\"), text, count=1)
    return text


def as_text(page: str, marks: Mapping[str, bool] | None = None) -> str:
    """Return the words of an HTML page as it is seen; what can't be read is taken as words.

    With `marks` mentions of us are gone, and others are '@Name', as in `read`.
    """
    page = _AT.sub("", page[:_LONGEST_HTML])
    try:
        tree = html.fromstring(f"<div>{page}</div>")
    except (ValueError, html.etree.ParserError):
        return unescape(re.sub(r"<[^<>]*>", " ", page))
    if marks is not None:
        ours = {_AT.sub("", mark) for mark, is_ours in marks.items() if is_ours}
        for mention in tree.xpath(_MENTIONED):
            name = mention.text_content()
            del mention[:]
            mention.text = "" if name in ours else f"@{name}"
    if _depth(tree) > _DEEPEST:
        return " ".join(tree.text_content().split())
    return str(Inscriptis(tree, _CONFIG).get_text()).strip()


def _depth(tree: Any) -> int:
    deepest, level = 0, [tree]
    while level and deepest <= _DEEPEST:
        deepest += 1
        level = [child for node in level for child in node]
    return deepest


def _mentions(activity: JSON) -> Iterator[tuple[str, bool]]:
    """Yield what marks a mention in the text, and whether it is one of us."""
    found = activity.get("entities")
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping) and one.get("type") == "mention":
            mark, who = one.get("text"), one.get("mentioned")
            if isinstance(mark, str) and mark and isinstance(who, Mapping):
                yield mark, who.get("id") == _id(activity.get("recipient"))


def _attachments(activity: JSON) -> Iterator[JSON]:
    found = activity.get("attachments")
    yield from (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()


def pages(activity: JSON) -> Iterator[str]:
    """Yield the HTML that a message comes with."""
    for one in _attachments(activity):
        content = one.get("content")
        if one.get("contentType") == "text/html" and isinstance(content, str):
            yield content[:_LONGEST_HTML]


def _id(holder: object) -> object:
    return holder.get("id") if isinstance(holder, Mapping) else None
