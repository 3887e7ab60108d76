"""The head of a received mail: its lines, the words encoded in them, addresses, ids, parameters and dates.

`parts.py`, `mime.py` and `report.py` call it; what we write ourselves is in `headers.py`. Written here because the
standard library's parser raises on some broken headers, and reads an address out of an encoded name, which lets a
stranger choose what stands in From. Everything is linear in the size of its input, and nothing raises.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from channels.email.mail import Address
from channels.email.mime.charsets import clean, decode

MOST_FIELDS = 2_000
"""Header lines that are kept. Real mails have some dozens; a long way through relays, 200."""
MOST_HEAD = 1_000_000
"""Bytes of a head that are looked at."""
MOST_VALUE = 8_000
"""Characters kept of one header. Address lists and References are read before they are cut."""
MOST_ADDRESSES = 500
"""Addresses read from one header."""
MOST_IDS = 100
"""Message-IDs kept of References: the first, which began the thread, and the latest."""
_MOST_RAW = 50_000  # characters of one header that are decoded
_MOST_ADDRESS = 320  # RFC 3696, erratum 1690: 64 + 1 + 255
_MOST_NAME = 300
_MOST_LIST = 300_000  # characters in which addresses and ids are looked for
_MOST_SHIFTED = 1_000_000  # bytes of base64 in which lost characters are looked for: texts, not large files
_LINE = 40  # characters in a line of base64, at least: mailers write 60 to 76
_LAST = 10_000  # the order of a parameter that is not numbered

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r*\n")
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]{0,4000}(?:\?(?!=)[^?]{0,4000}){0,40})\?=")
_BETWEEN = re.compile(r"(=\?[^?\s]{1,80}\?[bBqQ]\?[^?]{0,4000}\?=)\s+(?==\?[^?\s]{1,80}\?[bBqQ]\?)")
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BRACKETED = re.compile(r"<\s*([^<>\s][^<>]{0,996})>")
_SPACE = re.compile(r"\s+")
_PADDING = re.compile(rb"=+")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_ADDRESS_TOKEN = re.compile(
    r'(?P<quote>")|(?P<open>\()|<(?P<angle>[^<>]*)>?|(?P<mark>[,;:])|(?P<space>\s+)|'
    r'(?P<atom>(?:=\?[^?\s]{1,80}\?[bBqQ]\?[^?]{0,4000}\?=)|[^\s",;:<>()]+)|(?P<other>.)',
    re.DOTALL,
)
_QUOTED = re.compile(r'((?:[^"\\]|\\.)*)"', re.DOTALL)
_COMMENT = re.compile(r"[()]|\\.")
_COMMENTS = re.compile(r"\([^()]{0,300}\)")
_PARAMETER = re.compile(
    r';\s{0,20}([^\s=;"*]{1,100})\s{0,20}(\*\d{1,3})?(\*)?\s{0,20}=\s{0,20}(?:"((?:[^"\\]|\\.)*)"|([^;]*))'
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fields:
    """The header lines of a mail or a part, in order: (lower-case name, value with its encoded words as they are)."""

    lines: tuple[tuple[str, str], ...] = ()

    def raw(self, name: str) -> str:
        """Return the first line `name` with its encoded words as they are, or ''."""
        return next((value for key, value in self.lines if key == name), "")

    def text(self, name: str) -> str:
        """Return the first line `name`, decoded, or ''."""
        return words(self.raw(name)[:_MOST_RAW])[:MOST_VALUE]

    def all(self, name: str) -> list[str]:
        """Return every line `name` with its encoded words as they are."""
        return [value for key, value in self.lines if key == name]

    def decoded(self) -> dict[str, tuple[str, ...]]:
        """Return all lines decoded, by name, each cut to `MOST_VALUE` characters."""
        found: dict[str, list[str]] = {}
        for name, value in self.lines:
            found.setdefault(name, []).append(words(value[:_MOST_RAW])[:MOST_VALUE])
        return {name: tuple(values) for name, values in found.items()}


def split(raw: bytes, start: int, end: int) -> tuple[Fields, int]:
    """Read the head that begins at `start`; return it, and where the body begins."""
    lines: list[tuple[str, bytearray]] = []
    at = start
    limit = min(end, start + MOST_HEAD)
    while at < limit and len(lines) < MOST_FIELDS:
        stop = raw.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        line = raw[at : min(stop, at + MOST_HEAD)].rstrip(b"\r")
        if not line:
            return _fields(lines), min(stop + 1, end)
        field = _FIELD.match(line)
        if line[:1] in b" \t":
            if lines:
                lines[-1][1].extend(b"\n" + line)
        elif field:
            lines.append((field[1].decode("ascii").lower(), bytearray(line[field.end() :])))
        elif not (at == start and line.startswith((b"From ", b">From "))) and not _goes_on(raw, stop + 1, end):
            return _fields(lines), at
        at = min(stop + 1, end)
    if at >= end:
        return _fields(lines), end
    blank = _BLANK_LINE.search(raw, max(start, at - 1), end)
    return _fields(lines), blank.end() if blank else end


def _goes_on(raw: bytes, at: int, end: int) -> bool:
    """Say whether a header line begins at `at`: then the odd line before it was not the body yet."""
    return _FIELD.match(raw, at, min(end, at + 200)) is not None


def _fields(lines: Iterable[tuple[str, bytearray]]) -> Fields:
    return Fields(tuple((name, _one_line(bytes(value))) for name, value in lines))


def _one_line(value: bytes) -> str:
    """Return a raw header value as text; bytes that are not ASCII are UTF-8 (RFC 6532), or what mailers once wrote."""
    plain = value.isascii() and b"\x1b" not in value
    text = value.decode("ascii") if plain else decode(value)
    return clean(_FOLD.sub(" ", text)).strip()


def words(value: str) -> str:
    """Return `value` with its encoded words (RFC 2047) decoded: one line, without control characters."""
    if "=?" in value:
        value = "".join(_decoded(_BETWEEN.sub(r"\1", value)))
    return _CONTROL.sub("", _FOLD.sub(" ", value).replace("\t", " ")).strip()


def _decoded(value: str) -> Iterator[str]:
    """Yield the text between the words, and the words; neighbours of one charset are joined before they are decoded.

    Mailers cut multi-byte characters in two at the end of a word, against RFC 2047 section 5.
    """
    waiting, charset, at = bytearray(), "", 0
    for word in _WORD.finditer(value):
        between = value[at : word.start()]
        if waiting and (between or word[1].lower() != charset):
            yield decode(bytes(waiting), charset)
            waiting.clear()
        yield between
        charset, at = word[1].lower(), word.end()
        waiting += _word(word[2], word[3])
    if waiting:
        yield decode(bytes(waiting), charset)
    yield value[at:]


def _word(kind: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if kind in "bB":
        return from_base64(raw)
    return quopri.decodestring(raw.replace(b"\n", b" "), header=True)


def from_base64(raw: bytes) -> bytes:
    """Decode base64 that may be broken: foreign characters are skipped, missing padding is added."""
    lines = [line.translate(None, _NOT_BASE64) for line in raw.split(b"\n")] if len(raw) <= _MOST_SHIFTED else []
    found = []
    for piece in lines if _is_shifted(lines) else _PADDING.split(raw.translate(None, _NOT_BASE64)):
        plain = piece.rstrip(b"=")
        whole = plain[:-1] if len(plain) % 4 == 1 else plain
        try:
            found.append(base64.b64decode(whole + b"=" * (-len(whole) % 4)))
        except binascii.Error:
            continue
    return b"".join(found)


def _is_shifted(lines: Sequence[bytes]) -> bool:
    """Say whether a line lacks characters that the others have: then only each line on its own can be right."""
    full = [line for line in lines if line]
    return (
        len(full[0]) >= _LINE and len(full[0]) % 4 == 0 and any(len(line) % 4 for line in full[:-1]) if full else False
    )


def addresses(values: Iterable[str]) -> tuple[Address, ...]:
    """Return the mailboxes in address headers, up to `MOST_ADDRESSES`, each address once; groups are flattened."""
    found: dict[str, Address] = {}
    for value in values:
        for address in _mailboxes(value[:_MOST_LIST]):
            found.setdefault(address.address or address.name, address)
            if len(found) == MOST_ADDRESSES:
                return tuple(found.values())
    return tuple(found.values())


def _mailboxes(value: str) -> Iterator[Address]:
    """Yield what stands between the commas; encoded words are decoded last, so that none becomes an address."""
    name: list[str] = []
    comments: list[str] = []
    angle: str | None = None
    at = 0
    unclosed: set[str] = set()
    while token := _ADDRESS_TOKEN.match(value, at):
        at = token.end()
        kind, text = token.lastgroup or "", token[token.lastgroup or 0]
        if kind in {"quote", "open"} and kind not in unclosed:
            inside, after = (_quoted if kind == "quote" else _comment)(value, at)
            if after is None:
                unclosed.add(kind)
            else:
                (name if kind == "quote" else comments).append(inside)
                at = after
        elif kind == "angle":
            angle = text if angle is None or "@" not in angle else angle
        elif kind == "mark" and text == ":":
            name, comments = ([], []) if angle is None else (name, comments)
        elif kind == "mark":
            yield from _mailbox(name, angle, comments)
            name, comments, angle = [], [], None
        else:
            name.append(" " if kind == "space" else text)
    yield from _mailbox(name, angle, comments)


def _quoted(value: str, at: int) -> tuple[str, int | None]:
    """Return the quoted words that began before `at`, and where they end: None if nothing closes them."""
    found = _QUOTED.match(value, at)
    return (_ESCAPED.sub(r"\1", found[1]), found.end()) if found else ("", None)


def _comment(value: str, at: int) -> tuple[str, int | None]:
    """Return the comment that began before `at`, and where it ends: None if nothing closes it."""
    depth, start = 1, at
    for mark in _COMMENT.finditer(value, at):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return value[start : mark.start()], mark.end()
    return "", None


def _mailbox(name: Sequence[str], angle: str | None, comments: Sequence[str]) -> Iterator[Address]:
    shown = "".join(name).strip()
    if angle is not None:
        yield Address(_address(angle), _name(shown or " ".join(comments)))
    elif bare := _bare(shown):
        rest = shown.replace(bare, "", 1).strip()
        yield Address(_address(bare), _name(rest or " ".join(comments)))
    elif "=?" in shown and (bare := _bare(words(shown))):
        yield Address(_address(bare), _name(words(shown).replace(bare, "", 1)))
    elif shown:
        yield Address("", _name(shown))


def _bare(text: str) -> str:
    """Return the address that stands in `text` without brackets, or ''."""
    if "@" not in text or "=?" in text:
        return ""
    every = (one.strip(".,;:'\"()<>[]") for one in text.split() if "@" in one)
    return next((one for one in every if 0 < one.find("@") < len(one) - 1), "")


def _address(text: str) -> str:
    """Return an address in lower case, '' if it is none. A source route (RFC 5322 section 4.4) is cut."""
    plain = _SPACE.sub("", clean(_CONTROL.sub("", _COMMENTS.sub("", text)))).strip("'\"").lower()
    if plain.startswith("@") and ":" in plain:
        plain = plain.rpartition(":")[2]
    plain = plain.removeprefix("mailto:").strip(".")
    return plain if 0 < plain.find("@") < len(plain) - 1 and len(plain) <= _MOST_ADDRESS else ""


def _name(text: str) -> str:
    plain = _SPACE.sub(" ", words(text)).strip(" <>")
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "'\"":
        plain = plain[1:-1].strip()
    return plain[:_MOST_NAME]


def ids(values: Iterable[str]) -> tuple[str, ...]:
    """Return Message-IDs without their brackets, each once; of many, the first and the latest."""
    found: dict[str, None] = {}
    for value in values:
        text = value[:_MOST_LIST]
        text = words(text) if "=?" in text else text  # Python's own composer encodes ids that don't fit a line
        bracketed = [_SPACE.sub("", one) for one in _BRACKETED.findall(text)]
        loose = [one.strip("<>,;\"'") for one in text.split() if "@" in one] if not bracketed else []
        found.update(dict.fromkeys(one for one in bracketed + loose if one))
    every = tuple(found)
    return every if len(every) <= MOST_IDS else (every[0], *every[1 - MOST_IDS :])


def date(value: str) -> float | None:
    """Return a Date header as seconds since the epoch, None if it can't be read. The future is not judged here."""
    try:
        moment = parsedate_to_datetime(value[:200])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def content_type(fields: Fields) -> tuple[str, dict[str, str]]:
    """Return the media type of a part ('' if none is stated) and its parameters."""
    return parameters(fields.raw("content-type"))


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split 'type; name=value' into the lower-case type and its parameters.

    Pieces and charsets of RFC 2231, and the encoded words that mailers put there against RFC 2047, are decoded.
    """
    main, _, rest = value[:MOST_VALUE].partition(";")
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for found in _PARAMETER.finditer(f";{rest}"):
        name, number, star, quoted, plain = found.groups()
        text = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip().strip('"')
        order = int(number[1:]) if number else (-1 if star else _LAST)
        pieces.setdefault(name.lower(), []).append((order, bool(star), text))
    return main.strip().strip("\"'").lower(), {name: _joined(sorted(one)) for name, one in pieces.items()}


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """Join the pieces of one parameter. An extended value counts before a plain one of the same name."""
    numbered = [piece for piece in pieces if 0 <= piece[0] < _LAST]
    chosen = pieces[:1] if pieces[0][0] < 0 else numbered or pieces[:1]
    if not any(extended for _, extended, _ in chosen):
        return words("".join(text for _, _, text in chosen))
    charset, raw = "", bytearray()
    for index, (_, extended, text) in enumerate(chosen):
        value = text
        if index == 0 and extended and text.count("'") > 1:
            charset, _, value = text.split("'", 2)
        raw += unquote_to_bytes(value) if extended else value.encode("utf-8", "replace")
    return words(decode(bytes(raw), charset))
