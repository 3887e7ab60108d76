"""Where a text may be cut: between paragraphs, lines, sentences or words, and never within a sign. Pure.

Called by what keeps texts within a platform's limits (`channels.slack.rich.cutting`, `channels.teams.rich.cutting`).
"""

import re
import unicodedata

_BOUNDARIES = [re.compile(p) for p in (r"\n[ \t]*\n", r"\n", r"(?<=[.!?:;])\s|(?<=[。！？；])", r"\s")]
_GLUE = frozenset("\u200d\u200c")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")


def cut(text: str, end: int) -> int:
    """Return where to cut `text` at `end` or before: between paragraphs, lines, sentences, words, or at least signs.

    The white space is left to the second piece. 0 only for `end` 0.
    """
    if end >= len(text):
        return len(text)
    for boundary in _BOUNDARIES:
        places = [found.start() for found in boundary.finditer(text, end // 2, end + 1) if found.start() <= end]
        if places and text[: places[-1]].strip():
            return places[-1]
    early = max((found.start() for found in _BOUNDARIES[-1].finditer(text, 0, end // 2)), default=0)
    return early if text[:early].strip() else _between_signs(text, end)


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning and '…' if it has more than `most` characters."""
    return text if len(text) <= most else text[: cut(text, most - 1)].rstrip() + "…"


def _between_signs(text: str, end: int) -> int:
    """Return `end`, or a little less where it is within what is read as one sign."""
    return next((at for at in range(end, max(0, end - 64), -1) if not _within_sign(text, at)), end)


def _within_sign(text: str, at: int) -> bool:
    """Return whether the signs at both sides of `at` are drawn as one (Unicode, UAX 29: what matters in practice)."""
    before, after = text[at - 1], text[at]
    if before == "\u200d" or after in _GLUE or unicodedata.category(after).startswith("M"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    flags = next((n for n in range(at) if not _FLAGS[0] <= text[at - 1 - n] <= _FLAGS[1]), at)
    return _FLAGS[0] <= after <= _FLAGS[1] and flags % 2 == 1
