"""HOME: the folder with everything an installation keeps, and the lock that one `serve` holds.

While a process serves, `serve.json` tells the other commands where, with a key that only this
user's files hold; they go through its HTTP API instead of opening the vectors a second time.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import SetupError


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a serving process is reached, and the key for its administration."""

    url: str
    key: str
    pid: int


class Home:
    """The folder `path`, made when it is missing."""

    def __init__(self, path: Path) -> None:
        """Raises `SetupError` if the folder can't be made or written."""
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.path / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SetupError(
                f"THREADLINE_HOME {self.path} can't be written ({error.strerror}). "
                "Give this user the right to write there, or set THREADLINE_HOME to another folder."
            ) from error

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "threadline.db"

    @property
    def vectors(self) -> Path:
        """The embedded Chroma's folder."""
        return self.path / "chroma"

    @property
    def files(self) -> Path:
        """The folder with the files that were sent."""
        return self.path / "files"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold HOME for this process alone. Raises `SetupError` if another process has it."""
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            serving = self.serving()
            who = f"process {serving.pid} serves it at {serving.url}" if serving else "another process uses it"
            raise SetupError(
                f"THREADLINE_HOME {self.path} is in use: {who}. "
                "Stop that one, or set THREADLINE_HOME to another folder."
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def announce(self, url: str) -> Iterator[Serving]:
        """Tell other commands of this user where this process serves, while the block lasts."""
        serving = Serving(url, secrets.token_urlsafe(32), os.getpid())
        note = self.path / "serve.json"
        note.unlink(missing_ok=True)
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(serving), file)
        try:
            yield serving
        finally:
            note.unlink(missing_ok=True)

    def serving(self) -> Serving | None:
        """Return the process that serves this HOME, or None."""
        try:
            serving = Serving(**json.loads((self.path / "serve.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return serving
        lock.release()  # the note was left behind by a process that was killed
        return None
