"""Leads: 'On Monday, Kim wrote:' in some fifty languages and programs, whole or broken over lines.

`quotes` asks at each line whether a lead ends there. A lead is known by what it is made of (a verb of phrases.toml, a
date, a time, an address in brackets, a ':' at its end, '>' lines after it), not by one pattern for each program: date
formats and word order differ more than that. First persons ('on Monday I wrote:') are the customer's own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from channels.email.visible.phrases import phrases, plain
from channels.email.visible.pieces import LONG, Kind, Piece, has_words, skip_blank

_SPAN = 5  # lines a lead may be broken over
_NAMED, _BARE, _ADDRESSED, _DATED = 1, 2, 3, 4
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]@[^\s<>()\[\]\"',;:]")
_ANGLED = re.compile(
    r"[<\[(]\s?(?:mailto:)?[^\s<>()\[\]@]{1,150}@[^\s<>()\[\]]{1,150}\s?[>\])]|&lt;[^\s<>&@]{1,150}@[^\s<>&]{1,150}&gt;"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時点时시]\s?\d{2}(?!\d)|\d{1,2}\s?[시時时点]|\d\s?[ap]\.?m\b")
_DATE = re.compile(
    r"(?<!\d)\d{1,4}\s?[./\-年년]\s?(?:\d{1,2}|[^\W\d_]{3,9}\.?)\s?[./\-月월]\s?\d{1,4}"
    r"|(?<!\d)\d{1,2}\D{1,20}(?:19|20)\d\d(?!\d)|(?<!\d)(?:19|20)\d\d\W{1,3}[^\W\d]\D{0,16}\d{1,2}(?!\d)"
)
_WORD = re.compile(r"\w")
_TRAILING = " \t\n\xa0\u200b\u200e\u200f\u202a\u202b\u202c\ufeff"
_ENDS = ":：-—–*>»)"
_CLOSING = (":", "：", "-", "—", ">")
_SHARED = re.compile(r"(?:(?<=\s)|(?<=-))(?:On|Le|Am|El|Il|Op|Den|Em|På)\s(?=(?:\S+\s){0,3}?\S*\d)")


def quoted_after(parts: Sequence[Piece], index: int) -> bool:
    """Whether the next line with words is a '>' line."""
    after = skip_blank(parts, index)
    return after < len(parts) and parts[after].kind is Kind.QUOTE


def lead_at(parts: list[Piece], index: int) -> tuple[int, int] | None:
    """The pieces (first, last) of the lead that ends at `index`; splits a line that it shares with a reply."""
    text = parts[index].text.rstrip(_TRAILING)
    quoted = quoted_after(parts, index + 1)
    if not quoted and text[-1:] not in _ENDS:
        return None
    if quoted and not _opens(plain(text)) and (shared := _shared(parts, index)):
        return shared
    begins, best, joined = None, 0, ""
    for first in _starts(parts, index):
        joined = f"{parts[first].text} {joined}"
        strength = _strength(joined, quoted=quoted)
        if strength > best or (best == _DATED == strength and _begins_lead(parts[first].text)):
            begins, best = first, strength
        if len(joined) > LONG or (best in (_BARE, _DATED) and _dated_from_start(plain(joined)) == "full"):
            break
    if begins is None or (best == _BARE and not _stands_alone(parts, begins, index)):
        return None
    return begins, index


def _stands_alone(parts: Sequence[Piece], first: int, last: int) -> bool:
    """Whether the lines have words above, and a blank line above and below, as mail programs write them."""
    blank = [at for at in (first - 1, last + 1) if 0 <= at < len(parts) and parts[at].kind is Kind.BLANK]
    return len(blank) == 2 and any(piece.kind is not Kind.BLANK for piece in parts[:first])


def _begins_lead(text: str) -> bool:
    """Whether the line may be the beginning of a lead whose end has only the time: it has a date or an address."""
    line = plain(text)
    date = _DATE.search(line)
    soon = date is not None and len(line[: date.start()].split()) <= 1
    return soon or _ANGLED.search(line) is not None or (_opens(line) and _dated_from_start(line) != "")


def _starts(parts: Sequence[Piece], index: int) -> Iterator[int]:
    """The lines at which a lead that ends at `index` may begin, the nearest first."""
    first = index
    while first >= 0 and index - first < _SPAN and parts[first].kind is Kind.WORDS:
        yield first
        first -= 1
    # A link on lines of its own: '... John Smith', '', '<', 'mailto:...', '> wrote:'.
    if first > 0 and parts[first].kind is Kind.BLANK and parts[first + 1].text.lstrip()[:1] in ("<", "(", "["):
        yield first - 1


def _shared(parts: list[Piece], index: int) -> tuple[int, int] | None:
    piece = parts[index]
    for found in islice(_SHARED.finditer(piece.text), 4):
        reply = piece.text[: found.start()].rstrip(" -") + "\n"
        if has_words(reply) and _strength(piece.text[found.start() :], quoted=True) == _DATED:
            parts[index] = Piece(Kind.LEAD, piece.text[found.start() :], piece.line)
            parts.insert(index, Piece(Kind.WORDS, reply, piece.line))
            return index + 1, index + 1
    return None


def is_lead(text: str) -> bool:
    """Whether `text`, with '>' lines below, is a lead of a mail program: it has an address or a date."""
    return _strength(text, quoted=True) >= _ADDRESSED


def _strength(text: str, *, quoted: bool) -> int:
    """How surely `text` is a lead: 0 not, 1 by its verb alone, 2 with a date, 3 with an address, 4 with both.

    `quoted` says that '>' lines follow; without them a verb alone, or a date alone, proves nothing.
    """
    line = plain(text).strip("*_ ")
    if len(line) > LONG or not (quoted or line.endswith(_CLOSING)):
        return 0
    verb = phrases().verb(line)
    angled = _ANGLED.search(line)
    if not (verb or angled) or phrases().myself.search(line):
        return 0
    made_of = _Marks(line, quoted, verb, angled)
    return made_of.with_verb() if verb and made_of.ends else made_of.without_verb()


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a line is made of that may be a lead; `verb` is '' if it has none."""

    line: str
    quoted: bool
    verb: str
    angled: re.Match[str] | None

    @property
    def bare(self) -> str:
        return self.line.strip("-—–:： »")

    @property
    def closed(self) -> bool:
        return self.line.endswith((":", "："))

    @property
    def dashed(self) -> bool:
        return self.line.startswith("--") and self.line.endswith("--")

    @property
    def ends(self) -> bool:
        """Whether it ends as a lead does: with ':', with dashes, or with its verb and '>' lines below."""
        return self.closed or self.dashed or (self.quoted and self.bare.endswith(self.verb or ":"))

    def with_verb(self) -> int:
        bare = self.bare
        dated = _dated_from_start(bare)
        address = self.angled is not None or _ADDRESS.search(self.line) is not None
        if dated and (address or self.quoted or self.dashed):
            return _DATED
        if dated == "full" and _opens(bare):
            return _BARE
        if address and (_DATE.search(bare) or _TIME.search(bare)):
            return _DATED
        length = len(bare.split())
        if self.dashed or (self.angled and length <= 20):
            return _ADDRESSED
        return _NAMED if self.quoted and length <= 8 and bare.endswith(self.verb) else 0

    def without_verb(self) -> int:
        """'24.10.2016, 15:36, Kim <kim@example.com>:' and its like: date, address, and nothing after it."""
        if not self.angled:
            return 0
        dated = _dated_from_start(self.bare)
        if dated and (self.closed or self.quoted) and not _WORD.search(self.line[self.angled.end() :]):
            return _DATED
        if not self.closed:
            return 0
        if self.quoted and _DATE.search(self.line) and _TIME.search(self.line) and len(self.line.split()) <= 20:
            return _DATED
        return _DATED if dated and phrases().sent.search(self.line) else 0


def _dated_from_start(line: str) -> str:
    """'full' for a date with a time near the beginning, 'part' for one of them, else ''."""
    date, time = _DATE.search(line), _TIME.search(line)
    first = min((found.start() for found in (date, time) if found), default=None)
    if first is None or len(line[:first].split()) > 6:
        return ""
    return "full" if date and time else "part"


def _opens(line: str) -> bool:
    word = line.split(" ", 1)[0].strip(",.")
    return word in phrases().opener or any(sign.isdigit() for sign in word)
