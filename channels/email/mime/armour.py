"""What people and old programs pack into plain text: PGP messages and signatures (RFC 9580), uuencoded files.

`mime.py` calls it for each plain text. Nothing is decrypted and no signature is judged.
"""

import re
from collections.abc import Sequence

from channels.email.mime.parts import from_uu

_UU_BEGIN = re.compile(r"begin [0-7]{3,4} (\S[^\n]{0,299})")
_UU_LINE = re.compile(r"[ -`]{0,70}")
_PGP_MESSAGE = re.compile(
    r"-----BEGIN PGP MESSAGE(?:, PART [\d/]+)?-----(?:(?!-----)[\s\S])*(?:-----END PGP MESSAGE[^\n]*-----|\Z)"
)
_PGP_SIGNED = re.compile(r"-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\n(?:[A-Za-z-]+:[^\n]*\n)*[ \t]*\n")
_PGP_SIGNATURE = re.compile(
    r"\n?-----BEGIN PGP SIGNATURE-----(?:(?!-----)[\s\S])*(?:-----END PGP SIGNATURE-----\n?|\Z)"
)
_DASHED = re.compile(r"^- (?=-)", re.MULTILINE)


def opened(text: str) -> tuple[str, bool]:
    """Return `text` without the frame of a PGP signature and without encrypted text, and whether there was any."""
    if "-----BEGIN PGP" not in text:
        return text, False
    left = _PGP_MESSAGE.sub("", text)
    sealed = len(left) < len(text)
    if _PGP_SIGNED.search(left):
        left = _DASHED.sub("", _PGP_SIGNATURE.sub("\n", _PGP_SIGNED.sub("", left)))
    return left, sealed


def unpacked(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return `text` without uuencoded files, and these as (name, content)."""
    if "\nend" not in text or "begin " not in text:
        return text, []
    lines = text.split("\n")
    left: list[str] = []
    files: list[tuple[str, bytes]] = []
    at = 0
    while at < len(lines):
        begins = _UU_BEGIN.fullmatch(lines[at])
        end = _end_of_uu(lines, at + 1) if begins else None
        if begins and end:
            files.append((begins[1].strip(), from_uu("\n".join(lines[at + 1 : end]).encode())))
            at = end
        else:
            left.append(lines[at])
        at += 1
    return "\n".join(left), files


def _end_of_uu(lines: Sequence[str], at: int) -> int | None:
    """Return which line ends a uuencoded file, None if something else stands there."""
    for index in range(at, len(lines)):
        if lines[index].rstrip() == "end" and index > at:
            return index
        if not _UU_LINE.fullmatch(lines[index].rstrip()):
            return None
    return None
