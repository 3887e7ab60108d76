"""The bytes of a mail become a `Mail`: what a person wrote, the files, and what the head says.

The doors (SMTP, LMTP, IMAP, pipe, replay) call `read` before anything is decided. It never raises, and its time and
memory are bounded by the size of the mail. Taking apart is `parts.py`; this module says what each part is to a person.
"""

import html as markup
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import structlog

from channels.email.mail import Address, Attachment, Mail
from channels.email.mime import armour, calendar, flowed, head, naming, report, smime, tnef
from channels.email.mime.charsets import clean, decode
from channels.email.mime.head import Fields
from channels.email.mime.parts import Part, walk

log = structlog.get_logger()

MOST_TEXT = 2_000_000
"""Characters of text, and of HTML, that are kept: far more than anybody writes, and quick to work on."""
MOST_FILES = 200
"""Files that are kept of one mail."""
_MOST_PACKAGES = 10  # winmail.dat within each other

CUT = "This mail has more parts, files or text than are read; the rest was not kept, except in the raw mail."
BROKEN = "This mail is built in a way that can't be read here; it is only in the raw mail."

ENCRYPTED_SMIME = "This mail is encrypted (S/MIME) and can't be read here."
ENCRYPTED_PGP = "This mail is encrypted (PGP) and can't be read here."

_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_TEXT = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext", "text/x-amp-html", "text/markdown"})

_SHOWN = re.compile(r"""(?:cid:|src\s{0,5}=\s{0,5}["']?(?!cid:))([^"'\s>)]{1,300})""", re.IGNORECASE)
_BLANK = re.compile(r"\A(?:[ \t\u00a0]*\n)+")
_TAG = re.compile(r"<[^<>]{0,200}>")


@dataclass(slots=True)
class _Piece:
    """A stretch of what was written, in the forms it came in."""

    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    attachment: Attachment
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the parts come to, one after another."""

    pieces: dict[object, _Piece] = field(default_factory=dict)
    files: list[_File] = field(default_factory=list)
    sealed: list[tuple[str, str, bytes]] = field(default_factory=list)
    unreadable: str = ""
    cut: bool = False

    def write(self, key: object, *, text: str = "", html: str = "") -> None:
        piece = self.pieces.setdefault(key, _Piece())
        if text.strip():
            piece.text.append(text)
        if html.strip():
            piece.html.append(html)

    def keep(self, name: str, kind: str, content: bytes, *ids: str) -> None:
        if len(self.files) == MOST_FILES:
            self.cut = True
            return
        named = Attachment(naming.shown(name, kind), kind, content)
        self.files.append(_File(named, tuple(one for one in ids if one)))


def read(raw: bytes) -> Mail:
    """Return the mail in `raw`, whatever the bytes.

    The date is what the mail says, be it in 2099: who uses it compares it with a clock. `text` is all of what was
    written or '', and so is `html`: where one stretch has no plain form, `text` is '' and `html` has everything.
    """
    try:
        return take_apart(raw)
    except Exception:  # the raw mail is kept; were this to raise, its sender would try again for days
        log.exception("mail.broken", bytes=len(raw))
        return Mail(unreadable=BROKEN)


def take_apart(raw: bytes) -> Mail:
    """Do the work of `read`, without its net: an exception here is a mistake of ours."""
    tree = walk(raw)
    fields = tree.fields
    from_ = _from(fields)
    found = _Found()
    for part in tree.parts:
        _take(part, found)
    text, page = _written(found)
    if text or page:
        _keep_sealed(found)
    shown = {unquote(one).lower() for one in _SHOWN.findall(page)} if found.files else set()
    return Mail(
        message_id=next(iter(head.ids(fields.all("message-id"))), "")[:998],
        from_=from_,
        sender=next(iter(_people(fields, "sender")), None),
        reply_to=_people(fields, "reply-to"),
        to=_people(fields, "to"),
        cc=_people(fields, "cc"),
        subject=fields.text("subject")[: head.MOST_VALUE],
        date=head.date(fields.raw("date")),
        in_reply_to=head.ids(fields.all("in-reply-to")),
        references=head.ids(fields.all("references")),
        text=text,
        html=page,
        attachments=tuple(_placed(one, shown) for one in found.files),
        report=report.find(fields, from_, tree.parts, text),
        unreadable=found.unreadable,
        left_out=CUT if tree.cut or found.cut else "",
        headers=fields.decoded(),
    )


def _from(fields: Fields) -> Address:
    """Return the first mailbox in From: the first that has an address."""
    every = head.addresses(fields.all("from"))
    return next((one for one in every if one.address), every[0] if every else Address(""))


def _people(fields: Fields, name: str) -> tuple[Address, ...]:
    return tuple(one for one in head.addresses(fields.all(name)) if one.address)


def _take(part: Part, found: _Found) -> None:
    """Add one part to what was found."""
    reported = "multipart/report" in part.path
    if part.enclosed is not None:
        if not reported:
            found.write(("mail", part.group), text=_forwarded(part.enclosed))
    elif part.type in _SIGNATURES or part.type in report.PARTS:
        return
    elif part.type in smime.TYPES:
        found.unreadable = found.unreadable or ENCRYPTED_SMIME
        found.sealed.append((part.name or "smime.p7m", part.type, part.content))
    elif part.path[-1:] == ("multipart/encrypted",):
        _encrypted(part, found)
    elif part.type in _TNEF or part.name.lower() == "winmail.dat":
        _winmail(part, found)
    elif part.type in {"text/calendar", "application/ics"}:
        _invitation(part, found)
    elif _is_written(part):
        _text(part, found)
    elif part.content or part.name:
        found.keep(naming.given(part), part.type, part.content, part.content_id, part.fields.raw("content-location"))


def _forwarded(fields: Fields) -> str:
    sender = _from(fields)
    who = f"{sender.name} <{sender.address}>" if sender.name and sender.address else sender.address or sender.name
    return ", from ".join(piece for piece in (f"Forwarded: {fields.text('subject')}".strip(), who) if piece)


def _is_written(part: Part) -> bool:
    """Say whether a text is what was written, rather than a file that is a text."""
    if part.type not in _TEXT:
        return False
    beside = "multipart/alternative" in part.path
    if part.disposition == "attachment":
        return beside and not part.name
    return not part.name or beside or (part.first and part.type in {"text/plain", "text/html"})


def _text(part: Part, found: _Found) -> None:
    page = part.type in {"text/html", "text/x-amp-html"}
    text = _lines(decode(part.content, part.parameters.get("charset", ""), html=page))
    if page:
        if part.type == "text/html":
            found.write(part.group, html=text)
        return
    if part.type in {"text/enriched", "text/richtext"}:
        text = markup.unescape(_TAG.sub("", text))
    elif part.parameters.get("format", "").lower() == "flowed":
        text = flowed.join(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    piece = found.pieces.get(part.group)
    if piece and piece.text and part.path[-1:] == ("multipart/alternative",) and text.lstrip().startswith("<"):
        found.write(part.group, html=text)  # some mailers label their HTML as plain text, too
        return
    found.write(part.group, text=_opened(text, found))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _opened(text: str, found: _Found) -> str:
    """Return `text` without what is packed into it: PGP frames, encrypted text (which is noted), files (kept)."""
    text, sealed = armour.opened(text)
    if sealed:
        found.unreadable = found.unreadable or ENCRYPTED_PGP
    text, packed = armour.unpacked(text)
    for name, content in packed:
        found.keep(name, "application/octet-stream", content)
    return text


def _encrypted(part: Part, found: _Found) -> None:
    found.unreadable = found.unreadable or ENCRYPTED_PGP
    if part.type != "application/pgp-encrypted":
        found.sealed.append((part.name or "encrypted.asc", part.type, part.content))


def _keep_sealed(found: _Found) -> None:
    """Keep what is encrypted as files: they came with a mail that can be read."""
    for name, kind, content in found.sealed:
        found.keep(name, kind, content)
    found.unreadable = "" if found.sealed else found.unreadable


def _winmail(part: Part, found: _Found) -> None:
    """Add what is in a winmail.dat; a mail in it is a winmail.dat again."""
    waiting = [part.content]
    for number in range(_MOST_PACKAGES):
        package = tnef.unpack(waiting.pop(0)) if waiting else None
        if package is None:
            break
        if number or not any(piece.text or piece.html for piece in found.pieces.values()):
            found.write(("winmail", part.group, number), text=_lines(package.text), html=package.html)
        for one in package.files:
            if one.content.startswith(tnef.SIGNATURE):
                waiting.append(one.content)
            else:
                found.keep(one.name, one.type or "application/octet-stream", one.content, one.content_id)
    found.cut = found.cut or bool(waiting)
    if not part.content.startswith(tnef.SIGNATURE):
        found.keep(naming.given(part), part.type, part.content)


def _invitation(part: Part, found: _Found) -> None:
    lines = calendar.summary(decode(part.content, part.parameters.get("charset", "") or "utf-8"))
    if lines:
        found.write(("calendar", len(found.pieces)), text=lines)
    found.keep(part.name or "invite.ics", part.type, part.content)


def _written(found: _Found) -> tuple[str, str]:
    """Return the text and the HTML of all stretches, each complete or ''."""
    pieces = [piece for piece in found.pieces.values() if piece.text or piece.html]
    text = "\n\n".join(_plain(piece.text) for piece in pieces)
    page = "\n".join("\n".join(piece.html) or _as_html(piece.text) for piece in pieces)
    if not all(piece.text for piece in pieces):
        text = ""
    if not any(piece.html for piece in pieces):
        page = ""
    found.cut = found.cut or max(len(text), len(page)) > MOST_TEXT
    return clean(text[:MOST_TEXT]), clean(page[:MOST_TEXT])


def _plain(stretches: Sequence[str]) -> str:
    """Join the texts of a stretch, without blank lines around them."""
    return _BLANK.sub("", "\n".join(stretches)).rstrip()


def _as_html(lines: Sequence[str]) -> str:
    return "<p>" + markup.escape(_plain(lines), quote=False).replace("\n", "<br>\n") + "</p>"


def _placed(one: _File, shown: set[str]) -> Attachment:
    """Return the file, marked as inline if the HTML shows it."""
    if not any(known.lower() in shown for known in one.ids):
        return one.attachment
    kept = one.attachment
    return Attachment(kept.name, kept.type, kept.content, inline=True)
