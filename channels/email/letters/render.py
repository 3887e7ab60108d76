"""A letter as the bytes of a mail: one text as plain words and as HTML, headers that thread and never loop.

`channel` and `desk` fill a `Letter` for each part they send, hand it to `compose`, and the bytes of `to_bytes` to
`outgoing`. Pure: the same letter gives the same bytes, so a repeat of a delivery is the same mail to the last
character.
"""

import re
from base64 import encodebytes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.generator import BytesGenerator
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from io import BytesIO
from typing import Literal

from channels.email.letters import headers, markdown
from channels.email.mail import Address
from core.messages import Citation

MARK = "X-Threadline"
"""The header that every mail of ours has, with the delivery's id: who gets one back knows it is their own."""

Automatic = Literal["auto-replied", "auto-generated", ""]

_LONGEST_SUBJECT = 200
_MOST_REFERENCES = 20
_QUOTED_LINES = 20
_QUOTED_WIDTH = 500
_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# What is stored is what is written: no header is folded or encoded again, and no body has 8-bit characters.
_WIRE = SMTP.clone(refold_source="none", cte_type="7bit")

_SOFT = "margin:0 0 4px;font-size:13px;opacity:0.8;overflow-wrap:anywhere"
_RULE = "margin:18px 0 0;padding:10px 0 0;border-top:1px solid #8a9691"
_QUOTE = "margin:0;padding:0 0 0 12px;border-left:2px solid #8a9691;font-size:14px;opacity:0.85"
_PAGE = """\
<!DOCTYPE html>
<html{language}>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }}</style>
</head>
<body style="margin:0;padding:0">
<!--[if mso]><table role="presentation" width="640"><tr><td><![endif]-->
<div style="max-width:640px;padding:4px 0;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
font-size:15px;line-height:1.5;overflow-wrap:break-word">
{content}</div>
<!--[if mso]></td></tr></table><![endif]-->
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file to send. `type` is a media type; what is none becomes application/octet-stream."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to write, in plain values; ids stand without their angle brackets.

    `person` is the operator who wrote it, '' for the bot. `return_path` is the envelope's sender, which `send` is
    given: it is no header. `date` is in seconds since the epoch, UTC. `in_reply_to` makes it an answer: the subject
    gets 'Re: '. `automatic` is '' only for what a person wrote. `remark` is a sentence of the program's own about the
    mail that is answered, below the text and its sources. `foot` says how to reach a person, `foot_link`
    leads there. `quoted` is the message that is answered: who wrote it when, and its text. `delivery` is the
    delivery's id, `language` that of the text.
    """

    to: tuple[Address, ...]
    from_address: str
    message_id: str
    date: float
    subject: str
    text_markdown: str
    delivery: str
    from_name: str = ""
    person: str = ""
    cc: tuple[Address, ...] = ()
    reply_to: str = ""
    return_path: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    sources: tuple[Citation, ...] = ()
    remark: str = ""
    foot: str = ""
    foot_link: str = ""
    quoted: tuple[str, str] | None = None
    automatic: Automatic = ""
    files: tuple[File, ...] = ()
    language: str = ""

    @property
    def sender_name(self) -> str:
        """The name in From: 'Ada (Example)' when Ada wrote it, else 'Example'."""
        return f"{self.person} ({self.from_name})" if self.person and self.from_name else self.person or self.from_name


def compose(letter: Letter) -> EmailMessage:
    """Return `letter` as a mail: text and HTML of the same Markdown, and its files.

    Raises:
        PermanentError: if one of its addresses can't be written to.
        ValueError: if its own Message-ID could not be found again by the one who gave it.
    """
    message = EmailMessage(policy=_WIRE)
    for name, value in _headers(letter).items():
        message.set_raw(name, value)
    message.set_raw("MIME-Version", "1.0")
    bodies = (_body("plain", _plain(letter)), _body("html", _page(letter)))
    both = MIMEPart(policy=_WIRE) if letter.files else message
    _fill(both, "alternative", bodies, letter)
    if letter.files:
        _fill(message, "mixed", (both, *map(_attachment, letter.files)), letter)
    return message


def to_bytes(message: EmailMessage) -> bytes:
    """Return a mail of `compose` as it is sent: CRLF, short lines of ASCII.

    An address with letters outside ASCII before its @ is the one exception (RFC 6531); `Outgoing` sees it.
    """
    out = BytesIO()
    wide = any(not str(value).isascii() for _, value in message.raw_items())
    BytesGenerator(out, mangle_from_=False, policy=_WIRE.clone(utf8=wide)).flatten(message)
    return out.getvalue()


def _headers(letter: Letter) -> dict[str, str]:
    """Return the headers that have something to say, as they stand on the wire."""
    if not headers.message_id(letter.message_id):
        raise ValueError(f"{letter.message_id!r} can't be a Message-ID")
    reply = bool(headers.message_id(letter.in_reply_to))
    subject = headers.subject(letter.subject, reply=reply, longest=_LONGEST_SUBJECT)
    written = {
        "Date": format_datetime(datetime.fromtimestamp(letter.date, UTC)),
        "From": headers.addresses("From", (Address(letter.from_address, letter.sender_name),)),
        "To": headers.addresses("To", letter.to),
        "Cc": headers.addresses("Cc", letter.cc),
        "Reply-To": headers.addresses("Reply-To", (Address(letter.reply_to),)) if letter.reply_to else "",
        "Subject": headers.text("Subject", subject),
        "Message-ID": headers.ids("Message-ID", (letter.message_id,)),
        "In-Reply-To": headers.ids("In-Reply-To", (letter.in_reply_to,)),
        "References": headers.ids("References", _references(letter)),
        "Auto-Submitted": letter.automatic,
        "X-Auto-Response-Suppress": "All" if letter.automatic else "",
        MARK: headers.message_id(letter.delivery) or "unknown",
    }
    return {name: value for name, value in written.items() if value}


def _references(letter: Letter) -> Sequence[str]:
    """Return each id of the thread once, the answered one last; of a long thread the first and the newest."""
    bare = [headers.message_id(given) for given in (*letter.references, letter.in_reply_to)]
    once = list(dict.fromkeys(filter(None, reversed(bare))))[::-1]
    first = next(filter(None, bare), "")
    return once if len(once) <= _MOST_REFERENCES else [first, *once[1 - _MOST_REFERENCES :]]


def _fill(holder: MIMEPart, kind: str, parts: Sequence[MIMEPart], letter: Letter) -> None:
    """Make `holder` a multipart of `parts`.

    '=_' stands in no body: quoted-printable writes '=' as '=3D', and base64 has no '_' (RFC 2045, 6.7).
    """
    boundary = sha256(f"{kind} {letter.message_id}".encode(errors="replace")).hexdigest()[:32]
    holder.set_raw("Content-Type", f'multipart/{kind};\n boundary="=_{boundary}"')
    holder.set_payload(list(parts))


def _body(kind: str, words: str) -> MIMEPart:
    """Return `words` as a text part, in the shorter of the two encodings that make short lines of ASCII."""
    part = MIMEPart(policy=_WIRE)
    wide = sum(not letter.isascii() for letter in words)
    part.set_content(
        words, subtype=kind, charset="utf-8", cte="base64" if 6 * wide > len(words) else "quoted-printable"
    )
    return part


def _attachment(file: File) -> MIMEPart:
    part = MIMEPart(policy=_WIRE)
    name = headers.file_name(file.name)
    kind = file.type.lower() if _TYPE.fullmatch(file.type.lower()) else "application/octet-stream"
    part.set_raw("Content-Type", kind + headers.parameter("name", name))
    part.set_raw("Content-Disposition", "attachment" + headers.parameter("filename", name))
    part.set_raw("Content-Transfer-Encoding", "base64")
    part.set_payload(encodebytes(file.content).decode("ascii"))
    return part


def _plain(letter: Letter) -> str:
    """Return the plain body: what was written, its sources, how to reach a person, what is answered."""
    foot = [line for line in (_name(letter), _clean(letter.foot), _link(letter)) if line]
    blocks = [
        markdown.to_text(_clean(letter.text_markdown)),
        "\n".join(_source_plain(*source) for source in _sources(letter)),
        _clean(letter.remark),
        "\n".join(("-- ", *foot)) if foot else "",
        _quoted_plain(letter),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _page(letter: Letter) -> str:
    """Return the HTML body."""
    blocks = (
        markdown.to_html(_clean(letter.text_markdown), _addresses(letter.sources)),
        _ruled(_source_html(*source) for source in _sources(letter)),
        _ruled([escape(_clean(letter.remark))] if letter.remark else ()),
        _ruled(_foot_html(letter)),
        _quoted_html(letter),
    )
    language = letter.language if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", letter.language) else ""
    return _PAGE.format(
        language=f' lang="{language}"' if language else "",
        title=escape(headers.one_line(letter.subject, _LONGEST_SUBJECT)),
        content="".join(blocks),
    )


def _clean(words: str) -> str:
    return _UNWRITABLE.sub("\ufffd", words.replace("\r\n", "\n").replace("\r", "\n"))


def _name(letter: Letter) -> str:
    return headers.one_line(letter.sender_name, _LONGEST_SUBJECT) if letter.person else ""


def _link(letter: Letter) -> str:
    return letter.foot_link if markdown.is_safe(letter.foot_link) else ""


def _addresses(sources: Sequence[Citation]) -> Mapping[int, str]:
    return {source.index: source.source for source in sources}


def _sources(letter: Letter) -> Iterator[tuple[int, str, str]]:
    """Yield each source's number, what it is called, and where it is."""
    for source in letter.sources:
        called = " > ".join(filter(None, (source.title, source.heading)))
        yield source.index, headers.one_line(called, 300), headers.one_line(source.source, 2000)


def _source_plain(index: int, words: str, source: str) -> str:
    return f"[{index}] {words}" + (f" ({source})" if source else "")


def _source_html(index: int, words: str, source: str) -> str:
    if markdown.is_safe(source):
        return f'[{index}] <a href="{escape(source)}">{escape(words or source)}</a>'
    return f"[{index}] {escape(words)}" + (f" ({escape(source)})" if source else "")


def _foot_html(letter: Letter) -> Iterator[str]:
    if name := _name(letter):
        yield escape(name)
    words = escape(_clean(letter.foot or _link(letter))).replace("\n", "<br>\n")
    if words:
        yield f'<a href="{escape(link)}">{words}</a>' if (link := _link(letter)) else words


def _ruled(lines: Iterable[str]) -> str:
    """Return small lines below a rule, or '' for none."""
    inside = "".join(f'<p dir="auto" style="{_SOFT}">{line}</p>\n' for line in lines)
    return (
        f'<div style="margin:18px 0 0;padding:10px 0 0;border-top:1px solid #8a9691">\n{inside}</div>\n'
        if inside
        else ""
    )


def _quoted_lines(letter: Letter) -> tuple[str, list[str]]:
    """Return the attribution, and the first lines of what is answered; a last '…' if there are more."""
    by, words = letter.quoted or ("", "")
    lines = _clean(words).strip("\n").split("\n")
    cut = [line.rstrip() if len(line) <= _QUOTED_WIDTH else f"{line[:_QUOTED_WIDTH]}…" for line in lines]
    return headers.one_line(by, 300), cut[:_QUOTED_LINES] + ["…"] * (len(cut) > _QUOTED_LINES)


def _quoted_plain(letter: Letter) -> str:
    if not letter.quoted:
        return ""
    by, lines = _quoted_lines(letter)
    return "\n".join((*([by] if by else ()), *(f"> {line}".rstrip() for line in lines)))


def _quoted_html(letter: Letter) -> str:
    if not letter.quoted:
        return ""
    by, lines = _quoted_lines(letter)
    return (
        f'<div style="margin:22px 0 0">\n<p dir="auto" style="{_SOFT}">{escape(by)}</p>\n'
        f'<blockquote type="cite" dir="auto" style="{_QUOTE}">{"<br>".join(map(escape, lines))}</blockquote>\n</div>\n'
    )
