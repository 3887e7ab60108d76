"""HTML mails as text: what a reader would see, and of it what the sender wrote.

`reply.written` calls `read` for mails without a readable text part. A page is laid out as lines, `quotes` judges them
as it judges plain text, and the elements of the lines that go are removed; inscriptis renders what is left. Before that
the marks that mail programs leave in HTML become what stands for them in plain text: a <blockquote> '>' lines,
Outlook's message header '-----Original Message-----'.
"""

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from html import unescape
from itertools import islice
from typing import Any

from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import etree

from channels.email.visible import quotes
from channels.email.visible.hidden import blank_hidden
from channels.email.visible.phrases import phrases, plain
from channels.email.visible.pieces import Kind, Piece, has_words, is_delimiter, pieces

_CONFIG = ParserConfig(css=CSS_PROFILES["strict"])
_DEEP = 150  # levels: inscriptis calls itself for each, and no mail program nests so deeply
_MANY = 30_000  # elements: a page with more is laid out by `_lines` alone, which is twice as fast
_BEGIN, _END = "\ue000", "\ue001"  # private use: where a quote begins and ends, while inscriptis lays out
_MARKS = re.compile("[\x00\ue000\ue001]")
_SPACES = re.compile(r"\s+")
_TAG = re.compile(r"<(?:script|style|title)\b[^<>]*>[^<]*|<[^<>]*>", re.IGNORECASE)
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body center dd details div dl dt fieldset figure footer form h1 h2 h3 h4 h5"
        " h6 header hr html li main nav ol p pre section table tbody td tfoot th thead tr ul",
    )
)


def _named(*names: str) -> re.Pattern[str]:
    """Finds one of `names` among an element's classes and its id; Outlook on the web puts 'x_' before old ones."""
    return re.compile(rf"(?:^|\s)(?:x_)*(?:{'|'.join(names)})(?:\s|$)")


_QUOTE_NAMES = _named(
    "gmail_quote",
    "yahoo_quoted\\w*",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "sparrow_quote",
    "moz-email-quote",
)
_CUT_NAMES = _named(
    "divrplyfwdmsg",
    "olk_src_body_section",
    "stopspelling",
    "zwchr",
    "appendonsend",
    "outlookmessageheader",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
)
_LEAD_NAMES = _named("gmail_attr", "moz-cite-prefix", "reply-intro")
_SIGNATURE_NAMES = _named(
    "gmail_signature",
    "moz-signature",
    "ms-outlook-mobile-signature",
    "applemailsignature\\w*",
    "signature",
    "protonmail_signature_block",
    "tutanota_signature",
    "composer_signature",
)
_RULED = re.compile(r"border-left:[^;]*solid|border-left-style:solid")
_BARE = re.compile(r"border:(?:none|0)|border-left:(?:none|0)")


def read(html: str) -> tuple[str, str]:
    """Return the text of the page `html` without quotes and marked signatures, and the text of all of it."""
    root, whole = _tree(html)
    if root is None or not whole:
        return _unparsed(html, whole=whole), _unparsed(html, whole=whole)
    lines = _lines(root)
    kept = _kept(lines, signatures=True)
    if _is_large(root):
        return _joined(line for number, line in enumerate(lines) if number in kept), _joined(lines)
    full = _render(deepcopy(root))
    _empty(root, lines, kept)
    return _render(root), full


def to_text(html: str) -> str:
    """Return what a reader of the page `html` sees, as text; quotes that remain have '> ' before their lines."""
    root, whole = _tree(html)
    return _render(root) if root is not None and whole else _unparsed(html, whole=whole)


def cut_quotes(html: str) -> str:
    """Return `html` without what it quotes from earlier mails, unless the writer answered inside the quote.

    A forwarded mail stays, if its first line says so.
    """
    root, whole = _tree(html)
    if root is None or not whole:
        return "" if whole else html
    lines = _lines(root)
    _empty(root, lines, _kept(lines, signatures=False))
    return str(etree.tostring(root, encoding="unicode", method="html"))


def _render(root: Any) -> str:
    """The text of a page, which is changed by it."""
    if _is_large(root):
        return _joined(_lines(root))
    for element in [element for element in root.iter("blockquote") if _is_quote(element, frozenset())]:
        element.text = f"{_BEGIN}{element.text or ''}"
        if len(element):
            element[-1].tail = f"{element[-1].tail or ''}{_END}"
        else:
            element.text += _END
    return _prefixed(Inscriptis(root, _CONFIG).get_text()).strip()


def _joined(lines: Iterable["Line"]) -> str:
    return "\n".join(line.text for line in lines).strip()


def _kept(lines: list["Line"], *, signatures: bool) -> set[int]:
    """The numbers of the lines that the sender wrote; with `signatures` without what is marked as one."""
    shown = quotes.written(_pieces(lines))
    while shown and (not shown[-1].text.strip() or is_delimiter(shown[-1].text)):
        shown.pop()
    return {
        number
        for piece in shown
        if not (signatures and piece.kind is Kind.ENDING)
        for number in range(piece.line, piece.line + max(1, piece.text.count("\n")))
    }


def _tree(html: str) -> tuple[Any, bool]:
    """The page without hidden text, or None if it is empty; and whether the parser could read all of it."""
    parser = etree.HTMLParser(huge_tree=True, recover=True, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_MARKS.sub("", html).encode("utf-8", "replace"), parser)
    except etree.LxmlError:  # nothing but comments, or nothing at all
        return None, True
    if root is None:
        return None, True
    whole = not any("depth" in entry.message.lower() for entry in parser.error_log)
    if whole:
        blank_hidden(root)
        _break_pre(root)
    return root, whole


def _unparsed(html: str, *, whole: bool) -> str:
    """The text of an empty page, or of one too deep for the parser: everything outside '<...>'."""
    if whole:
        return ""
    lines = (" ".join(line.split()) for line in _TAG.sub(" ", html).split("\n"))
    return unescape("\n".join(line for line in lines if line))


def _is_large(root: Any) -> bool:
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > _DEEP or count > _MANY:
            return True
    return False


def _break_pre(root: Any) -> None:
    """Turn line breaks in <pre> into <br>, so that each line can be judged by itself."""
    inside = 0
    found: list[tuple[Any, bool]] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            inside += element.tag == "pre"
            found += [(element, False)] if inside and "\n" in (element.text or "") else []
        else:
            inside -= element.tag == "pre"
            found += [(element, True)] if inside and "\n" in (element.tail or "") else []
    for element, tail in found:
        first, *rest = (element.tail if tail else element.text).split("\n")
        if tail:
            element.tail = None
        for line in reversed(rest):
            element.addnext(_break(line)) if tail else element.insert(0, _break(line))
        if tail:
            element.tail = first
        else:
            element.text = first


def _break(tail: str) -> Any:
    element = etree.Element("br")
    element.tail = tail
    return element


def _prefixed(text: str) -> str:
    """Put '> ' before the lines between the marks of a quote, once for each level."""
    depth = 0
    lines: list[str] = []
    for line in text.split("\n"):
        inside = depth + (line.count(_BEGIN) if line.lstrip().startswith(_BEGIN) else 0)
        depth += line.count(_BEGIN) - line.count(_END)
        bare = _MARKS.sub("", line)
        if bare.strip() or bare == line:
            lines.append(f"{'> ' * inside}{bare.strip()}".rstrip() if inside else bare.rstrip())
    return "\n".join(lines)


@dataclass(slots=True)
class Line:
    """A line of the page: its text, how deep in quotes it stands, and the elements whose text or tail it is."""

    text: str = ""
    depth: int = 0
    role: Kind | None = None
    slots: list[tuple[Any, str]] = field(default_factory=list)


def _lines(root: Any) -> list[Line]:
    """Lay the page out as lines, roughly as a browser would."""
    page = _Page(frozenset(_holders(root.iter("blockquote"))))
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            page.open(element)
        else:
            page.close(element)
    return page.finished()


def _holders(elements: Iterable[Any]) -> set[Any]:
    """The elements around `elements`."""
    found: set[Any] = set()
    for element in elements:
        parent = element.getparent()
        while parent is not None and parent not in found:
            found.add(parent)
            parent = parent.getparent()
    return found


class _Page:
    """Collects lines while the page is walked."""

    def __init__(self, quoting: frozenset[Any]) -> None:
        self._quoting = quoting
        self._lines: list[Line] = [Line()]
        self._depth = 0
        self._opened: dict[Any, Kind] = {}
        self._role: Kind | None = None

    def open(self, element: Any) -> None:
        """An element begins: lines, roles and depth change with it, and its text follows."""
        if element.tag in _BLOCKS or element.tag == "br":
            self._break()
        names = _names(element)
        if names and _CUT_NAMES.search(names):
            self._lines.append(Line("-----Original Message-----"))
            self._lines.append(Line())
        if _is_quote(element, self._quoting):
            self._depth += 1
            self._opened[element] = Kind.QUOTE
        elif self._role is None and names and (role := _role(names)):
            self._role = role
            self._opened[element] = role
        if element.tag == "hr":
            self._add(element, "text", "________")
            self._break()
        elif element.text:
            self._add(element, "text", element.text)

    def close(self, element: Any) -> None:
        """An element ends, and the text after it follows."""
        if element.tag in _BLOCKS:
            self._break()
        opened = self._opened.pop(element, None)
        if opened is Kind.QUOTE:
            self._depth -= 1
        elif opened:
            self._role = None
        if element.tail:
            self._add(element, "tail", element.tail)

    def _break(self) -> None:
        if self._lines[-1].slots:
            self._lines.append(Line())

    def _add(self, element: Any, place: str, text: str) -> None:
        line = self._lines[-1]
        if not text.isspace() and not line.text.strip():
            line.depth, line.role = self._depth, self._role
        line.text += _SPACES.sub(" ", text)
        line.slots.append((element, place))

    def finished(self) -> list[Line]:
        """The lines, each with the '>' of its depth."""
        for line in self._lines:
            line.text = f"{'>' * line.depth} {line.text.strip()}".strip()
        return self._lines


def _names(element: Any) -> str:
    attributes = element.attrib
    return f"{attributes.get('class', '')} {attributes.get('id', '')}".lower().strip() if attributes else ""


def _role(names: str) -> Kind | None:
    if _LEAD_NAMES.search(names):
        return Kind.LEAD
    return Kind.ENDING if _SIGNATURE_NAMES.search(names) else None


def _is_quote(element: Any, quoting: frozenset[Any]) -> bool:
    """Whether the element quotes. A <blockquote> without a border is how Gmail and Apple Mail indent one's own text."""
    if element.tag != "blockquote" and (not element.attrib or element in quoting):
        return False
    style = element.get("style", "")[:2000].lower().replace(": ", ":")
    if element.tag == "blockquote":
        found = element.get("type") == "cite" or element.get("class") is not None or not _BARE.search(style)
    elif element.tag == "div" and (element.get("name") == "quote" or (style and _RULED.search(style))):
        found = True
    else:
        names = _names(element)
        found = bool(names) and _QUOTE_NAMES.search(names) is not None
    return found and not _is_forward(element)


def _is_forward(element: Any) -> bool:
    """Whether the element begins with 'Forwarded message': what it holds is to be read, not cut."""
    beginning = " ".join(part.text for part in islice(element.iter(), 12) if part.text)[:300]
    return phrases().forwarded.search(plain(beginning)) is not None


def _pieces(lines: list[Line]) -> list[Piece]:
    """The lines as `quotes` wants them, with what mail programs marked as leads and signatures."""
    parts = list(pieces("".join(f"{line.text}\n" for line in lines)))
    written = False
    for piece in parts:
        role = lines[piece.line].role
        if piece.kind is not Kind.WORDS:
            continue
        if role is Kind.LEAD and piece.text.rstrip().endswith((":", "：")):
            piece.kind = Kind.LEAD
        elif role is Kind.ENDING and written:
            piece.kind = Kind.ENDING
        written = written or has_words(piece.text)
    return parts


def _empty(root: Any, lines: list[Line], kept: set[int]) -> None:
    """Empty the text of the lines that are not `kept`, and remove the elements that hold nothing else."""
    if len(kept) == len(lines):
        return
    stay: set[Any] = set()
    go: list[Any] = []
    for number, line in enumerate(lines):
        for element, place in line.slots:
            owner = element if place == "text" else element.getparent()
            if number in kept:
                _mark(owner, stay)
            elif line.text:
                setattr(element, place, None)
                go.append(owner)
    gone: set[Any] = set()
    for element in go:
        top = _topmost(element, stay, gone)
        if top is not None:
            gone.add(top)
    for element in gone:
        _remove(element)


def _mark(element: Any, stay: set[Any]) -> None:
    while element is not None and element not in stay:
        stay.add(element)
        element = element.getparent()


def _topmost(element: Any, stay: set[Any], gone: set[Any]) -> Any:
    """The outermost element around `element` that holds nothing to keep, or None if there is none left to remove."""
    top = None
    while element is not None and element not in stay:
        if element in gone:
            return None
        top = element
        element = element.getparent()
    return top if element is not None else None


def _remove(element: Any) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if element.tail:
        if before is None:
            parent.text = f"{parent.text or ''}{element.tail}"
        else:
            before.tail = f"{before.tail or ''}{element.tail}"
    parent.remove(element)
