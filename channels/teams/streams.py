"""The name of an answer that flows in Teams: with it any replica may go on with the stream. Pure; used by `channel`."""

import hashlib
from dataclasses import dataclass, replace

from channels.teams.api import SaidNo
from core.errors import TemporaryError

_LASTS = 100.0  # seconds of a stream; Teams ends it after two minutes


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream's name: its id, the last piece's number, when it began and went on, how much it shows, a check of it."""

    id: str
    number: int
    began: float
    at: float
    length: int
    check: str

    @classmethod
    def parse(cls, text: str) -> "Stream | None":
        """Read a stream's name; None for that of a message, or none."""
        kind, *rest = text.split("|")
        if kind != "stream" or len(rest) != 6:
            return None
        return cls(rest[0], int(rest[1]), float(rest[2]), float(rest[3]), int(rest[4]), rest[5])

    def __str__(self) -> str:
        return f"stream|{self.id}|{self.number}|{self.began:.2f}|{self.at:.2f}|{self.length}|{self.check}"

    @property
    def flows(self) -> bool:
        """Whether Teams still takes pieces of it, as far as is known."""
        return self.check not in {"broken", "stopped"}

    @property
    def was_stopped(self) -> bool:
        """Whether the customer stopped it."""
        return self.check == "stopped"

    def is_due(self, now: float, apart: float) -> bool:
        """Whether another piece of it may be shown now."""
        return now - self.at >= apart and now - self.began < _LASTS

    def is_start_of(self, shown: str) -> bool:
        """Whether `shown` begins with what it shows."""
        return len(shown) >= self.length and _check(shown[: self.length]) == self.check

    def grown(self, shown: str, now: float) -> "Stream":
        """Return its name when it shows `shown`."""
        return replace(self, number=self.number + 1, at=now, length=len(shown), check=_check(shown))

    def stopped(self, error: Exception) -> "Stream":
        """Return its name when nothing more can be shown in it. A pause that Teams asks for ends none."""
        if isinstance(error, TemporaryError):
            return self
        by_customer = isinstance(error, SaidNo) and stopped_by_customer(error)
        return replace(self, check="stopped" if by_customer else "broken")


def _check(shown: str) -> str:
    return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def had_ended(no: SaidNo) -> bool:
    """Whether Teams says that a stream ended before: what it shows is whole, or as much as the customer wanted."""
    return "completed" in no.words.lower() or stopped_by_customer(no)


def stopped_by_customer(no: SaidNo) -> bool:
    """Return whether Teams takes no more of a stream because the customer stopped it."""
    return no.status == 403 and "cancel" in no.words.lower()
