"""Files that were sent: their bytes in a folder or a bucket, what they are called in the database.

A channel saves a file before it hands in the message that carries it, or says where the platform keeps it
(`expect`): then it is fetched by the worker. Files without a message are swept away after a day. Names come from
outside: they are kept for people to read, never as a path.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, delete, insert, null, select, update
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
_INSERT = insert(files)


class Files:
    """The files of one database and one place."""

    def __init__(self, database: Database, place: Path | Place) -> None:
        """`place` may be a folder, which is made when the first file is saved."""
        self._database = database
        self._place = FolderPlace(place) if isinstance(place, Path) else place

    async def save(self, name: str, kind: str, content: bytes, now: float) -> File:
        """Keep a file of the media type `kind`; it belongs to no message yet. Raises `TemporaryError`: a full disk."""
        file = await self._write(name, kind, content)
        async with self._database.writing("files.save", first=True) as connection:
            await connection.execute(_INSERT, _row(file, now))
        return file

    async def expect(self, name: str, kind: str, size: int, origin: Mapping[str, object], now: float) -> File:
        """Take note of a file that is with its platform; `origin`: JSON values by which its channel fetches it."""
        file = File(FileId(new_id("f")), safe_name(name), kind[:100] or "application/octet-stream", size)
        async with self._database.writing("files.expect", first=True) as connection:
            await connection.execute(_INSERT, _row(file, now) | {"origin": dict(origin)})
        return file

    async def origin(self, file: FileId) -> Mapping[str, object] | None:
        """Return where the file is to be fetched, None if it is here."""
        async with self._database.reading() as connection:
            found: Mapping[str, object] | None = await connection.scalar(
                select(files.c.origin).where(files.c.id == file)
            )
        return found

    async def arrive(self, file: FileId, content: bytes) -> None:
        """Keep the bytes of a file that was expected; from now on it is here. Raises `TemporaryError`."""
        await self._place.write(file, content)
        async with self._database.writing("files.arrive") as connection:
            here = update(files).where(files.c.id == file).values(origin=null(), size=len(content))
            await connection.execute(here)

    async def keep_raw(self, content: bytes) -> FileId:
        """Keep a platform's raw event as it came; the receipt that names it says how long. Raises `TemporaryError`.

        What comes again has the same name, and is kept once.
        """
        name = FileId(f"raw_{hashlib.sha256(content).hexdigest()[:32]}")
        await self._place.write(name, content)
        return name

    async def _write(self, name: str, kind: str, content: bytes) -> File:
        """Keep the bytes; where that fails, nothing of the message was accepted yet."""
        file = File(FileId(new_id("f")), safe_name(name), kind[:100] or "application/octet-stream", len(content))
        await self._place.write(file.id, content)
        return file

    async def of_thread(self, thread: ThreadId, file: FileId) -> tuple[File, MessageId]:
        """Return a file that was sent in `thread`, and its message. Raises LookupError for any other."""
        query = FILES.where(files.c.id == file, files.c.thread_id == thread)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise LookupError(f"no file {file} in this conversation")
        return to_file(row), MessageId(row.message_id)

    async def read(self, file: FileId) -> bytes:
        """Return the bytes. Raises LookupError if they are gone, `TemporaryError` while they are not to be had."""
        try:
            return await self._place.read(file)
        except LookupError:
            if await self.origin(file) is None:
                raise
            raise TemporaryError("The file is still to be fetched.", retry_after=2) from None

    async def drop_unsent(self, before: float) -> int:
        """Forget files saved before `before` whose message never came, and say how many."""
        async with self._database.writing("files.drop_unsent") as connection:
            gone = await _forget(connection, files.c.message_id.is_(None), files.c.at < before)
        return await self.drop(gone)

    async def drop(self, gone: Sequence[str]) -> int:
        """Forget bytes that no row names any more, and say how many."""
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
