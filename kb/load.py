"""Folders to documents: which files there are, what their ids are, and what each says.

`kb.sync` calls `find` for each folder, compares `read` with what it knows, and has what is new or
changed read: text here, what has a layout (`CONVERTED`) by `kb.convert`. All of it blocks, so it runs
in a thread. A file that cannot be used raises `SourceError` with a reason for its owner; the others go on.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.attachments.charsets import clean
from kb.documents import Document, EmptySourceError, SourceError
from kb.markup import Content, declared_charset, read_html, read_markdown, read_text
from kb.records import read_json

LOADER_VERSION = "2"
"""Part of every content hash: raise it when the same bytes would give another document."""

TEXT_BYTES = 5_000_000
CONVERTED_BYTES = 50_000_000
MAX_ID_LENGTH = 400
MAX_TITLE_LENGTH = 300
MAX_ADDRESS_LENGTH = 1_000
CONVERTED = (".docx", ".epub", ".pdf", ".pptx", ".xlsx", ".csv", ".tsv", ".eml")
"""Files that a process of their own turns into text (`kb.convert`)."""
SUFFIXES = (".md", ".markdown", ".mdx", ".html", ".htm", ".txt", *CONVERTED, ".json")
"""The files that are read, in order of precedence: of two with one stem the first keeps the plain id."""

_ALLOWED_CONTROLS = "\t\n\r\f\v\x1b"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_TOOLS = {
    "_category_.json",
    "docs.json",
    "meta.json",
    "mint.json",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
}
"""What the programs that make help pages keep beside the pages, for themselves."""
_TOOL_FOLDERS = {"__pycache__", "node_modules"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index: `id` within its source, `source` its path relative to the folder.

    A web page lies in `path` for the time of the sync; `source` is its address, and `suffix` stands
    for what its server says it is.
    """

    id: str
    path: Path
    source: str
    suffix: str = ""

    @property
    def kind(self) -> str:
        """The suffix that says how it is read."""
        return self.suffix or self.path.suffix.lower()


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a file, and the hash that tells whether it changed."""

    data: bytes
    content_hash: str


def is_address(source: str | Path) -> bool:
    """Whether `source` names something on the web rather than a folder."""
    return bool(_ADDRESS.match(str(source)))


def root_of(source: str | Path) -> Path:
    """Return the folder (or single file) that `source` names, or say why it cannot be one."""
    if is_address(source):
        raise SourceError("it is an address, not a folder")
    path = Path(source).expanduser().resolve()
    if not path.exists():
        raise SourceError("there is no such folder; what was indexed from it before is kept")
    return path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder within a source that cannot be read: `prefix` is how the ids of its files begin."""

    prefix: str
    source: str
    reason: str


def _walk(folder: Path, lost: "dict[Path, OSError]") -> Iterator[Path]:
    """Yield the readable kinds of files below `folder`, leaving out hidden files and folders.

    Folders below it that cannot be read are noted in `lost`. Kubernetes mounts files as links into a
    hidden folder ('..data'): the links are followed, the hidden folder is not read a second time.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink() and path.name not in _TOOL_FOLDERS:
                try:
                    yield from _walk(path, lost)
                except OSError as error:
                    lost[path] = error
        elif path.suffix.lower() in SUFFIXES and path.name not in _TOOLS:
            yield path


def _precedence(path: Path) -> tuple[int, str]:
    return SUFFIXES.index(path.suffix.lower()), path.name


def fingerprint(roots: Iterable[str]) -> str:
    """Return a value that changes when a file of the folders `roots` comes, goes or is written; blocks.

    It looks at sizes and times and opens nothing: two thousand files take some hundredths of a second.
    """
    digest = hashlib.sha256()
    for root in sorted(roots):
        path = Path(root)
        digest.update(f"{root}\0".encode())
        try:
            for file in [path] if path.is_file() else _walk(path, {}):
                status = file.stat()
                digest.update(os.fsencode(file) + f"\0{status.st_size} {status.st_mtime_ns}\0".encode())
        except OSError as error:
            digest.update(f"{error.errno}".encode())
    return digest.hexdigest()


def find(root: Path, unreadable: list[Unreadable] | None = None) -> list[Found]:
    """Return the files of `root` with their ids, sorted by id; folders in it that can't be read go to `unreadable`.

    The id is the path without its suffix ('refunds', 'billing/refunds'). Where two files share it,
    Markdown keeps it before HTML before text, and the others keep their suffix ('refunds.html').
    """
    if root.is_file():
        return [Found(id=_shown(root.stem), path=root, source=_shown(root.name))]
    lost: dict[Path, OSError] = {}
    try:
        paths = sorted(_walk(root, lost), key=_precedence)
    except OSError as error:
        raise SourceError(
            f"the folder cannot be read: {error.strerror}; what was indexed from it before is kept"
        ) from error
    for path, problem in lost.items():
        name, reason = _shown(path.relative_to(root).as_posix()), f"the folder cannot be read: {problem.strerror}"
        (unreadable if unreadable is not None else []).append(Unreadable(f"{name}/", name, reason))
    if not paths and not lost:
        raise EmptySourceError(
            f"the folder holds no documents ({', '.join(SUFFIXES)}); what was indexed from it before is kept"
        )
    found: dict[str, Found] = {}
    for path in paths:
        relative = path.relative_to(root)
        name = _shown(relative.with_suffix("").as_posix())
        name = name if name not in found else _shown(relative.as_posix())
        found[name] = Found(id=name, path=path, source=_shown(relative.as_posix()))
    return [found[name] for name in sorted(found)]


def _shown(name: str) -> str:
    """Return the name of a file as text: on some disks names are not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def most_bytes(kind: str) -> int:
    """Return how large a file with the suffix `kind` may be."""
    return CONVERTED_BYTES if kind in CONVERTED else TEXT_BYTES


def read(found: Found) -> Raw:
    """Return the bytes of a file with their hash; refuse what is too large or cannot be read."""
    if len(found.id) > MAX_ID_LENGTH:
        raise SourceError(f"its path is longer than {MAX_ID_LENGTH} characters")
    most = most_bytes(found.kind)
    try:
        if not found.path.is_file():
            raise SourceError("it is not a file (a broken link or a device)")
        with found.path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise SourceError(f"it is larger than {most // 1_000_000} MB")
    digest = hashlib.sha256(f"{LOADER_VERSION}\0{found.source}\0".encode() + data).hexdigest()
    return Raw(data=data, content_hash=digest)


def content_hash(document: Document) -> str:
    """Return a hash of what a document says: of pages whose bytes change with every visit."""
    said = (LOADER_VERSION, document.source, document.title, document.text)
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def _decode(data: bytes, charset: str = "") -> str:
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("it is binary data, not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not charset:
            raise SourceError("it is not UTF-8 text: save it as UTF-8") from error
        text = data.decode(charset, "replace")
    controls = sum(1 for char in text if char < " " and char not in _ALLOWED_CONTROLS)
    if controls > len(text) // 100:
        raise SourceError("it is binary data, not text")
    return "".join(char for char in text if char >= " " or char in "\t\n\r").replace("\r\n", "\n").replace("\r", "\n")


def content_of(found: Found, raw: Raw) -> Content:
    """Return what a file of text says, by its kind; `kb.convert` does so for those of `CONVERTED`."""
    match found.kind:
        case ".html" | ".htm":
            return read_html(_decode(raw.data, declared_charset(raw.data)))
        case ".txt":
            return read_text(_decode(raw.data))
        case ".json":
            return read_json(_decode(raw.data))
        case kind:
            return read_markdown(_decode(raw.data), mdx=kind == ".mdx")


def document_of(found: Found, content: Content) -> Document:
    """Return the document that a file is; raise `EmptySourceError` when there is no text in it."""
    said, body = clean(content.title).strip(), clean(content.body)
    if not said and not body.strip():
        raise EmptySourceError("it is empty")
    title = said or PurePosixPath(found.source).stem.replace("-", " ").replace("_", " ").strip()
    return Document(
        id=found.id,
        title=title[:MAX_TITLE_LENGTH],
        source=content.address if 0 < len(content.address) <= MAX_ADDRESS_LENGTH else found.source,
        text=body,
        format=content.format,
        note=content.note,
    )


def parse(found: Found, raw: Raw) -> Document:
    """Return the document in a file of text."""
    return document_of(found, content_of(found, raw))
