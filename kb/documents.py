"""The values of the knowledge base: what a source yields, and what a sync reports.

`kb.load` makes documents, `kb.split` cuts them, `kb.sync` counts what happened to them. Plain
values without I/O; what the agent sees (passages, grounding) lives in `core.grounding`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["markdown", "text"]


class SourceError(Exception):
    """A source or file that cannot be used; its text is the reason, written for the owner."""


class EmptySourceError(SourceError):
    """A file or folder with nothing in it: unlike one that cannot be read, it replaces what was indexed."""


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded document.

    `id` is unique in the knowledge base, `source` what a reader can open (an address or a path
    relative to its folder), `text` the body without title and front matter. What is no plain text
    arrives as `markdown`: its headings, lists and code are written that way. `note` says what of it
    was left out, '' if nothing was.
    """

    id: str
    title: str
    source: str
    text: str
    format: Format
    note: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source, a file or a part of one that was left out, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step of a sync is: `done` of `total` documents; `source` is the one just finished."""

    done: int
    total: int
    source: str = ""
    step: Literal["Fetching", "Reading"] = "Reading"


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync did: counts of documents, the passages now in the index, seconds it took."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    passages: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the json shape of `kb sync --json`."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "failed": [{"source": failure.source, "reason": failure.reason} for failure in self.failed],
            "passages": self.passages,
            "seconds": round(self.seconds, 3),
        }
