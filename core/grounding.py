"""What an answer rests on: passages of the knowledge base and how well they carry it.

`kb` produces these, `core.agent` answers from them, the desk shows them. Plain values: nothing
here knows how a passage was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one document, as found for one question.

    `document` is the document's id in the knowledge base (a file's stem or an address), `source`
    what a reader can open or look up (a relative path or an address), `heading` the headings above
    the passage joined by ' > ' (may be empty), `score` the fused ranking score: larger is better,
    comparable within one search only. `position` counts the document's passages from 0, `language`
    is the ISO 639-1 code of what the document is written in, '' if unsure.
    """

    id: str
    document: str
    title: str
    heading: str
    source: str
    text: str
    score: float
    position: int = 0
    language: str = ""


@dataclass(frozen=True, slots=True)
class Grounding:
    """The passages found for one question, best first, and two judgements of them, both in 0..1.

    `confidence`: how likely the first passages hold the answer (compare it with a floor to decide
    whether to answer). `relatedness`: how near the question is to anything the knowledge base
    speaks of (below a floor, the question is off topic).

    `uncovered` is the language of the question where the embedding model does not cover it, else '': it was
    searched by words alone.
    """

    passages: tuple[Passage, ...] = ()
    confidence: float = 0.0
    relatedness: float = 0.0
    uncovered: str = ""


class Knowledge(Protocol):
    """Whatever can be asked for passages; `kb.search.KnowledgeBase` is the one in production."""

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        """Return the `k` best passages for `query`; waits for the model while it is loading."""
        ...


def documents_of(passages: Sequence[Passage]) -> list[str]:
    """Return the ids of the documents behind `passages`, each once, in order of first appearance."""
    return list(dict.fromkeys(passage.document for passage in passages))
