"""Markdown as Teams shows it: the words of a message's `text`, in which nothing is a mention or unwanted markup.

Answers come from a model, operators and documents. `render` calls `pieces` and `plain`, the channel `streamed` for an
answer that grows. Everything is read by the parser of all channels and written again.

What Teams shows of Markdown (learn.microsoft.com, 'Format your bot messages', text-only messages): bold, italic, code,
quotes and links everywhere, strikethrough and lists not on every phone; no headings, tables, rules and pictures. HTML
is markup there, and a single line end is a space. So a heading is bold, a table is code or a list, a picture a link,
'<' an entity, a line end a hard break. Lists stand on steps of four columns, which every reader of Markdown nests.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from sys import maxsize

from markdown_it.token import Token

from channels.markdown import (
    ADDRESS,
    in_columns,
    is_safe,
    misleads,
    normal,
    parse,
    with_honest_labels,
    without_punctuation,
    words_and_address,
)

LONGEST_URL = 2_000
"""Characters of a link's address; a longer one is words. Chosen: Teams documents no limit."""

_WIDEST = 76  # characters of a line of code that needs little scrolling; a wider table is a list
_RULE = "———"
_JOINER = "\u2060"
_STEP = 4  # columns of one level of a list
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ADDRESS = re.compile(ADDRESS)
_CITED = re.compile(r"\[\d{1,3}\]")
_AT = re.compile(r"<(?=/?at)", re.IGNORECASE)


def shown(markdown: str) -> str:
    """Return Markdown as Teams shows it. '[1]' stays '[1]', where Teams puts a citation."""
    return "\n".join(_lines(_blocks_of(markdown), rich=True)) or _literal(markdown)


def plain(markdown: str) -> str:
    """Return the words of Markdown for textFormat 'plain': '• ', '1. ', '> ', 'words (address)'."""
    return _AT.sub(f"<{_JOINER}", "\n".join(_lines(_blocks_of(markdown), rich=False)) or cleaned(markdown).strip())


def literal(words: str) -> str:
    """Return `words` so that Teams shows them in one line as they are; nothing in them is a citation."""
    return _at_begin(_escaped(" ".join(cleaned(words).split()), label=True))


def link(words: str, url: str) -> str:
    """Return a link of one line to a safe `url`; words that look like another address are that address."""
    words = " ".join(cleaned(words).split())
    url = _target(normal(url))
    return "".join(_written([_Run(url if misleads(words, url) or not words else words, url=url)]))


def pieces(markdown: str, most: int) -> list[str]:
    """Return `shown(markdown)` as texts of at most `most` each, by `size`; `most` is at least 500.

    The cut is between blocks, else between items of a list, lines or sentences. Code and tables are closed and opened
    again, a list goes on counting.
    """
    rest = _blocks_of(markdown)
    if not _lines(rest, rich=True):
        return _halves(cleaned(markdown).strip(), most - 10, _literal, _cost)
    made = []
    while rest:
        taken, rest = _take(rest, _Room(most, most // 3), fresh=True)
        made.append("\n".join(_lines(taken, rich=True)))
    return list(filter(None, made))


def plain_pieces(words: str, most: int) -> list[str]:
    """Return plain `words` as texts of at most `most` each, by `size`, cut at lines, sentences or words."""
    return _halves(_AT.sub(f"<{_JOINER}", cleaned(words)).strip(), most, str, size)


def streamed(markdown: str, most: int = 12_000) -> str:
    """Return as much of a growing answer, at most `most` by `size`, as more text can't change.

    Teams refuses a text that does not hold the one before ('Stream bot messages': 'Request streamed content should
    contain the previously streamed content'), also at the end (microsoft/Agents-for-net, issue 251). What is returned
    begins `shown` of every text that `markdown` grows to, if it ends where a sentence or a line does. So code, a
    table, and what stands behind a mark that is still open wait for the rest, and a result may be shorter than the one
    before: then there is nothing new to show. It also begins the first of `pieces` that are 2.5 times `most` or more.

    Not foreseen is a table whose head has no '|' before the end of its first sentence.
    """
    markdown = cleaned(markdown)
    kept = markdown[: markdown.rfind("\n") + 1]
    if any(sign.isalpha() for sign in markdown[len(kept) :]):
        kept = markdown  # else the last line may become a rule, an item or a table
    blocks = _settled(_blocks_of(kept), _End.of(kept))
    while blocks and size("\n".join(_lines(blocks, rich=True))) > most:
        blocks.pop()
    return "\n".join(_lines(blocks, rich=True))


def size(text: str) -> int:
    """Return how large Teams finds a text: the UTF-16 units that it takes as JSON. A unit is two bytes."""
    return len(text) + sum(sign > "\uffff" or sign in '"\\\n\t' for sign in text)


def cleaned(text: str) -> str:
    """Return `text` with one kind of line end, and a sign in the place of what can't be written."""
    return _UNWRITABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning and '…' if it has more than `most` characters."""
    return text if len(text) <= most else text[: _cut(text, most - 1)].rstrip() + "…"


def _literal(words: str) -> str:
    return "\n".join(_written([_Run(cleaned(words).strip())]))


# What Markdown says


@dataclass(frozen=True, slots=True)
class _Run:
    """Words that look the same. A line end in them is one on the screen."""

    words: str
    styles: frozenset[str] = frozenset()
    url: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    """A paragraph. `source` is its Markdown; a heading and a rule stand in one line, which is `whole` or not there.

    `loose`: more text may make something else of it, a link in it or a row below it.
    """

    runs: tuple[_Run, ...]
    source: str = ""
    whole: bool = False
    loose: bool = False


@dataclass(frozen=True, slots=True)
class _Code:
    """Lines of letters of one width; `head` stands above them again where they are divided."""

    lines: tuple[str, ...]
    head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Quote:
    blocks: list["_Block"]


@dataclass(frozen=True, slots=True)
class _List:
    """A list; `first` is the number of its first item, None if it has none. `table`: it was one."""

    items: list[list["_Block"]]
    first: int | None
    table: bool = False


_Block = _Words | _Code | _Quote | _List
_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_MARKS = {"bold": "**", "italic": "*", "strike": "~~"}


def _blocks_of(markdown: str) -> list[_Block]:
    return _blocks(iter(parse(cleaned(markdown))))


def _blocks(tokens: Iterator[Token], end: str = "") -> list[_Block]:
    """Take tokens up to the one of type `end`, and return what they say."""
    made: list[_Block] = []
    for token in tokens:
        if token.type == end:
            break
        made += _block(token, tokens)
    return made


def _block(token: Token, tokens: Iterator[Token]) -> list[_Block]:
    match token.type:
        case "inline":
            children = token.children or ()
            return [_Words(_runs(children), token.content, loose=_is_loose(children))]
        case "heading_open":
            return _heading(token, next(tokens))
        case "hr":
            return [_Words((_Run(_RULE),), whole=True)]
        case "fence" | "code_block":
            return [_Code(tuple(token.content.strip("\n").split("\n")) if token.content.strip() else ())]
        case "blockquote_open":
            return [_Quote(_blocks(tokens, "blockquote_close"))]
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


def _heading(opening: Token, inline: Token) -> list[_Block]:
    """Return a heading as a bold line; one that is underlined as a paragraph and a rule.

    Otherwise the line would make bold what is on the screen already, while an answer grows.
    """
    runs = _runs(inline.children or ())
    if not opening.markup.startswith("#"):
        words = _Words(runs, inline.content, loose=_is_loose(inline.children or ()))
        return [words, _Words((_Run(_RULE),), whole=True)]
    return [_Words(tuple(replace(run, styles=run.styles | {"bold"}) for run in runs), whole=True)]


def _list(opening: Token, tokens: Iterator[Token]) -> list[_Block]:
    items = []
    for token in tokens:
        if token.type != "list_item_open":
            break
        items.append(_blocks(tokens, "list_item_close"))
    ordered = opening.type == "ordered_list_open"
    return [_List(items, int(opening.attrs.get("start", 1)) if ordered else None)]


def _table(tokens: Iterator[Token]) -> list[_Block]:
    """Return a table of plain words as code in columns; one with links, citations or long lines row by row."""
    rows: list[list[tuple[_Run, ...]]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_runs(token.children or ()))
    cells = [["".join(run.words for run in cell).replace("\n", " ") for cell in row] for row in rows]
    if not any(words.strip() for row in cells for words in row):
        return [_Code(())]
    links = any(run.url for row in rows for cell in row for run in cell)
    cited = any(_CITED.search(words) for row in cells for words in row)
    lines = () if links or cited else tuple(in_columns(cells, _WIDEST))
    return [_Code(lines[2:], lines[:2])] if lines else _row_by_row(rows)


def _row_by_row(rows: list[list[tuple[_Run, ...]]]) -> list[_Block]:
    head, *below = rows
    if not below:
        return [_Words(tuple(run for cell in head for run in (*cell, _Run(" | ")))[:-1], whole=True, loose=True)]
    items = [_row(head, row, first=at == 0) for at, row in enumerate(below)]
    return [_List([[_Words(runs)] for runs in items if runs], None, table=True)]


def _row(head: Sequence[tuple[_Run, ...]], row: Sequence[tuple[_Run, ...]], *, first: bool) -> tuple[_Run, ...]:
    """Return a row as lines 'name: cell'. The first row has all names, the others those of cells with words."""
    runs: list[_Run] = []
    for name, cell in zip(head, row, strict=False):
        if _has_words(cell) or (first and _has_words(name)):
            bold = tuple(replace(run, styles=run.styles | {"bold"}) for run in name)
            colon = (_Run(":", frozenset({"bold"})), _Run(" ")) if _has_words(name) else ()
            runs += [*((_Run("\n"),) if runs else ()), *bold, *colon, *cell]
    return tuple(runs)


def _has_words(cell: Iterable[_Run]) -> bool:
    return any(run.words.strip() for run in cell)


@dataclass(slots=True)
class _Reader:
    """The words of a paragraph, as they come in."""

    styles: list[str] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)
    link: str = ""
    start: int = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "text":
                self._text(token.content.replace("\n", " "))
            case "code_inline":
                # Teams shows a link whose words are code as code (MicrosoftDocs/msteams-docs, issue 1909)
                self._add(token.content, code=not self.link and bool(token.content.strip()))
            case "softbreak" | "hardbreak":
                self._add(" " if self.link else "\n")
            case "image":
                self._picture(_target(str(token.attrs.get("src", ""))), token.content)
            case "link_open":
                self.link, self.start = _target(str(token.attrs["href"])), len(self.runs)
            case "link_close":
                self._close_link()
            case "strong_open" | "em_open" | "s_open":
                self.styles.append(_STYLES[token.tag])
            case "strong_close" | "em_close" | "s_close":
                self.styles.remove(_STYLES[token.tag])
            case _:
                self._add(token.content)

    def _add(self, words: str, url: str = "", *, code: bool = False) -> None:
        made = _Run(words, frozenset(self.styles), url or self.link, code)
        last = self.runs[-1] if len(self.runs) > self.start else None
        if last and replace(last, words="") == replace(made, words=""):
            self.runs[-1] = replace(last, words=last.words + words)
        elif words:
            self.runs.append(made)

    def _text(self, words: str) -> None:
        at = 0
        for found in () if self.link else _ADDRESS.finditer(words):
            address = without_punctuation(found[0].partition("[")[0])  # there a citation begins
            url = _target(normal(address))
            self._add(words[at : found.start()])
            at = found.start() + len(address)
            strange = misleads(address, url)  # a host in letters of other scripts, or none at all
            if is_safe(url) and len(url) <= LONGEST_URL and not (strange and re.search(r"[()*_~]", address)):
                self._add(url if strange else address, url)
            else:  # Teams itself would make it a link
                self._add(address.replace(":", f":{_JOINER}", 1))
        self._add(words[at:])

    def _picture(self, address: str, words: str) -> None:
        words = words.replace("\n", " ")
        if self.link or not address:
            self._add(words)
        elif len(address) > LONGEST_URL:
            self._add(words_and_address(words, address))
        else:
            self._add(words if words.strip() else address, address)

    def _close_link(self) -> None:
        inside, url = self.runs[self.start :], self.link
        self.link, self.start = "", 0
        if len(url) > LONGEST_URL:
            del self.runs[len(self.runs) - len(inside) :]
            self._add(words_and_address("".join(run.words for run in inside), url))
        elif not _has_words(inside):
            del self.runs[len(self.runs) - len(inside) :]
            self._add(url, url)


def _runs(tokens: Sequence[Token]) -> tuple[_Run, ...]:
    reader = _Reader()
    for token in with_honest_labels(tokens):
        reader.take(token)
    return tuple(reader.runs)


# Blocks as lines


def _lines(blocks: Sequence[_Block], *, rich: bool, within: bool = False) -> list[str]:
    """Return blocks as lines: Markdown if `rich`, else words. `within` an item a list follows its words at once."""
    lines: list[str] = []
    last: _Block | None = None
    other = False
    for block in blocks:
        other = isinstance(block, _List) and isinstance(last, _List) and _alike(last, block) and not other
        made = _block_lines(block, rich=rich, other=other)
        if not any(made):
            continue
        if lines and not (within and isinstance(block, _List)):
            lines.append("")
        lines += made
        last = block
    return lines


def _alike(one: _List, another: _List) -> bool:
    return (one.first is None) is (another.first is None)


def _block_lines(block: _Block, *, rich: bool, other: bool) -> list[str]:
    match block:
        case _Words():
            return _written(block.runs) if rich else _said(block.runs)
        case _Code():
            return _code_lines(block, rich=rich)
        case _Quote():
            return [f"> {line}".rstrip() for line in _lines(block.blocks, rich=rich)]
        case _List():
            marks = _marks(block, rich=rich, other=other)
            items = (
                (mark, _lines(item, rich=rich, within=True)) for mark, item in zip(marks, block.items, strict=True)
            )
            return [line for mark, inside in items for line in _hung(mark.ljust(_STEP if rich else 0), inside)]


def _code_lines(code: _Code, *, rich: bool) -> list[str]:
    content = [*code.head, *code.lines]
    if not rich or not content:
        return content
    fence = "`" * max(3, *(len(ticks) + 1 for line in content for ticks in re.findall("`+", line)), 3)
    return [fence, *(_AT.sub(f"<{_JOINER}", line) for line in content), fence]


def _marks(block: _List, *, rich: bool, other: bool) -> list[str]:
    """Return what stands before each item; `other` signs where two lists would become one."""
    if block.first is None:
        sign = ("*" if other else "-") if rich else "•"
        return [sign] * len(block.items)
    sign = ")" if other and rich else "."
    return [f"{number}{sign}" for number, _ in enumerate(block.items, block.first)]


def _hung(mark: str, lines: list[str]) -> list[str]:
    """Return an item's lines, the first behind its mark."""
    mark = mark if mark.endswith(" ") else f"{mark} "
    margins = [mark, *[" " * len(mark)] * len(lines)]
    return [f"{margin}{line}" if line else "" for margin, line in zip(margins, lines, strict=False)] or [mark.rstrip()]


def _said(runs: Iterable[_Run]) -> list[str]:
    together = groupby(runs, lambda run: run.url)
    words = "".join(words_and_address("".join(run.words for run in group), url) for url, group in together)
    return [line.strip() for line in words.strip().split("\n")]


# Words with their marks


@dataclass(frozen=True, slots=True)
class _Atom:
    """Something between two marks: words, code, or a link, as Teams reads it. `link` if it begins with its '['."""

    text: str
    styles: frozenset[str] = frozenset()
    link: bool = False


@dataclass(slots=True)
class _Mark:
    """A mark that begins or ends a style; a dead one is not written."""

    sign: str
    opens: bool
    dead: bool = False


def _written(runs: Iterable[_Run]) -> list[str]:
    """Return a paragraph's lines. All but the last end in two spaces, which is a hard break."""
    text = _marked(_spaced(_atoms(runs)))
    return text.replace("\n", "  \n").split("\n")


def _atoms(runs: Iterable[_Run]) -> Iterator[_Atom]:
    begins = True  # whether the line does
    for url, group in groupby(runs, lambda run: run.url):
        if url:
            yield _link(url, list(group))
            begins = False
            continue
        for run in group:
            for part in [run.words] if run.code else filter(None, re.split(r"(\n)", run.words)):
                if part == "\n":
                    yield _Atom("\n", run.styles)
                elif run.code:
                    yield _Atom(_code(part), run.styles)
                else:
                    yield from _worded(part, run.styles, begins=begins)
                begins = part == "\n" or (begins and not part.strip())


def _worded(words: str, styles: frozenset[str], *, begins: bool) -> Iterator[_Atom]:
    """Yield words, with the white space at both ends for itself."""
    inner = words.strip()
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :] if inner else ""
    yield from (_Atom(" ", styles) for _ in before[:1])
    if inner:
        text = _escaped(inner)
        yield _Atom(_at_begin(text) if begins else text, styles)
    yield from (_Atom(" ", styles) for _ in after[:1])


def _link(url: str, runs: list[_Run]) -> _Atom:
    """Return a link; a style that all of its words have stands around it."""
    common = frozenset.intersection(*(run.styles for run in runs))
    inner = [
        _Atom(_escaped(run.words, label=True), run.styles - common) if run.words.strip() else _Atom(" ", frozenset())
        for run in runs
    ]
    target = re.sub(r"&(?=#?\w+;)", "&amp;", url)
    return _Atom(f"[{_marked(_spaced(inner))}]({target})", common, link=True)


def _target(url: str) -> str:
    """Return an address as it may stand behind a link's words."""
    return url.replace("(", "%28").replace(")", "%29")


def _code(words: str) -> str:
    ticks = "`" * next(many for many in range(1, len(words) + 2) if not re.search(f"(?<!`)`{{{many}}}(?!`)", words))
    pad = " " if words[0] in "` " or words[-1] in "` " else ""
    return f"{ticks}{pad}{_AT.sub(f'<{_JOINER}', words)}{pad}{ticks}"


_SIGNS = re.compile(r"\[\d{1,3}\]|[\\`*_\[\]<>&]|~(?=~)|(?<=~)~")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_BEGINS = re.compile(r"(?:(?P<sign>#{1,6}|[-+])|\d{1,9}(?P<dot>[.)]))(?=\s|\Z)|(?P<rule>=+\s*\Z|[|:\s]*-[|:\s-]*\Z)")


def _escaped(words: str, *, label: bool = False) -> str:
    """Return words as Teams has to read them to show them. A citation stays, unless it is in the `label` of a link."""

    def sign(found: re.Match[str]) -> str:
        text = found[0]
        if len(text) > 1:
            return rf"\{text[:-1]}\]" if label else text
        if text == "]" and not label:
            return text
        return _ENTITIES.get(text, f"\\{text}")

    text = _SIGNS.sub(sign, words)
    return text if label else re.sub(r"((?<!\\)\[\d{1,3}\])(?=[:(])", r"\1\\", text)


def _at_begin(text: str) -> str:
    """Return a line's first words, which must not begin a heading, a list, a table or a rule."""
    found = _BEGINS.match(text)
    if not found:
        return text
    at = text.index("-") if found["rule"] and "-" in found["rule"] else 0
    at = found.start("dot") if found["dot"] else at
    return f"{text[:at]}\\{text[at:]}"


def _spaced(atoms: Iterable[_Atom]) -> list[_Atom]:
    """Return atoms without white space at the ends of lines, and styles without any at theirs: none spans lines."""
    kept: list[_Atom] = []
    for atom in atoms:
        if atom.text == " " and (not kept or kept[-1].text in " \n"):
            continue
        if atom.text == "\n" and kept and kept[-1].text == " ":
            kept.pop()
        if kept or atom.text != "\n":
            kept.append(atom)
    while kept and kept[-1].text in " \n":
        kept.pop()
    solid = [atom for atom in kept if atom.text not in " \n"]
    made, at = [], 0
    for atom in kept:
        if atom.text in " \n":
            shared = atom.styles & solid[at - 1].styles & solid[at].styles
            atom = replace(atom, styles=shared if atom.text == " " else frozenset())
        else:
            at += 1
        made.append(atom)
    return made


def _marked(atoms: list[_Atom]) -> str:
    """Return atoms with the marks of their styles, but for marks that a reader would take for signs."""
    out: list[_Atom | _Mark] = []
    open_: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    muted: frozenset[str] = frozenset()
    for at, atom in enumerate([*atoms, _Atom("")]):
        muted &= atom.styles
        wanted = atom.styles - muted
        closing = _until(open_, wanted)
        fresh = wanted - (open_.keys() - set(closing))
        if closing and fresh:  # two marks of different kinds in one place are read in too many ways
            muted, fresh = muted | fresh, frozenset()
        for style in closing:
            spans.append((open_.pop(style), len(out)))
            out.append(_Mark(_MARKS[style], opens=False))
        for style in sorted(fresh, key=lambda style: (-_lasts(atoms, at, style), style)):
            open_[style] = len(out)
            out.append(_Mark(_MARKS[style], opens=True))
        out.append(atom)
    _bury(out, spans)
    return _joined(out)


def _until(open_: dict[str, int], wanted: frozenset[str]) -> list[str]:
    """Return the open styles that have to end, from the innermost, for only those that are `wanted` to go on."""
    styles = list(open_)
    keep = next((at for at, style in enumerate(styles) if style not in wanted), len(styles))
    return styles[keep:][::-1]


def _lasts(atoms: list[_Atom], at: int, style: str) -> int:
    return next((end for end in range(at, len(atoms)) if style not in atoms[end].styles), len(atoms))


def _bury(out: list[_Atom | _Mark], spans: list[tuple[int, int]]) -> None:
    """Take out the marks that do not stand as CommonMark wants them ('left-flanking', 'right-flanking')."""
    alive = list(spans)
    while True:
        bad = [(a, b) for a, b in alive if not (_stands(out, a, before=-1) and _stands(out, b, before=1))]
        if not bad:
            return
        for place in (place for span in bad for place in span):
            mark = out[place]
            if isinstance(mark, _Mark):
                mark.dead = True
        alive = [span for span in alive if span not in bad]


def _stands(out: list[_Atom | _Mark], at: int, *, before: int) -> bool:
    """Return whether a mark reads as one; `before` is the direction of what is outside: -1 or 1."""
    outside, inside = _sign_from(out, at, before), _sign_from(out, at, -before)
    if not inside or inside.isspace():
        return False
    if unicodedata.category(inside)[0] not in "PS":
        return True
    return not outside or outside.isspace() or unicodedata.category(outside)[0] == "P"


def _sign_from(out: list[_Atom | _Mark], at: int, step: int) -> str:
    """Return the next sign in a direction, beyond the marks that make one run with this one; '' at the end."""
    mark = out[at]
    place = at + step
    while 0 <= place < len(out):
        other = out[place]
        if isinstance(other, _Atom):
            if other.text:
                return other.text[0 if step > 0 else -1]
        elif not other.dead and isinstance(mark, _Mark) and other.sign[0] != mark.sign[0]:
            return other.sign[0]
        place += step
    return ""


def _joined(out: Iterable[_Atom | _Mark]) -> str:
    text = ""
    for part in out:
        if isinstance(part, _Mark):
            text += "" if part.dead else part.sign
            continue
        if part.link and text.endswith("!"):
            text = f"{text[:-1]}\\!"
        elif part.text[:1] == "`" and text.endswith("`"):
            text += _JOINER
        text += part.text
    return text


# Pieces


@dataclass(frozen=True, slots=True)
class _Room:
    """What a piece still holds, and from which size on a block is divided rather than moved. `margin` of each line."""

    left: int
    large: int
    margin: int = 0

    def less(self, used: int) -> "_Room":
        return replace(self, left=self.left - used)

    def within(self, margin: int) -> "_Room":
        return replace(self, margin=self.margin + margin)

    def of(self, blocks: Sequence[_Block]) -> int:
        """Return how much `blocks` take, with an empty line before them."""
        lines = _lines(blocks, rich=True)
        return sum(size(line) + 2 + self.margin for line in lines) + 2 + self.margin


def _take(blocks: list[_Block], room: _Room, *, fresh: bool) -> tuple[list[_Block], list[_Block]]:
    """Return the blocks that there is room for, and the others; if `fresh`, something is taken in any case."""
    taken: list[_Block] = []
    for at, block in enumerate(blocks):
        used = room.of([block])
        if used <= room.left:
            taken.append(block)
            room = room.less(used)
            continue
        part: list[_Block] = []
        rest: list[_Block] = [block]
        must = fresh and not taken
        if must or used > room.large:
            part, rest = _divide(block, room, fresh=must)
        return [*taken, *part], [*rest, *blocks[at + 1 :]]
    return taken, []


def _divide(block: _Block, room: _Room, *, fresh: bool) -> tuple[list[_Block], list[_Block]]:
    match block:
        case _Words():
            return _divide_words(block, room, fresh=fresh)
        case _Code():
            return _divide_code(block, room, fresh=fresh)
        case _Quote():
            part, rest = _take(block.blocks, room.within(2), fresh=fresh)
            return [_Quote(part)] if part else [], [_Quote(rest)] if rest else []
        case _List():
            return _divide_list(block, room, fresh=fresh)


def _divide_list(block: _List, room: _Room, *, fresh: bool) -> tuple[list[_Block], list[_Block]]:
    """Return the items that there is room for, and the others, which go on counting; an item's rest before them."""
    inner = room.within(max(len(f"{mark} ") for mark in (*_marks(block, rich=True, other=False), " " * (_STEP - 1))))
    for at, item in enumerate(block.items):
        used = max(inner.of(item) - 2 - inner.margin, 2 + inner.margin)  # no empty line between items
        if used <= inner.left:
            inner = inner.less(used)
            continue
        part: list[_Block] = []
        rest: list[_Block] = item
        if used > room.large or (fresh and at == 0):
            part, rest = _take(item, inner, fresh=fresh and at == 0)
        number = None if block.first is None else block.first + at + bool(part)
        before = [*block.items[:at], *([part] if part else [])]
        after = block.items[at + 1 :] if part else block.items[at:]
        return (
            [_List(before, block.first)] if before else [],
            [*(rest if part else ()), *([_List(after, number)] if after else [])],
        )
    return [block], []


def _divide_code(code: _Code, room: _Room, *, fresh: bool) -> tuple[list[_Block], list[_Block]]:
    fence, *_ = _code_lines(code, rich=True)
    left = room.left - room.of([_Code((fence, *code.head))])
    for at, line in enumerate(code.lines):
        used = size(line) + 2 + room.margin + 2 * len(_AT.findall(line))
        if used <= left:
            left -= used
            continue
        if at == 0 and fresh:  # by its signs, however little room there is
            end = max(_cut(line, _reach(line, left - 2 - room.margin, _code_cost)), 1)
            return [_Code((line[:end],), code.head)], [_Code((line[end:], *code.lines[1:]), code.head)]
        part: list[_Block] = [_Code(code.lines[:at], code.head)] if at else []
        return part, [_Code(code.lines[at:], code.head)]
    return [code], []


def _divide_words(words: _Words, room: _Room, *, fresh: bool) -> tuple[list[_Block], list[_Block]]:
    """Return the words that there is room for, cut where it hurts least, and the others."""
    text = "".join(run.words for run in words.runs)
    end = _whole_links(words.runs, _cut(text, _fitting(words.runs, room)), fresh=fresh)
    between_words = text[end : end + 1].isspace() or text[end - 1 : end].isspace()
    if not text[:end].strip() or not (fresh or between_words):
        if not fresh:
            return [], [words]
        if words.runs[0].url:
            return _divide(_Words((replace(words.runs[0], url=""), *words.runs[1:])), room, fresh=True)
        end = max(end, 1)
    before, after = _parted(words.runs, end)
    return _solid(_Words(before, whole=words.whole)), _solid(_Words(after, whole=words.whole))


def _whole_links(runs: Iterable[_Run], end: int, *, fresh: bool) -> int:
    """Return `end`, or where the link or code begins that it is within; if `fresh`, not the very beginning."""
    start = 0
    for run in runs:
        if start < end < start + len(run.words) and (run.url or run.code):
            return start if start or not fresh else end
        start += len(run.words)
    return end


def _solid(words: _Words) -> list[_Block]:
    return [words] if any(run.words.strip() for run in words.runs) else []


def _fitting(runs: Iterable[_Run], room: _Room) -> int:
    """Return how many characters of `runs` surely fit: as many marks as possible are counted."""
    left, at = room.left - 3 * room.margin - 10, 0
    for run in runs:
        ticks = 4 + 2 * max((len(found) for found in re.findall("`+", run.words)), default=0) if run.code else 0
        link = 5 + size(run.url) + 4 * run.url.count("&") if run.url else 0
        left -= sum(2 * len(_MARKS[style]) for style in run.styles) + ticks + link + 2
        for sign in run.words:
            left -= _cost(sign) + (room.margin if sign == "\n" else 0)
            if left < 0:
                return at
            at += 1
    return at


def _cost(sign: str) -> int:
    """Return the most that `size` counts for a sign with what it needs to be one."""
    if sign == "\n":
        return 7  # with two spaces before, and '\\' before the next
    return 5 if sign in '&<>\\"' else 3 if unicodedata.category(sign)[0] in "PS" and sign < "\x7f" else size(sign)


def _code_cost(sign: str) -> int:
    return size(sign) + (sign == "<")


def _parted(runs: tuple[_Run, ...], end: int) -> tuple[tuple[_Run, ...], tuple[_Run, ...]]:
    """Return `runs` up to the character `end`, and from there."""
    before: list[_Run] = []
    for place, run in enumerate(runs):
        if end >= len(run.words):
            before.append(run)
            end -= len(run.words)
            continue
        halves = replace(run, words=run.words[:end]), replace(run, words=run.words[end:])
        return (*before, *(halves[:1] if end else ())), (halves[1], *runs[place + 1 :])
    return tuple(before), ()


def _halves(words: str, most: int, form: Callable[[str], str], weight: Callable[[str], int]) -> list[str]:
    """Return `words` as texts in a `form` in which no sign is larger than its `weight`, of at most `most` each."""
    made, rest = [], words
    while rest:
        end = max(_cut(rest, _reach(rest, most, weight)), 1)
        if piece := rest[:end].strip():
            made.append(form(piece))
        rest = rest[end:].lstrip()
    return made


def _reach(text: str, most: int, weight: Callable[[str], int]) -> int:
    """Return how many of `text`'s first characters have no more than `most` weight."""
    sums = accumulate(map(weight, text))
    return next((at for at, total in enumerate(sums) if total > most), len(text))


_BOUNDARIES = [re.compile(p) for p in (r"\n", r"(?<=[.!?:;])\s|(?<=[。！？；])", r"\s")]
_FLAGS = ("\U0001f1e6", "\U0001f1ff")


def _cut(text: str, end: int) -> int:
    """Return where to cut `text` at `end` or before: between lines, sentences, words, or at least signs."""
    if end >= len(text):
        return len(text)
    for boundary in _BOUNDARIES:
        places = [found.start() for found in boundary.finditer(text, end // 2, end + 1) if found.start() <= end]
        if places and text[: places[-1]].strip():
            return places[-1]
    early = max((found.start() for found in _BOUNDARIES[-1].finditer(text, 0, end // 2)), default=0)
    if text[:early].strip():
        return early
    return next((at for at in range(end, max(0, end - 64), -1) if not _within_sign(text, at)), end)


def _within_sign(text: str, at: int) -> bool:
    """Return whether the signs at both sides of `at` are drawn as one (Unicode, UAX 29: what matters in practice)."""
    before, after = text[at - 1], text[at]
    if before == "\u200d" or after in "\u200d\u200c" or unicodedata.category(after).startswith("M"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    flags = next((n for n in range(at) if not _FLAGS[0] <= text[at - 1 - n] <= _FLAGS[1]), at)
    return _FLAGS[0] <= after <= _FLAGS[1] and flags % 2 == 1


# What is settled of an answer that grows


@dataclass(frozen=True, slots=True)
class _End:
    """How a growing text ends: whether its last line, and whether its last paragraph is over."""

    line: bool
    paragraph: bool

    @classmethod
    def of(cls, markdown: str) -> "_End":
        return cls(markdown.endswith("\n"), bool(re.search(r"\n[ \t]*\n[ \t]*\Z", markdown)))


def _settled(blocks: list[_Block], end: _End) -> list[_Block]:
    """Return what no later text changes: only the last block is still open."""
    if not blocks:
        return []
    *before, last = blocks
    match last:
        case _Words():
            return [*before, *_settled_words(last, end)]
        case _Quote():
            inside = _settled(last.blocks, end)
            return [*before, *([_Quote(inside)] if inside else ())]
        case _List() if last.items and not last.table:
            inside = _settled(last.items[-1], end)
            items = [*last.items[:-1], *([inside] if inside else ())]
            return [*before, *([replace(last, items=items)] if items else ())]
        case _:
            return before


def _settled_words(words: _Words, end: _End) -> list[_Block]:
    if words.whole or end.paragraph:
        return [words] if end.paragraph or (end.line and not words.loose) else []
    text = "".join(run.words for run in words.runs)
    until = 0 if words.loose else min(_opens(words.runs), len(text))
    if _HEAD.match(words.source.rsplit("\n", 1)[-1]):  # with the next line it may be a table
        until = min(until, text.rfind("\n") + 1)
    if until == len(text):
        return [words]
    places = [found.end() for found in _STOP.finditer(text[:until])]
    place = next((at for at in reversed(places) if _between(words.runs, at)), 0)
    return _solid(_Words(_parted(words.runs, place)[0]))


# Where a text may be cut: behind a sentence and its citations, or a line.
_STOP = re.compile(r"[.!?:…。！？؟][\"'”’)]*(?:\s*\[\d+\])*\s+|\n")
# A line that may become the head of a table, of which no sentence was let go before its first '|'.
_HEAD = re.compile(r"(?:(?![.!?:…。！？؟][\"'”’)]*(?:\s*\[\d+\])*\s)[^|\n])*\|")
# Signs that more text could make marks: those of code, links, crossing out, and stars and low lines before a word.
_OPEN = re.compile(r"`|~~|\\(?=\s*\Z)|\[(?!\d{1,3}\])|\*(?=\S)|(?P<line>_)(?=\S)")


def _opens(runs: Sequence[_Run]) -> int:
    """Return where the first sign stands that more text could make a mark; a large number if none does.

    A '_' within a word is none, but marks may stand before it where a run begins.
    """
    starts = set(accumulate((len(run.words) for run in runs), initial=0))
    text = "".join("x" * len(run.words) if run.code else run.words for run in runs)
    for found in _OPEN.finditer(text):
        at = found.start()
        if not found["line"] or at in starts or not text[at - 1].isalnum():
            return at
    return maxsize


def _between(runs: Iterable[_Run], place: int) -> bool:
    """Return whether nothing that belongs together stands at both sides of `place`."""
    before, after = _parted(tuple(runs), place)
    if not (before and after):
        return True
    one, other = before[-1], after[0]
    return not one.styles & other.styles and not (one.url and one.url == other.url) and not (one.code and other.code)
