"""Header values as they stand on the wire, written by us from the first character to the last.

Names, subjects and ids come from strangers. The standard library folds and encodes a header for us, but in
Python 3.11 it decodes what looks like an encoded word on the way in, may write a line break that came out of it,
and turns long Message-IDs into encoded words that no client finds again. So every value is cleaned, encoded and
folded here, and stored as it is. `render.compose` calls this, and `outgoing` for the addresses of the envelope.
"""

import re
from collections.abc import Iterable, Sequence
from email.header import Header
from urllib.parse import quote

import idna

from channels.email.mail import Address
from core.errors import PermanentError
from core.signs import REORDERING

_LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3
_LONGEST_NAME = 100
_LONGEST_ID = 400
_WIDE = 76
_FOLD = "\n "

# Controls and line separators; then what turns the writing direction around or shows nothing.
_BREAKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile(f"[{REORDERING}\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ID = re.compile(r"[!-;=?-~]+")  # printable ASCII without angle brackets
# Dots may stand anywhere: some Japanese providers gave out such addresses.
_LOCAL = re.compile(r"""[^\x00-\x20"(),:;<>@\[\\\]\x7f-\xa0\u2028\u2029]+|"[ !#-\[\]-~]+\"""")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*", re.IGNORECASE)
_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9a-f.:]{2,45}\]", re.IGNORECASE)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_REPLY = re.compile(
    r"(?:(?:re|aw|antw|antwort|betr|sv|vs|vá|rif|ref|res|rv|r|odp|ynt|atb|отв|ответ|回复|答复|回覆|返信|رد)"
    r"(?:\s?\[\d{1,3}\]|\s?\(\d{1,3}\))?\s?[:：]\s*)+",
    re.IGNORECASE,
)


def one_line(text: str, longest: int) -> str:
    """Return `text` on one line of at most `longest` characters, without anything that can't be seen."""
    line = _SURROGATE.sub("\ufffd", _UNSEEN.sub("", _BREAKS.sub(" ", text))).strip()
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def subject(text: str, *, reply: bool, longest: int) -> str:
    """Return the subject of an answer to a mail about `text`: with one 'Re: ', whatever stood there; or as it is."""
    line = one_line(text, 10 * longest)
    if not reply:
        return one_line(line, longest)
    return one_line(f"Re: {_REPLY.sub('', line, count=1) if _REPLY.match(line) else line}", longest)


def mailbox(address: str) -> str:
    """Return an address as the wire takes it, its domain in ASCII (xn--...).

    Raises:
        PermanentError: if nobody can be written to under this address.
    """
    local, at, domain = address.strip().rpartition("@")
    whole = f"{local}@{name}" if at and _is_local(local) and (name := _ascii_domain(domain)) else ""
    if 0 < len(whole.encode()) <= _LONGEST_ADDRESS:
        return whole
    raise PermanentError(f"{one_line(address, 80)!r} is not an address that mail can be sent to.")


def _is_local(local: str) -> bool:
    return bool(_LOCAL.fullmatch(local)) and not _SURROGATE.search(local) and not _UNSEEN.search(local)


def _ascii_domain(domain: str) -> str:
    """Return a domain in ASCII as IDNA 2008 has it, or ''. A name that is ASCII is left as it is."""
    if domain.isascii():
        return domain if _DOMAIN.fullmatch(domain) or _LITERAL.fullmatch(domain) else ""
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""


def text(name: str, words: str) -> str:
    """Return `words`, which are one line, as the value of the header `name`."""
    plain = words.isascii() and "=?" not in words and all(len(word) < _WIDE - 20 for word in words.split(" "))
    return _folded(name, words.split(" "), " ") if plain else _encoded(name, words)


def addresses(name: str, people: Sequence[Address]) -> str:
    """Return `people` as the value of the header `name`, each one on a line of its own. Raises as `mailbox` does."""
    return f",{_FOLD}".join(_person(name, person) for person in people)


def _person(name: str, person: Address) -> str:
    address = mailbox(person.address)
    words = one_line(person.name, _LONGEST_NAME)
    if not words:
        return address
    if not words.isascii() or "=?" in words:
        return f"{_encoded(name, words)}{_FOLD}<{address}>"
    if not _ATOMS.fullmatch(words):
        words = '"' + re.sub(r'(["\\])', r"\\\1", words) + '"'
    return f"{words}{_FOLD}<{address}>" if len(words) + len(address) > _WIDE - len(name) - 5 else f"{words} <{address}>"


def _encoded(name: str, words: str) -> str:
    return Header(words, "utf-8", maxlinelen=_WIDE - 1, header_name=name).encode(splitchars="", linesep="\n")


def message_id(given: str) -> str:
    """Return an id without angle brackets if it can stand between them on the wire, else ''."""
    bare = given.strip().removeprefix("<").removesuffix(">")
    return bare if len(bare) <= _LONGEST_ID and _ID.fullmatch(bare) else ""


def ids(name: str, given: Iterable[str]) -> str:
    """Return ids, in their angle brackets, as the value of the header `name`, without those that can't be written."""
    return _folded(name, [f"<{bare}>" for bare in map(message_id, given) if bare], " ")


def _folded(name: str, words: Sequence[str], between: str) -> str:
    """Join `words`, with line breaks before those that would go over the edge."""
    lines = [""]
    used = len(name) + 2
    for word in words:
        if lines[-1] and used + len(lines[-1]) + 1 + len(word) > _WIDE:
            lines.append(word)
            used = 1
        else:
            lines[-1] += (between if lines[-1] else "") + word
    return _FOLD.join(lines)


def file_name(given: str) -> str:
    """Return what a file may be called on any system: no path, nothing unseen, its ending kept when it is cut."""
    name = re.sub(r'[<>:"|?*]', "_", re.split(r"[/\\]", one_line(given, 1000))[-1]).strip(". ") or "file"
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
    return f"{name[: _LONGEST_NAME - len(ending)].rstrip('. ')}{ending}"


def parameter(name: str, value: str) -> str:
    """Return '; name=value' for a header, quoted, or by RFC 2231 where it has letters outside ASCII or is long."""
    if value.isascii() and len(value) < _WIDE - 20 and not re.search(r'["\\?]', value):
        return f';{_FOLD}{name}="{value}"'
    wire = quote(value, safe="", encoding="utf-8", errors="replace")
    pieces = [f"utf-8''{wire}"] if len(wire) < _WIDE - 20 else _percent_pieces(f"utf-8''{wire}", 50)
    if len(pieces) == 1:
        return f";{_FOLD}{name}*={pieces[0]}"
    return "".join(f";{_FOLD}{name}*{at}*={piece}" for at, piece in enumerate(pieces))


def _percent_pieces(wire: str, size: int) -> list[str]:
    """Cut percent-encoded text into pieces of about `size`, never within the three characters of one byte."""
    return re.findall(r"(?:%[0-9A-F]{2}|[^%]){1," + str(size // 3) + r"}", wire)
