"""Files that were sent: their bytes in a folder or a bucket, what they are called in the database.

A channel saves a file before it hands in the message that carries it; bytes without a message are
swept away after a day. Names come from outside: they are kept for people to read, never as a path.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import TemporaryError
from core.ids import FileId, MessageId, ThreadId, new_id
from core.messages import File
from core.store.engine import Database
from core.store.places import FolderPlace, Place
from core.store.schema import files
from core.store.transcript import FILES, to_file

log = structlog.get_logger()

MAX_FILE = 20 * 1024 * 1024
MAX_FILES = 5
_MOST_NAME = 120
_RAW = "raw"  # stands for a message that never was: what is kept as it came


class Files:
    """The files of one database and one place."""

    def __init__(self, database: Database, place: Path | Place) -> None:
        """`place` may be a folder, which is made when the first file is saved."""
        self._database = database
        self._place = FolderPlace(place) if isinstance(place, Path) else place

    async def save(self, name: str, kind: str, content: bytes, now: float) -> File:
        """Keep a file of the media type `kind`; it belongs to no message yet. Raises `TemporaryError`: a full disk."""
        file = await self._write(name, kind, content)
        async with self._database.writing("files.save") as connection:
            await connection.execute(insert(files).values(_row(file, now)))
        return file

    async def keep_raw(self, content: bytes, now: float) -> FileId:
        """Keep a platform's raw event as it came, for `drop_raw`; no message carries it. Raises `TemporaryError`."""
        file = await self._write(_RAW, "", content)
        async with self._database.writing("files.keep_raw") as connection:
            await connection.execute(insert(files).values(message_id=_RAW, **_row(file, now)))
        return file.id

    async def _write(self, name: str, kind: str, content: bytes) -> File:
        """Keep the bytes; where that fails, nothing of the message was accepted yet."""
        file = File(FileId(new_id("f")), safe_name(name), kind[:100] or "application/octet-stream", len(content))
        await self._place.write(file.id, content)
        return file

    async def drop_raw(self, before: float) -> int:
        """Forget raw events kept before `before`, and say how many."""
        async with self._database.writing("files.drop_raw") as connection:
            gone = await _forget(connection, files.c.message_id == _RAW, files.c.at < before)
        return await self._drop(gone)

    async def of_thread(self, thread: ThreadId, file: FileId) -> tuple[File, MessageId]:
        """Return a file that was sent in `thread`, and its message. Raises LookupError for any other."""
        query = FILES.where(files.c.id == file, files.c.thread_id == thread)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise LookupError(f"no file {file} in this conversation")
        return to_file(row), MessageId(row.message_id)

    async def read(self, file: FileId) -> bytes:
        """Return the bytes. Raises LookupError if they are gone, `TemporaryError` while their place is away."""
        return await self._place.read(file)

    async def drop_unsent(self, before: float) -> int:
        """Forget files saved before `before` whose message never came, and say how many."""
        async with self._database.writing("files.drop_unsent") as connection:
            gone = await _forget(connection, files.c.message_id.is_(None), files.c.at < before)
        return await self._drop(gone)

    async def _drop(self, gone: Sequence[str]) -> int:
        for file in gone:
            try:
                await self._place.drop(file)
            except TemporaryError as away:
                log.warning("file_left_behind", file=file, why=str(away))
        return len(gone)


def _row(file: File, now: float) -> dict[str, object]:
    return {"id": file.id, "name": file.name, "type": file.type, "size": file.size, "at": now}


async def _forget(connection: AsyncConnection, *which: ColumnElement[bool]) -> Sequence[str]:
    gone = (await connection.scalars(select(files.c.id).where(*which))).all()
    await connection.execute(delete(files).where(files.c.id.in_(gone)))
    return gone


def safe_name(name: str) -> str:
    """Return a file's name for people: without folders, control characters and direction marks, 120 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c for c in last if c.isprintable())  # direction marks are not
    clean = clean.strip(" .") or "file"
    if len(clean) <= _MOST_NAME:
        return clean
    stem, dot, ending = clean.rpartition(".")
    return f"{stem[: _MOST_NAME - len(ending) - 1]}{dot}{ending}" if stem and len(ending) < 20 else clean[:_MOST_NAME]
