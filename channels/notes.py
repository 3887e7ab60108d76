"""What a channel could not bring of a message, noted below its words where operators read all of it. Pure.

Channels write it when they hand a message in; desks and letters find it again at the end of `Message.full`.
"""

import re

from core import language, wording
from core.messages import Message
from core.store.files import safe_name
from core.thread import Thread
from core.wording import Line

_NOTES = re.compile(r"(?:\[[^\[\]\n]*\bnot (?:kept|pass on)\b[^\[\]\n]*\]\s*)+")
_LONGEST = 1_000  # characters of all the notes below one message
_ROUND = str.maketrans("[]", "()")


def left_out(many: int, most: int) -> str:
    """Return what stands in a customer's message, for operators, for `many` files above the `most` it carries."""
    if not many:
        return ""
    files = "file that came with this was" if many == 1 else "files that came with this were"
    return f"[{many} more {files} not kept: a message carries {most}]"


def ask_for_rest(thread: Thread | None, text: str, most: int) -> str:
    """Return what tells a customer that a message carries `most` files; `text` is what they wrote in `thread`."""
    speaks = language.detect(text) or (thread.language if thread else "en")
    return wording.text(Line.FILES_LEFT_OUT, speaks, most=str(most))


def too_large(name: str, most: int) -> str:
    """Return what stands in a message for a file called `name` that has more than `most` bytes."""
    return (
        f"[\u201c{safe_name(name).translate(_ROUND)}\u201d was not kept: a file has at most {most // 1024 // 1024} MB]"
    )


def noted(text: str, notes: str, most: int) -> tuple[str, str]:
    """Return what is answered of a customer's words, and, where that is more, all that operators read: `notes` below.

    At most `most` characters are answered. A message without words says its notes.
    """
    answered = (text or notes)[:most]
    whole = "\n\n".join(filter(None, (text, notes)))
    return answered, whole if len(whole) > len(answered) else ""


def notes_of(message: Message) -> str:
    """Return what its channel noted below a message, '' if it brought everything."""
    last = message.full.removeprefix(message.text).rpartition("\n\n")[2].strip()
    return last if len(last) <= _LONGEST and _NOTES.fullmatch(last) else ""
