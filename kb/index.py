"""The dense index: one Chroma collection, derived from SQL and rebuilt from it when lost.

The only module that imports chromadb. Every call blocks and runs in a thread; `candidates` is
called by `kb.search` from within one. An embedded Chroma belongs to exactly one process: two on one
folder silently lost every vector of one of them, so a lock file beside the folder says whose it is.
"""

import asyncio
import contextlib
import hashlib
import re
import shutil
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from kb.embed import ModelIdentity, Vectors
from kb.split import SPLITTER_VERSION

_STEP = 2_000  # rows in one call; Chroma's own limit is above 5,000
_SERVER_SECONDS = 10.0
_CHROMA_FILE = "chroma.sqlite3"
_SEARCH_WIDTH = 200  # HNSW's ef: how many neighbours are looked at; at least the candidates asked for


class IndexUnavailableError(Exception):
    """The dense index cannot be used; its text is the reason, written for the owner."""


class IndexInUseError(IndexUnavailableError):
    """Another process has the embedded index open; this one must not go on."""


def collection_name(identity: ModelIdentity | None) -> str:
    """Return the name of the collection for a model: all that its passages and vectors depend on.

    Without a model it is the collection of the passages alone.
    """
    parts = [SPLITTER_VERSION]
    if identity:
        parts += [identity.name, identity.revision, str(identity.dimensions), identity.prompts]
    slug = re.sub(r"[^a-z0-9]+", "-", identity.name.lower()).strip("-")[:40] if identity else "words"
    return f"{slug or 'model'}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


class DenseIndex:
    """Chroma in a folder of ours, or a Chroma server at `url`."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Prepare without opening anything."""
        self._folder = folder
        self._url = url
        self._lock = FileLock(f"{folder}.lock", thread_local=False)
        self._client: Any = None
        self._opened = False
        self._collections: dict[str, Any] = {}
        self._opening = threading.Lock()
        self._connecting = threading.Lock()

    async def open(self) -> None:
        """Open Chroma; raises `IndexUnavailableError` when it cannot be used. It is tried again with every call."""
        await asyncio.to_thread(self._open)

    async def close(self) -> None:
        """Close Chroma and let another process have the folder."""
        await asyncio.to_thread(self._close)

    async def reconcile(self, name: str, ids: Sequence[str], vectors: Vectors, *, exactly: bool) -> int:
        """Add what is missing of `ids`, and with `exactly` drop what is not in them; return how many rows.

        A passage's id holds a hash of its text, so equal ids mean equal vectors. Only a sync may say
        `exactly`: another process may be adding rows that the caller does not know of yet.
        """
        return await asyncio.to_thread(self._reconcile, name, ids, vectors, exactly)

    async def apply(self, name: str, ids: Sequence[str], vectors: Vectors, removed: Sequence[str]) -> None:
        """Remove and add rows."""
        await asyncio.to_thread(self._apply, name, ids, vectors, removed)

    async def drop(self, names: Sequence[str]) -> None:
        """Drop collections that a newer one replaces."""
        for name in names:
            self._collections.pop(name, None)
            with contextlib.suppress(IndexUnavailableError):  # there may be none: a collection of words alone
                await asyncio.to_thread(self._call, "delete_collection", name)

    def candidates(self, name: str, vector: Vectors, count: int) -> list[str]:
        """Return the ids of the `count` nearest passages, nearest first; blocks."""
        found = self._try(
            lambda: self._collection(name).query(query_embeddings=vector[None, :], n_results=count, include=[])
        )
        return list(found["ids"][0])

    def _open(self) -> None:
        self._opened = True
        if self._url:
            self._client = self._try(self._connect)
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise IndexInUseError(
                f"another process uses the index in {self._folder}: stop it, or use its HTTP API"
            ) from error
        except OSError as error:
            raise IndexUnavailableError(f"the index folder {self._folder} cannot be used: {error.strerror}") from error
        try:
            self._client = self._open_or_remake()
        except IndexUnavailableError:
            self._lock.release()
            raise

    def _open_or_remake(self) -> Any:
        """Open the folder; it is derived, so what Chroma cannot read is made again from SQL."""
        try:
            return self._try(lambda: self._embedded(str(self._folder)))
        except IndexUnavailableError:
            if not (self._folder / _CHROMA_FILE).exists():
                raise
            shutil.rmtree(self._folder, ignore_errors=True)
            # Chroma 1.5 keeps the client that failed under the path's spelling; another one is a new client.
            return self._try(lambda: self._embedded(f"{self._folder}/."))

    def _embedded(self, path: str) -> Any:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(_env_file=None, anonymized_telemetry=False)  # type: ignore[call-arg]
        client = chromadb.PersistentClient(path=path, settings=settings)
        client.list_collections()
        return client

    def _connect(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        address = urlsplit(self._url or "")
        secure = address.scheme == "https"
        host, port = address.hostname or "localhost", address.port or (443 if secure else 8000)
        _heartbeat(host, port, secure=secure)
        client = chromadb.HttpClient(
            host=host,
            port=port,
            ssl=secure,
            settings=Settings(_env_file=None, anonymized_telemetry=False),  # type: ignore[call-arg]
        )
        for session in _http_sessions(client):
            session.timeout = _SERVER_SECONDS
        return client

    def _close(self) -> None:
        client, self._client = self._client, None
        self._opened = False
        self._collections.clear()
        if client is not None:
            sessions = _http_sessions(client)
            client.close()
            for session in sessions:
                session.close()
        self._lock.release()

    def _collection(self, name: str) -> Any:
        with self._opening:
            if name not in self._collections:
                self._collections[name] = self._call(
                    "get_or_create_collection",
                    name,
                    embedding_function=None,
                    configuration={"hnsw": {"space": "cosine", "ef_search": _SEARCH_WIDTH}},
                )
            return self._collections[name]

    def _reconcile(self, name: str, ids: Sequence[str], vectors: Vectors, exactly: bool) -> int:
        present = set(self._try(lambda: self._collection(name).get(include=[]))["ids"])
        rows = {id_: at for at, id_ in enumerate(ids)}
        missing = [id_ for id_ in ids if id_ not in present]
        extra = [id_ for id_ in present if id_ not in rows] if exactly else []
        self._apply(name, missing, vectors[[rows[id_] for id_ in missing]], extra)
        return len(missing) + len(extra)

    def _apply(self, name: str, ids: Sequence[str], vectors: Vectors, removed: Sequence[str]) -> None:
        collection = self._collection(name)
        for start in range(0, len(removed), _STEP):
            part = list(removed[start : start + _STEP])
            self._try(lambda part=part: collection.delete(ids=part))
        for start in range(0, len(ids), _STEP):
            chosen, rows = list(ids[start : start + _STEP]), vectors[start : start + _STEP]
            self._try(lambda chosen=chosen, rows=rows: collection.upsert(ids=chosen, embeddings=rows))

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        with self._connecting:
            if self._client is None and self._opened:
                self._open()  # a server that was away may be back, a folder may have become writable
        if self._client is None:
            raise IndexUnavailableError("the index is not open")
        return self._try(lambda: getattr(self._client, method)(*arguments, **options))

    def _try(self, work: Any) -> Any:
        """Run a call of Chroma's; whatever it raises becomes one reason."""
        try:
            return work()
        except IndexUnavailableError:
            raise
        except Exception as error:  # Chroma raises its own, httpx's, ValueError and pyo3 errors alike
            self._collections.clear()
            where = urlsplit(self._url).hostname if self._url else self._folder
            raise IndexUnavailableError(f"Chroma ({where}): {type(error).__name__}: {error}") from error


def _http_sessions(client: Any) -> list[Any]:
    """Return the httpx clients inside Chroma 1.5's: they have no time limit, and `close()` leaves them open."""
    servers = [getattr(one, "_server", None) for one in (client, getattr(client, "_admin_client", None))]
    sessions = [getattr(server, "_session", None) for server in servers]
    return [session for session in sessions if session is not None]


def _heartbeat(host: str, port: int, *, secure: bool) -> None:
    """Raise unless a Chroma server answers; a client that fails while it connects leaves its socket open."""
    connection = (HTTPSConnection if secure else HTTPConnection)(host, port, timeout=_SERVER_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v2/heartbeat")
        if (status := connection.getresponse().status) != HTTPStatus.OK:
            raise ConnectionError(f"the server answers its heartbeat with {status}")
