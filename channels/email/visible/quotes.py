"""Which pieces of a mail its sender wrote, and which quote an earlier mail.

`reply.visible` and `html` call `written`. A mail program marks a quote in one of three ways: '>' before each line, a
lead above it (`leads`) or a header block (`blocks`). After a lead or a block without '>' nothing tells the quote from
what the customer wrote below, so all of it counts as the quote: programs that quote this way set the cursor above.
Lines marked '>' stay where the customer answered below them piece by piece. When nothing else is left, what is left
stays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.email.visible import endings
from channels.email.visible.blocks import block_at
from channels.email.visible.leads import is_lead, lead_at, quoted_after
from channels.email.visible.phrases import phrases, plain
from channels.email.visible.pieces import LONG, Kind, Piece, has_words, is_announced, is_own

_LEADS = 100
_NESTED = 20  # quotes without a word above them, one inside the other
_BRIEF = 300  # characters: a reply that says 'see below' is not longer
_LINK = re.compile(r"\s*[(<]\s*(?:https?://|www\.)[^\s<>]+[)>\s]+")


@dataclass(frozen=True, slots=True)
class Outline:
    """A mail's pieces, marked. `cut` is the piece at which a quote without '>' begins, or None.

    `rest` is the first piece below its lead or header block. `lead` says that it is a lead; `forwarded` that its first
    line announces a forwarded mail, `marked` that such a line announces any.
    """

    pieces: Sequence[Piece]
    cut: int | None = None
    rest: int = 0
    lead: bool = False
    forwarded: bool = False
    marked: bool = False


def outline(parts: list[Piece]) -> Outline:
    """Mark leads and header blocks in `parts` up to the first quote that has no '>', which is the cut."""
    leads = index = labelled = 0
    while index < len(parts):
        piece = parts[index]
        if piece.kind is Kind.WORDS and len(piece.text) < LONG:
            if index >= labelled:
                block = block_at(parts, index)
                if block.found:
                    return Outline(parts, index, block.end, forwarded=block.forwarded, marked=block.marked)
                labelled = block.end
            if leads < _LEADS and (span := lead_at(parts, index)):
                leads += 1
                first, index = span
                if not quoted_after(parts, index + 1):
                    return Outline(parts, first, index + 1, lead=True)
                for at in range(first, index + 1):
                    if parts[at].kind is not Kind.BLANK:
                        parts[at].kind = Kind.LEAD
        index += 1
    return Outline(parts)


def written(parts: list[Piece], *, forwarded: bool = False) -> list[Piece]:
    """Return the pieces that the writer wrote now, endings among them (of kind ENDING), without quotes.

    A quoted mail whose first line says 'Forwarded message' stays; with `forwarded` (the subject says so) any does.
    """
    if forwarded:
        return _brought(parts)
    shown: list[Piece] = []
    for _ in range(_NESTED):
        found = outline(parts)
        above = list(parts[: found.cut])
        mark_endings(above)
        own = drop_quotes(above)
        if found.cut is None:
            return [*shown, *own]
        if any(is_own(piece) for piece in own):
            stays = found.forwarded or _answers_inside(own) or _only_greets(own)
            return [*shown, *own, *(parts[found.cut :] if stays else [])]
        if found.forwarded:
            return [*shown, *parts[found.rest :]]
        if any(piece.kind is Kind.ENDING for piece in above):
            return own
        shown += [] if found.marked or found.lead else parts[found.cut : found.rest]
        parts = parts[found.rest :]
    return [*shown, *parts]


def _brought(parts: list[Piece]) -> list[Piece]:
    """All of a forwarded mail, the signature above what is forwarded marked."""
    first = next((index for index, piece in enumerate(parts) if piece.kind is Kind.QUOTE), len(parts))
    cut = outline(parts).cut
    mark_endings(parts[: first if cut is None else min(cut, first)])
    return parts


def _answers_inside(own: Sequence[Piece]) -> bool:
    """Whether a brief reply says that the answers stand in the quoted mail ('see my answers below')."""
    text = "".join(piece.text for piece in own if piece.kind is not Kind.ENDING)
    return len(text) <= _BRIEF and phrases().inside.search(plain(text)) is not None


def _only_greets(own: Sequence[Piece]) -> bool:
    """Whether the reply is 'Hello Kim,' and no more: the answer stands further down."""
    text = "".join(piece.text for piece in own if piece.kind is not Kind.ENDING).strip()
    return len(text) < 40 and "\n" not in text and text.endswith((",", "，", "、"))


def mark_endings(parts: Sequence[Piece]) -> None:
    """Mark signatures and footers, each at the end of a stretch of the writer's own lines."""
    start = 0
    while start < len(parts):
        end = start
        while end < len(parts) and parts[end].kind in (Kind.WORDS, Kind.BLANK, Kind.CODE):
            end += 1
        kept = endings.kept([piece.text for piece in parts[start:end]])
        for piece in parts[start + kept : end]:
            if piece.kind is not Kind.BLANK:
                piece.kind = Kind.ENDING
        start = end + 1


def drop_quotes(parts: Sequence[Piece]) -> list[Piece]:
    """Return `parts` without leads and '>' lines, but with those that the writer answered below, piece by piece."""
    _join_broken_quotes(parts)
    own = [index for index, piece in enumerate(parts) if is_own(piece)]
    if not own:
        return [] if _is_led(parts) else list(parts)
    groups = _groups(parts)
    below = [group for group in groups if group.start < own[-1]]
    after = any(has_words(parts[index].text) for group in groups if group.start > own[-1] for index in group)
    led = len(below) == 1 and _is_led([parts[index] for index in below[0]])
    drop = {index for group in groups if group.start > own[-1] and not _is_shown(parts, group) for index in group}
    if led and not after:
        drop.update(below[0])
    for group in below:
        if _is_led([parts[index] for index in group]):
            drop.update(index for index in group if parts[index].kind is Kind.LEAD)
    return [piece for index, piece in enumerate(parts) if index not in drop]


def _is_shown(parts: Sequence[Piece], group: range) -> bool:
    """Whether the writer shows the quote ('the page says:'): no lead, and a ':' before it."""
    return is_announced(parts, group.start) and not _is_led([parts[index] for index in group])


def _is_led(parts: Sequence[Piece]) -> bool:
    """Whether a mail program's lead stands over the quote, or in its first line. 'Kim wrote:' may be the writer's."""
    lead = "".join(piece.text for piece in parts if piece.kind is Kind.LEAD)
    if "@" in lead or any(sign.isdigit() for sign in lead):
        return True
    quote = next((piece.text for piece in parts if piece.kind is Kind.QUOTE), "")
    head = [line.lstrip("> \t") for line in quote[: 4 * LONG].split("\n")[:6]]
    lines = [line for line in head if line][:3]
    return any(is_lead(" ".join(lines[: count + 1])) for count in range(len(lines)))


def _groups(parts: Sequence[Piece]) -> list[range]:
    """The runs of leads, quotes and the blank lines in and below them."""
    groups: list[range] = []
    start: int | None = None
    for index, piece in enumerate([*parts, Piece(Kind.WORDS, "end", 0)]):
        inside = piece.kind in (Kind.LEAD, Kind.QUOTE) or (start is not None and piece.kind is Kind.BLANK)
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            groups.append(range(start, index))
            start = None
    return groups


def _join_broken_quotes(parts: Sequence[Piece]) -> None:
    """Count a line between two quotes as quoted if it is a link in brackets, or the end of a line broken on the way."""
    for before, piece, after in zip(parts, parts[1:], parts[2:], strict=False):
        if piece.kind is not Kind.WORDS or before.kind is not Kind.QUOTE or after.kind is not Kind.QUOTE:
            continue
        if (len(piece.text) < LONG and _LINK.fullmatch(piece.text)) or _is_wrapped(before.text, piece.text):
            piece.kind = Kind.QUOTE


def _is_wrapped(quote: str, text: str) -> bool:
    """Whether `text` begins with the word that didn't fit into the last quoted line (72 characters or more)."""
    last = quote.rstrip("\n").rsplit("\n", 1)[-1].rstrip()
    first = text.split(" ", 1)[0]
    return len(last) + len(first) > 72 and last[-1:] not in ".?!:>" and first[:1].islower()
