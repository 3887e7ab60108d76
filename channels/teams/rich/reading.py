"""Markdown as blocks, by the parser of all channels. Called by `channels.teams.text`. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from markdown_it.token import Token

from channels.markdown import cleaned, in_columns, parse
from channels.teams.rich.elements import Block, Code, List, Quote, Run, Words, has_words
from channels.teams.rich.paragraph import runs_of

_WIDEST = 76  # characters of a line of code that needs little scrolling; a wider table is a list
_RULE = "———"
_CITED = re.compile(r"\[\d{1,3}\]")


def blocks_of(markdown: str) -> list[Block]:
    """Return what Markdown says."""
    return _blocks(iter(parse(cleaned(markdown))))


def _blocks(tokens: Iterator[Token], end: str = "") -> list[Block]:
    """Take tokens up to the one of type `end`, and return what they say."""
    made: list[Block] = []
    for token in tokens:
        if token.type == end:
            break
        made += _block(token, tokens)
    return made


def _block(token: Token, tokens: Iterator[Token]) -> list[Block]:
    match token.type:
        case "inline":
            children = token.children or ()
            return [Words(runs_of(children), token.content, loose=_is_loose(children))]
        case "heading_open":
            return _heading(token, next(tokens))
        case "hr":
            return [Words((Run(_RULE),), whole=True)]
        case "fence" | "code_block":
            return [Code(tuple(token.content.strip("\n").split("\n")) if token.content.strip() else ())]
        case "blockquote_open":
            return [Quote(_blocks(tokens, "blockquote_close"))]
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, tokens)
        case "table_open":
            return _table(tokens)
        case _:
            return []


def _is_loose(tokens: Sequence[Token]) -> bool:
    """Return whether a link's words have a '`', which the next '`' outside would make code of both."""
    depth = 0
    for token in tokens:
        depth += token.nesting * (token.type in {"link_open", "link_close"})
        if depth and token.type == "text" and "`" in token.content:
            return True
    return False


def _heading(opening: Token, inline: Token) -> list[Block]:
    """Return a heading as a bold line; one that is underlined as a paragraph and a rule.

    Otherwise the line would make bold what is on the screen already, while an answer grows.
    """
    runs = runs_of(inline.children or ())
    if not opening.markup.startswith("#"):
        words = Words(runs, inline.content, loose=_is_loose(inline.children or ()))
        return [words, Words((Run(_RULE),), whole=True)]
    return [Words(tuple(replace(run, styles=run.styles | {"bold"}) for run in runs), whole=True)]


def _list(opening: Token, tokens: Iterator[Token]) -> list[Block]:
    items = []
    for token in tokens:
        if token.type != "list_item_open":
            break
        items.append(_blocks(tokens, "list_item_close"))
    ordered = opening.type == "ordered_list_open"
    return [List(items, int(opening.attrs.get("start", 1)) if ordered else None)]


def _table(tokens: Iterator[Token]) -> list[Block]:
    """Return a table of plain words as code in columns; one with links, citations or long lines row by row."""
    rows: list[list[tuple[Run, ...]]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(runs_of(token.children or ()))
    cells = [["".join(run.words for run in cell).replace("\n", " ") for cell in row] for row in rows]
    if not any(words.strip() for row in cells for words in row):
        return [Code(())]
    links = any(run.url for row in rows for cell in row for run in cell)
    cited = any(_CITED.search(words) for row in cells for words in row)
    lines = () if links or cited else tuple(in_columns(cells, _WIDEST))
    return [Code(lines[2:], lines[:2])] if lines else _row_by_row(rows)


def _row_by_row(rows: list[list[tuple[Run, ...]]]) -> list[Block]:
    head, *below = rows
    if not below:
        return [Words(tuple(run for cell in head for run in (*cell, Run(" | ")))[:-1], whole=True, loose=True)]
    items = [_row(head, row, first=at == 0) for at, row in enumerate(below)]
    return [List([[Words(runs)] for runs in items if runs], None, table=True)]


def _row(head: Sequence[tuple[Run, ...]], row: Sequence[tuple[Run, ...]], *, first: bool) -> tuple[Run, ...]:
    """Return a row as lines 'name: cell'. The first row has all names, the others those of cells with words."""
    runs: list[Run] = []
    for name, cell in zip(head, row, strict=False):
        if has_words(cell) or (first and has_words(name)):
            bold = tuple(replace(run, styles=run.styles | {"bold"}) for run in name)
            colon = (Run(":", frozenset({"bold"})), Run(" ")) if has_words(name) else ()
            runs += [*((Run("\n"),) if runs else ()), *bold, *colon, *cell]
    return tuple(runs)
