"""Files with a layout turned into text: PDF, Word, PowerPoint, workbooks, CSV, EPUB and mails.

`kb.sync` calls `convert` for the kinds in `kb.load.CONVERTED`. The file is opened by `core.attachments`, in a
process of its own that may do little and not for long; what comes back is made into Markdown that
`kb.split` can cut along its headings.
"""

import re

from core.attachments.extract import extract
from core.attachments.values import Limits
from core.errors import TemporaryError
from core.messages import FileOutcome
from kb.documents import EmptySourceError, SourceError
from kb.load import CONVERTED_BYTES
from kb.markup import Content, read_markdown, read_text
from kb.records import read_tables

LIMITS = Limits(size=CONVERTED_BYTES, seconds=120.0, characters=4_000_000, source=CONVERTED_BYTES, pages=2_000)
"""What reading one file may cost: a manual of a thousand pages is read whole, which a customer's file is not."""

_CUT = re.compile(r"\n\n\[cut here: [^\n]*\]\Z")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_SHORT = 120
_SLIDE_MARK = re.compile(r"^<!-- Slide number: \d+ -->$", re.MULTILINE)
_NOTES = re.compile(r"^### Notes:$", re.MULTILINE)
_PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)$", re.MULTILINE | re.DOTALL)
_EPUB_FIELD = re.compile(r"\*\*(\w+):\*\* ?(.*)")
_EPUB_CONTENTS = re.compile(r"^[ \t]*(?:\d+\.|[-*])[ \t]+\[[^\]]*\]\([^)]*\.x?html?(?:#[^)]*)?\)$\n?", re.MULTILINE)
_MAIL_FIELD = re.compile(r"(From|To|Cc|Date|Subject): ?(.*)")
_MAIL_FOOT = re.compile(r"\n\n\(Files in this mail, not opened: [^\n]*\)\Z")
_NUMBERED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){1,4})\.?\s+(?=[^\W\d_])")
_COUNTED = re.compile(r"\d{1,2}\.?\s+(?=[^\W\d_])")
_HEADING_WORDS = 12
_HYPHEN = re.compile(r"(?<=[a-zà-ÿ])-\n([a-zà-ÿ]+)")
_WORD = re.compile(r"[^\W\d_]{3}")
_BULLET = re.compile(r"^[•●▪◦‣–]\s+")
_RULE_LINE = re.compile(r"[-=_*.·\s]{3,}")


async def convert(data: bytes, name: str) -> Content:
    """Return what the file `data`, called `name`, says. Raises `SourceError` with the reason when it can't be read."""
    try:
        got = await extract(data, name, LIMITS)
    except TemporaryError as error:
        raise SourceError(str(error)) from error
    if got.outcome is not FileOutcome.READ:
        empty = got.type == "application/x-empty"
        raise (EmptySourceError if empty else SourceError)(_reason(got.note or "it is a picture"))
    return _content(_CUT.sub("", got.text), got.type, _reason(got.note))


def _reason(note: str) -> str:
    """Return a sentence about a customer's file as the reason for one of the owner's."""
    return f"{note[:1].lower()}{note[1:]}".rstrip(".")


def _content(text: str, type_: str, note: str) -> Content:
    match type_.rpartition("/")[2].rpartition(".")[2]:
        case "pdf":
            title, body = _title(text)
            return Content(title, "", _pdf(body), note=note)
        case "sheet" | "csv" | "ms-excel":
            return Content("", "", read_tables(text), note=note)
        case "epub+zip":
            return _epub(text, note)
        case "rfc822":
            return _mail(text, note)
        case "presentation":
            return _markdown(_slides(text), note)
        case "document":
            return _markdown(_titled(_unescaped(text)), note)
        case "plain":
            return read_text(text)
        case _:
            return _markdown(_unescaped(text), note)


def _markdown(text: str, note: str) -> Content:
    content = read_markdown(text)
    return Content(content.title, content.address, content.body, note=note)


def _unescaped(text: str) -> str:
    """Return Markdown without its escapes: a reader searches for 'E_42', not for 'E\\_42'."""
    parts = _CODE.split(text)
    return "".join(part if at % 2 else _ESCAPED.sub(r"\1", part) for at, part in enumerate(parts))


def _title(text: str) -> tuple[str, str]:
    """Return a short first line that stands alone as the title, and the rest."""
    first, _, rest = text.partition("\n")
    alone = not rest or rest.startswith("\n")
    if alone and len(first) <= _SHORT and _WORD.search(first) and not first.startswith(("#", "|", "-", "*")):
        return " ".join(first.split()), rest.strip("\n")
    return "", text


def _titled(text: str) -> str:
    title, rest = _title(text)
    return f"# {title}\n\n{rest}" if title else text


def _slides(text: str) -> str:
    """Return slides as sections: the first one's title is that of the document, pictures have no words."""
    text = _PICTURE.sub("", _NOTES.sub("", _SLIDE_MARK.sub("", text))).strip()
    first, *rest = re.split(r"^(?=# )", text, flags=re.MULTILINE)
    if not first and rest:
        first, *rest = rest
    return "\n\n".join([first.strip(), *(f"#{slide.strip()}" for slide in rest)])


def _epub(text: str, note: str) -> Content:
    """Return a book under its own title, without its table of contents."""
    head, _, rest = text.partition("\n\n")
    fields = dict(_EPUB_FIELD.findall(head))
    if not fields:
        return _markdown(_unescaped(text), note)
    body = _EPUB_CONTENTS.sub("", _unescaped(rest))
    title = fields.get("Title", "")
    body = re.sub(rf"\A#+ {re.escape(title)}\n+", "", body) if title else body
    return Content(title, "", body.strip("\n"), note=note)


def _mail(text: str, note: str) -> Content:
    """Return a mail under its subject; who wrote it to whom is nothing that an answer should quote."""
    head, _, body = text.partition("\n\n")
    fields = dict(_MAIL_FIELD.findall(head))
    return Content(fields.get("Subject", ""), "", _MAIL_FOOT.sub("", f"\n\n{body}").strip("\n"), note=note)


def _pdf(text: str) -> str:
    """Return the lines of a PDF as Markdown: numbered titles and lines in capitals become headings."""
    lines = [
        _BULLET.sub("- ", " ".join(line.split())) if not line.startswith("|") else line for line in text.split("\n")
    ]
    out: list[str] = []
    for at, line in enumerate(lines):
        alone = (not at or not lines[at - 1]) and (at + 1 == len(lines) or not lines[at + 1])
        level = _heading_level(line, alone=alone)
        if level:
            out += ["", f"{'#' * level} {line}", ""]
        elif _RULE_LINE.fullmatch(line):
            out.append("")
        else:
            out.append(f"\\{line}" if line.startswith("#") else line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n")


def _pdf_line(line: str) -> str:
    return line if line.startswith("|") else _BULLET.sub("- ", " ".join(line.split()))


def _heading_level(line: str, *, alone: bool) -> int:
    """Return the level of a line that is a heading, 0 for any other."""
    if not line or len(line.split()) > _HEADING_WORDS or line[-1] in ".,;:!?" or line.startswith(("|", "-", "#")):
        return 0
    if numbered := _NUMBERED.match(line):
        return min(2 + numbered[1].count("."), 6) if line[numbered.end()].isupper() else 0
    if alone and _COUNTED.match(line):
        return 2
    return 2 if alone and line.isupper() and sum(map(str.isalpha, line)) > 3 else 0
