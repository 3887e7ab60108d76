"""The knowledge base as the agent sees it: a question in, passages and two judgements out.

`bot.bootstrap` makes one `KnowledgeBase` and gives it to the agent and to `kb.sync`. It searches by
vectors and words together; while the model or Chroma is away it goes on with what is left and says
so in `status()`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import language
from core.grounding import Grounding, Passage
from core.store.engine import Database
from kb import rank
from kb.embed import Embedder, Vectors
from kb.index import DenseIndex, IndexInUseError, IndexUnavailableError, collection_name
from kb.rerank import PASSAGES, Reranker
from kb.snapshot import Question, Snapshot, make_snapshot
from kb.tables import KnowledgeStore

QUERY_CHARACTERS = 2_000
"""Of a longer question the beginning counts: the model reads about 1,200 characters anyway."""

DENSE_CANDIDATES = 100
WORD_CANDIDATES = 50
EACH_DOCUMENT = 2
CHECK_SECONDS = 2.0
"""How often a search looks whether another process has brought a newer generation."""

_REST = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What `doctor` and `/readyz` show. `mode` is 'vectors and words', 'words only' or 'loading'.

    `languages` are those the model covers (questions in others are searched by words), empty: all.
    """

    mode: str
    model: str
    index: str
    collection: str
    generation: int
    documents: int
    passages: int
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The passages of the candidates of one question: rows of the snapshot, their scores, and the evidence.

    `mode` names the gate that judges them: 'vectors' or 'words'. `uncovered` as in `Grounding`.
    """

    snapshot: Snapshot
    rows: NDArray[np.intp]
    scores: rank.Scores
    mode: str
    evidence: rank.Evidence
    uncovered: str = ""


def tidy_query(query: str) -> str:
    """Return the question with single spaces, cut at a word when it is very long."""
    text = " ".join(query.replace("\0", " ").split())
    if len(text) <= QUERY_CHARACTERS:
        return text
    cut = text[:QUERY_CHARACTERS]
    return cut.rpartition(" ")[0] or cut


class KnowledgeBase:
    """The knowledge base; implements `core.grounding.Knowledge`.

    `folder` is where the embedded Chroma lives (made when missing); with `chroma_url` a server is
    used instead. The tables in `database` must exist. A `reranker` reads the best passages once more.
    """

    def __init__(
        self,
        database: Database,
        *,
        folder: Path,
        embedder: Embedder,
        chroma_url: str | None = None,
        reranker: Reranker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare without opening anything; `open()` does."""
        self.store = KnowledgeStore(database)
        self.index = DenseIndex(folder, chroma_url)
        self.embedder = embedder
        self.reranker = reranker
        self.syncing = asyncio.Lock()
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._refreshing = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None
        self._checked = float("-inf")
        self._pause = CHECK_SECONDS
        self._index_problem = "not open"
        self._repair = False

    async def open(self) -> None:
        """Start loading the model and open the index; `IndexInUseError` when another process has it."""
        self.embedder.start()
        await self._open_index()
        self._background = asyncio.create_task(self._refresh_quietly())

    async def close(self) -> None:
        """Stop what runs in the background and close the index; the embedder stays its owner's."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        await self.index.close()

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        """Return the `k` best passages for `query`, at most two of a document; none for an empty question."""
        found = await self.look(query) if k > 0 else None
        if found and self.reranker:
            found = await _reranked(found, query, self.reranker)
        return await asyncio.to_thread(_grounding, found, k) if found else Grounding()

    async def look(self, query: str) -> Found | None:
        """Return all candidates of a question with the evidence for judging them; None when there are none."""
        text = tidy_query(query)
        if not text:
            return None
        await self.embedder.ready()
        snapshot = await self._current()
        if not snapshot.passages:
            return None
        if snapshot.vectors is None:
            return await asyncio.to_thread(self._look, snapshot, text, None)
        asked_in = language.detect(text)
        vector = await self.embedder.encode_query(text) if self.embedder.covers(asked_in) else None
        found = await asyncio.to_thread(self._look, snapshot, text, vector)
        return replace(found, uncovered=asked_in or "") if found and vector is None else found

    async def rankings(self, query: str) -> dict[str, list[str]]:
        """Return the documents found by each signal alone, best first: what `eval` shows beside the sum of them."""
        text = tidy_query(query)
        snapshot = await self._current()
        if not text or not snapshot.passages:
            return {}
        alone = {"words (BM25)": snapshot.lexical.scores(text)}
        if snapshot.vectors is not None:
            alone["vectors"] = np.asarray(snapshot.vectors @ await self.embedder.encode_query(text))
        return {name: _documents_by(snapshot, scores) for name, scores in alone.items()}

    async def documents(self) -> int:
        """Return how many documents can be found now."""
        return len((await self._current()).documents)

    def status(self) -> Status:
        """Return what works and what does not, for people and probes; never waits."""
        snapshot = self._snapshot
        ready = "vectors and words" if snapshot and snapshot.vectors is not None else "words only"
        return Status(
            mode="loading" if snapshot is None else ready,
            model=self.embedder.state,
            index=self._index_problem or "ready",
            collection=snapshot.collection if snapshot else "",
            generation=snapshot.generation if snapshot else 0,
            documents=len(snapshot.documents) if snapshot else 0,
            passages=len(snapshot.passages) if snapshot else 0,
            languages=tuple(sorted(self.embedder.languages)),
        )

    async def collection(self) -> str:
        """Return the name of the collection that belongs to this model and splitter."""
        return collection_name(await self.embedder.identity() if await self.embedder.ready() else None)

    async def refresh(self, *, reconcile: bool = False) -> Snapshot:
        """Load the newest generation; bring Chroma in line with SQL the first time and on `reconcile`."""
        async with self._refreshing:
            started = self._checked = self._clock()
            name, generation = await self._newest()
            held = self._snapshot
            if held is not None and (held.collection, held.generation) == (name, generation):
                if reconcile or self._repair:
                    await self._reconcile(held, exactly=reconcile)
                return held
            # Vectors of another model say nothing about questions embedded with this one.
            usable = name == await self.collection()
            contents = await self.store.contents(name)
            snapshot = await asyncio.to_thread(make_snapshot, name, contents, vectors=usable)
            if reconcile or self._repair or held is None or held.collection != name:
                await self._reconcile(snapshot, exactly=reconcile)
            self._snapshot = snapshot
            # While a sync commits batch after batch, reloading takes a tenth of the time at most.
            self._pause = max(CHECK_SECONDS, _REST * (self._clock() - started))
            return snapshot

    async def _refresh_quietly(self) -> None:
        """Refresh in the background: a failure is logged, and what is in memory goes on answering."""
        try:
            await self.refresh()
        except Exception:  # noqa: BLE001 - the edge of a background task; it is logged, and tried again
            _log.exception("the knowledge base could not be refreshed")

    async def _newest(self) -> tuple[str, int]:
        """Return the collection to search and its generation.

        It is the one of this model, unless that is still being built beside a complete older one.
        """
        states = await self.store.states()
        own = await self.collection()
        complete = sorted(name for name, state in states.items() if state.complete)
        name = own if own in complete or not complete else complete[0]
        return name, states[name].generation if name in states else 0

    async def _current(self) -> Snapshot:
        """Return the snapshot to search; a newer generation is loaded in the background."""
        if self._snapshot is None:
            return await self.refresh()
        if self._clock() - self._checked > self._pause and not self._refreshing.locked():
            self._checked = self._clock()
            self._background = asyncio.create_task(self._refresh_quietly())
        return self._snapshot

    async def _open_index(self) -> None:
        try:
            await self.index.open()
            self._index_problem = ""
        except IndexInUseError:
            raise
        except IndexUnavailableError as error:
            self._index_problem = str(error)

    async def _reconcile(self, snapshot: Snapshot, *, exactly: bool) -> None:
        self._repair = False
        if snapshot.vectors is None:
            return
        try:
            await self.index.reconcile(snapshot.collection, list(snapshot.row_of), snapshot.vectors, exactly=exactly)
            self._index_problem = ""
        except IndexUnavailableError as error:
            self._index_problem = str(error)

    def _look(self, snapshot: Snapshot, text: str, vector: Vectors | None) -> Found | None:
        """Gather and score candidates; blocks for a few milliseconds, so it runs in a thread."""
        question = snapshot.question(text, vector)
        weights = rank.WORDS_ALONE if question.vector is None else rank.TOGETHER
        candidates = np.asarray(sorted(self._candidates(snapshot, question)), dtype=np.intp)
        if not len(candidates):
            return None
        sample = snapshot.sample(np.unique(snapshot.document_of[candidates]))
        dense, words = snapshot.dense(sample.rows, question), question.words[sample.rows]
        found, usual = snapshot.signals(sample, dense, question), snapshot.usual(question)
        whole = rank.fuse(found, usual, weights)
        scores = rank.passage_scores(dense, words, usual, sample.starts, whole, weights)
        if question.vector is not None and snapshot.title_vectors is not None:
            evidence = rank.vector_evidence(found, snapshot.title_vectors @ question.vector)
            return Found(snapshot, sample.rows, scores, "vectors", evidence)
        best = int(sample.rows[int(np.argmax(scores))])
        evidence = rank.words_evidence(
            found,
            covered=snapshot.lexical.coverage(text, snapshot.searched(best)),
            title=snapshot.lexical.coverage(snapshot.document(best).title, text),
        )
        return Found(snapshot, sample.rows, scores, "words", evidence)

    def _candidates(self, snapshot: Snapshot, question: Question) -> set[int]:
        """Return the rows worth ranking: the nearest by vector and the best by words."""
        rows = set(_largest(question.words, WORD_CANDIDATES).tolist())
        if question.vector is None or snapshot.vectors is None:
            return rows
        return rows | self._nearest(snapshot, snapshot.vectors, question.vector)

    def _nearest(self, snapshot: Snapshot, vectors: Vectors, vector: Vectors) -> set[int]:
        """Ask Chroma; when it is away, look at every vector instead."""
        count = min(DENSE_CANDIDATES, len(snapshot.passages))
        try:
            ids = self.index.candidates(snapshot.collection, vector, count)
            self._index_problem = ""
            if len(ids) == count:
                return {snapshot.row_of[id_] for id_ in ids if id_ in snapshot.row_of}
            self._repair = True  # a server that was started afresh, for example
        except IndexUnavailableError as error:
            self._repair = True
            self._index_problem = str(error)
        return {int(row) for row in np.argsort(-(vectors @ vector))[:count]}


def _documents_by(snapshot: Snapshot, scores: rank.Scores) -> list[str]:
    """Return the ids of the documents whose passages score best, the first ones only."""
    rows = [row for row in np.argsort(-scores, kind="stable")[:WORD_CANDIDATES].tolist() if scores[row] > 0]
    return list(dict.fromkeys(snapshot.document(row).id for row in rows))


def _largest(words: rank.Scores, count: int) -> NDArray[np.intp]:
    """Return the rows of the `count` largest scores above zero, in no order."""
    above = np.flatnonzero(words > 0)
    if len(above) <= count:
        return above
    return np.asarray(above[np.argpartition(-words[above], count - 1)[:count]])


async def _reranked(found: Found, query: str, reranker: Reranker) -> Found:
    """Return `found` with its best passages in the order of the cross-encoder; unchanged when that cannot say."""
    chosen = list(_best(found, PASSAGES))
    texts = [found.snapshot.searched(int(found.rows[at])) for at in chosen]
    second = await reranker.scores(tidy_query(query), texts)
    if second is None:
        return found
    scores = found.scores.copy()
    scores[chosen] = scores.max() + 1 + second - second.min()
    return replace(found, scores=scores)


def _best(found: Found, count: int) -> dict[int, range]:
    """Return where the `count` best passages stand in `found`, best first, with the rows that each is shown with.

    Two of a document at most, and none shown twice.
    """
    snapshot, rows = found.snapshot, found.rows
    spans: dict[int, range] = {}
    shown: set[int] = set()

    def accepts(at: int) -> bool:
        row = int(rows[at])
        if row in shown:
            return False
        spans[at] = snapshot.span(row, shown)
        shown.update(spans[at])
        return True

    rank.pick(
        found.scores,
        count=count,
        document_of=lambda at: int(snapshot.document_of[rows[at]]),
        text_of=lambda at: snapshot.passages[int(rows[at])].text,
        each=EACH_DOCUMENT,
        accepts=accepts,
    )
    return spans


def _grounding(found: Found, k: int) -> Grounding:
    gate = rank.gate(found.mode)
    return Grounding(
        passages=tuple(
            _passage(found.snapshot, int(found.rows[at]), span, float(found.scores[at]))
            for at, span in _best(found, k).items()
        ),
        confidence=gate.confidence(found.evidence),
        relatedness=gate.relatedness(found.evidence),
        uncovered=found.uncovered,
    )


def _passage(snapshot: Snapshot, row: int, span: range, score: float) -> Passage:
    passage = snapshot.passages[row]
    document = snapshot.document(row)
    return Passage(
        id=passage.id,
        document=document.id,
        title=document.title,
        heading=passage.heading,
        source=document.source,
        text=snapshot.shown(span),
        score=score,
        position=snapshot.passages[span.start].position,
        language=document.language,
    )
