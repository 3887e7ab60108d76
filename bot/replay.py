"""What a channel hands to `threadline replay`: how its captured payloads are read, and taken in by its own door.

`bot.cli_replay` runs the command and names the channels; `cli_mail`, `cli_slack` and `cli_teams` are theirs.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.settings import Settings


class Outcome(StrEnum):
    """What a payload is."""

    MESSAGE = "message"
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Payload:
    """One captured payload, read. `reason` says why it is ignored or rejected, or how a message was changed.

    `author` is their id at the platform and their name; `files` are names, media types and sizes in bytes. `take`
    brings it in as the platform would, and returns what is known then; None where nothing is to be stored.
    """

    outcome: Outcome = Outcome.MESSAGE
    reason: str | None = None
    thread: str = ""
    author: tuple[str, str] | None = None
    text: str = ""
    full_text: str = ""
    files: tuple[tuple[str, str, int], ...] = ()
    take: "Callable[[], Awaitable[Payload]] | None" = None

    def line(self, file: str) -> dict[str, Any]:
        """Return it as the line of JSON that `replay` prints about `file`."""
        return {
            "file": file,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "thread": self.thread or None,
            "author": {"id": self.author[0], "name": self.author[1]} if self.author else None,
            "text": self.text,
            "full_text": self.full_text,
            "files": [{"name": name, "type": kind, "bytes": size} for name, kind, size in self.files],
        }


def rejected(why: object) -> Payload:
    """Return a payload that can't be read, or taken in."""
    return Payload(Outcome.REJECTED, str(why))


def bodies(raw: bytes) -> list[Any]:
    """Return what is in a file: one thing as JSON, a list of them, or one to a line. Raises ValueError."""
    text = raw.decode("utf-8-sig")
    try:
        found = json.loads(text)
    except ValueError as odd:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise ValueError(f"no JSON: {odd}") from None
        try:
            found = [json.loads(line) for line in lines]
        except ValueError:
            raise ValueError(f"no JSON, as a whole or by lines: {odd}") from None
    return found if isinstance(found, list) else [found]


Reader = Callable[[bytes], Iterable[Payload]]
"""Reads what is in one file. Raises ValueError, `PermanentError` for a file that holds no payload."""

Opening = Callable[[Settings, AsyncExitStack, bool], Awaitable[Reader]]
"""Opens a channel's reader until the stack is closed. `dry`: nothing is to be stored. Raises `SetupError`."""
