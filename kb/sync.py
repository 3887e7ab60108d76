"""The index brought in line with its sources: new is added, changed replaced, gone removed.

The command `kb sync`, the start of the server and its schedule call `sync`. Files are compared by
hash; documents are parsed in a thread, embedded in the embedder's, and committed batch by batch, so
that a crash leaves a usable index and the next run completes it.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kb import load
from kb.documents import Document, EmptySourceError, Failure, OnProgress, Progress, SourceError, SyncReport
from kb.index import IndexUnavailableError
from kb.load import Found
from kb.search import KnowledgeBase
from kb.split import Piece, embedded_text, split
from kb.tables import Known, StoredDocument, StoredPassage, from_bytes, to_bytes

BATCH_PASSAGES = 512
"""Passages embedded and committed together: enough to batch by length, few enough to lose in a crash."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file to index under an id that is unique across the sources."""

    id: str
    root: str
    found: Found
    content_hash: str


@dataclass(slots=True)
class Plan:
    """What a sync has to do; made in a thread before anything is written."""

    added: list[Task] = field(default_factory=list)
    changed: list[Task] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    lost_roots: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Parsed:
    task: Task
    document: Document
    pieces: tuple[Piece, ...]


async def sync(
    knowledge: KnowledgeBase,
    sources: Sequence[str | Path],
    *,
    prune: bool = False,
    progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SyncReport:
    """Bring the index in line with `sources` and return what was done.

    Documents of other sources stay, unless `prune` says that `sources` is all there is. A source
    that cannot be found is listed as failed and keeps its documents. One sync runs at a time.
    """
    async with knowledge.syncing:
        started = clock()
        run = _Run(knowledge, await knowledge.collection(), progress or (lambda _: None))
        report = await run.go(sources, prune=prune)
        _, passages = await knowledge.store.counts(run.collection)
    return replace(report, passages=passages, seconds=clock() - started)


def make_plan(sources: Iterable[str | Path], known: Mapping[str, Known], *, prune: bool = False) -> Plan:
    """Compare the files of `sources` with what is `known`; blocks."""
    plan = Plan()
    read: set[str] = set()
    seen: set[str] = set()
    for source in dict.fromkeys(map(str, sources)):
        try:
            root = load.root_of(source)
        except SourceError as error:
            plan.failed.append(Failure(source, str(error)))
            plan.lost_roots.add(str(Path(source).expanduser().resolve()))
            continue
        if str(root) not in read:
            read.add(str(root))
            seen |= _consider_all(plan, root, known, seen)
    kept = plan.lost_roots if prune else {one.root for one in known.values()} - (read - plan.lost_roots)
    plan.removed += [id_ for id_, one in known.items() if id_ not in seen and one.root not in kept]
    return plan


def _consider_all(plan: Plan, root: Path, known: Mapping[str, Known], seen: set[str]) -> set[str]:
    """Put every file of a source into the plan and return `seen` with their ids."""
    try:
        found = load.find(root)
    except SourceError as error:
        plan.failed.append(Failure(str(root), str(error)))
        if not isinstance(error, EmptySourceError):
            plan.lost_roots.add(str(root))
        return seen
    ids = set(seen)
    for file in found:
        ids.add(_consider(plan, file, root, known, ids))
    return ids


def _consider(plan: Plan, file: Found, root: Path, known: Mapping[str, Known], seen: set[str]) -> str:
    """Put one file where it belongs in the plan and return its id."""
    id_ = _unique_id(file.id, root, known, seen)
    before = known.get(id_)
    try:
        content_hash = load.read(file).content_hash
    except SourceError as error:
        plan.failed.append(Failure(file.source, str(error)))
        return id_
    task = Task(id_, str(root), file, content_hash)
    if before is None:
        plan.added.append(task)
    elif before.content_hash != content_hash:
        plan.changed.append(task)
    else:
        plan.unchanged += 1
    return id_


def _unique_id(id_: str, root: Path, known: Mapping[str, Known], seen: set[str]) -> str:
    """Return `id_`, with the folder's name in front where another source already has it."""
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    for candidate in (id_, f"{root.name}/{id_}", f"{root.name}-{digest}/{id_}"):
        owner = known.get(candidate)
        if candidate not in seen and (owner is None or owner.root == str(root)):
            return candidate
    return f"{digest}/{len(seen)}/{id_}"


def _parse(task: Task) -> _Parsed:
    raw = load.read(task.found)
    document = load.parse(task.found, raw)
    return _Parsed(Task(task.id, task.root, task.found, raw.content_hash), document, tuple(split(document)))


class _Run:
    """One sync into one collection."""

    def __init__(self, knowledge: KnowledgeBase, collection: str, progress: OnProgress) -> None:
        self.collection = collection
        self._knowledge = knowledge
        self._store = knowledge.store
        self._progress = progress
        self._failed: list[Failure] = []
        self._emptied: list[str] = []
        self._left_out: set[str] = set()

    async def go(self, sources: Sequence[str | Path], *, prune: bool) -> SyncReport:
        """Do it all and return the counts."""
        states = await self._store.states()
        complete = self.collection in states and states[self.collection].complete
        older = sorted(name for name, state in states.items() if name != self.collection and state.complete)
        carried = await self._store.known(older[0]) if older and not complete else {}
        if not prune:
            sources = [*sources, *sorted({one.root for one in carried.values()})]
        known = await self._store.known(self.collection)
        plan = await asyncio.to_thread(make_plan, sources, known, prune=prune)
        self._failed = plan.failed
        await self._write([*plan.added, *plan.changed])
        if carried:
            await self._carry_over(older[0], plan.lost_roots, known)
        removed = [*plan.removed, *(id_ for id_ in self._emptied if id_ in known)]
        if removed:
            await self._commit((), removed)
        replaced = older if await self._knowledge.embedder.ready() else []
        if not complete or replaced:
            await self._store.finish(self.collection, replaced=replaced)
            await self._knowledge.index.drop(replaced)
        if plan.added or plan.changed or removed or not complete:
            await self._knowledge.refresh(reconcile=True)
        return SyncReport(
            added=sum(task.id not in self._left_out for task in plan.added),
            changed=sum(task.id not in self._left_out for task in plan.changed),
            removed=len(removed),
            unchanged=plan.unchanged,
            failed=tuple(self._failed),
        )

    async def _write(self, tasks: Sequence[Task]) -> None:
        """Parse, embed and commit in batches; the commit of one runs beside the embedding of the next."""
        done = 0
        committing: asyncio.Task[None] | None = None
        try:
            async for batch in self._batches(tasks):
                stored = await self._embed(batch)
                if committing is not None:
                    await committing
                committing = asyncio.create_task(self._commit(stored, ()))
                done += len(batch)
                self._progress(Progress(done, len(tasks), batch[-1].document.source))
        finally:
            if committing is not None:
                await committing

    async def _batches(self, tasks: Sequence[Task]) -> AsyncIterator[list[_Parsed]]:
        batch: list[_Parsed] = []
        for task in tasks:
            try:
                batch.append(await asyncio.to_thread(_parse, task))
            except SourceError as error:
                self._failed.append(Failure(task.found.source, str(error)))
                self._left_out.add(task.id)
                if isinstance(error, EmptySourceError):
                    self._emptied.append(task.id)
            if sum(len(parsed.pieces) for parsed in batch) >= BATCH_PASSAGES:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _embed(self, batch: Sequence[_Parsed]) -> list[StoredDocument]:
        texts = [
            embedded_text(parsed.document.title, piece.heading, piece.text)
            for parsed in batch
            for piece in parsed.pieces
        ]
        vectors = await self._vectors([*(parsed.document.title for parsed in batch), *texts])
        titles, rest = vectors[: len(batch)], iter(vectors[len(batch) :])
        return [
            StoredDocument(
                id=parsed.task.id,
                root=parsed.task.root,
                source=parsed.document.source,
                title=parsed.document.title,
                content_hash=parsed.task.content_hash,
                title_vector=title,
                passages=tuple(_stored(parsed, at, piece, next(rest)) for at, piece in enumerate(parsed.pieces)),
            )
            for parsed, title in zip(batch, titles, strict=True)
        ]

    async def _vectors(self, texts: Sequence[str]) -> list[bytes | None]:
        if not await self._knowledge.embedder.ready():
            return [None] * len(texts)
        return [to_bytes(vector) for vector in await self._knowledge.embedder.encode_documents(texts)]

    async def _commit(self, added: Sequence[StoredDocument], removed: Sequence[str]) -> None:
        """Write SQL first, then Chroma: what is lost between the two is reconciled at the next start."""
        old = await self._store.passage_ids(self.collection, [*removed, *(document.id for document in added)])
        await self._store.replace(self.collection, added, removed)
        new = [passage for document in added for passage in document.passages]
        vectors = from_bytes([passage.vector for passage in new])
        gone = sorted(set(old) - {passage.id for passage in new})
        if vectors is None and not gone:
            return
        # An index that is away is no reason to stop: search looks at every vector until it is back.
        with contextlib.suppress(IndexUnavailableError):
            matrix = np.zeros((0, 1), dtype=np.float32) if vectors is None else vectors
            ids = [] if vectors is None else [passage.id for passage in new]
            await self._knowledge.index.apply(self.collection, ids, matrix, gone)

    async def _carry_over(self, older: str, lost_roots: set[str], known: Mapping[str, Known]) -> None:
        """Embed with the new model what was indexed from folders that are away, from its stored passages."""
        contents = await self._store.contents(older)
        by_document: dict[int, list[StoredPassage]] = {}
        for document_row, passage in zip(contents.document_of, contents.passages, strict=True):
            by_document.setdefault(document_row, []).append(passage)
        for row, document in enumerate(contents.documents):
            if document.root not in lost_roots or document.id in known:
                continue
            held = by_document.get(row, [])
            texts = [embedded_text(document.title, passage.heading, passage.text) for passage in held]
            title, *vectors = await self._vectors([document.title, *texts])
            passages = tuple(replace(one, vector=vector) for one, vector in zip(held, vectors, strict=True))
            await self._commit([replace(document, title_vector=title, passages=passages)], ())


def _stored(parsed: _Parsed, at: int, piece: Piece, vector: bytes | None) -> StoredPassage:
    """Return a passage as it is stored; its id changes with anything that its vector depends on."""
    searched = embedded_text(parsed.document.title, piece.heading, piece.text)
    digest = hashlib.sha256(searched.encode()).hexdigest()[:12]
    return StoredPassage(f"{parsed.task.id}#{at}-{digest}", at, piece.heading, piece.text, vector)
