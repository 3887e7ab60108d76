"""What a file is, by its content. Its name decides only between texts that look alike.

Containers are told apart by what is inside them; puremagic names what we refuse.
"""

import csv
import io
import re
from enum import StrEnum

from core.attachments import archives, charsets
from core.attachments.values import Limits, NotRead
from core.messages import FileOutcome


class Kind(StrEnum):
    """What we read, and pictures, which people and some models look at. The value is the media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    EPUB = "application/epub+zip"
    XLS = "application/vnd.ms-excel"
    MSG = "application/vnd.ms-outlook"
    MAIL = "message/rfc822"
    HTML = "text/html"
    FEED = "application/rss+xml"
    XML = "text/xml"
    NOTEBOOK = "application/x-ipynb+json"
    JSON = "application/json"
    CSV = "text/csv"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    WEBP = "image/webp"
    BMP = "image/bmp"
    TIFF = "image/tiff"
    HEIC = "image/heic"
    AVIF = "image/avif"

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture."""
        return self.value.startswith("image/")


_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), Kind.PNG),
    (re.compile(rb"\xff\xd8\xff"), Kind.JPEG),
    (re.compile(rb"GIF8[79]a"), Kind.GIF),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Kind.WEBP),
    (re.compile(rb"BM.{8}.\x00\x00\x00", re.DOTALL), Kind.BMP),
    (re.compile(rb"II\*\x00|MM\x00\*"), Kind.TIFF),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL), Kind.HEIC),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), Kind.AVIF),
)
_OFFICE = {"word/document.xml": Kind.DOCX, "xl/workbook.xml": Kind.XLSX, "ppt/presentation.xml": Kind.PPTX}
_PROGRAMS = {b"MZ": "application/x-msdownload", b"\x7fELF": "application/x-executable"}
_ARCHIVES = frozenset(
    {
        "application/gzip",
        "application/java-archive",
        "application/vnd.rar",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-gzip",
        "application/x-rar-compressed",
        "application/x-tar",
        "application/x-xz",
        "application/zip",
    }
)
_OLD_OFFICE = {
    "WordDocument": ("application/msword", "Old Word files (.doc) are not read. A .docx or a PDF is."),
    "PowerPoint Document": (
        "application/vnd.ms-powerpoint",
        "Old PowerPoint files (.ppt) are not read. A .pptx or a PDF is.",
    ),
    "EncryptedPackage": ("application/x-ole-storage", "This file is protected with a password."),
}
_PDF = b"%PDF-"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_FEED = re.compile(r"<(?:rss|feed|rdf:RDF)[\s>]")
_JSON = re.compile(r"""\{\s*["}]|\[\s*(?:["\[{\]]|-?\d+[,.\]]|true|false|null)""")
_HEADER = re.compile(r"(?:from|to|subject|date|received|message-id|mime-version|return-path):", re.IGNORECASE)
_DELIMITERS = ",;\t"


def _not_ours(type_: str, sentence: str = "", *, outcome: FileOutcome = FileOutcome.REFUSED) -> NotRead:
    return NotRead(sentence or f"This kind of file ({type_}) is not read.", outcome=outcome, type_=type_)


def recognise(content: bytes, name: str, limits: Limits) -> Kind:
    """Return what `content` is. Raises `NotRead` for what is not read."""
    if content.lstrip().startswith(_PDF):
        return Kind.PDF
    if content.startswith(_ZIP):
        return _in_zip(content, limits)
    if content.startswith(_OLE):
        return _in_ole(content)
    if picture := next((kind for pattern, kind in _PICTURES if pattern.match(content)), None):
        return picture
    for mark, type_ in _PROGRAMS.items():
        if content.startswith(mark):
            raise _not_ours(type_)
    if _PDF in content[:1024] and not content.lstrip().startswith(b"<"):  # other bytes may stand before a PDF
        return Kind.PDF
    if content.startswith(b"{\\rtf"):
        raise _not_ours("application/rtf")
    text = charsets.decode(content[: limits.source])
    if text is None:
        raise _unknown(content)
    return _text(text, name.lower())


def _in_zip(content: bytes, limits: Limits) -> Kind:
    inside = archives.names(content, limits)
    for name, kind in _OFFICE.items():
        if name in inside:
            return kind
    if "META-INF/container.xml" in inside:
        return Kind.EPUB
    raise _not_ours("application/zip", "This archive is not opened. Please send the files themselves.")


def _in_ole(content: bytes) -> Kind:
    import olefile  # type: ignore[import-untyped]

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as storage:
            inside = {"/".join(path) for path in storage.listdir()}
    except Exception as broken:  # the library raises whatever a damaged table of contents leads to
        damaged = "This file is damaged and can't be read."
        raise _not_ours("application/x-ole-storage", damaged, outcome=FileOutcome.FAILED) from broken
    for name, (type_, sentence) in _OLD_OFFICE.items():
        if name in inside:
            raise _not_ours(type_, sentence)
    if inside & {"Workbook", "Book"}:
        return Kind.XLS
    if "__properties_version1.0" in inside:
        return Kind.MSG
    raise _not_ours("application/x-ole-storage")


def _unknown(content: bytes) -> NotRead:
    import puremagic

    try:
        found = [match for match in puremagic.magic_string(content) if match.mime_type]
    except (puremagic.PureError, ValueError):
        found = []
    type_ = found[0].mime_type if found else "application/octet-stream"
    if type_ in _ARCHIVES:
        return _not_ours(type_, "This archive is not opened. Please send the files themselves.")
    return _not_ours(type_)


def _text(text: str, name: str) -> Kind:
    head = text[:4096].lstrip("\ufeff \t\r\n")
    if _HTML.search(head[:2048]) and head.startswith("<"):
        return Kind.HTML
    if head.startswith("<"):
        markup = _markup(head, name)
        if markup:
            return markup
    if _JSON.match(head):
        return Kind.NOTEBOOK if '"nbformat"' in text and '"cells"' in text else Kind.JSON
    if _is_mail(head):
        return Kind.MAIL
    if name.endswith((".csv", ".tsv")) or _is_table(head):
        return Kind.CSV
    return Kind.MARKDOWN if name.endswith((".md", ".markdown")) else Kind.TEXT


def _markup(head: str, name: str) -> Kind | None:
    if _FEED.search(head):
        return Kind.FEED
    if head.startswith("<?xml"):
        return Kind.XML
    if name.endswith((".html", ".htm")) or re.match(r"<(?:div|p|table|span|br|h\d)[\s>/]", head, re.IGNORECASE):
        return Kind.HTML
    return Kind.XML if re.match(r"<[A-Za-z_][\w.:-]*[\s>/]", head) else None


def _is_mail(head: str) -> bool:
    block = head.split("\n\n", 1)[0].replace("\r", "").split("\n\n", 1)[0].split("\n")
    return len({line.partition(":")[0].lower() for line in block if _HEADER.match(line)}) >= 2


def _is_table(head: str) -> bool:
    """Whether each of the first lines, three at least, has the same three or more cells."""
    lines = [line for line in head.splitlines()[:-1][:20] if line.strip()]
    for delimiter in _DELIMITERS:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)} if len(lines) > 2 else set()
        if len(widths) == 1 and widths.pop() > 2:
            return True
    return False
