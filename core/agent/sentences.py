"""Where a sentence ends: text is let go, and quoted, in whole sentences."""

import re

# A full stop, question or exclamation mark (also the CJK and Arabic ones), then quotes or citation
# marks, then space; or the end of a line. "e.g. " and "No. 5" stay whole: a lower-case letter or a
# digit goes on.
_END = re.compile(r"(?:[.!?。！？؟]+[\"'”’)\]]*(?:\s*\[\d+\])*\s++(?![a-z0-9\[])|\n+)")


def split(text: str) -> list[str]:
    """Return the sentences and lines of `text`, white space included: joined they are `text` again."""
    pieces, start = [], 0
    for end in _END.finditer(text):
        pieces.append(text[start : end.end()])
        start = end.end()
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def finished(text: str) -> str:
    """Return the part of a growing `text` that consists of whole sentences: it grows with `text`, and never shrinks.

    Of the last piece only whole lines are certain: more text may still move the end of its sentence.
    """
    pieces = split(text)
    last = pieces.pop() if pieces else ""
    return "".join(pieces) + last[: last.rfind("\n") + 1]


def sentence_before(text: str, at: int) -> int:
    """Return where the sentence or line begins that holds the character `at` of `text`; 0 for one before its start."""
    start = 0
    for end in _END.finditer(text, 0, max(at, 0)):
        start = end.end()
    return start
