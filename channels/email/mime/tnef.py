"""winmail.dat: the package in which Outlook sends text and files to people without Outlook (MS-OXTNEF).

`mime.py` calls `unpack`. Written here because the package for it copies the rest of the file for each
entry, which makes a hostile file of 20 MB take hours, and follows a count of recipients that the sender chooses.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from channels.email.mime.charsets import decode

SIGNATURE = b"\x78\x9f\x3e\x22"
MOST_ENTRIES = 5_000
MOST_FILES = 200
_HEAD = 9  # level, id and length of an attribute; two bytes of checksum follow its data

_BODY, _PROPERTIES, _CODE_PAGE = 0x800C, 0x9003, 0x9007
_FILE_BEGINS, _FILE_DATA, _FILE_TITLE, _FILE_PROPERTIES = 0x9002, 0x800F, 0x8010, 0x9005

_P_BODY, _P_HTML, _P_DATA, _P_NAME, _P_LONG_NAME, _P_TYPE, _P_CONTENT_ID, _P_SHOWN = (
    0x1000, 0x1013, 0x3701, 0x3704, 0x3707, 0x370E, 0x3712, 0x3001,
)  # fmt: skip
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_LONG = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_OBJECT, _NARROW, _WIDE, _MANY = 0x0D, 0x1E, 0x1F, 0x1000
_OBJECT_ID = 16  # bytes before an embedded object's data
_NAMED = 0x8000


@dataclass(frozen=True, slots=True)
class Packed:
    """A file in the package."""

    name: str
    type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """What was in a winmail.dat."""

    text: str = ""
    html: str = ""
    files: tuple[Packed, ...] = ()


def unpack(raw: bytes) -> Package | None:
    """Return what is in `raw`, as far as it can be read; None if it is no TNEF file."""
    if not raw.startswith(SIGNATURE):
        return None
    text = html = ""
    charset = "cp1252"
    files: list[dict[int, bytes]] = []
    for entry, data in _entries(raw):
        if entry == _CODE_PAGE and len(data) >= 4:
            charset = f"cp{int.from_bytes(data[:4], 'little')}"
        elif entry == _BODY:
            text = text or decode(data.rstrip(b"\0"), charset)
        elif entry == _PROPERTIES:
            found = dict(_properties(data))
            text = text or _string(found.get(_P_BODY), charset)
            html = html or _html(found.get(_P_HTML))
        elif entry == _FILE_BEGINS:
            files.append({})
        elif files and entry in {_FILE_TITLE, _FILE_DATA}:
            files[-1].setdefault(_P_NAME if entry == _FILE_TITLE else _P_DATA, data)
        elif files and entry == _FILE_PROPERTIES:
            files[-1] = {**files[-1], **{key: value[0] if key == _P_DATA else _bytes(value, charset)
                                         for key, value in _properties(data)}}  # fmt: skip
    return Package(text, html, tuple(_file(one, charset) for one in files[:MOST_FILES] if one))


def _entries(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    for _ in range(MOST_ENTRIES):
        if at + _HEAD > len(raw):
            return
        _, entry, _, length = struct.unpack_from("<BHHI", raw, at)
        yield entry, raw[at + _HEAD : at + _HEAD + length]
        at += _HEAD + length + 2


def _properties(data: bytes) -> Iterator[tuple[int, tuple[bytes, int]]]:
    """Yield (property, (value, its kind)); ends at the first that makes no sense."""
    at = 4
    try:
        (count,) = struct.unpack_from("<I", data)
        for _ in range(min(count, MOST_ENTRIES)):
            kind, name = struct.unpack_from("<HH", data, at)
            at = _after_name(data, at + 4) if name >= _NAMED else at + 4
            kind, many = kind & ~_MANY, bool(kind & _MANY)
            values, at = _values(data, at, kind, many=many)
            if values:
                yield name, (values[0][_OBJECT_ID:] if kind == _OBJECT else values[0], kind)
    except (struct.error, ValueError):
        return


def _after_name(data: bytes, at: int) -> int:
    """Return where a named property's value begins: after its GUID, and a number or a name."""
    kind, number = struct.unpack_from("<II", data, at + 16)
    return at + 24 + (_padded(number) if kind else 0)


def _values(data: bytes, at: int, kind: int, *, many: bool) -> tuple[list[bytes], int]:
    count = 1
    if many or kind in _LONG:
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
    if kind not in _LONG and kind not in _FIXED:
        raise ValueError(kind)
    found: list[bytes] = []
    for _ in range(min(count, MOST_ENTRIES)):
        length = _FIXED.get(kind, 0)
        if kind in _LONG:
            (length,) = struct.unpack_from("<I", data, at)
            at += 4
        found.append(data[at : at + length])
        at += _padded(length)
        if at > len(data):
            break
    return found, at


def _padded(length: int) -> int:
    return length + -length % 4


def _bytes(value: tuple[bytes, int], charset: str) -> bytes:
    return _string(value, charset).encode("utf-8", "replace")


def _string(value: tuple[bytes, int] | None, charset: str) -> str:
    if value is None:
        return ""
    raw, kind = value
    if kind == _WIDE:
        return decode(raw[: len(raw) & ~1], "utf-16-le")
    return decode(raw.rstrip(b"\0"), charset if kind == _NARROW else "")


def _html(value: tuple[bytes, int] | None) -> str:
    if value is None:
        return ""
    raw, kind = value
    return _string(value, "") if kind == _WIDE else decode(raw.rstrip(b"\0"), html=True)


def _file(found: dict[int, bytes], charset: str) -> Packed:
    def word(key: int) -> str:
        return decode(found.get(key, b"").rstrip(b"\0"), charset if key == _P_NAME else "utf-8").strip()

    name = word(_P_LONG_NAME) or word(_P_NAME) or word(_P_SHOWN)
    return Packed(name, word(_P_TYPE).lower(), found.get(_P_DATA, b""), word(_P_CONTENT_ID).strip("<>"))
