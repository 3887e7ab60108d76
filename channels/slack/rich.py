"""Markdown as Slack's rich text: blocks whose words are literal, so that nothing in them is a mention or markup.

Answers come from a model, operators and documents. `render` and the desk call `blocks` for what they post, `plain` for
the notification beside it; for an answer that grows there is `channels.slack.streamed`. Pure.

The rules of blocks are those of docs.slack.dev/reference/block-kit/blocks; where Slack says nothing of a limit, the
numbers here are chosen and say why.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from markdown_it.token import Token

from channels.markdown import (
    ADDRESS,
    in_columns,
    is_safe,
    normal,
    parse,
    with_honest_labels,
    without_punctuation,
    words_and_address,
)

Block = dict[str, Any]
"""A block, or an element of one, as Slack's JSON."""

LONGEST_TEXT = 4_000
"""Characters of a `text` field: Slack asks for no more (chat.postMessage, 'Truncating content')."""

LONGEST_ELEMENT = 3_000
"""Characters of one section, list, quote or preformatted element, as in a section block, whose limit is documented."""

_MOST_MARKUP = 3_500  # characters of JSON beside the words of one element
_MARKUP = 60  # characters of JSON around one text or list item: '{"type": "text", "text": "", "style": {"bold": true}}'
_LONGEST_URL = 2_000
_DEEPEST = 8  # levels of a list: what Slack's own composer can make
_WIDEST = 76  # characters of a preformatted line that still fits on a narrow screen; a wider table is written in rows
_RULE = "———"
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ADDRESS = re.compile(ADDRESS)


def blocks(text: str) -> list[Block]:
    """Return Markdown as `rich_text`, `divider` and at most one `table` block, since a message may have one.

    Nothing is shortened: `render.posts` splits what is more than one message can hold.
    """
    made: list[Block] = []
    for part in parts(text):
        if not isinstance(part, Table):
            made.append(part)
        elif part.fits and all(block["type"] != "table" for block in made):
            made.append(part.block(part.rows))
        else:
            made += part.written()
    return made


def plain(text: str) -> str:
    """Return Markdown as words for a `text` field, with & < > as entities and at most `LONGEST_TEXT` characters."""
    return shortened(escape(words(blocks(text))), LONGEST_TEXT)


def escape(text: str) -> str:
    """Return `text` with & < > as entities, which is all that Slack's own markup needs to be words."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(*lines: str) -> Block:
    """Return a rich_text block that shows `lines` as they are."""
    return _rich(_element("section", [_text("\n".join(lines))]))


def cleaned(text: str) -> str:
    """Return `text` with one kind of line end, and a sign in the place of what can't be written."""
    return _UNWRITABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


# What Markdown becomes


def parts(text: str) -> list["Block | Table"]:
    """Return Markdown as blocks, where tables are still to be written as the room allows."""
    page = _Page()
    tokens = iter(parse(cleaned(text)))
    for token in tokens:
        if token.type == "table_open":
            page.table(_table(tokens))
        else:
            page.take(token)
    return page.parts or ([literal(cleaned(text).strip())] if text.strip() else [])


def _text(words: str, style: Sequence[str] = ()) -> Block:
    return {"type": "text", "text": words} | _style(style)


def _link(url: str, words: str, style: Sequence[str] = ()) -> Block:
    shown = {"text": words} if words.strip() and words != url else {}
    return {"type": "link", "url": url} | shown | _style(style)


def _style(style: Sequence[str]) -> Block:
    return {"style": dict.fromkeys(style, True)} if style else {}


def _element(kind: str, elements: list[Block], **rest: Any) -> Block:
    return {"type": f"rich_text_{kind}", **rest, "elements": elements}


def _rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


def _joined(elements: Iterable[Block]) -> list[Block]:
    """Return `elements` with plain words that follow each other as one."""
    out: list[Block] = []
    for inline in elements:
        if out and out[-1].keys() == inline.keys() == {"type", "text"}:
            out[-1] = _text(out[-1]["text"] + inline["text"])
        else:
            out.append(inline)
    return out


def _solid(elements: Iterable[Block]) -> bool:
    """Return whether there is anything to see in `elements`."""
    return any(shown(element).strip() for element in elements)


def shown(inline: Block) -> str:
    """Return what a text or a link reads as."""
    return str(inline.get("text") or inline["url"])


@dataclass(slots=True)
class _Writer:
    """The words of a paragraph, as they come in."""

    styles: list[str] = field(default_factory=list)
    out: list[Block] = field(default_factory=list)
    link: str = ""
    start: int = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "text":
                self._words(token.content)
            case "code_inline":
                self._add(token.content, "code")
            case "softbreak" | "hardbreak":
                self._add(" " if self.link else "\n")
            case "image":
                self._picture(str(token.attrs.get("src", "")), token.content)
            case "link_open":
                self.link, self.start = str(token.attrs["href"]), len(self.out)
            case "link_close":
                self._close_link()
            case "strong_open" | "em_open" | "s_open":
                self.styles.append(_STYLES[token.tag])
            case "strong_close" | "em_close" | "s_close":
                self.styles.remove(_STYLES[token.tag])
            case _:
                self._add(token.content)

    def _style(self, *more: str) -> list[str]:
        return [name for name in _STYLE_ORDER if name in (*self.styles, *more)]

    def _add(self, words: str, *more: str) -> None:
        """Add words, to what stands there already if it looks the same."""
        made: Block = {"type": "link", "url": self.link, "text": words} if self.link else _text(words)
        made |= _style(self._style(*more))
        last = self.out[-1] if len(self.out) > self.start else {}
        if {**last, "text": ""} == {**made, "text": ""} and "text" in last:
            last["text"] += words
        elif words:
            self.out.append(made)

    def _words(self, content: str) -> None:
        at = 0
        for found in () if self.link else _ADDRESS.finditer(content):
            shown = without_punctuation(found[0])
            url = normal(shown)
            if is_safe(url) and len(url) <= _LONGEST_URL:
                self._add(content[at : found.start()])
                self.out.append(_link(url, shown, self._style()))
                at = found.start() + len(shown)
        self._add(content[at:])

    def _picture(self, address: str, words: str) -> None:
        if self.link or not address:
            self._add(words)
        elif len(address) > _LONGEST_URL:
            self._add(words_and_address(words, address))
        else:
            self.out.append(_link(address, words, self._style()))

    def _close_link(self) -> None:
        inside, url = self.out[self.start :], self.link
        self.link, self.start = "", 0
        if len(url) > _LONGEST_URL:
            self.out[len(self.out) - len(inside) :] = [_text(words_and_address("".join(map(shown, inside)), url))]
        elif not _solid(inside):
            self.out[len(self.out) - len(inside) :] = [_link(url, "")]


_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_STYLE_ORDER = ("bold", "italic", "strike", "code")


def _inline(tokens: Sequence[Token], *styles: str) -> list[Block]:
    """Return a paragraph's words as text and link elements; `styles` hold for all of them."""
    writer = _Writer(list(styles))
    for token in with_honest_labels(tokens):
        writer.take(token)
    return writer.out


@dataclass(slots=True)
class _List:
    """A list that is open: the number of its next item, and whether an item waits for its words.

    `written`: its numbers are words, because Slack counts from 1.
    """

    ordered: bool
    number: int = 1
    written: bool = False
    waiting: bool = False


@dataclass(slots=True)
class _Page:
    """Blocks, as Markdown's blocks come in. Paragraphs that follow each other share a section.

    `elements` are those of the last block; `open` the words that the next paragraph goes on from, after `gap`.
    """

    parts: list["Block | Table"] = field(default_factory=list)
    elements: list[Block] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    quotes: int = 0
    open: list[Block] | None = None
    gap: str = "\n\n"
    heading: bool = False

    def take(self, token: Token) -> None:
        """Add what `token` brings."""
        match token.type:
            case "inline":
                self._words(_inline(token.children or (), *(("bold",) if self.heading else ())))
            case "heading_open" | "heading_close":
                self.heading = token.nesting > 0
                self.gap = "\n\n" if self.heading else "\n"
            case "fence" | "code_block":
                self._code(token.content.strip("\n"))
            case "hr":
                self._rule()
            case "blockquote_open" | "bullet_list_open" | "ordered_list_open":
                self._enter(token)
            case "blockquote_close" | "bullet_list_close" | "ordered_list_close":
                self._leave(token)
            case "list_item_open":
                self.open, self.lists[-1].waiting = None, True
            case "list_item_close":
                self._settle()
            case _:
                pass

    def table(self, table: "Table") -> None:
        """Add a table: at the top as it is, within a list or a quote written out."""
        if not table.solid:
            return
        self._settle()
        self.open = None
        if not self._inside():
            self.parts.append(table)
            return
        for block in table.written():
            self.elements += block["elements"]

    def _inside(self) -> bool:
        return bool(self.lists or self.quotes)

    def _begin(self) -> None:
        """Begin a block, unless this is within a list or a quote, which go on in theirs."""
        if not self._inside():
            self.elements = []
            self.parts.append({"type": "rich_text", "elements": self.elements})

    def _add(self, element: Block) -> None:
        self._begin()
        self.elements.append(element)

    def _enter(self, token: Token) -> None:
        self._settle()
        self.open = None
        self._begin()
        if token.type == "blockquote_open":
            self.quotes += 1
            return
        start = int(token.attrs.get("start", 1))
        self.lists.append(_List(token.type == "ordered_list_open", start, written=start < 1))

    def _leave(self, token: Token) -> None:
        self.open = None
        if token.type == "blockquote_close":
            self.quotes -= 1
        else:
            self.lists.pop()
        if not self._inside() and not self.elements:
            self.parts.pop()

    def _settle(self) -> None:
        """Show an item that has no words of its own: Slack takes no empty one."""
        if self.lists and self.lists[-1].waiting:
            self._item([_text(" ")])
            self.open = None

    def _words(self, elements: list[Block]) -> None:
        if not _solid(elements):
            return
        if self.lists and self.lists[-1].waiting:
            self._item(elements)
        elif self.open is not None:
            self.open[:] = _joined([*self.open, _text(self.gap), *elements])
        else:
            self.open = elements
            self._add(_element("quote" if self.quotes else "section", elements))
        self.gap = "\n\n" if not self.lists else "\n"

    def _item(self, elements: list[Block]) -> None:
        """Add an item to the list, or to a new element where something else came between."""
        current = self.lists[-1]
        number, current.waiting = current.number, False
        current.number += 1
        if current.written:
            elements = _joined([_text(f"{number}. "), *elements])
        ordered = current.ordered and not current.written
        look = {"style": "ordered" if ordered else "bullet"} | self._place()
        self.open, self.gap = elements, "\n"
        item = _element("section", elements)
        last: Block = self.elements[-1] if self.elements else {}
        follows = not ordered or last.get("offset", 0) + len(last.get("elements", ())) == number - 1
        if follows and all(last.get(key) == look.get(key) for key in ("style", "indent", "border")):
            last["elements"].append(item)
        else:
            offset = {"offset": number - 1} if ordered and number > 1 else {}
            self._add(_element("list", [item], **look, **offset))

    def _place(self) -> Block:
        indent = min(len(self.lists) - 1, _DEEPEST)
        return ({"indent": indent} if indent else {}) | self._border()

    def _border(self) -> Block:
        return {"border": 1} if self.quotes else {}

    def _code(self, content: str) -> None:
        if not content.strip():
            return
        self._settle()
        self.open = None
        self._add(_element("preformatted", [_text(content)], **self._border()))

    def _rule(self) -> None:
        self._settle()
        self.open = None
        if self._inside():
            self._add(_element("quote" if self.quotes else "section", [_text(_RULE)]))
        else:
            self.parts.append({"type": "divider"})


Cell = list[Block]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, before it is known whether its message has room for it as one: a message may have one table block.

    `aligns` are 'left', 'center' or 'right', one for each column.
    """

    head: list[Cell]
    rows: list[list[Cell]]
    aligns: list[str]

    @property
    def solid(self) -> bool:
        """Whether there is anything in it."""
        return any(_solid(cell) for row in (self.head, *self.rows) for cell in row)

    @property
    def fits(self) -> bool:
        """Whether it can be a block as it is: 20 columns, 100 rows with the head; 10,000 characters in all cells."""
        return self.divisible and len(self.rows) < 100 and self.size(self.rows) < 10_000

    @property
    def divisible(self) -> bool:
        """Whether it can be blocks of some of its rows each: no row is very long."""
        return len(self.head) <= 20 and self.size(()) < 1_000 and all(self.size([row]) < 3_000 for row in self.rows)

    def size(self, rows: Iterable[list[Cell]]) -> int:
        """Return the characters of the head and `rows`, an empty cell counted as one."""
        return sum(len(_cell_words(cell)) or 1 for row in (self.head, *rows) for cell in row)

    def block(self, rows: Iterable[list[Cell]]) -> Block:
        """Return the head and `rows` as a table block."""
        cells = [[_rich(_element("section", _in_a_line(cell))) for cell in row] for row in (self.head, *rows)]
        settings = [{"align": align, "is_wrapped": True} for align in self.aligns]
        return {"type": "table", "column_settings": settings, "rows": cells}

    def written(self) -> list[Block]:
        """Return it without a table block: in columns, or row by row where it is wide."""
        lines = in_columns([[_cell_words(cell) for cell in row] for row in (self.head, *self.rows)], _WIDEST)
        if lines:
            return [_rich(_element("preformatted", [_text("\n".join(lines))]))]
        return [_rich(_element("section", section)) for section in self._row_by_row() if _solid(section)]

    def _row_by_row(self) -> Iterator[list[Block]]:
        if not self.rows:
            yield [_text(" | ".join(map(_cell_words, self.head)))]
        for at, row in enumerate(self.rows):
            lines: list[Block] = []
            for name, cell in zip(self.head, row, strict=False):
                if _solid(cell) or (at == 0 and _solid(name)):
                    colon = [_text(": ", ["bold"])] if _solid(name) else []
                    lines += [_text("\n")] * bool(lines) + _copy(name) + colon + _copy(cell)
            yield lines


def _copy(cell: Cell) -> Cell:
    return [dict(inline) for inline in cell]


def _in_a_line(cell: Cell) -> Cell:
    """Return a cell that Slack takes: it refuses one without words."""
    return cell if _solid(cell) else [_text(" ")]


def _cell_words(cell: Cell) -> str:
    return _inline_words(cell).replace("\n", " ")


def _table(tokens: Iterator[Token]) -> Table:
    """Take a table's tokens, and return it."""
    rows: list[list[Cell]] = []
    aligns: list[str] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            aligns.append(str(token.attrs.get("style", "text-align:left")).removeprefix("text-align:"))
        elif token.type == "inline":
            rows[-1].append(_inline(token.children or (), *(("bold",) if len(rows) == 1 else ())))
    return Table(rows[0], rows[1:], aligns)


# Blocks as words


def words(made: Iterable[Block]) -> str:
    """Return what is read in rich_text, divider and table blocks: 'words (address)', '• ', '1. ', '> '."""
    return "\n\n".join(filter(None, map(_block_words, made)))


def _block_words(block: Block) -> str:
    match block["type"]:
        case "rich_text":
            return "\n".join(map(_element_words, block["elements"]))
        case "table":
            rows = [[_block_words(cell).replace("\n", " ") for cell in row] for row in block["rows"]]
            return "\n".join(" | ".join(row).strip() for row in rows)
        case "divider":
            return _RULE
        case _:
            return ""


def _element_words(element: Block) -> str:
    match element["type"]:
        case "rich_text_list":
            margin, first = "    " * element.get("indent", 0), element.get("offset", 0) + 1
            items = (_element_words(item).replace("\n", f"\n{margin}   ") for item in element["elements"])
            return "\n".join(
                f"{margin}{f'{number}.' if element['style'] == 'ordered' else '•'} {item}"
                for number, item in enumerate(items, first)
            )
        case "rich_text_quote":
            return "> " + _inline_words(element["elements"]).replace("\n", "\n> ")
        case _:
            return _inline_words(element["elements"])


def _inline_words(elements: Iterable[Block]) -> str:
    together = groupby(elements, lambda inline: inline.get("url", ""))
    return "".join(
        words_and_address("".join(str(inline.get("text", "")) for inline in run), url) for url, run in together
    )


# Shorter pieces

_BOUNDARIES = [re.compile(p) for p in (r"\n[ \t]*\n", r"\n", r"(?<=[.!?:;])\s|(?<=[。！？；])", r"\s")]
_GLUE = frozenset("\u200d\u200c\u034f")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")


def reach(text: str, most: int) -> int:
    """Return how many of `text`'s first characters are `most` in Slack's count, where an emoji may be two."""
    end = min(most, len(text))
    while (over := end + sum(sign > "\uffff" for sign in text[:end]) - most) > 0:
        end -= (over + 1) // 2
    return end


def cut(text: str, end: int) -> int:
    """Return where to cut `text` at `end` or before: between paragraphs, lines, sentences, words, or at least signs.

    The white space is left to the second piece. 0 only for `end` 0.
    """
    if end >= len(text):
        return len(text)
    for boundary in _BOUNDARIES:
        places = [found.start() for found in boundary.finditer(text, end // 2, end + 1) if found.start() <= end]
        if places and places[-1] and text[: places[-1]].strip():
            return places[-1]
    early = max((found.start() for found in _BOUNDARIES[-1].finditer(text, 0, end // 2)), default=0)
    return early if text[:early].strip() else _between_signs(text, end)


def _between_signs(text: str, end: int) -> int:
    """Return `end`, or a little less where it is within what is read as one sign."""
    for at in range(end, max(0, end - 64), -1):
        if not _within_sign(text, at):
            return at
    return end


def _within_sign(text: str, at: int) -> bool:
    """Return whether the signs at both sides of `at` are drawn as one (Unicode, UAX 29: what matters in practice)."""
    before, after = text[at - 1], text[at]
    if before == "\u200d" or after in _GLUE or unicodedata.category(after).startswith("M"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    flags = 0
    while flags < at and _FLAGS[0] <= text[at - 1 - flags] <= _FLAGS[1]:
        flags += 1
    return _FLAGS[0] <= after <= _FLAGS[1] and flags % 2 == 1


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
        current.append(_element("section", chunk))
        sizes, markup = sizes + size, markup + extra
        if rest:
            yield _numbered(element, current, first)
            current, sizes, markup = [], 0, 0
            yield from (_element("quote" if "border" in element else "section", more) for more in rest)
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
