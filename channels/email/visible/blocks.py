"""Header blocks ('From: ... Sent: ... To: ...') and lines like '-----Original Message-----' above a quoted mail.

`quotes` asks at each line. Outlook and many mail programs after it mark a quoted or forwarded mail by nothing else. The
labels of all languages are in phrases.toml; which of them together make a mail, and not a journey 'From: Berlin, To:
Paris', is decided here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.email.visible.phrases import phrases, plain
from channels.email.visible.pieces import LONG, Kind, Piece, is_announced, skip_blank

_LINES = 30  # of a header block
_DASHES = "-_=—–‐"
# HCL Notes writes 'Kim Example ---05.05.2025 10:00:00---Subject' above its header.
_NOTES = re.compile(r"[^-]{2,60}-{3}\d[\d:apm./ -]{6,24}-{3}")
_LABEL = re.compile(r"[\s*_>|]{0,8}([^\W\d_][^:：\n<>@]{0,28}?)[\s*_]{0,4}[:：][\s*_]*(.*)", re.DOTALL)
_INNER_LABEL = re.compile(r"(?<=\s)([^\W\d_]\w{1,14})\s?[:：](?=\s)")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]@[^\s<>()\[\]\"',;:]")


@dataclass(frozen=True, slots=True)
class Block:
    """A header block up to the piece `end`, or, if it is none, the piece before which none begins."""

    found: bool
    end: int
    forwarded: bool = False
    marked: bool = False


def block_at(parts: Sequence[Piece], index: int) -> Block:
    """The header block or the '-----Original Message-----' that begins at `index`."""
    text = parts[index].text
    marker = _marker(text)
    if marker is None:
        if _label(text) is None:
            return Block(found=False, end=index)
        end, is_mail = _headers(parts, index)
        return Block(found=is_mail and not is_announced(parts, index), end=end)
    end, is_mail = _headers(parts, skip_blank(parts, index + 1))
    if marker == "unknown":
        return Block(found=is_mail, end=end if is_mail else index, marked=True)
    return Block(found=True, end=end if is_mail else index + 1, forwarded=marker == "forwarded", marked=True)


def _marker(text: str) -> str | None:
    """'original' or 'forwarded' for a line that announces one; 'unknown' if it does so only above a header block."""
    line = plain(text).strip("*> ")
    known = phrases()
    inner = line.strip(f"{_DASHES}*:： ")
    if _NOTES.match(line):
        return "unknown"
    if not inner or len(inner) > 60:
        return None
    if line[:2].strip(_DASHES) or line.rstrip("*:： ")[-2:].strip(_DASHES):
        if inner in known.original:
            return "unknown"
        return "forwarded" if line[-1] in ":：" and known.forwarded.fullmatch(inner) else None
    if known.forwarded.fullmatch(inner):
        return "forwarded"
    if inner in known.original:
        return "original"
    return "unknown" if line.startswith("----") and line.endswith("----") else None


def _label(text: str) -> tuple[str, str] | None:
    """The kind of header that the line is, and its value."""
    if ":" not in text[:60] and "：" not in text[:60]:
        return None
    found = _LABEL.match(text)
    kind = phrases().labels.get(plain(found[1])) if found else None
    return (kind, found[2]) if found and kind else None


def _headers(parts: Sequence[Piece], index: int) -> tuple[int, bool]:
    """The first piece after the labelled lines at `index`, and whether they are the header of a mail."""
    values: dict[str, str] = {}
    end, at, loose = index, index, 0
    while at < len(parts) and at - index < _LINES and loose <= 2:
        piece = parts[at]
        if piece.kind is Kind.WORDS and len(piece.text) < 8 * LONG and (label := _label(piece.text[:LONG])):
            loose, end = 0, at + 1
            _take(values, *label)
        elif not _goes_on(parts, at):
            break
        elif piece.kind is Kind.WORDS:
            loose += 1
            last = next(reversed(values), "")
            values[last] = f"{values.get(last, '')} {piece.text[:LONG]}"
        at += 1
    return end, _is_mail(values)


def _goes_on(parts: Sequence[Piece], at: int) -> bool:
    """Whether a line without a label may belong to the block: a value's second line, or a blank one above a label."""
    if parts[at].kind is Kind.BLANK:
        return at + 1 < len(parts) and _label(parts[at + 1].text[:LONG]) is not None
    return parts[at].kind is Kind.WORDS


def _take(values: dict[str, str], kind: str, value: str) -> None:
    """Note the header, and those that follow it on the same line ('From: a@b.c Date: Thu, 24 Mar 2016')."""
    _keep_best(values, kind, value)
    for inner in _INNER_LABEL.finditer(value):
        if name := phrases().labels.get(plain(inner[1])):
            _keep_best(values, name, value[inner.end() :])


def _keep_best(values: dict[str, str], kind: str, value: str) -> None:
    """Keep the first value of a label, but rather one that says what a mail's would: an address, a date."""
    old = values.setdefault(kind, value)
    if old is not value and not _tells(kind, old) and _tells(kind, value):
        values[kind] = value


def _tells(kind: str, value: str) -> bool:
    return _is_date(value) if kind in ("sent", "date") else _ADDRESS.search(value) is not None


def _is_mail(values: dict[str, str]) -> bool:
    """Whether the labels are those of a mail. 'From: Berlin, To: Paris, Date: 3 May' is a journey."""
    address = any(_ADDRESS.search(values.get(kind, "")) for kind in ("from", "to"))
    dated = any(_is_date(values.get(kind, "")) for kind in ("sent", "date"))
    if "sent" in values and "from" in values and dated:
        return True
    if "subject" in values and len(values) >= 3 and (address or dated):
        return True
    return address and len(values) >= 2 and (dated or ("from" in values and "subject" in values))


def _is_date(text: str) -> bool:
    return any(sign.isdigit() for sign in text)
