"""Removes from a mail's page what its reader does not see.

`html` calls `blank_hidden` before it reads a page. Senders hide a preview line, tracking marks, or words that machines
read and people don't: the bot must read what the person would. Judged are inline styles, old attributes, and the
classes that a style sheet hides on every screen; a text is hidden by the element it stands in or one around it.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

_NEVER = ("script", "style", "head", "title", "template", "svg", "object", "iframe", "audio", "video")
_GONE = re.compile(
    r"(?:^|;)(?:display:none|opacity:0*\.?0*(?:;|!|$)|mso-hide:all|text-indent:-\d{3,}|(?:left|top):-\d{3,}|clip:rect\(0)"
)
_CLIPPED = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:\.0+)?(?:px|pt|em|%)?(?:;|!|$)")
_VISIBILITY = re.compile(r"(?:^|;)visibility:(\w+)")
_SIZE = re.compile(r"(?:^|;)font-size:(\.?\d[\d.]*)(px|pt|em|rem|%)?")
_COLOR = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_RGB = re.compile(r"rgba?\((\d+),(\d+),(\d+)(?:,([\d.]+))?\)")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_CLASS = re.compile(r"\.([\w-]+)$")
_NEAR = 6  # of 255: nobody sees a difference so small
_LONGEST = 2000  # characters of a style
_TINY = 1.0  # pixels or points

_Color = tuple[int, int, int]
_WHITE: _Color = (255, 255, 255)
_NAMED: dict[str, _Color | None] = {"white": _WHITE, "black": (0, 0, 0), "snow": (255, 250, 250), "transparent": None}


@dataclass(frozen=True, slots=True)
class _Look:
    """How text looks at a place of the page; what it inherits from around."""

    color: _Color | None = None
    background: _Color = _WHITE
    tiny: bool = False
    invisible: bool = False

    def hides(self) -> bool:
        same = self.color is not None and all(
            abs(one - other) <= _NEAR for one, other in zip(self.color, self.background, strict=True)
        )
        return self.tiny or self.invisible or same


def blank_hidden(root: Any) -> None:
    """Remove the elements and texts of the page `root` that a reader does not see."""
    classes = _hidden_classes("".join(element.text or "" for element in root.iter("style"))[:200_000])
    etree.strip_elements(root, *_NEVER, with_tail=False)
    looks = [_Look()]
    gone: list[Any] = []
    inside = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            _shorten(element)
            look = _look(element, looks[-1]) if element.attrib else looks[-1]
            looks.append(look)
            if inside or _is_gone(element, classes):
                inside += 1
                gone += [element] if inside == 1 else []
            elif element.text and look.hides():
                element.text = None
        else:
            looks.pop()
            inside -= bool(inside)
            if not inside and element.tail and looks[-1].hides():
                element.tail = None
    for element in gone:
        _drop(element)


def _shorten(element: Any) -> None:
    """Cut a style that is longer than any program writes: its reader needs a second for a megabyte."""
    style = element.get("style")
    if style and len(style) > _LONGEST:
        element.set("style", style[:_LONGEST])


def _drop(element: Any) -> None:
    """Empty the element; its place stays, so that no line runs into the next."""
    tail = element.tail
    element.clear()
    element.tail = tail


def _is_gone(element: Any, classes: frozenset[str]) -> bool:
    attributes = element.attrib
    if not attributes:
        return False
    if "hidden" in attributes or (element.tag == "input" and attributes.get("type") == "hidden"):
        return True
    if classes and not classes.isdisjoint(attributes.get("class", "").split()):
        return True
    style = _style(element)
    if not style:
        return False
    return bool(_GONE.search(style)) or ("overflow:hidden" in style and bool(_CLIPPED.search(style)))


def _style(element: Any) -> str:
    return "".join(element.get("style", "").lower().split())


def _look(element: Any, around: _Look) -> _Look:
    """The look inside `element`, which stands where it looks like `around`."""
    look = around
    style = _style(element)
    if color := _color(element.get("color") or _first(_COLOR, style)):
        look = replace(look, color=color)
    if background := _color(element.get("bgcolor") or _first(_BACKGROUND, style)):
        look = replace(look, background=background)
    if size := _SIZE.search(style):
        relative = size[2] in ("em", "rem", "%")
        look = replace(look, tiny=float(size[1].strip(".") or 0) <= (0.05 if relative else _TINY))
    if visibility := _VISIBILITY.search(style):
        look = replace(look, invisible=visibility[1] in ("hidden", "collapse"))
    return look


def _first(pattern: re.Pattern[str], style: str) -> str:
    found = pattern.search(style)
    return found[1] if found else ""


def _color(text: str) -> _Color | None:
    """Read a colour as HTML and CSS write it; None if it is another way, or lets the background through."""
    text = text.strip().lower()
    if text in _NAMED:
        return _NAMED[text]
    if rgb := _RGB.search(text):
        return None if rgb[4] == "0" else (int(rgb[1]) % 256, int(rgb[2]) % 256, int(rgb[3]) % 256)
    if found := re.search(r"#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])", text):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    return None


def _hidden_classes(css: str) -> frozenset[str]:
    """The classes that a style sheet never shows. Rules for some screens only (inside @media) don't count."""
    names: set[str] = set()
    for selector, body in _RULE.findall(_without_media(css)):
        if _GONE.search("".join(body.lower().split())):
            names.update(found[1] for part in selector.split(",") if (found := _CLASS.search(part.strip())))
    return frozenset(names)


def _without_media(css: str) -> str:
    """`css` without the blocks that hold other blocks."""
    kept: list[str] = []
    depth = start = 0
    for found in re.finditer(r"[{}]", css):
        depth = depth + 1 if found[0] == "{" else max(0, depth - 1)
        if depth == 0:
            block = css[start : found.end()]
            kept += [block] if block.count("{") == 1 else []
            start = found.end()
    return "".join(kept)
