"""Shorter pieces: texts and elements that are too long for Slack as several. Pure."""

from collections.abc import Iterable, Iterator

from channels.cutting import cut
from channels.slack.rich.elements import Block, element_of, shown

LONGEST_ELEMENT = 3_000
"""Characters of one section, list, quote or preformatted element, as in a section block, whose limit is documented."""

_MOST_MARKUP = 3_500  # characters of JSON beside the words of one element
_MARKUP = 60  # characters of JSON around one text or list item: '{"type": "text", "text": "", "style": {"bold": true}}'


def reach(text: str, most: int) -> int:
    """Return how many of `text`'s first characters are `most` in Slack's count, where an emoji may be two."""
    end = min(most, len(text))
    while (over := end + sum(sign > "\uffff" for sign in text[:end]) - most) > 0:
        end -= (over + 1) // 2
    return end


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning and '…' if it has more than `most` characters. No entity is broken."""
    if len(text) <= most:
        return text
    return without_half_entity(text[: cut(text, most - 1)].rstrip()) + "…"


def without_half_entity(text: str) -> str:
    """Return escaped `text` without a '&am' at its end."""
    tail = text.rfind("&", max(0, len(text) - 4))
    return text[:tail] if tail >= 0 and ";" not in text[tail:] else text


def short_elements(element: Block) -> Iterator[Block]:
    """Yield an element of a rich_text block as elements of at most `LONGEST_ELEMENT` characters each."""
    if element["type"] == "rich_text_list":
        yield from _short_list(element)
        return
    for chunk in _chunks(element["elements"], code=element["type"] == "rich_text_preformatted"):
        yield {**element, "elements": chunk}


def _short_list(element: Block) -> Iterator[Block]:
    """Yield a list as shorter ones that go on counting; what is too long for an item follows it."""
    first = element.get("offset", 0)
    current: list[Block] = []
    sizes = markup = 0
    for at, item in enumerate(element["elements"]):
        chunk, *rest = _chunks(item["elements"])
        size, extra = _size(chunk), _markup(chunk) + _MARKUP
        if current and (sizes + size > LONGEST_ELEMENT or markup + extra > _MOST_MARKUP):
            yield _numbered(element, current, first)
            current, sizes, markup = [], 0, 0
        if not current:
            first = element.get("offset", 0) + at
        current.append(element_of("section", chunk))
        sizes, markup = sizes + size, markup + extra
        if rest:
            yield _numbered(element, current, first)
            current, sizes, markup = [], 0, 0
            yield from (element_of("quote" if "border" in element else "section", more) for more in rest)
    if current:
        yield _numbered(element, current, first)


def _numbered(element: Block, items: list[Block], offset: int) -> Block:
    ordered = element["style"] == "ordered"
    kept = {key: value for key, value in element.items() if key not in {"offset", "elements"}}
    return kept | ({"offset": offset} if ordered and offset else {}) | {"elements": items}


def _size(elements: Iterable[Block]) -> int:
    return sum(len(text) + sum(sign > "\uffff" for sign in text) for text in map(shown, elements))


def _markup(elements: Iterable[Block]) -> int:
    return sum(_MARKUP + len(inline.get("url", "")) for inline in elements)


def _chunks(elements: list[Block], *, code: bool = False) -> Iterator[list[Block]]:
    """Yield words as pieces that an element holds, cut where it hurts least."""
    while (end := _room(elements)) < len(text := "".join(map(shown, elements))):
        at = max(cut(text, end), 1)
        piece, elements = (_trimmed(half, code=code) for half in _divided(elements, at))
        if piece:
            yield piece
    if elements:
        yield elements


def _room(elements: list[Block]) -> int:
    """Return how many characters of `elements` one element holds."""
    at = markup = size = 0
    for inline in elements:
        text = shown(inline)
        markup += _MARKUP + len(inline.get("url", ""))
        if at and markup > _MOST_MARKUP:
            return at
        fits = reach(text, LONGEST_ELEMENT - size)
        at, size = at + fits, size + _size([inline])
        if fits < len(text):
            return at
    return at


def _divided(elements: list[Block], at: int) -> tuple[list[Block], list[Block]]:
    """Return `elements` up to the character `at`, and from there; a link moves whole if a space is before it."""
    before: list[Block] = []
    for place, inline in enumerate(elements):
        text = shown(inline)
        if at >= len(text):
            before.append(inline)
            at -= len(text)
            continue
        whole = inline["type"] == "link" and before and shown(before[-1])[-1].isspace()
        if at == 0 or whole:
            return before, elements[place:]
        rest = [inline | {"text": text[at:]}, *elements[place + 1 :]]
        return [*before, inline | {"text": text[:at]}], rest
    return before, []


def _trimmed(elements: list[Block], *, code: bool) -> list[Block]:
    """Return `elements` without white space at both ends; of code, without line ends."""
    signs = "\n" if code else None
    kept = list(elements)
    while kept and kept[0]["type"] == "text" and not kept[0]["text"].strip(signs):
        del kept[0]
    while kept and kept[-1]["type"] == "text" and not kept[-1]["text"].strip(signs):
        del kept[-1]
    if kept and kept[0]["type"] == "text":
        kept[0] = kept[0] | {"text": kept[0]["text"].lstrip(signs)}
    if kept and kept[-1]["type"] == "text":
        kept[-1] = kept[-1] | {"text": kept[-1]["text"].rstrip(signs)}
    return kept
