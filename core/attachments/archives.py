"""Zip-based files are looked at before any library opens them: how much they hold, and what they are.

A few kilobytes can unpack to gigabytes, and MarkItDown has no limit of its own (microsoft/markitdown #1514).
"""

import io
import zipfile

from core.attachments.values import Limits, NotRead
from core.messages import FileOutcome

ZIP = "application/zip"
_SMALL = 8 * 1024 * 1024  # bytes; an archive that unpacks to less may be packed as tightly as it likes
_BROKEN = "This file is damaged: its archive can't be opened."


def names(content: bytes, limits: Limits) -> frozenset[str]:
    """Return the names inside the archive `content`. Raises `NotRead` for one that is damaged, locked or a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as broken:
        raise NotRead(_BROKEN, outcome=FileOutcome.FAILED, type_=ZIP) from broken
    if len(entries) > limits.entries:
        told = f"This file holds {len(entries):,} files, more than the {limits.entries:,} that are opened."
        raise NotRead(told, type_=ZIP)
    unpacked = sum(entry.file_size for entry in entries)
    too_dense = unpacked > _SMALL and unpacked > limits.ratio * len(content)
    if unpacked > limits.unpacked or too_dense:
        raise NotRead(f"This file unpacks to {_megabytes(unpacked)} MB, which is not opened.", type_=ZIP)
    if any(entry.flag_bits & 1 for entry in entries):
        raise NotRead("This file is protected with a password.", type_=ZIP)
    return frozenset(entry.filename for entry in entries)


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f}"
