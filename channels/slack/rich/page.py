"""Markdown as blocks, one after the other, as its own blocks come in. Called by `render`. Pure.

Nothing is shortened here: `channels.slack.render` shares out over posts what is more than one message can hold.
"""

from dataclasses import dataclass, field

from markdown_it.token import Token

from channels.markdown import cleaned, parse
from channels.slack.rich.elements import RULE, Block, element_of, joined, literal, solid, text_of
from channels.slack.rich.paragraph import inline
from channels.slack.rich.table import Table, table

_DEEPEST = 8  # levels of a list: what Slack's own composer can make


def parts(text: str) -> list["Block | Table"]:
    """Return Markdown as blocks, where tables are still to be written as the room allows."""
    page = _Page()
    tokens = iter(parse(cleaned(text)))
    for token in tokens:
        if token.type == "table_open":
            page.table(table(tokens))
        else:
            page.take(token)
    return page.parts or ([literal(cleaned(text).strip())] if text.strip() else [])


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
                self._words(inline(token.children or (), *(("bold",) if self.heading else ())))
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
            self._item([text_of(" ")])
            self.open = None

    def _words(self, elements: list[Block]) -> None:
        if not solid(elements):
            return
        if self.lists and self.lists[-1].waiting:
            self._item(elements)
        elif self.open is not None:
            self.open[:] = joined([*self.open, text_of(self.gap), *elements])
        else:
            self.open = elements
            self._add(element_of("quote" if self.quotes else "section", elements))
        self.gap = "\n\n" if not self.lists else "\n"

    def _item(self, elements: list[Block]) -> None:
        """Add an item to the list, or to a new element where something else came between."""
        current = self.lists[-1]
        number, current.waiting = current.number, False
        current.number += 1
        if current.written:
            elements = joined([text_of(f"{number}. "), *elements])
        ordered = current.ordered and not current.written
        look = {"style": "ordered" if ordered else "bullet"} | self._place()
        self.open, self.gap = elements, "\n"
        item = element_of("section", elements)
        last: Block = self.elements[-1] if self.elements else {}
        follows = not ordered or last.get("offset", 0) + len(last.get("elements", ())) == number - 1
        if follows and all(last.get(key) == look.get(key) for key in ("style", "indent", "border")):
            last["elements"].append(item)
        else:
            offset = {"offset": number - 1} if ordered and number > 1 else {}
            self._add(element_of("list", [item], **look, **offset))

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
        self._add(element_of("preformatted", [text_of(content)], **self._border()))

    def _rule(self) -> None:
        self._settle()
        self.open = None
        if self._inside():
            self._add(element_of("quote" if self.quotes else "section", [text_of(RULE)]))
        else:
            self.parts.append({"type": "divider"})
