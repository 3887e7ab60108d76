"""What a file in a mail is called: for people, never a path that is used. `mime.py` calls it."""

import re

from channels.email.mime import head
from channels.email.mime.charsets import clean
from channels.email.mime.parts import Part

_MOST_NAME = 200
_EXTENSIONS = {
    "text/plain": "txt", "text/html": "html", "text/csv": "csv", "text/calendar": "ics", "text/vcard": "vcf",
    "text/x-vcard": "vcf", "text/xml": "xml", "text/rtf": "rtf", "text/markdown": "md", "image/jpeg": "jpg",
    "image/pjpeg": "jpg", "image/jpg": "jpg", "image/png": "png", "image/x-png": "png", "image/gif": "gif",
    "image/webp": "webp", "image/heic": "heic", "image/heif": "heif", "image/bmp": "bmp", "image/tiff": "tif",
    "image/svg+xml": "svg", "image/vnd.microsoft.icon": "ico", "image/x-icon": "ico", "audio/mpeg": "mp3",
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/ogg": "ogg", "audio/amr": "amr", "audio/mp4": "m4a",
    "video/mp4": "mp4", "video/quicktime": "mov", "video/3gpp": "3gp", "application/pdf": "pdf",
    "application/x-pdf": "pdf", "application/zip": "zip", "application/x-zip-compressed": "zip",
    "application/gzip": "gz", "application/x-gzip": "gz", "application/json": "json", "application/xml": "xml",
    "application/rtf": "rtf", "application/msword": "doc", "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt", "application/ics": "ics", "application/postscript": "ps",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt", "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/pkcs7-mime": "p7m", "application/x-pkcs7-mime": "p7m", "application/pgp-keys": "asc",
    "application/pgp-encrypted": "asc", "application/ms-tnef": "dat", "message/rfc822": "eml",
}  # fmt: skip
"""File extensions by media type, the same on every machine."""

_KINDS = {"image": "picture", "audio": "recording", "video": "video", "text": "text"}


def given(part: Part) -> str:
    """Return the name the mail gives a file, or one that its other fields suggest."""
    if part.name:
        return part.name
    location = part.fields.text("content-location").split("?")[0].rstrip("/").rpartition("/")[2]
    local = part.content_id.partition("@")[0]
    return next((one for one in (location, local) if re.fullmatch(r"[^\s/\\:]{1,80}\.[A-Za-z0-9]{2,5}", one)), "")


def shown(name: str, kind: str) -> str:
    """Return a name for people, never empty. It may still hold a path: `Files.save` cleans it."""
    plain = clean(head.words(name))[:_MOST_NAME].strip()
    if plain:
        return plain
    main = kind.partition("/")[0]
    return f"{_KINDS.get(main, 'file')}.{_EXTENSIONS.get(kind, 'bin')}"
