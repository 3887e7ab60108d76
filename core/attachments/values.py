"""What both sides of the wall hand each other: the limits in, what a file says (or why not) out. Plain values.

`extract` stands on our side; `confined`, `recognise` and `readers` work behind it.
"""

from dataclasses import dataclass

from core.messages import FileOutcome

TOO_MUCH_MEMORY = "It needs more memory to read than a file may take."


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost. `memory` is address space in bytes; archives are counted before they are opened.

    `entries`, `unpacked` (bytes) and `ratio` bound what is inside a zip-based file; `source` bytes of a text
    format, and `pages` of a PDF, are read at most: the rest is cut, and that is said.
    """

    size: int = 20 * 1024 * 1024
    seconds: float = 30.0
    memory: int = 1024 * 1024 * 1024
    characters: int = 200_000
    entries: int = 5_000
    unpacked: int = 256 * 1024 * 1024
    ratio: int = 150
    source: int = 2 * 1024 * 1024
    pages: int = 100


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a file says. `type` is its media type by content, '' unknown; `note` is a sentence: why not, or the cut."""

    outcome: FileOutcome
    type: str
    text: str = ""
    note: str = ""


class NotRead(Exception):  # noqa: N818 (an outcome, not a fault)
    """A file is not read, for a reason that has a sentence; `type` is its media type where that is the reason."""

    def __init__(self, sentence: str, *, outcome: FileOutcome = FileOutcome.REFUSED, type_: str = "") -> None:
        super().__init__(sentence)
        self.outcome = outcome
        self.type = type_
