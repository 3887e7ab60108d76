"""A message as posts in Slack: within Slack's limits, with sources, buttons and the operator's name.

The channel calls `posts` for what it sends or changes, `closing` when it ends a stream, and `plain` when Slack has
refused the blocks. `rich` makes Markdown into blocks; here they are shared out over posts, so that a message of any
sensible length arrives whole and in order. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from json import dumps

from channels.cutting import cut
from channels.markdown import cleaned, is_safe
from channels.slack.rich import cutting, reading
from channels.slack.rich.elements import LONGEST_TEXT, LONGEST_URL, Block, escape, literal
from channels.slack.rich.page import parts
from channels.slack.rich.table import Table
from core.messages import Author, Citation, Message

MOST_CHARACTERS = 40_000
"""Characters of a message that are shown; then comes '…'. An operator may write half of that (core.desk.MAX_TEXT)."""

# Slack refuses blocks of about 13,200 characters in all, and counts some 125 for a divider (bolt-js, issue 2509). What
# it counts is written nowhere: so both the words and the JSON stay below, with room for the closing blocks.
_MOST_WORDS = 9_000
_MOST_JSON = 10_000
_BLOCK = 125
_MOST_BLOCKS = 45  # of 50
_MOST_POSTS = 20
_MOST_OF_SOURCES = 1_800  # characters of JSON
_LONGEST_PLAIN = 3_900
_LONGEST_TITLE = 150


@dataclass(frozen=True, slots=True)
class Post:
    """One message in Slack: `blocks`, and the same in words, with & < > as entities, for `text`.

    `text` must be posted with mrkdwn=False, or a '*' in it could still become bold.
    """

    text: str
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Labels:
    """What stands on the buttons, in the customer's language."""

    helpful: str = "Helpful"
    unhelpful: str = "Not helpful"
    person: str = "Talk to a person"


ENGLISH = Labels()


def posts(message: Message, *, labels: Labels = ENGLISH, offers: bool = True) -> list[Post]:
    """Return `message` as posts, in their order; none if there is nothing in it to read.

    The first begins with the operator's name (block_id 'by'), the last ends with what `closing` returns; a survey ends
    with its five buttons (block_id 'survey'). `offers=False` leaves out the button that asks for a person. Of a
    message of more than `MOST_CHARACTERS` the beginning is shown, which is some twenty posts at most.
    """
    pages = _pages(_short_enough(message.text))
    if not pages:
        return []
    texts = [reading.words(page) for page in pages]
    if name := _name(message):
        pages[0].insert(0, _by(name))
        texts[0] = f"{name}\n{texts[0]}"
    pages[-1] += _survey(message) or closing(message, labels=labels, offers=offers)
    return [
        Post(cutting.shortened(escape(words), LONGEST_TEXT), page) for words, page in zip(texts, pages, strict=True)
    ]


def closing(message: Message, *, labels: Labels = ENGLISH, offers: bool = True) -> list[Block]:
    """Return what stands below a message's words: its sources, and below an answer of the assistant the buttons.

    Their block_ids are 'sources', 'feedback' and 'person'. chat.stopStream takes them after the words were streamed.
    """
    made = [_sources(message.citations)] if message.citations else []
    if message.author is not Author.BOT:
        return made
    return [*made, _feedback(message, labels), *([_person(message, labels)] if offers else [])]


def plain(post: Post) -> list[str]:
    """Return `post` as texts that Slack can't refuse, at most 3,900 characters each: all of its words, as entities.

    To be posted without blocks, and with mrkdwn=False.
    """
    return list(_pieces(escape(reading.words(post.blocks)))) or [post.text]


def _pieces(escaped: str) -> Iterator[str]:
    rest = escaped.strip()
    while rest:
        at = cut(rest, cutting.reach(rest, _LONGEST_PLAIN))
        piece = rest[:at] if at == len(rest) else cutting.without_half_entity(rest[:at])
        yield piece.rstrip()
        rest = rest[len(piece) :].lstrip()


def _short_enough(words: str) -> str:
    """Return `words`, or their beginning and '…' as a paragraph of its own: within a table it would not be seen."""
    if len(words) <= MOST_CHARACTERS:
        return words
    return f"{words[: cut(words, MOST_CHARACTERS)].rstrip()}\n\n…"


def _one_line(words: str, most: int) -> str:
    return cutting.shortened(" ".join(cleaned(words).split()), most)


def _name(message: Message) -> str:
    return _one_line(message.name, _LONGEST_TITLE) if message.author is Author.OPERATOR else ""


# What stands around the words


def _by(name: str) -> Block:
    """Return a line with an operator's name. In rich_text it is literal; in a context block it would be markup."""
    block = literal(name)
    block["elements"][0]["elements"][0]["style"] = {"bold": True}
    return {**block, "block_id": "by"}


def _listed(citations: Iterable[Citation]) -> Iterator[tuple[str, str]]:
    """Yield each source's line, and its address if that may be a link."""
    for source in citations:
        title = _one_line(source.title, _LONGEST_TITLE) or _one_line(source.source, _LONGEST_TITLE)
        heading = _one_line(source.heading, _LONGEST_TITLE)
        called = " > ".join(filter(None, (title, "" if heading == title else heading)))
        safe = len(source.source) <= LONGEST_URL and re.match("https?:", source.source, re.IGNORECASE)
        yield f"{source.index}. {called}".strip(), source.source if safe and is_safe(source.source) else ""


def _sources(citations: Iterable[Citation]) -> Block:
    """Return the sources, a line each; those that are too many are left out."""
    elements: list[Block] = []
    for words, url in _listed(citations):
        number, _, called = words.partition(" ")
        line: list[Block] = [{"type": "text", "text": f"\n{number} " if elements else f"{number} "}]
        shown = {"text": called} if called else {}
        line.append({"type": "link", "url": url, **shown} if url else {"type": "text", "text": called or "…"})
        if elements and len(dumps([*elements, *line], ensure_ascii=False)) > _MOST_OF_SOURCES:
            elements.append({"type": "text", "text": "\n…"})
            break
        elements += line
    return {
        "type": "rich_text",
        "block_id": "sources",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }


def _feedback(message: Message, labels: Labels) -> Block:
    buttons = {
        "type": "feedback_buttons",
        "action_id": "feedback",
        "positive_button": {"text": _label(labels.helpful), "value": f"up:{message.id}"},
        "negative_button": {"text": _label(labels.unhelpful), "value": f"down:{message.id}"},
    }
    return {"type": "context_actions", "block_id": "feedback", "elements": [buttons]}


def _person(message: Message, labels: Labels) -> Block:
    button = {"type": "button", "action_id": "person", "text": _label(labels.person), "value": message.id}
    return {"type": "actions", "block_id": "person", "elements": [button]}


def _survey(message: Message) -> list[Block]:
    if not message.survey:
        return []
    buttons = [
        {
            "type": "button",
            "action_id": f"survey:{score}",
            "text": _label(str(score)),
            "value": f"{message.survey}:{score}",
            "accessibility_label": f"{score} / 5",
        }
        for score in range(1, 6)
    ]
    return [{"type": "actions", "block_id": "survey", "elements": buttons}]


def _label(words: str) -> Block:
    """Return words on a button, of which Slack takes 75 characters."""
    return {"type": "plain_text", "text": cutting.shortened(words, 75), "emoji": True}


# Sharing blocks out over posts


@dataclass(slots=True)
class _Pages:
    """The blocks of posts, as they fill."""

    done: list[list[Block]] = field(default_factory=list)
    page: list[Block] = field(default_factory=list)
    words: int = 0
    json: int = 0

    def add(self, block: Block) -> None:
        """Add a block that fits into a post, on the page that is open or on a new one."""
        if not self.has_room(block):
            self.turn()
        self.page.append(block)
        self.words += _words(block)
        self.json += _json(block)

    def has_room(self, *blocks: Block) -> bool:
        """Return whether the open page has room for all of `blocks`."""
        return (
            len(self.page) + len(blocks) <= _MOST_BLOCKS
            and self.words + sum(map(_words, blocks)) <= _MOST_WORDS
            and self.json + sum(map(_json, blocks)) <= _MOST_JSON
        )

    def has_table(self) -> bool:
        """Return whether the open page has the one table that Slack takes."""
        return any(block["type"] == "table" for block in self.page)

    def turn(self) -> None:
        """Begin a new page."""
        if self.page:
            self.done.append(self.page)
        self.page, self.words, self.json = [], 0, 0


def _pages(markdown: str) -> list[list[Block]]:
    """Return the blocks of one post after the other; without markup, if that alone made it a great many."""
    pages = _shared_out(parts(markdown))
    if len(pages) <= _MOST_POSTS:
        return pages
    return _shared_out([literal(reading.words(block for page in pages for block in page))])


def _shared_out(parts: Iterable[Block | Table]) -> list[list[Block]]:
    """Return the blocks of one post after the other."""
    pages = _Pages()
    for part in parts:
        if isinstance(part, Table):
            _add_table(pages, part)
        elif part["type"] == "rich_text":
            _add_rich(pages, part)
        else:
            pages.add(part)
    pages.turn()
    return pages.done


def _add_rich(pages: _Pages, block: Block) -> None:
    """Add a block; one that is too long for a post as several, which each fill theirs."""
    elements = [short for element in block["elements"] for short in cutting.short_elements(element)]
    whole = block | {"elements": elements}
    if not elements:
        return
    if pages.has_room(whole) or (_Pages().has_room(whole) and _words(whole) <= cutting.LONGEST_ELEMENT):
        pages.add(whole)
        return
    begun: list[Block] = []
    for element in elements:
        if begun and not pages.has_room(block | {"elements": [*begun, element]}):
            pages.add(block | {"elements": begun})
            begun = []
        begun.append(element)
    pages.add(block | {"elements": begun})


def _add_table(pages: _Pages, table: Table) -> None:
    """Add a table: as a block if the page has none, else in letters of one width, else on a page of its own."""
    if not table.divisible:
        for block in table.written():
            _add_rich(pages, block)
        return
    if not (table.fits and _Pages().has_room(table.block(table.rows))):
        _add_rows(pages, table)
        return
    written = table.written()
    if pages.has_table() and _in_columns(written) and pages.has_room(*written):
        pages.add(written[0])
        return
    if pages.has_table():
        pages.turn()
    pages.add(table.block(table.rows))


def _in_columns(written: Sequence[Block]) -> bool:
    return len(written) == 1 and written[0]["elements"][0]["type"] == "rich_text_preformatted"


def _add_rows(pages: _Pages, table: Table) -> None:
    """Add a table that is too long for a post as several, each with the head."""
    pages.turn()
    head = table.block(())
    rows: list[list[list[Block]]] = []
    words, json = _words(head), _json(head)
    for row in table.rows:
        alone = table.block([row])
        more_words, more_json = _words(alone) - _words(head), _json(alone) - _json(head)
        if rows and (len(rows) == 99 or words + more_words > _MOST_WORDS or json + more_json > _MOST_JSON):
            pages.add(table.block(rows))
            pages.turn()
            rows, words, json = [], _words(head), _json(head)
        rows.append(row)
        words, json = words + more_words, json + more_json
    pages.add(table.block(rows))


def _words(block: Block) -> int:
    """Return the characters that are read in `block`; an emoji may count as two."""
    return sum(len(words) + sum(sign > "\uffff" for sign in words) for words in _texts(block))


def _texts(block: Block) -> Iterator[str]:
    if "text" in block or "url" in block:
        yield block.get("text", "")
        yield block.get("url", "")
        return
    for element in block.get("elements", ()):
        yield from _texts(element)
    for cell in (cell for row in block.get("rows", ()) for cell in row):
        yield from _texts(cell)


def _json(block: Block) -> int:
    """Return the characters of `block` as JSON, and some for what Slack adds. Of a table the cells' words count.

    A hundred rows of twenty cells are allowed, and are many times as much JSON as a message may have of other blocks.
    """
    if block["type"] == "table":
        return _BLOCK + sum(10 + _words(cell) for row in block["rows"] for cell in row)
    return _BLOCK + len(dumps(block, ensure_ascii=False))
