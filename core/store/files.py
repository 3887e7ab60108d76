"""Files that were sent: their bytes in a folder, what they are called in the database.

A channel saves a file before it hands in the message that carries it; bytes without a message are
swept away after a day. Names come from outside: they are kept for people to read, never as a path.
"""

import asyncio
from pathlib import Path

from sqlalchemy import delete, insert, select

from core.errors import TemporaryError
from core.ids import FileId, MessageId, ThreadId, new_id
from core.messages import File
from core.store.engine import Database
from core.store.schema import files
from core.store.transcript import to_file

MAX_FILE = 20 * 1024 * 1024
MAX_FILES = 5
_MOST_NAME = 120


class Files:
    """The files of one database and one folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        """`folder` is made when the first file is saved."""
        self._database = database
        self._folder = folder

    async def save(self, name: str, kind: str, content: bytes, now: float) -> File:
        """Keep a file of the media type `kind`; it belongs to no message yet. Raises `TemporaryError`: a full disk."""
        file = File(FileId(new_id("f")), safe_name(name), kind[:100] or "application/octet-stream", len(content))
        try:
            await asyncio.to_thread(self._write, file.id, content)
        except OSError as error:  # a full disk, most likely: nothing of the message was accepted yet
            raise TemporaryError(f"The file can't be stored: {error.strerror}") from error
        async with self._database.writing("files.save") as connection:
            await connection.execute(
                insert(files).values(id=file.id, name=file.name, type=file.type, size=file.size, at=now)
            )
        return file

    def _write(self, file: FileId, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / file).write_bytes(content)

    async def of_thread(self, thread: ThreadId, file: FileId) -> tuple[File, MessageId]:
        """Return a file that was sent in `thread`, and its message. Raises LookupError for any other."""
        query = select(files).where(files.c.id == file, files.c.thread_id == thread)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise LookupError(f"no file {file} in this conversation")
        return to_file(row), MessageId(row.message_id)

    async def read(self, file: FileId) -> bytes:
        """Return the bytes. Raises LookupError if they are gone."""
        try:
            return await asyncio.to_thread((self._folder / file).read_bytes)
        except FileNotFoundError:
            raise LookupError(f"the bytes of {file} are gone") from None

    async def drop_unsent(self, before: float) -> int:
        """Forget files saved before `before` whose message never came, and say how many."""
        unsent = (files.c.message_id.is_(None), files.c.at < before)
        async with self._database.writing("files.drop_unsent") as connection:
            gone = (await connection.scalars(select(files.c.id).where(*unsent))).all()
            await connection.execute(delete(files).where(files.c.id.in_(gone)))
        for file in gone:
            await asyncio.to_thread((self._folder / file).unlink, missing_ok=True)
        return len(gone)


def safe_name(name: str) -> str:
    """Return a file's name for people: without folders, control characters and direction marks, 120 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c for c in last if c.isprintable())  # direction marks are not
    clean = clean.strip(" .") or "file"
    if len(clean) <= _MOST_NAME:
        return clean
    stem, dot, ending = clean.rpartition(".")
    return f"{stem[: _MOST_NAME - len(ending) - 1]}{dot}{ending}" if stem and len(ending) < 20 else clean[:_MOST_NAME]
