"""Signatures, the lines phones add, and disclaimers: what stands under a mail and was not written for it.

`quotes` asks about each stretch of lines that the writer wrote. '-- ' begins a signature (RFC 3676, 4.3); other rules
of dashes begin one only if what follows looks like one. 'Kind regards, Kim' stays: it is written, it does no harm, and
cutting after it loses what people add below.
"""

import re
from collections.abc import Sequence

from channels.email.visible.phrases import phrases, plain

_SIGNATURE = re.compile(r"\s*(?:--|—-|–-|- -)\s*")
_RULE = re.compile(r"\s*(?:[-–—]{2,}|_{2,}|={3,}|\*{3,}|~{3,}|#{3,})\s*")
_CONTACT = re.compile(r"https?://|www\.|\S@\S+\.\w|\+?\d[\d\s()/.-]{6,}\d|\bt(?:el)?\b[.:]", re.IGNORECASE)
_HREF = re.compile(r"<?(?:https?://|mailto:|www\.)[^\s>]*>?|[()\[\]*_]")
_SENTENCE = re.compile(r"[?？!:：]|\w\.\s+\w")
_SAID = re.compile(r"(?:\S+\s+){3,}\S+[.!?…。！？]\W*$|[?？]\W*$|\s*(?:\d+[.)]|[-*•])\s")
_POSTSCRIPT = re.compile(r"\s*(?:p\.?\s?p?\.?\s?s\.?|n\.?\s?b\.?)(?:\s|:|$)", re.IGNORECASE)
_SHORT = 90  # characters of a line in a signature
_LINES = 14
_LONG = 600
_TAIL = 60  # lines that are looked at, below a rule and for footers


def kept(lines: Sequence[str]) -> int:
    """Return how many of `lines` from the beginning the writer wrote for this mail."""
    rules = [index for index, line in enumerate(lines) if _may_be_rule(line) and _RULE.fullmatch(line)]
    end = next((index for index in rules[:20] if _is_signature(lines, index)), len(lines))
    return _without_footers(lines, end)


def _may_be_rule(line: str) -> bool:
    return len(line) < 200 and line.strip()[:1] in ("-", "_", "=", "*", "~", "#", "—", "–")


def _is_signature(lines: Sequence[str], index: int) -> bool:
    """Whether the rule at `index` begins a signature or a footer; a postscript below it says that it does not."""
    rule = lines[index]
    below = [line for line in lines[index + 1 : index + 1 + _TAIL] if line.strip()]
    if any(_POSTSCRIPT.match(line) for line in below):
        return False
    if rule.rstrip("\r\n") == "-- " or not below or _is_disclaimer("".join(below[:40])):
        return True
    if len(below) > _LINES or any(len(line) < _LONG and _SAID.match(line) and not is_footer(line) for line in below):
        return False
    if _SIGNATURE.fullmatch(rule):
        return sum(len(line.strip()) > _SHORT for line in below) <= 1
    if index and lines[index - 1].strip():  # the rule underlines a heading
        return False
    return all(len(line.strip()) <= _SHORT for line in below) and _CONTACT.search("".join(below)) is not None


def _without_footers(lines: Sequence[str], end: int) -> int:
    """Go up from `end` over blank lines, rules, lines of phones and disclaimers."""
    lowest = max(0, end - _TAIL)
    while end > lowest:
        line = lines[end - 1]
        if not line.strip() or (_may_be_rule(line) and _RULE.fullmatch(line)) or is_footer(line):
            end -= 1
            continue
        start = _paragraph(lines, end, lowest)
        text = "".join(lines[start:end])
        if not (_is_disclaimer(text) or _is_broken_footer(lines[start:end])):
            break
        end = start
    return end


def _paragraph(lines: Sequence[str], end: int, lowest: int) -> int:
    start = end
    while start > lowest and lines[start - 1].strip():
        start -= 1
    return start


def is_footer(line: str) -> bool:
    """Whether a phone or an app wrote the line: 'Sent from my iPhone', 'Get Outlook for Android'."""
    if len(line) > _LONG:
        return False
    known = phrases()
    text = plain(_HREF.sub(" ", line)).strip("-—–. ,_~|")
    if not text or len(text.split()) > 12 or _SENTENCE.search(text):
        return False
    begins = known.sent_from.match(text)
    if not (begins or known.sent_from_end.search(text)):
        return False
    rest = text[begins.end() :] if begins else text
    if known.mine.match(rest.strip()) and len(text.split()) <= 8:
        return True
    return not known.person.search(rest) and ("<http" in line or known.device.search(text) is not None)


def _is_broken_footer(lines: Sequence[str]) -> bool:
    return (
        len(lines) == 2 and is_footer(" ".join(lines)) and phrases().device.search(plain(" ".join(lines))) is not None
    )


def _is_disclaimer(text: str) -> bool:
    line = plain(text[:4000])
    if phrases().footer.search(line):
        return True
    if len(line) < 100 or "?" in line or phrases().person.search(line):
        return False
    return len({found[0] for found in phrases().disclaimer.finditer(line)}) >= 3
