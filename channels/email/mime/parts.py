"""The bytes of a mail become its parts: a walk through the MIME tree that ends, whatever the bytes.

`mime.py` calls `walk`. A list of work instead of recursion, ranges instead of copies, and a limit on depth and number:
the standard library's parser recurses into a thousand nested parts until Python stops it.
"""

import binascii
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from channels.email.mime import head, smime
from channels.email.mime.head import Fields

MOST_DEPTH = 40
"""Multiparts and forwarded mails within each other; what lies deeper stays one file. Real mails reach 10."""
MOST_PARTS = 500
"""Parts that are read."""

_SNIFF = 4096
_BOUNDARY = re.compile(rb"(?<![^\r\n])--([^\r\n]{1,200}?)[ \t]*\r?\ncontent-", re.IGNORECASE)
_ENCODING = re.compile(r"[a-z0-9-]+")
_UU_BEGIN = re.compile(rb"(?:\A|\n)begin(?:-base64)? [0-7]{3,4} [^\r\n]{1,300}\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is not cut further: `content` is decoded from its transfer encoding, not from its charset.

    `path` has the media types of what it lies in, outermost first. `group` is the same for the parts that say the same
    thing in different forms (multipart/alternative). `mail` counts forwarded mails: 0 is the mail itself, and
    `enclosed` is the head of a forwarded mail where one begins. `root` marks the first part of its multipart.
    """

    type: str
    parameters: dict[str, str]
    fields: Fields
    content: bytes
    path: tuple[str, ...] = ()
    group: int = 0
    mail: int = 0
    first: bool = True
    enclosed: Fields | None = None
    deep: bool = False

    @property
    def disposition(self) -> str:
        """'attachment', 'inline', another word, or ''."""
        return head.parameters(self.fields.raw("content-disposition"))[0]

    @property
    def name(self) -> str:
        """The file's name as the mail gives it, or ''."""
        named = head.parameters(self.fields.raw("content-disposition"))[1]
        return named.get("filename") or self.parameters.get("name") or ""

    @property
    def content_id(self) -> str:
        """The Content-ID without brackets, or ''."""
        return next(iter(head.ids([self.fields.raw("content-id")])), self.fields.raw("content-id").strip("<> "))


@dataclass(frozen=True, slots=True)
class Tree:
    """A mail taken apart: its head, its parts in order, and whether a limit cut something off."""

    fields: Fields
    parts: tuple[Part, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    buffer: bytes
    start: int
    end: int
    path: tuple[str, ...] = ()
    group: int = 0
    mail: int = 0
    first: bool = True
    usual: str = "text/plain"
    fields: Fields | None = field(default=None)
    """Set when the head was read already."""


def walk(raw: bytes) -> Tree:
    """Take `raw` apart."""
    raw = _lines(raw)
    top, body = head.split(raw, _first(raw), len(raw))
    waiting = deque([_Work(raw, body, len(raw), fields=top)])
    parts: list[Part] = []
    serial = 0
    while waiting and len(parts) < MOST_PARTS:
        work = waiting.popleft()
        serial += 1
        leaf, inner = _open(work, serial)
        if leaf:
            parts.append(leaf)
        waiting.extendleft(reversed(inner))
    return Tree(top, tuple(parts), cut=bool(waiting) or any(part.deep for part in parts))


def _lines(raw: bytes) -> bytes:
    """Return `raw` with line ends that can be found: some old mailboxes have CR alone."""
    return raw.replace(b"\r", b"\n") if b"\n" not in raw[: head.MOST_HEAD] else raw


def _first(raw: bytes) -> int:
    """Return where the head begins: pipes and mailboxes leave blank lines before it."""
    return len(raw) - len(raw.lstrip(b" \t\r\n")) if raw[:1] in b" \t\r\n" else 0


def _open(work: _Work, serial: int) -> tuple[Part | None, list[_Work]]:
    """Return what a piece is: a part, or the pieces in it."""
    fields, body = (work.fields, work.start) if work.fields else head.split(work.buffer, work.start, work.end)
    kind, parameters = head.content_type(fields)
    kind = kind if kind.count("/") == 1 and " " not in kind else _stated(kind, work.usual)
    here = replace(work, start=body, fields=fields, path=(*work.path, kind))
    deep = len(work.path) >= MOST_DEPTH
    if kind.startswith("multipart/"):
        inner = [] if deep else _pieces(here, kind, parameters, serial)
        if inner:
            return None, inner
        kind = "message/rfc822" if deep else "text/plain"
    if kind in {"message/rfc822", "message/global", "message/news"} and not deep:
        return _mail_in(here, kind, parameters, serial)
    content = transferred(work.buffer[body : work.end], fields)
    if kind in smime.TYPES and not deep and (signed := smime.signed_content(content)):
        return None, [replace(here, buffer=signed, start=0, end=len(signed), fields=None)]
    part = Part(kind, parameters, fields, content, work.path, work.group or serial, work.mail, work.first, deep=deep)
    return part, []


def _stated(kind: str, usual: str) -> str:
    """Return a media type for a Content-Type that is none: 'text' (RFC 1049), 'html', or nothing at all."""
    if not kind:
        return usual
    return {"text": "text/plain", "html": "text/html"}.get(
        kind, "text/plain" if "text" in kind else "application/octet-stream"
    )


def _pieces(work: _Work, kind: str, parameters: dict[str, str], serial: int) -> list[_Work]:
    """Return the pieces of a multipart, none if no boundary is found in it."""
    buffer, start, end = work.buffer, work.start, work.end
    boundary = parameters.get("boundary", "").encode("utf-8", "replace").rstrip()
    ranges = list(_between(buffer, start, end, boundary)) if boundary else []
    if not ranges:
        encoding = _encoding(work.fields)
        if encoding in {"base64", "quoted-printable"}:
            buffer = transferred(buffer[start:end], work.fields or Fields())
            start, end = 0, len(buffer)
        found = [boundary] if boundary else []
        found += [sniffed[1] for sniffed in [_BOUNDARY.search(buffer, start, min(end, start + _SNIFF))] if sniffed]
        ranges = next((cut for one in found if (cut := list(_between(buffer, start, end, one)))), [])
    return [
        replace(
            work, buffer=buffer, start=one, end=other, fields=None, first=index == 0,
            group=work.group or (serial if kind == "multipart/alternative" else 0),
            usual="message/rfc822" if kind == "multipart/digest" else "text/plain",
        )
        for index, (one, other) in enumerate(ranges)
    ]  # fmt: skip


def _between(buffer: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield the ranges between the boundary lines; the last one need not be closed."""
    line = re.compile(rb"(?<![^\r\n])--" + re.escape(boundary) + rb"(--)?[ \t]{0,100}(?:\r*\n|\r*\Z)")
    begun: int | None = None
    for count, found in enumerate(line.finditer(buffer, start, end)):
        if begun is not None:
            yield begun, max(begun, _before(buffer, found.start()))
        begun = None if found[1] else found.end()
        if found[1] or count > MOST_PARTS:
            return
    if begun is not None:
        yield begun, end


def _before(buffer: bytes, at: int) -> int:
    """Return where the content before a boundary line ends: the line break belongs to the boundary (RFC 2046)."""
    if buffer[at - 1 : at] == b"\n":
        at -= 1
    return at - 1 if buffer[at - 1 : at] == b"\r" else at


def _mail_in(work: _Work, kind: str, parameters: dict[str, str], serial: int) -> tuple[Part, list[_Work]]:
    """Return a part that marks a forwarded mail, and what is in that mail."""
    fields = work.fields or Fields()
    buffer, start, end = work.buffer, work.start, work.end
    if _encoding(fields) in {"base64", "quoted-printable"}:
        decoded = transferred(buffer[start:end], fields)
        if head.split(decoded, 0, len(decoded))[0].lines:
            buffer, start, end = decoded, 0, len(decoded)
    start += _first(buffer[start : min(end, start + _SNIFF)])
    enclosed, body = head.split(buffer, start, end)
    outside = work.path[:-1]
    mark = Part(kind, parameters, fields, b"", outside, serial, work.mail, work.first, enclosed)
    if any(path == "multipart/report" for path in outside):
        return replace(mark, content=buffer[start:end]), []
    return mark, [_Work(buffer, body, end, work.path, 0, serial, fields=enclosed)]


def _encoding(fields: Fields | None) -> str:
    found = _ENCODING.search(fields.raw("content-transfer-encoding").lower()) if fields else None
    return found[0] if found else ""


def transferred(body: bytes, fields: Fields) -> bytes:
    """Undo the transfer encoding, as well as it can be undone."""
    encoding = _encoding(fields)
    if encoding in {"base64", "b64", "base-64"}:
        return head.from_base64(body)
    if encoding in {"quoted-printable", "quoted", "qp", "quotedprintable"}:
        return binascii.a2b_qp(body)
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        begin = _UU_BEGIN.search(body)
        return from_uu(body[begin.end() :]) if begin else body
    return body


def from_uu(lines: bytes) -> bytes:
    """Decode uuencoded lines up to 'end'. Lines that are none are skipped."""
    found = []
    for line in lines.splitlines():
        if line.strip() in {b"end", b"===="}:
            break
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            found.append(_cut_uu(line[:length]))
    return b"".join(found)


def _cut_uu(line: bytes) -> bytes:
    """Decode a line that carries more than it says; some encoders add a checksum."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""
