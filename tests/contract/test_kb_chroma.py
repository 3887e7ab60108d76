"""What the knowledge base asks of Chroma, over a folder of its own and over a server."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.store.engine import Database, sqlite_url
from kb.embed import Embedder, Vectors
from kb.index import DenseIndex, IndexUnavailableError
from kb.search import KnowledgeBase
from kb.sync import sync
from kb.tables import kb_metadata

_START = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server on loopback, from the installed package."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("chroma-server")
    command = [sys.executable, "-c", _START, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["folder", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> DenseIndex:
    url = str(request.getfixturevalue("server")) if request.param == "server" else None
    return DenseIndex(tmp_path / "chroma", url)


async def opened(index: DenseIndex) -> DenseIndex:
    """Open it; a server may need a moment to come up."""
    for _ in range(100):
        try:
            await index.open()
        except IndexUnavailableError:
            await asyncio.sleep(0.2)
        else:
            return index
    pytest.fail("Chroma did not come up")


def unit_vectors(count: int, seed: int = 1) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, 24)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def ids(count: int) -> list[str]:
    return [f"doc {at}/ü#{at}" for at in range(count)]


def parts(folder: Path, count: int) -> Path:
    """Write a folder of so many small documents."""
    folder.mkdir()
    for at in range(count):
        (folder / f"{at}.md").write_text(f"# Part {at}\n\nIt costs {at} EUR.\n")
    return folder


def name_for(request: pytest.FixtureRequest) -> str:
    return f"model-{abs(hash(request.node.name)) % 10**10}"


async def test_the_nearest_come_first(index: DenseIndex, request: pytest.FixtureRequest) -> None:
    await opened(index)
    name, vectors = name_for(request), unit_vectors(300)
    await index.apply(name, ids(300), vectors, [])
    expected = [ids(300)[at] for at in np.argsort(-(vectors @ vectors[7]))[:10]]
    assert index.candidates(name, vectors[7], 10) == expected
    await index.close()


async def test_rows_are_replaced_and_removed(index: DenseIndex, request: pytest.FixtureRequest) -> None:
    await opened(index)
    name, vectors = name_for(request), unit_vectors(5)
    await index.apply(name, ids(5), vectors, [])
    await index.apply(name, ids(1), vectors[4:5], [ids(5)[3], "never there"])
    found = index.candidates(name, vectors[4], 5)
    assert set(found[:2]) == {ids(5)[0], ids(5)[4]}
    assert ids(5)[3] not in found
    await index.close()


async def test_reconciling_adds_what_is_missing_and_only_a_sync_drops_the_rest(
    index: DenseIndex, request: pytest.FixtureRequest
) -> None:
    await opened(index)
    name, vectors = name_for(request), unit_vectors(6)
    await index.apply(name, ids(4), vectors[:4], [])
    assert await index.reconcile(name, ids(6)[2:], vectors[2:], exactly=False) == 2
    assert len(index.candidates(name, vectors[0], 10)) == 6
    assert await index.reconcile(name, ids(6)[2:], vectors[2:], exactly=True) == 2
    assert await index.reconcile(name, ids(6)[2:], vectors[2:], exactly=True) == 0
    assert sorted(index.candidates(name, vectors[0], 10)) == ids(6)[2:]
    await index.close()


async def test_a_dropped_collection_is_gone_and_dropping_none_is_fine(
    index: DenseIndex, request: pytest.FixtureRequest
) -> None:
    await opened(index)
    name, vectors = name_for(request), unit_vectors(3)
    await index.apply(name, ids(3), vectors, [])
    await index.drop([name, "words-000000000000"])
    assert index.candidates(name, vectors[0], 3) == []
    await index.close()


async def test_an_index_that_lost_everything_is_filled_again_from_sql_without_embedding(
    index: DenseIndex,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await opened(index)
    database = Database(sqlite_url(tmp_path / "kb.sqlite"))
    async with database.writing("schema") as connection:
        await connection.run_sync(kb_metadata.create_all)
    url = index._url
    await index.close()
    knowledge = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder, chroma_url=url)
    await knowledge.open()
    try:
        assert (await sync(knowledge, [parts(tmp_path / "articles", 30)])).failed == ()
        collection = await knowledge.collection()
        await knowledge.index.drop([collection])  # a server that was started afresh
        monkeypatch.setattr(embedder, "encode_documents", None)
        assert (await knowledge.search("Part 7")).passages[0].document == "7"
        await knowledge.refresh()
        vector = await embedder.encode_query("Part 7")
        assert len(knowledge.index.candidates(collection, vector, 100)) == 30
    finally:
        await knowledge.index.drop([await knowledge.collection()])
        await knowledge.close()
        await database.close()


async def test_a_server_that_is_away_has_a_reason(tmp_path: Path) -> None:
    index = DenseIndex(tmp_path / "chroma", f"http://127.0.0.1:{_free_port()}")
    with pytest.raises(IndexUnavailableError, match=r"Chroma \(127\.0\.0\.1\)"):
        await index.open()
    with pytest.raises(IndexUnavailableError):
        index.candidates("any", unit_vectors(1)[0], 1)


async def test_a_folder_that_cannot_be_made_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(IndexUnavailableError, match="cannot be used"):
        await DenseIndex(tmp_path / "file" / "chroma").open()
