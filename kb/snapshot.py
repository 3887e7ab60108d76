"""One generation of the knowledge base in memory: texts, vectors and the lexical index.

`kb.search` loads one in the background and swaps it in whole, so that a search always sees one
generation, and reads no SQL. A passage costs about three kilobytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kb.embed import Vectors
from kb.lexical import LexicalIndex
from kb.rank import Signals
from kb.split import embedded_text
from kb.tables import Contents, StoredDocument, StoredPassage, from_bytes

_REFERENCE_SIZE = 4_096
"""Passages whose scores tell what is usual for a question; a fixed sample keeps large indexes fast."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The passages of one collection at one generation; rows are passages in order of document."""

    collection: str
    generation: int
    documents: tuple[StoredDocument, ...]
    passages: tuple[StoredPassage, ...]
    document_of: NDArray[np.intp]
    vectors: Vectors | None
    title_vectors: Vectors | None
    lexical: LexicalIndex
    row_of: dict[str, int]
    reference: NDArray[np.intp]

    def signals(self, rows: NDArray[np.intp], query: Vectors | None, words: NDArray[np.float32]) -> Signals:
        """Return the scores of some passages; without vectors the cosines are all zero."""
        if query is None or self.vectors is None or self.title_vectors is None:
            nothing = np.zeros(len(rows), dtype=np.float32)
            return Signals(nothing, nothing, words[rows])
        titles = self.title_vectors[self.document_of[rows]]
        return Signals(self.vectors[rows] @ query, titles @ query, words[rows])

    def document(self, row: int) -> StoredDocument:
        """Return the document of a passage."""
        return self.documents[int(self.document_of[row])]

    def searched(self, row: int) -> str:
        """Return the text of a passage as it is searched: with title and heading."""
        passage = self.passages[row]
        return embedded_text(self.document(row).title, passage.heading, passage.text)


def make_snapshot(collection: str, contents: Contents, *, vectors: bool = True) -> Snapshot:
    """Build the snapshot of `contents`, with their `vectors` or for a search by words alone; blocks."""
    document_of = np.asarray(contents.document_of, dtype=np.intp)
    size = len(contents.passages)
    return Snapshot(
        collection=collection,
        generation=contents.generation,
        documents=contents.documents,
        passages=tuple(replace(passage, vector=None) for passage in contents.passages),
        document_of=document_of,
        vectors=from_bytes([passage.vector for passage in contents.passages]) if vectors else None,
        title_vectors=from_bytes([document.title_vector for document in contents.documents]) if vectors else None,
        lexical=LexicalIndex(_searched(contents)),
        row_of={passage.id: row for row, passage in enumerate(contents.passages)},
        reference=np.unique(np.linspace(0, size - 1, min(size, _REFERENCE_SIZE)).astype(np.intp)),
    )


def _searched(contents: Contents) -> Sequence[str]:
    return [
        embedded_text(contents.documents[document].title, passage.heading, passage.text)
        for document, passage in zip(contents.document_of, contents.passages, strict=True)
    ]
