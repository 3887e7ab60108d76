"""How fast the index comes into step, and what a large one costs: `python -m tests.bench.kb_sync [documents|large]`.

`documents`: two thousand documents cut from the shared data sets are read twice; the model's own rate on the very
same texts, in turns in the same run, is what the first sync is measured by. `large`: a hundred thousand passages with
vectors drawn at random, so that it takes minutes; start-up, memory, disk and search are those of a new process.
"""

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.store.engine import Database, sqlite_url
from kb.documents import Progress
from kb.embed import Embedder, ModelIdentity, Vectors
from kb.load import fingerprint
from kb.search import KnowledgeBase
from kb.split import embedded_text
from kb.sync import sync
from kb.tables import KnowledgeStore, StoredDocument, StoredPassage, kb_metadata, to_bytes
from tests.bench.kb_bench import DATA

DOCUMENTS = 2_000
ROUNDS = 2  # of a sync and the model alone, one after the other: others share the machine
WORDS = 60  # of each document: one passage or two
LARGE_DOCUMENTS, PASSAGES_EACH = 10_000, 10
DIMENSIONS = 384
QUESTIONS = 300
VOCABULARY = 30_000


class Stopwatch:
    """Seconds by the wall, and of this process's own work: others share the machine."""

    def __init__(self) -> None:
        self._wall, self._work = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return both since it was made."""
        return time.perf_counter() - self._wall, time.process_time() - self._work


def write_documents(home: Path, count: int) -> None:
    """Write `count` documents into folders of `home`: the beginnings of real ones, then their further parts."""
    texts = [path.read_text("utf-8", "replace") for path in sorted(DATA.glob("*/kb/*.md"))]
    made = 0
    for part in range(100):
        for text in texts:
            words = text.split(" ")[part * WORDS : (part + 1) * WORDS]
            if made < count and len(words) == WORDS:
                folder = home / "articles" / str(made * ROUNDS // count)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{made:05}.md").write_text(f"# Part {made}\n\n{' '.join(words)}\n", "utf-8")
                made += 1


async def documents() -> None:
    """Measure first syncs against the model's own rate, turn by turn, and an unchanged one against them."""
    embedder = Embedder()
    embedder.start()
    await embedder.encode_documents(["warm"] * 64)
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as temporary:
        home = Path(temporary)
        write_documents(home, DOCUMENTS)
        folders = sorted((home / "articles").iterdir())
        knowledge = await opened(home, embedder)
        spent, raw = np.zeros(2), np.zeros(2)
        for folder in folders:
            watch = Stopwatch()
            await sync(knowledge, [folder], progress=show)
            spent += watch.read()
            texts = await texts_of(knowledge, str(folder))
            watch = Stopwatch()
            await embedder.encode_documents(texts)
            raw += watch.read()
        print(f"\nfirst syncs: {DOCUMENTS} documents in {ROUNDS} folders, {spent[0]:.1f} s ({spent[1]:.1f} s of work)")
        print(f"the model alone, on the same texts: {raw[0]:.1f} s ({raw[1]:.1f} s of work)")
        print(
            f"rate of the sync to the model's own: {raw[0] / spent[0]:.3f} by the wall, {raw[1] / spent[1]:.3f} by work"
        )
        watch = Stopwatch()
        again = await sync(knowledge, folders)
        wall, _ = watch.read()
        print(f"unchanged sync: {again.unchanged} documents, {wall:.3f} s, {spent[0] / wall:.0f} times faster")
        watch = Stopwatch()
        await asyncio.to_thread(fingerprint, [str(folder) for folder in folders])
        print(f"a look at the folders' times: {watch.read()[0] * 1000:.0f} ms")
        await close(knowledge, embedder)


async def texts_of(knowledge: KnowledgeBase, root: str) -> list[str]:
    """Return all that was embedded of the documents of one folder."""
    contents = await knowledge.store.contents(await knowledge.collection())
    rows = {at for at, document in enumerate(contents.documents) if document.root == root}
    return [contents.documents[at].title for at in rows] + [
        embedded_text(contents.documents[at].title, passage.heading, passage.text)
        for at, passage in zip(contents.document_of, contents.passages, strict=True)
        if at in rows
    ]


class Drawn(Embedder):
    """Vectors drawn at random, the same ones for the same text."""

    async def ready(self) -> bool:
        """At once."""
        return True

    async def identity(self) -> ModelIdentity:
        """A model that draws."""
        return ModelIdentity("drawn", "1", DIMENSIONS, "")

    async def encode_query(self, text: str) -> Vectors:
        """Return a unit vector."""
        vector: Vectors = draw(1, hash(text) % 2**32)[0]
        return vector


def draw(count: int, seed: int) -> Vectors:
    """Return unit vectors around a hundred centres: text has topics, and HNSW is slower without."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(100, DIMENSIONS))
    vectors = centres[generator.integers(0, 100, count)] + generator.normal(size=(count, DIMENSIONS))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def say(generator: random.Random, words: int) -> str:
    """Return words whose frequencies fall as those of a language do."""
    return " ".join(f"w{int(VOCABULARY ** generator.random())}" for _ in range(words))


def drawn_documents() -> Iterator[list[StoredDocument]]:
    """Yield batches of a hundred documents."""
    generator = random.Random(3)
    for start in range(0, LARGE_DOCUMENTS, 100):
        batch = []
        for number in range(start, start + 100):
            vectors = draw(PASSAGES_EACH + 1, number)
            batch.append(
                StoredDocument(
                    id=f"document-{number}",
                    root="/drawn",
                    source=f"document-{number}.md",
                    title=say(generator, 5),
                    content_hash="",
                    title_vector=to_bytes(vectors[0]),
                    passages=tuple(
                        StoredPassage(
                            f"document-{number}#{at}", at, say(generator, 3), say(generator, 60), to_bytes(vector)
                        )
                        for at, vector in enumerate(vectors[1:])
                    ),
                )
            )
        yield batch


async def fill(home: Path) -> None:
    """Write a hundred thousand passages into SQL, and let the knowledge base derive the rest."""
    embedder = Drawn()
    knowledge = await opened(home, embedder, create=True)
    watch = Stopwatch()
    collection = await knowledge.collection()
    for batch in drawn_documents():
        await knowledge.store.replace(collection, batch, [])
    await knowledge.store.finish(collection, replaced=[])
    print(f"into SQL: {watch.read()[0]:.0f} s", flush=True)
    watch = Stopwatch()
    await knowledge.refresh(reconcile=True)
    print(f"Chroma and the lexical index built from SQL: {watch.read()[0]:.0f} s", flush=True)
    await close(knowledge, embedder)


async def measure(home: Path) -> None:
    """Open what is there and search it, in this new process."""
    before = memory()
    embedder = Drawn()
    watch = Stopwatch()
    knowledge = await opened(home, embedder, create=False)
    await knowledge.refresh()
    started, _ = watch.read()
    held = knowledge.status()
    generator, taken = random.Random(5), []
    for _ in range(QUESTIONS):
        question = say(generator, 9)
        watch = Stopwatch()
        found = await knowledge.search(question)
        taken.append(watch.read()[0] * 1000)
        assert found.passages
    p50, p95 = np.percentile(taken[20:], [50, 95])
    print(f"{held.documents} documents, {held.passages} passages, index {held.index}")
    print(f"start-up: {started:.1f} s; search without the model: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    print(f"memory: {memory() - before:.0f} MB more than Python with its imports ({before:.0f} MB)")
    for name in ("kb.sqlite", "chroma"):
        print(f"disk, {name}: {size(home / name) / 1e6:.0f} MB")
    await close(knowledge, embedder)


def memory() -> float:
    """Return the most memory that this process ever had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size(path: Path) -> int:
    """Return the bytes of a file or folder."""
    return sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file())


def large() -> None:
    """Fill in one process and measure in another."""
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as temporary:
        for step in ("fill", "measure"):
            subprocess.run([sys.executable, "-m", "tests.bench.kb_sync", step, temporary], check=True)


async def opened(home: Path, embedder: Embedder, *, create: bool = True) -> KnowledgeBase:
    """Return the knowledge base in `home`, opened, its tables made if asked for."""
    database = Database(sqlite_url(home / "kb.sqlite"))
    if create:
        async with database.writing("schema") as connection:
            await connection.run_sync(kb_metadata.create_all)
    knowledge = KnowledgeBase(database, folder=home / "chroma", embedder=embedder)
    await knowledge.open()
    return knowledge


async def close(knowledge: KnowledgeBase, embedder: Embedder) -> None:
    """Close everything."""
    await knowledge.close()
    await embedder.close()
    store: KnowledgeStore = knowledge.store
    await store._database.close()


def show(progress: Progress) -> None:
    """Print how far it is, over what was printed before."""
    print(f"\r{progress.done}/{progress.total}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Run what the arguments name; both without any."""
    match arguments:
        case ["fill", home]:
            asyncio.run(fill(Path(home)))
        case ["measure", home]:
            asyncio.run(measure(Path(home)))
        case _:
            if "large" not in arguments:
                asyncio.run(documents())
            if "documents" not in arguments:
                large()


if __name__ == "__main__":
    main(sys.argv[1:])
