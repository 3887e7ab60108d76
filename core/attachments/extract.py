"""Reading a customer's file from our side: a process for each, killed when its time is over.

The worker calls `extract` for each customer's file. A fresh process costs 0.1 s for a text and a second for
what MarkItDown converts, and nothing of one file is left for the next.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import structlog

from core.attachments.values import TOO_MUCH_MEMORY, Extracted, Limits
from core.errors import TemporaryError
from core.messages import FileOutcome

log = structlog.get_logger()

DEFAULT = Limits()
_ROOT = Path(__file__).resolve().parents[2]
_UNKNOWN = ""
_BYTES_EACH = 12  # of a character in JSON at most: two escaped halves
_MOST_SAID = 4096  # bytes of what the process complains about


async def extract(content: bytes, name: str, limits: Limits = DEFAULT) -> Extracted:
    """Return what the file `content`, called `name`, says, or why not.

    Raises `TemporaryError` if no process can be started for it.
    """
    if not content:
        return Extracted(FileOutcome.REFUSED, "application/x-empty", note="This file is empty.")
    if len(content) > limits.size:
        told = f"This file is too large to read: {_megabytes(len(content))}, the most is {_megabytes(limits.size)}."
        return Extracted(FileOutcome.REFUSED, _UNKNOWN, note=told)
    try:
        process = await _start()
    except OSError as error:
        raise TemporaryError(f"No process can be started to read a file: {error.strerror}") from error
    try:
        async with asyncio.timeout(limits.seconds):
            head = json.dumps({"name": name, "limits": asdict(limits)}).encode()
            _, answer, complaint = await asyncio.gather(
                _feed(process, head + b"\n" + content),
                _take(process.stdout, limits.characters * _BYTES_EACH),
                _take(process.stderr, _MOST_SAID),
            )
            status = await process.wait()
    except TimeoutError:
        return _too_slow(limits)
    finally:
        await _end(process)
    return _result(answer, complaint, status, limits)


async def _start() -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-s", "-W", "ignore", "-m", "core.attachments.confined"),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        cwd="/",
        env={"PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        raise AssertionError("asked for above")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended; its status says why
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _take(stream: asyncio.StreamReader | None, most: int) -> bytes:
    """Return up to `most` bytes of `stream`; the rest is read and dropped."""
    taken = bytearray()
    while stream is not None and (piece := await stream.read(64 * 1024)):
        taken += piece[: max(0, most - len(taken))]
    return bytes(taken)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _result(answer: bytes, complaint: bytes, status: int, limits: Limits) -> Extracted:
    if complaint:
        log.warning("file_not_read", status=status, complaint=complaint.decode("utf-8", "replace"))
    try:
        given = json.loads(answer)
        return Extracted(FileOutcome(given["outcome"]), given["type"], given["text"], given["note"])
    except (ValueError, KeyError, TypeError):
        pass
    if b"memory" in complaint.lower():  # a library's last words
        return Extracted(FileOutcome.REFUSED, _UNKNOWN, note=TOO_MUCH_MEMORY)
    if -status in {signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL}:
        return _too_slow(limits)
    return Extracted(FileOutcome.FAILED, _UNKNOWN, note="The program that reads files stopped on this one.")


def _too_slow(limits: Limits) -> Extracted:
    return Extracted(FileOutcome.REFUSED, _UNKNOWN, note=f"It took longer than {limits.seconds:g} s to read.")


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"
