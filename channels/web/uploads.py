"""Bodies with files: JSON, or a form whose files are saved before the message that carries them is handed in."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from channels.web.parse import BadRequest, read_object
from core.ids import FileId
from core.messages import File
from core.store.files import MAX_FILE, MAX_FILES, Files

_MEGABYTE = 1024 * 1024
_MOST_FIELDS = 20
_MAX_FIELD = 256 * 1024  # bytes of one text field of a form


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of a body, and the files that came with it, saved already."""

    fields: dict[str, Any]
    files: tuple[FileId, ...] = ()


def megabytes(request: web.Request) -> int:
    """Return what the body of `request` counts as: its megabytes, or the most it may have where it doesn't say."""
    length = request.content_length
    return MAX_FILES * MAX_FILE // _MEGABYTE if length is None else 1 + length // _MEGABYTE


async def read_body(request: web.Request, files: Files, now: float) -> Body:
    """Return the body of `request`, JSON or a form. Raises `BadRequest` for a broken, too large or too full one."""
    if not request.content_type.startswith("multipart/"):
        return Body(read_object(await request.read()))
    fields: dict[str, Any] = {}
    saved: list[FileId] = []
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name:
                raise BadRequest("bad_form", "The form has a part without a name.")
            if part.filename is None:
                if len(fields) == _MOST_FIELDS:
                    raise BadRequest("bad_form", "The form has too many fields.")
                fields[part.name] = (await _read(part, _MAX_FIELD)).decode("utf-8", "replace")
                continue
            if len(saved) == MAX_FILES:
                raise BadRequest("too_many_files", f"A message carries {MAX_FILES} files. Send the others after it.")
            content = await _read(part, MAX_FILE)
            file = await files.save(part.filename, part.headers.get("Content-Type", ""), content, now)
            saved.append(file.id)
    except (ValueError, AssertionError) as broken:  # aiohttp's words for every kind of broken form
        if isinstance(broken, BadRequest):
            raise
        raise BadRequest("bad_form", "The form can't be read. Send it as multipart/form-data, whole.") from None
    return Body(fields, tuple(saved))


async def _read(part: BodyPartReader, most: int) -> bytes:
    """Return the part's bytes, read piece by piece so that no more than `most` of them are ever held."""
    content = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        content += part.decode(chunk)
        if len(content) > most:
            what = f"{part.filename!r}" if part.filename else "A field of the form"
            raise BadRequest("file_too_large", f"{what} is larger than {most // 1024 // 1024 or 1} MB.", 413)
    return bytes(content)


async def send_file(files: Files, file: File) -> web.Response:
    """Return a stored file as a download: never shown inside our own pages, whatever it says it is."""
    try:
        content = await files.read(file.id)
    except LookupError:
        raise web.HTTPNotFound(text="This file is not kept any more.") from None
    named = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
    return web.Response(body=content, content_type="application/octet-stream", headers={"Content-Disposition": named})
