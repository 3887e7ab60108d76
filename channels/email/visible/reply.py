"""What a person wrote in a mail, without what their mail program added: `written(mail)`.

The email channel stores `visible` as the message and keeps `full` beside it. Losing a customer's words is worse than
showing a few of ours: where the two can't be told apart, they stay. `quotes` and `endings` know the marks, `html` does
the same for mails that have no text part.
"""

import re
from collections.abc import Iterable

from channels.email.mail import Mail, Written
from channels.email.visible import endings, html, quotes
from channels.email.visible.phrases import phrases
from channels.email.visible.pieces import Kind, Piece, is_delimiter, pieces

_STUB = re.compile(r"html|browser|view this (?:e-?mail|message)", re.IGNORECASE)


def written(mail: Mail) -> Written:
    """Return what the sender wrote: from the text part, or from the HTML part if the text part says nothing.

    A forwarded mail (by its subject, or by the line above it) keeps the mail that it brings.
    """
    forwarded = phrases().forward_subject.match(mail.subject) is not None
    full = mail.text.strip()
    text = visible(full, forwarded=forwarded)
    if not mail.html or (text and not _is_stub(full)):
        return Written(text, full)
    own, whole = html.read(mail.html)
    return Written(visible(whole if forwarded else own, forwarded=forwarded) or text, whole or full)


def _is_stub(text: str) -> bool:
    """Whether a text part only says that the mail is to be read as HTML."""
    return len(text) < 200 and _STUB.search(text) is not None


def visible(text: str, *, forwarded: bool = False) -> str:
    """Return what the writer of the mail body `text` wrote now, with LF line breaks, stripped.

    Quotes answered piece by piece stay, each above its answer. A mail below 'Forwarded message' stays; with `forwarded`
    (its subject says that it is one) everything does but the writer's signature.
    """
    parts = list(pieces(text.replace("\r\n", "\n").replace("\r", "\n")))
    shown = quotes.written(parts, forwarded=forwarded)
    own = _joined(piece for piece in shown if piece.kind is not Kind.ENDING)
    return own or _joined(piece for piece in shown if not endings.is_footer(piece.text))


def _joined(shown: Iterable[Piece]) -> str:
    lines = [piece.text for piece in shown]
    while lines and (not lines[-1].strip() or is_delimiter(lines[-1])):
        lines.pop()
    return "".join(lines).strip()
