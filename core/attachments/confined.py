"""The process that reads one file: `python -m core.attachments.confined`, started by `extract`, one for each file.

It takes a line of JSON and the file on its standard input and answers with a line of JSON. Before it touches the
file it gives up what it does not need: memory, seconds, writing files, the network, other programs, and files
outside Python's own folders. What breaks out of a library can then at most waste a few seconds.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.attachments import readers
from core.attachments.recognise import recognise
from core.attachments.values import TOO_MUCH_MEMORY, Extracted, Limits, NotRead
from core.messages import FileOutcome

_FORBIDDEN = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "subprocess.Popen",
)
_READABLE = ("/etc/mime.types", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom")
_FILES = 64
_SPARE = 16 * 1024 * 1024  # bytes that are left for the answer when all others are used up
_MOST_TOLD = 200  # characters of a library's complaint that go to the log: it may quote the file


def confine(limits: Limits) -> None:
    """Give up, for good, what reading a file does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    seconds = max(1, round(limits.seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails as an ordinary OSError
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # whoever chats goes first
    signal.alarm(seconds + 1)  # for the case that the parent is gone
    _Guard().install()


class _Guard:
    """Refuses what `_FORBIDDEN` names, and to open any file but those of Python and its libraries."""

    def __init__(self) -> None:
        here = Path(__file__).resolve().parents[2]
        folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(here), *(path for path in sys.path if path)}
        self._folders = tuple(f"{os.path.realpath(folder)}/" for folder in folders)

    def install(self) -> None:
        """Watch from now on; Python has no way to take such a watch away."""
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"{event} is not for readers of files")
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR) and path != os.devnull
            if writes or not path.startswith((*self._folders, *_READABLE)):
                raise PermissionError(f"{path} is not for readers of files")


def extract(content: bytes, name: str, limits: Limits) -> Extracted:
    """Return what the file says; every way to fail has its sentence."""
    type_, spare = "", [bytes(_SPARE)]
    try:
        kind = recognise(content, name, limits)
        type_ = kind.value
        if kind.is_picture:
            return Extracted(FileOutcome.PICTURE, type_)
        text, note = readers.read(content, kind, limits)
    except NotRead as refused:
        return Extracted(refused.outcome, refused.type or type_, note=str(refused))
    except MemoryError:
        spare.clear()
        return Extracted(FileOutcome.REFUSED, type_, note=TOO_MUCH_MEMORY)
    except RecursionError:
        return Extracted(FileOutcome.REFUSED, type_, note="This file is nested too deeply to be read.")
    except Exception as error:  # noqa: BLE001 (the edge of the process: what a library raises over a broken file)
        sys.stderr.write(f"{type_}: {type(error).__name__}: {error}"[:_MOST_TOLD])
        return Extracted(FileOutcome.FAILED, type_, note="This file is damaged and can't be read.")
    return Extracted(FileOutcome.READ, type_, text, note)


def main() -> None:
    """Read one file."""
    asked = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**asked["limits"])
    content = sys.stdin.buffer.read(limits.size + 1)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not the answer
    confine(limits)
    answer.write(json.dumps(asdict(extract(content, asked["name"], limits))).encode())
    answer.close()
    os._exit(0)  # no library gets to clean up


if __name__ == "__main__":
    main()
