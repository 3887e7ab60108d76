"""Folders to documents: which files there are, what their ids are, and what each says.

`kb.sync` calls `find` for each source, compares `read` with what it knows, and calls `parse` for
what is new or changed. All of it blocks, so it runs in a thread. A file that cannot be used raises
`SourceError` with a reason for its owner; the others go on.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.documents import Document, EmptySourceError, SourceError
from kb.markup import Content, read_html, read_markdown, read_text

LOADER_VERSION = "1"
"""Part of every content hash: raise it when the same bytes would give another document."""

MAX_FILE_BYTES = 5_000_000
MAX_ID_LENGTH = 400
MAX_TITLE_LENGTH = 300
SUFFIXES = (".md", ".markdown", ".mdx", ".html", ".htm", ".txt")
"""The files that are read, in order of precedence: of two with one stem the first keeps the plain id."""

_ALLOWED_CONTROLS = "\t\n\r\f\v\x1b"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index: `id` within its source, `source` its path relative to the folder."""

    id: str
    path: Path
    source: str


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a file, and the hash that tells whether it changed."""

    data: bytes
    content_hash: str


def root_of(source: str | Path) -> Path:
    """Return the folder (or single file) that `source` names, or say why it cannot be one."""
    text = str(source)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        raise SourceError("addresses are not supported yet: give a folder with the pages saved in it")
    path = Path(text).expanduser().resolve()
    if not path.exists():
        raise SourceError("there is no such folder; what was indexed from it before is kept")
    return path


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the readable kinds of files below `folder`, leaving out hidden files and folders.

    Kubernetes mounts files as links into a hidden folder ('..data'): the links are followed, the
    hidden folder is not read a second time.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink():
                yield from _walk(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def _precedence(path: Path) -> tuple[int, str]:
    return SUFFIXES.index(path.suffix.lower()), path.name


def find(root: Path) -> list[Found]:
    """Return the files of `root` with their ids, sorted by id.

    The id is the path without its suffix ('refunds', 'billing/refunds'). Where two files share it,
    Markdown keeps it before HTML before text, and the others keep their suffix ('refunds.html').
    """
    if root.is_file():
        return [Found(id=root.stem, path=root, source=root.name)]
    try:
        paths = sorted(_walk(root), key=_precedence)
    except OSError as error:
        raise SourceError(
            f"the folder cannot be read: {error.strerror}; what was indexed from it before is kept"
        ) from error
    if not paths:
        raise EmptySourceError(f"the folder holds no documents ({', '.join(SUFFIXES)})")
    found: dict[str, Found] = {}
    for path in paths:
        relative = path.relative_to(root)
        name = relative.with_suffix("").as_posix()
        name = name if name not in found else relative.as_posix()
        found[name] = Found(id=name, path=path, source=relative.as_posix())
    return [found[name] for name in sorted(found)]


def read(found: Found) -> Raw:
    """Return the bytes of a file with their hash; refuse what is too large or cannot be read."""
    if len(found.id) > MAX_ID_LENGTH:
        raise SourceError(f"its path is longer than {MAX_ID_LENGTH} characters")
    try:
        if not found.path.is_file():
            raise SourceError("it is not a file (a broken link or a device)")
        with found.path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise SourceError(f"it is larger than {MAX_FILE_BYTES // 1_000_000} MB")
    digest = hashlib.sha256(f"{LOADER_VERSION}\0{found.source}\0".encode() + data).hexdigest()
    return Raw(data=data, content_hash=digest)


def _decode(data: bytes) -> str:
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("it is binary data, not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("it is not UTF-8 text: save it as UTF-8") from error
    controls = sum(1 for char in text if char < " " and char not in _ALLOWED_CONTROLS)
    if controls > len(text) // 100:
        raise SourceError("it is binary data, not text")
    return "".join(char for char in text if char >= " " or char in "\t\n\r").replace("\r\n", "\n").replace("\r", "\n")


def _content(text: str, suffix: str) -> Content:
    match suffix:
        case ".html" | ".htm":
            return read_html(text)
        case ".txt":
            return read_text(text)
        case _:
            return read_markdown(text, mdx=suffix == ".mdx")


def parse(found: Found, raw: Raw) -> Document:
    """Return the document in a file; raise `SourceError` when there is no text in it."""
    content = _content(_decode(raw.data), found.path.suffix.lower())
    if not content.title and not content.body.strip():
        raise EmptySourceError("it is empty")
    title = content.title or found.path.stem.replace("-", " ").replace("_", " ").strip()
    return Document(
        id=found.id,
        title=title[:MAX_TITLE_LENGTH],
        source=content.address or found.source,
        text=content.body,
        format=content.format,
    )
