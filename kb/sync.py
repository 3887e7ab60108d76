"""The index brought in line with its sources: new is added, changed replaced, gone removed.

The command `kb sync`, the start of the server and its schedule call `sync`. `kb.plan` says what there is to
do, folders first and then each site as soon as its pages are here; documents are parsed in threads and
processes ahead of the model, embedded in the embedder's thread, and committed batch by batch, so that a
crash leaves a usable index and the next run completes it.
"""

import asyncio
import contextlib
import hashlib
import itertools
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core import language
from kb import load
from kb.convert import convert
from kb.documents import Document, EmptySourceError, Failure, OnProgress, Progress, SourceError, SyncReport
from kb.index import IndexUnavailableError, collection_name
from kb.markup import Content
from kb.plan import Plan, Planner, Task, one_file, root_of
from kb.search import KnowledgeBase
from kb.split import Piece, embedded_text, split
from kb.tables import Known, StoredDocument, StoredPassage, from_bytes, to_bytes
from kb.web import Gathered, Web

BATCH_PASSAGES = 512
"""Passages embedded and committed together: enough to batch by length, few enough to lose in a crash."""

INDEX = "the search index"
"""What a report calls Chroma when it is away: nothing is lost, but searching takes longer."""

_AHEAD = 3
"""Documents that are parsed while the model works on those before them."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    task: Task
    document: Document
    pieces: tuple[Piece, ...]
    language: str


async def sync(
    knowledge: KnowledgeBase,
    sources: Sequence[str | Path],
    *,
    prune: bool = False,
    web: Web | None = None,
    progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SyncReport:
    """Bring the index in line with `sources`, folders and addresses, and return what was done.

    Documents of other sources stay, unless `prune` says that `sources` is all there is. A source that
    cannot be read, or has nothing in it any more, is listed as failed and keeps its documents: a disk
    that is not mounted looks like an empty folder. One sync runs at a time, here and in other processes.
    """
    async with knowledge.syncing, knowledge.store.alone():
        started = clock()
        run = _Run(knowledge, await knowledge.collection(), web or Web(), progress or (lambda _: None))
        report = await run.go(sources, prune=prune)
        _, passages = await knowledge.store.counts(run.collection)
    return replace(report, passages=passages, seconds=clock() - started)


async def forget(knowledge: KnowledgeBase, roots: Collection[str]) -> int:
    """Drop the documents that were read from the sources `roots`; return how many."""
    async with knowledge.syncing, knowledge.store.alone():
        run = _Run(knowledge, await knowledge.collection(), Web(), lambda _: None)
        return await run.forget(roots)


async def _parse(task: Task) -> _Parsed:
    with one_file(task.found.source):
        if task.found.kind not in load.CONVERTED:
            return await asyncio.to_thread(_parse_text, task)
        raw = await asyncio.to_thread(load.read, task.found)
        content = await convert(raw.data, task.found.path.name)
        return await asyncio.to_thread(_cut, task, raw, content)


def _parse_text(task: Task) -> _Parsed:
    raw = load.read(task.found)
    return _cut(task, raw, load.content_of(task.found, raw))


def _cut(task: Task, raw: load.Raw, content: Content) -> _Parsed:
    document = load.document_of(task.found, content)
    pieces = tuple(split(document))
    written_in = language.detect("\n".join([document.title, *(piece.text for piece in pieces[:20])]))
    if not load.is_address(task.found.source):  # a file may have been written since the plan was made
        task = replace(task, content_hash=raw.content_hash)
    return _Parsed(task, document, pieces, written_in or "")


class _Run:
    """One sync into one collection."""

    def __init__(self, knowledge: KnowledgeBase, collection: str, web: Web, progress: OnProgress) -> None:
        self.collection = collection
        self._web = web
        self._knowledge = knowledge
        self._store = knowledge.store
        self._progress = progress
        self._failed: list[Failure] = []
        self._emptied: list[str] = []
        self._left_out: set[str] = set()
        self._written = self._to_write = 0

    async def go(self, sources: Sequence[str | Path], *, prune: bool) -> SyncReport:
        """Do it all and return the counts."""
        states = await self._store.states()
        complete = self.collection in states and states[self.collection].complete
        older = sorted(name for name, state in states.items() if name != self.collection and state.complete)
        carried = await self._store.known(older[0]) if older and not complete else {}
        if not prune:
            sources = [*sources, *sorted({one.root for one in carried.values()})]
        known = await self._store.known(self.collection)
        planner = Planner(known)
        self._failed = planner.plan.failed
        await self._read_all(planner, list(dict.fromkeys(map(str, sources))), known)
        plan = planner.finish(prune=prune)
        if carried:
            await self._carry_over(older[0], plan.lost_roots, known)
        if plan.revalidated:
            await self._store.revalidate(self.collection, plan.revalidated)
        removed = [*plan.removed, *(id_ for id_ in self._emptied if id_ in known)]
        if removed:
            await self._commit((), removed)
        await self._finish(set(states) - {self.collection}, complete=complete)
        if plan.added or plan.changed or removed or not complete:
            await self._knowledge.refresh(reconcile=True)
        if (away := self._knowledge.status().index) != "ready":
            self._failed.append(Failure(INDEX, f"{away}; every vector is compared instead, which is slower"))
        return self._report(plan, len(removed))

    async def forget(self, roots: Collection[str]) -> int:
        """Drop what was read from `roots`."""
        known = await self._store.known(self.collection)
        gone = [id_ for id_, one in known.items() if one.root in roots]
        if gone:
            await self._commit((), gone)
            await self._knowledge.refresh(reconcile=True)
        return len(gone)

    async def _finish(self, others: Set[str], *, complete: bool) -> None:
        """Switch to the collection if it was built beside others: those go, once there is a model.

        A collection that is complete drops none of another model: other replicas may be building that.
        """
        replaced = sorted(others if not complete else others & {collection_name(None)})
        if not await self._knowledge.embedder.ready():
            replaced = []
        if not complete or replaced:
            await self._store.finish(self.collection, replaced=replaced)
            await self._knowledge.index.drop(replaced)

    def _report(self, plan: Plan, removed: int) -> SyncReport:
        return SyncReport(
            added=sum(task.id not in self._left_out for task in plan.added),
            changed=sum(task.id not in self._left_out for task in plan.changed),
            removed=removed,
            unchanged=plan.unchanged,
            failed=tuple(self._failed),
        )

    async def _read_all(self, planner: Planner, sources: Sequence[str], known: Mapping[str, Known]) -> None:
        """Index the folders while the first site is being fetched, and each site while the next one is."""
        sites = [source for source in sources if load.is_address(source)]
        with contextlib.ExitStack() as scratch:
            fetching = self._fetch(sites[:1], known, scratch)
            try:
                for source in sources:
                    if source not in sites:
                        await self._write(await asyncio.to_thread(planner.consider, source))
                for at, source in enumerate(sites):
                    site = await fetching
                    fetching = self._fetch(sites[at + 1 : at + 2], known, scratch)
                    await self._write(await asyncio.to_thread(planner.consider, source, site))
            finally:
                fetching.cancel()
                await asyncio.gather(fetching, return_exceptions=True)

    def _fetch(
        self, sites: Sequence[str], known: Mapping[str, Known], scratch: contextlib.ExitStack
    ) -> "asyncio.Future[Gathered | SourceError]":
        """Begin to read the first of `sites`; its pages lie in a folder until `scratch` closes."""
        if not sites:
            return asyncio.get_running_loop().create_future()
        return asyncio.create_task(self._gather(sites[0], known, scratch))

    async def _gather(
        self, source: str, known: Mapping[str, Known], scratch: contextlib.ExitStack
    ) -> Gathered | SourceError:
        root = root_of(source)
        validators = {id_: one.validator for id_, one in known.items() if one.root == root and one.validator}
        try:
            into = scratch.enter_context(tempfile.TemporaryDirectory(prefix="threadline-site-"))
            return await self._web.gather(source, validators, Path(into), self._progress)
        except SourceError as error:
            return error
        except OSError as error:
            return SourceError(f"its pages cannot be kept for reading: {error.strerror or error}")

    async def _write(self, tasks: Sequence[Task]) -> None:
        """Parse, embed and commit in batches: one is parsed, and one committed, beside the embedding of another."""
        self._to_write += len(tasks)
        committing: asyncio.Task[None] | None = None
        batches = self._batches(tasks)
        coming = asyncio.create_task(_following(batches))
        try:
            while batch := await coming:
                coming = asyncio.create_task(_following(batches))
                stored = await self._embed(batch)
                if committing is not None:
                    await committing
                committing = asyncio.create_task(self._commit(stored, ()))
                self._written += len(batch)
                self._progress(Progress(self._written, self._to_write, batch[-1].document.source))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await batches.aclose()
            if committing is not None:
                await committing

    async def _batches(self, tasks: Sequence[Task]) -> AsyncGenerator[list[_Parsed]]:
        batch: list[_Parsed] = []
        async with contextlib.aclosing(self._parsed(tasks)) as documents:
            async for parsed in documents:
                batch.append(parsed)
                if sum(len(one.pieces) for one in batch) >= BATCH_PASSAGES:
                    yield batch
                    batch = []
        if batch:
            yield batch

    async def _parsed(self, tasks: Sequence[Task]) -> AsyncGenerator[_Parsed]:
        """Yield what the tasks' files say, in order, while those behind are being parsed."""
        waiting = iter(tasks)
        under_way: deque[tuple[Task, asyncio.Task[_Parsed]]] = deque()
        try:
            while True:
                for task in itertools.islice(waiting, _AHEAD - len(under_way)):
                    under_way.append((task, asyncio.create_task(_parse(task))))
                if not under_way:
                    return
                task, parsing = under_way.popleft()
                try:
                    parsed = await parsing
                except SourceError as error:
                    self._leave_out(task, error)
                    continue
                if parsed.document.note:
                    self._failed.append(Failure(task.found.source, parsed.document.note))
                yield parsed
        finally:
            for _, parsing in under_way:
                parsing.cancel()
            await asyncio.gather(*(parsing for _, parsing in under_way), return_exceptions=True)

    def _leave_out(self, task: Task, error: SourceError) -> None:
        self._failed.append(Failure(task.found.source, str(error)))
        self._left_out.add(task.id)
        if isinstance(error, EmptySourceError):
            self._emptied.append(task.id)

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
                language=parsed.language,
                validator=parsed.task.validator,
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


async def _following(batches: AsyncGenerator[list[_Parsed]]) -> list[_Parsed]:
    """Return the next batch, an empty one when there is none."""
    return await anext(batches, [])


def _stored(parsed: _Parsed, at: int, piece: Piece, vector: bytes | None) -> StoredPassage:
    """Return a passage as it is stored; its id changes with anything that its vector depends on."""
    searched = embedded_text(parsed.document.title, piece.heading, piece.text)
    digest = hashlib.sha256(searched.encode()).hexdigest()[:12]
    return StoredPassage(f"{parsed.task.id}#{at}-{digest}", at, piece.heading, piece.text, vector)
