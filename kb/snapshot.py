"""One generation of the knowledge base in memory: texts, vectors and the lexical index.

`kb.search` loads one in the background and swaps it in whole, so that a search always sees one
generation, and reads no SQL. A passage costs about three kilobytes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kb import rank
from kb.embed import Vectors
from kb.lexical import LexicalIndex
from kb.rank import Scores, Signals
from kb.split import embedded_text, is_item, rejoined
from kb.tables import Contents, StoredDocument, StoredPassage, from_bytes

Rows = NDArray[np.intp]

SHOWN_WORDS = 130
"""Passages are found by 60 words or so and shown with their neighbours, up to as many as this: what the answerer
quotes whole."""

_REFERENCE_PASSAGES = 4_096
"""Passages of the documents whose scores tell what is usual for a question: a sample keeps large indexes fast."""

_BANK_WORK = 5_000_000
_BANK_SIZES = (64, 1_024)
"""How many titles are asked to find the hubs: passages times titles stay below `_BANK_WORK` within these bounds."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Documents with the rows of all their passages; passages of document `i` begin at `starts[i]` of `rows`."""

    documents: Rows
    rows: Rows
    starts: Rows


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is compared: its vector, and the BM25 scores of every passage and of every document's title.

    The vector is None where it is searched by words alone; the titles' scores count only then.
    """

    vector: Vectors | None
    words: Scores
    titles: Scores


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The passages of one collection at one generation; rows are passages in order of document.

    `first[i]` is the row of the first passage of document `i`, and the last entry their number; `hubs`
    is how near a document is to the titles of the others, in standard deviations (`kb.rank`).
    """

    collection: str
    generation: int
    documents: tuple[StoredDocument, ...]
    passages: tuple[StoredPassage, ...]
    document_of: Rows
    vectors: Vectors | None
    title_vectors: Vectors | None
    lexical: LexicalIndex
    lexical_titles: LexicalIndex
    row_of: dict[str, int]
    first: Rows
    reference: Sample
    reference_vectors: Vectors | None
    hubs: Scores

    def sample(self, documents: Rows) -> Sample:
        """Return `documents` with their passages; every one of them must have some."""
        sizes = self.first[documents + 1] - self.first[documents]
        starts = np.cumsum(sizes) - sizes
        rows = np.arange(int(sizes.sum())) + np.repeat(self.first[documents] - starts, sizes)
        return Sample(documents, rows, starts)

    def question(self, text: str, vector: Vectors | None) -> Question:
        """Return a question as it is compared; without vectors of the passages, by words alone."""
        usable = vector if self.vectors is not None and self.title_vectors is not None else None
        return Question(usable, self.lexical.scores(text), self.lexical_titles.scores(text))

    def dense(self, rows: Rows, question: Question) -> Scores:
        """Return the cosines of some passages; zeros without vectors."""
        if question.vector is None or self.vectors is None:
            return np.zeros(len(rows), dtype=np.float32)
        return np.asarray(self.vectors[rows] @ question.vector)

    def signals(self, sample: Sample, dense: Scores, question: Question) -> Signals:
        """Return the signals of documents, each by the best of its passages, whose cosines are `dense`."""
        titles = question.titles[sample.documents]
        if question.vector is not None and self.title_vectors is not None:
            titles = np.asarray(self.title_vectors[sample.documents] @ question.vector)
        return Signals(
            dense=np.maximum.reduceat(dense, sample.starts),
            title=titles,
            words=np.maximum.reduceat(question.words[sample.rows], sample.starts),
            hub=self.hubs[sample.documents],
        )

    def usual(self, question: Question) -> Signals:
        """Return the signals of the reference documents: what is usual for this question."""
        if question.vector is None or self.reference_vectors is None:
            dense = np.zeros(len(self.reference.rows), dtype=np.float32)
        else:
            dense = np.asarray(self.reference_vectors @ question.vector)
        return self.signals(self.reference, dense, question)

    def document(self, row: int) -> StoredDocument:
        """Return the document of a passage."""
        return self.documents[int(self.document_of[row])]

    def searched(self, row: int) -> str:
        """Return the text of a passage as it is searched: with title and heading."""
        passage = self.passages[row]
        return embedded_text(self.document(row).title, passage.heading, passage.text)

    def span(self, row: int, taken: Collection[int] = ()) -> range:
        """Return the rows a passage is shown with: its neighbours under the same heading, none of those `taken`.

        An answer goes on behind what was found, so those behind come first; but steps begin with the first one.
        """
        start, end = row, row + 1
        words = self._words(row)
        while is_item(self.passages[start].text) and self._joins(start - 1, row, words, taken):
            start -= 1
            words += self._words(start)
        while self._joins(end, row, words, taken):
            words += self._words(end)
            end += 1
        while self._joins(start - 1, row, words, taken):
            start -= 1
            words += self._words(start)
        return range(start, end)

    def _joins(self, other: int, row: int, words: int, taken: Collection[int]) -> bool:
        """Whether passage `other` is shown with `row`, beside as many `words`."""
        return (
            0 <= other < len(self.passages)
            and other not in taken
            and self.document_of[other] == self.document_of[row]
            and self.passages[other].heading == self.passages[row].heading
            and words + self._words(other) <= SHOWN_WORDS
        )

    def _words(self, row: int) -> int:
        return len(self.passages[row].text.split())

    def shown(self, span: range) -> str:
        """Return neighbouring passages as one text."""
        return rejoined([self.passages[row].text for row in span])


def make_snapshot(collection: str, contents: Contents, *, vectors: bool = True) -> Snapshot:
    """Build the snapshot of `contents`, with their `vectors` or for a search by words alone; blocks."""
    document_of = np.asarray(contents.document_of, dtype=np.intp)
    held = from_bytes([passage.vector for passage in contents.passages]) if vectors else None
    snapshot = Snapshot(
        collection=collection,
        generation=contents.generation,
        documents=contents.documents,
        passages=tuple(replace(passage, vector=None) for passage in contents.passages),
        document_of=document_of,
        vectors=held,
        title_vectors=from_bytes([document.title_vector for document in contents.documents]) if vectors else None,
        lexical=LexicalIndex(_searched(contents)),
        lexical_titles=LexicalIndex([document.title for document in contents.documents]),
        row_of={passage.id: row for row, passage in enumerate(contents.passages)},
        first=np.searchsorted(document_of, np.arange(len(contents.documents) + 1)).astype(np.intp),
        reference=Sample(document_of[:0], document_of[:0], document_of[:0]),
        reference_vectors=None,
        hubs=np.zeros(len(contents.documents), dtype=np.float32),
    )
    reference = snapshot.sample(_spread(np.unique(document_of), _REFERENCE_PASSAGES / max(len(document_of), 1)))
    near = held[reference.rows] if held is not None else None
    snapshot = replace(snapshot, reference=reference, reference_vectors=near)
    return replace(snapshot, hubs=_hubs(snapshot))


def _searched(contents: Contents) -> Sequence[str]:
    return [
        embedded_text(contents.documents[document].title, passage.heading, passage.text)
        for document, passage in zip(contents.document_of, contents.passages, strict=True)
    ]


def _spread(rows: Rows, share: float) -> Rows:
    """Return `share` of `rows`, evenly spread; all of them from 1 on, and at least one where there is any."""
    count = min(len(rows), max(1, round(len(rows) * share)))
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(np.intp))] if count else rows


def _hubs(snapshot: Snapshot) -> Scores:
    """Return how near each document is to the titles of others: the titles are asked as questions."""
    hubs = np.zeros(len(snapshot.documents), dtype=np.float32)
    if snapshot.vectors is None or snapshot.title_vectors is None:
        return hubs
    documents = np.unique(snapshot.document_of)
    least, most = _BANK_SIZES
    size = min(most, max(least, _BANK_WORK // max(len(snapshot.passages), 1)))
    everything = snapshot.sample(documents)
    asked = _spread(documents, size / max(len(documents), 1))
    scores = np.empty((len(asked), len(documents)), dtype=np.float32)
    for at, title in enumerate(asked.tolist()):
        question = snapshot.question(snapshot.documents[title].title, snapshot.title_vectors[title])
        found = snapshot.signals(everything, np.asarray(snapshot.vectors @ snapshot.title_vectors[title]), question)
        scores[at] = rank.fuse(found, found)
        scores[at, documents == title] = -np.inf
    hubs[documents] = rank.hubs(scores)
    return hubs
