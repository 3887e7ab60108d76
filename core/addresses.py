"""Addresses in a text, however they are written: whole, bare, of a mailbox, or in disguise.

Programs make a link of what merely looks like an address, and people type what they read. `core.agent.citations` lets
only those stand that a source holds, and reads an answer once more as `undisguised` shows it.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

LINK = re.compile(r"!?\[([^\]]*)\]\(([^)]*)\)")
_SCHEME = r"(?:https?|ftp|mailto|data|javascript|vbscript|file|blob|tel|sms|callto|skype|slack|msteams|tg|intent):"
_HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,40}|[^\W\d_]{2,24})(?![^\W_])"
_ADDRESS = re.compile(
    rf"\b{_SCHEME}[^\s<>)\]]+|\b[a-z][a-z0-9+.-]{{1,20}}://[^\s<>)\]]*|\bwww\.[^\s<>)\]]+"
    rf"|(?<![\w.+-])[\w.+-]{{1,64}}@{_HOST}"
    rf"|(?<![^\W_])(?://)?(?P<host>{_HOST})\.?(?::\d{{1,5}})?(?P<rest>[/?#][^\s<>)\]]*)?"
    r"|(?<![\w@./-])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}[^\s<>)\]]*|/[^\s<>)\]]*[a-z][^\s<>)\]]*)",
    re.IGNORECASE,
)
_NO_LETTERS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
"""Signs that nobody sees; those that join letters in Persian and Hindi, and pictures, are not among them."""
_JOINERS = re.compile("[\u200c\u200d\ufe0e\ufe0f]")
_DOT = r"(?:\.|dot|punkt|point|punto|ponto|punt|точка|点)"
_BRACKETED_DOT = re.compile(rf"\s*[\[({{<]\s*{_DOT}\s*[\])}}>]\s*", re.IGNORECASE)
_SPOKEN_DOT = re.compile(
    r"(?<=[\w-])\s+(?:dot|punkt)\s+(?=(?:com|net|org|info|io|ru|cn|de|uk|shop|store|online|site|xyz|top|biz|app|dev)\b)",
    re.IGNORECASE,
)
_SPOKEN_AT = re.compile(r"\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*", re.IGNORECASE)
_SPACED = re.compile(r"(?<=(?<!\S)\S)[ \u00a0](?=\S(?!\S))")
_ESCAPED = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_EMPHASIS = re.compile(r"[*~`]+|(?<![^\W_])_+|_+(?![^\W_])")
_OTHER_DOTS = str.maketrans("。．｡․", "....")


MAX_MAILBOX = 190
"""Characters of an address by which a customer is known; RFC 5321 allows 254, our tables have room for these."""
_MAILBOX = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9.-]+")


def mailbox(given: object) -> str:
    """Return a mail address as customers are known by it, in lower case; '' for what is none.

    Only ASCII: other letters have capitals that become its own (U+212A, the Kelvin sign, a k).
    """
    plain = given.strip().lower() if isinstance(given, str) and given.isascii() else ""
    return plain if len(plain) <= MAX_MAILBOX and _MAILBOX.fullmatch(plain) else ""


def bare(address: str) -> str:
    """Return `address` without the punctuation of the sentence around it."""
    return address.rstrip(".,;:!?*_\"'`|»”’")


def found(text: str) -> Iterator[re.Match[str]]:
    """Yield the addresses in `text`: with a scheme or 'www.', of mailboxes, hosts under known top-level domains."""
    for match in _ADDRESS.finditer(text):
        host = match["host"]
        if host is None or match[0].startswith("//") or "/" in (match["rest"] or "") or _is_known(host):
            yield match


def replaced(by: Callable[[re.Match[str]], str], text: str) -> str:
    """Return `text` with each address that `found` yields replaced by what `by` makes of it."""
    pieces, end = [], 0
    for match in found(text):
        pieces += [text[end : match.start()], by(match)]
        end = match.end()
    return "".join([*pieces, text[end:]])


def visible(text: str) -> str:
    """Return `text` without the signs that nobody sees: they carry words to programs, or break words up for them."""
    return _NO_LETTERS.sub("", text)


def undisguised(text: str) -> str:
    """Return `text` as whoever means to follow it reads it.

    Entities, look-alike signs, emphasis, 'hxxp' and '[dot]' are resolved, and of a link only its words are left.
    """
    plain = _JOINERS.sub("", visible(unicodedata.normalize("NFKC", html.unescape(html.unescape(text)))))
    plain = _ESCAPED.sub("", plain).translate(_OTHER_DOTS)
    plain = _SPACED.sub("", _EMPHASIS.sub("", LINK.sub(r"\1", plain)))
    plain = _SPOKEN_AT.sub("@", _BRACKETED_DOT.sub(".", plain))
    plain = _SPOKEN_DOT.sub(".", plain)
    return re.sub(r"\bhxxp", "http", plain, flags=re.IGNORECASE)


def host_of(address: str) -> str:
    """Return the host of an address or a mailbox, in small letters; '' where there is none."""
    _, _, after = address.rpartition("@")
    try:
        return (urlsplit(after if "//" in after else f"//{after}").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def web_host(address: str) -> str:
    """Return the host of a web address, in small letters; '' if programs may disagree on where it is."""
    plain = re.fullmatch(
        r"(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d{1,5})?(?:[/?#][^\\@]*)?", address, re.IGNORECASE
    )
    return plain[1].lower() if plain else ""


def mailboxes(text: str) -> Iterator[str]:
    """Yield the e-mail addresses in `text`."""
    return (match[0] for match in found(text) if re.fullmatch(rf"[\w.+-]+@{_HOST}", match[0]))


def _is_known(host: str) -> bool:
    """Whether its last label is a top-level domain that programs make links of."""
    return _ends_known(host.rstrip(".").rpartition(".")[2].lower())


@cache
def _ends_known(label: str) -> bool:
    return label == "onion" or _suffixes().publicsuffix(f"host.{label}") is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
