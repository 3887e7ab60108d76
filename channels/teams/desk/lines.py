"""What is said, as operators read it below a card in Teams: the transcript, and each line after it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from channels.desk.words import LONGER, cut, one_line, remarks, shortened, writer
from channels.teams.desk.pieces import (
    JSON,
    button,
    card_of,
    carrying,
    field_for,
    fitting,
    form,
    literal,
    rich,
    run,
    said,
    size,
    subtle,
    verbatim,
)
from core.case import Case
from core.messages import Author, DeskAction, Message

_MOST_TEXT = 60_000  # bytes of a message of words: Teams takes 100 kB, and 40 kB where it is older
_PIECE = 5_000  # characters
_LONGEST = 4_000  # of one message in the transcript


def transcript(messages: Sequence[Message], *, about: str = "") -> list[JSON]:
    """Return what was said so far, in as few messages as Teams allows. `about` names the case, in a chat."""
    head = [f"<p><strong>{verbatim(about)}</strong></p>"] if about else []
    return _packed([*head, *(_spoken(message, longest=_LONGEST, timed=True) for message in messages)])


def line(case: Case, message: Message, *, about: str = "") -> list[JSON]:
    """Return a message for the case's thread; the first activity is brought in line when the message changes.

    An operator's own, written in a form or elsewhere, comes as a card: nobody can edit in Teams what the app posted.
    """
    if message.author is Author.OPERATOR and not message.withdrawn:
        return [_own(case, message, about)]
    whole = _spoken(message, about=about)
    if size(said(whole)) <= _MOST_TEXT:
        return [said(whole)]
    pieces = cut(message.text, _PIECE)[0]
    first = _spoken(message, pieces[0], about=about)
    return [said(first), *(said(f"<p>{verbatim(piece)}</p>") for piece in pieces[1:])]


def _spoken(message: Message, text: str = "", *, longest: int = 0, timed: bool = False, about: str = "") -> str:
    """Return a message as HTML: who wrote it in bold, which nothing that is escaped can imitate."""
    text = text or message.text
    shown = shortened(text, longest) if longest else text
    marks = remarks(message)
    if longest and len(text) > longest:
        marks.append(LONGER)
    when = f" <em>{datetime.fromtimestamp(message.at, UTC).strftime('%d %b %H:%M UTC')}</em>" if timed else ""
    who = f"{about} {writer(message)}".strip()
    words = f"<p>{verbatim(shown)}</p>" if shown and not message.withdrawn else ""
    below = "".join(f"<p><em>{verbatim(mark)}</em></p>" for mark in marks)
    return f"<p><strong>{verbatim(one_line(who, 250))}</strong>{when}</p>{words}{below}"


def _own(case: Case, message: Message, about: str) -> JSON:
    """Return an operator's line with what its writer may do with it."""
    who = one_line(f"{about} {writer(message)}".strip(), 250)
    return carrying(fitting(lambda most: _own_card(case, message, who, most)), f"{who}: {message.text}")


def _own_card(case: Case, message: Message, who: str, most: int) -> JSON:
    whole = len(message.text) <= most
    marks = [*remarks(message), *([] if whole else [LONGER])]
    body = [
        rich(run(who, weight="Bolder"), id=f"own-{message.id}"),
        *literal(message.text, most),
        *(subtle(mark) for mark in marks),
    ]
    words = field_for(DeskAction.EDIT, "What the customer should read", message.text)
    correct = form("Correct it", words, submit=button("Correct", case.id, "edit", message.id))
    return card_of(body, [*([correct] if whole else []), button("Withdraw it", case.id, "withdraw", message.id)])


def _packed(pieces: Iterable[str]) -> list[JSON]:
    packed = [""]
    for piece in pieces:
        if packed[-1] and size(packed[-1] + piece) > _MOST_TEXT:
            packed.append("")
        packed[-1] += piece
    return [said(markup) for markup in packed if markup]


def unshown(names: Sequence[str], web_desk: str) -> JSON:
    """Return that files can't be shown here, and where they are."""
    where = f'<a href="{escape(web_desk)}">the web desk</a>' if web_desk else "the web desk"
    files = ", ".join(one_line(name, 130) for name in names)
    return said(f"<p><em>Teams takes no files from apps here. {verbatim(files)}: open it on {where}.</em></p>")


def picture(name: str, kind: str, encoded: str) -> JSON:
    """Return a small picture, `encoded` in Base64."""
    attachment = {"contentType": kind, "contentUrl": f"data:{kind};base64,{encoded}", "name": one_line(name, 130)}
    return {"type": "message", "attachments": [attachment]}
