"""The registry of what we read: for each kind, how its text is got. Runs behind the wall, in `confined`.

MarkItDown converts what has a layout; its converters are called one by one, since the kind is known. Tables are
read by `sheets`, and texts need no library at all.
"""

import html
import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

from core.attachments import charsets, sheets
from core.attachments.recognise import Kind
from core.attachments.values import Limits, NotRead
from core.messages import FileOutcome

_OPTIONAL = {
    Kind.PDF: {"pdfminer", "pdfplumber"},
    Kind.DOCX: {"mammoth"},
    Kind.PPTX: {"pptx"},
    Kind.MSG: {"olefile"},
}
_EXTRAS = (
    "pandas",
    "openpyxl",
    "xlrd",
    "azure",
    "youtube_transcript_api",
    *(m for ms in _OPTIONAL.values() for m in ms),
)
_CANONICAL = re.compile(
    r"""<link\b[^>]*rel=["']canonical["'][^>]*href=["']([^"']+)|"""
    r"""<meta\b[^>]*property=["']og:url["'][^>]*content=["']([^"']+)""",
    re.IGNORECASE,
)
_PAGES_AT_ONCE = 10


class _Cut:
    """What was left out, in words for the note."""

    def __init__(self) -> None:
        self.note = ""


def read(content: bytes, kind: Kind, limits: Limits) -> tuple[str, str]:
    """Return the text of `content` and a note of what was left out, '' if nothing was. Raises `NotRead`."""
    cut = _Cut()
    text = charsets.clean(_READERS[kind](content, limits, cut)).strip()
    if len(text) > limits.characters:
        cut.note = f"Only its first {limits.characters:,} characters were read."
        text = text[: limits.characters].rstrip()
    if not text:
        raise NotRead(_NOTHING.get(kind, "There is no text in this file."))
    return (f"{text}\n\n[cut here: {cut.note}]" if cut.note else text), cut.note


_NOTHING = {Kind.PDF: "This PDF has no text in it: it is a scan or a picture."}


def _decoded(content: bytes, limits: Limits, cut: _Cut) -> str:
    if len(content) > limits.source:
        cut.note = f"Only its first {limits.source // 1024 // 1024} MB were read."
    text = charsets.decode(content[: limits.source])
    if text is None:
        raise NotRead("This file is damaged: it stops being text.", outcome=FileOutcome.FAILED)
    return text


def _converted(name: str, kind: Kind, content: bytes, **known: Any) -> str:
    """Have MarkItDown's converter `name` turn `content` into Markdown."""
    markitdown = _markitdown(kind)
    info = markitdown.StreamInfo(mimetype=kind.value, **known)
    converter = getattr(markitdown.converters, name)()
    return str(converter.convert(io.BytesIO(content), info).markdown)


def _markitdown(kind: Kind) -> Any:
    """Import MarkItDown without the optional libraries that `kind` doesn't need: they take most of its start."""
    for extra in _EXTRAS:
        if extra not in _OPTIONAL.get(kind, ()) and extra not in sys.modules:
            sys.modules[extra] = None  # type: ignore[assignment]  # Python's way to say: not installed
    import markitdown
    import markitdown.converters

    return markitdown


def _pdf(content: bytes, limits: Limits, cut: _Cut) -> str:
    from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

    try:
        text = ""
        for pages in _pages(content, limits, cut):
            text += _converted("PdfConverter", Kind.PDF, pages) + "\n\n"
            if len(text) > limits.characters:
                break
        return text
    except (PDFPasswordIncorrect, PDFEncryptionError) as locked:
        raise NotRead("This PDF is protected with a password.") from locked


def _pages(content: bytes, limits: Limits, cut: _Cut) -> Iterator[bytes]:
    """Yield a PDF whole, or a long one in parts, while there is time: a page takes from 0.03 s to 0.5 s."""
    import pypdfium2  # type: ignore[import-untyped]

    enough = time.monotonic() + limits.seconds / 2
    try:
        whole = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError:  # damaged, or locked: whoever reads it next says which
        yield content
        return
    pages = len(whole)
    if pages <= _PAGES_AT_ONCE:
        yield content
        return
    for first in range(0, min(pages, limits.pages), _PAGES_AT_ONCE):
        if time.monotonic() > enough:
            cut.note = f"Only its first {first} of {pages:,} pages were read."
            return
        yield _some_pages(whole, range(first, min(first + _PAGES_AT_ONCE, pages, limits.pages)))
    if pages > limits.pages:
        cut.note = f"Only its first {limits.pages} of {pages:,} pages were read."


def _some_pages(whole: Any, pages: range) -> bytes:
    import pypdfium2

    part, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    part.import_pages(whole, list(pages))
    part.save(out)
    return out.getvalue()


def _docx(content: bytes, limits: Limits, cut: _Cut) -> str:
    return _converted("DocxConverter", Kind.DOCX, content)


def _pptx(content: bytes, limits: Limits, cut: _Cut) -> str:
    return _converted("PptxConverter", Kind.PPTX, content)


def _epub(content: bytes, limits: Limits, cut: _Cut) -> str:
    return _converted("EpubConverter", Kind.EPUB, content)


def _msg(content: bytes, limits: Limits, cut: _Cut) -> str:
    return _converted("OutlookMsgConverter", Kind.MSG, content)


def _html(content: bytes, limits: Limits, cut: _Cut) -> str:
    return _page(_decoded(content, limits, cut))


def _page(text: str) -> str:
    """Return a page as Markdown; where it says it is an article of Wikipedia or a list of hits, without its frame."""
    found = _CANONICAL.search(text[:200_000])
    url = html.unescape(found[1] or found[2]) if found else None
    converters, source = _markitdown(Kind.HTML).converters, text.encode("utf-8", "replace")
    info = _markitdown(Kind.HTML).StreamInfo(mimetype=Kind.HTML.value, charset="utf-8", url=url)
    names = ("WikipediaConverter", "BingSerpConverter")
    special = [name for name in names if getattr(converters, name)().accepts(io.BytesIO(source), info)]
    return _converted(special[0] if special else "HtmlConverter", Kind.HTML, source, charset="utf-8", url=url)


def _feed(content: bytes, limits: Limits, cut: _Cut) -> str:
    text = _decoded(content, limits, cut)
    if cut.note:
        return text
    from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]

    try:
        return _converted("RssConverter", Kind.FEED, content)
    except DefusedXmlException as entities:
        raise NotRead("This file defines entities of its own, which are not opened.") from entities


def _notebook(content: bytes, limits: Limits, cut: _Cut) -> str:
    text = _decoded(content, limits, cut)
    try:
        return text if cut.note else _converted("IpynbConverter", Kind.NOTEBOOK, text.encode(), charset="utf-8")
    except Exception:  # noqa: BLE001 (it only looks like a notebook: then it is shown as the JSON that it is)
        return text


def _csv(content: bytes, limits: Limits, cut: _Cut) -> str:
    return sheets.read_csv(_decoded(content, limits, cut), limits)


def _xlsx(content: bytes, limits: Limits, cut: _Cut) -> str:
    return sheets.read_xlsx(content, limits)


def _xls(content: bytes, limits: Limits, cut: _Cut) -> str:
    return sheets.read_xls(content, limits)


def _mail(content: bytes, limits: Limits, cut: _Cut) -> str:
    try:
        return _mail_text(message_from_bytes(content, policy=policy.default))
    except Exception:  # noqa: BLE001 (the standard library raises over some headers: then it is shown as it stands)
        return _decoded(content, limits, cut)


def _mail_text(mail: Message | EmailMessage) -> str:
    if not isinstance(mail, EmailMessage):
        return mail.as_string()
    head = [f"{name}: {mail[name]}" for name in ("From", "To", "Cc", "Date", "Subject") if mail[name]]
    body = mail.get_body(("plain", "html"))
    said = ""
    if isinstance(body, EmailMessage):
        said = str(body.get_content())
        said = _page(said) if body.get_content_type() == "text/html" else said
    files = [part.get_filename() or part.get_content_type() for part in mail.iter_attachments()]
    foot = [f"(Files in this mail, not opened: {', '.join(files)})"] if files else []
    return "\n\n".join(["\n".join(head), said.strip(), *foot])


_READERS: dict[Kind, Callable[[bytes, Limits, _Cut], str]] = {
    Kind.PDF: _pdf,
    Kind.DOCX: _docx,
    Kind.XLSX: _xlsx,
    Kind.PPTX: _pptx,
    Kind.EPUB: _epub,
    Kind.XLS: _xls,
    Kind.MSG: _msg,
    Kind.MAIL: _mail,
    Kind.HTML: _html,
    Kind.FEED: _feed,
    Kind.XML: _decoded,
    Kind.NOTEBOOK: _notebook,
    Kind.JSON: _decoded,
    Kind.CSV: _csv,
    Kind.MARKDOWN: _decoded,
    Kind.TEXT: _decoded,
}
