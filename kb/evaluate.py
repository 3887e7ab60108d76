"""Measures the knowledge base and the agent's decisions on an evaluation folder.

The command `eval` calls `evaluate` with a knowledge base of its own that already holds the folder's
`kb/`, and with a `decide` that asks the real agent: the agent lives in another package. The folder's
form and the json are those of the contract (`kb.questions`, `kb.measures`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.grounding import Knowledge, documents_of
from kb import rank
from kb.curve import Judged, curve
from kb.documents import OnProgress, Progress
from kb.measures import (
    RANKED_DOCUMENTS,
    Decision,
    Searched,
    auroc_by_kind,
    ranking_metrics,
    retrieval_metrics,
    shares,
    worst_misses,
)
from kb.questions import Question, read_folder

_PASSAGES_ASKED = 2 * RANKED_DOCUMENTS  # a search gives at most two passages of a document

Decide = Callable[[Question], Awaitable[Decision]]
Queries = Callable[[Sequence[str]], Sequence[str]]
"""What to search for when a customer has said these things, oldest first; the next one if one finds no answer."""
Compare = Callable[[str], Awaitable[Mapping[str, Sequence[str]]]]
"""Ranks the documents for a query in other ways, by name: `KnowledgeBase.rankings`."""


def alone(said: Sequence[str]) -> Sequence[str]:
    """Search for the question by itself."""
    return said[-1:]


async def evaluate(
    folder: Path,
    knowledge: Knowledge,
    decide: Decide | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    queries: Queries = alone,
    at_once: int = 1,
    compare: Compare | None = None,
    progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Return the contract's json for `folder`; `knowledge` must hold `folder`/kb already.

    Beside what the contract names there are `beside` (the same figures for what `compare` found),
    `misses` (the questions whose document came latest), in `decisions` the number of `questions` and a
    `curve` (`kb.curve`), and what `kb.measures.shares` adds. An empty
    question is asked like any other: it finds nothing and counts as a miss. Without `decide`, which is asked `at_once`
    questions at a time, the shares of the decisions are left out. Raises
    `SourceError` when the folder holds no questions.
    """
    inside, outside = read_folder(folder, split=split, limit=limit)
    count = _Counter((len(inside) + len(outside)) * (2 if decide else 1), progress)
    await knowledge.search("warm up")
    search = _Search(knowledge, queries, clock, count)
    inside_found = [await search.of(one) for one in inside]
    outside_found = [await search.of(one) for one in outside]
    decisions: dict[str, Any] = {}
    if decide is not None:
        said = await _decide([*inside, *outside], decide, at_once, count)
        decisions = shares(inside, said[: len(inside)], outside, said[len(inside) :])
    return {
        "retrieval": retrieval_metrics(inside, inside_found),
        "beside": await _beside(inside, inside_found, compare) if compare else {},
        "misses": worst_misses(inside, inside_found),
        "decisions": {
            "questions": {"in_scope": len(inside), "out_of_scope": len(outside)},
            **decisions,
            **auroc_by_kind(inside_found, outside, outside_found),
            "curve": curve([*_judged(inside, inside_found), *_lacking(outside, outside_found)], rank.floors()),
        },
    }


def _judged(questions: Sequence[Question], found: Sequence[Searched]) -> list[Judged]:
    return [
        Judged("", one.confidence, right=any(document in question.doc_ids for document in one.ranked[:1]))
        for question, one in zip(questions, found, strict=True)
    ]


def _lacking(questions: Sequence[Question], found: Sequence[Searched]) -> list[Judged]:
    return [
        Judged(question.kind or "other", one.confidence, right=False)
        for question, one in zip(questions, found, strict=True)
    ]


class _Counter:
    """Tells `progress` after each question."""

    def __init__(self, total: int, progress: OnProgress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def step(self, source: str) -> None:
        self._done += 1
        if self._progress:
            self._progress(Progress(self._done, self._total, source))


class _Search:
    """Searches for questions as `queries` says, counting the time of all it takes."""

    def __init__(self, knowledge: Knowledge, queries: Queries, clock: Callable[[], float], count: _Counter) -> None:
        self._knowledge = knowledge
        self._queries = queries
        self._clock = clock
        self._count = count

    async def of(self, question: Question) -> Searched:
        started = self._clock()
        for query in self._queries(question.asked):
            grounding = await self._knowledge.search(query, k=_PASSAGES_ASKED)
            if grounding.confidence >= rank.floors()["balanced"]:
                break
        elapsed = (self._clock() - started) * 1000
        self._count.step(question.id)
        ranked = tuple(documents_of(grounding.passages)[:RANKED_DOCUMENTS])
        return Searched(ranked, grounding.confidence, elapsed, next(iter(grounding.passages), None), query)


async def _decide(questions: Sequence[Question], decide: Decide, at_once: int, count: _Counter) -> list[Decision]:
    """Return what the agent does with each question, `at_once` of them at a time. Raises what `decide` does."""
    free = asyncio.Semaphore(at_once)

    async def one(question: Question) -> Decision:
        async with free:
            said = await decide(question)
        count.step(question.id)
        return said

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(question)) for question in questions]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _beside(
    questions: Sequence[Question], found: Sequence[Searched], compare: Compare
) -> dict[str, dict[str, float]]:
    """Return the figures of every other way to rank, for the same queries."""
    ranked = [await compare(one.query) for one in found]
    ways = dict.fromkeys(name for one in ranked for name in one)
    return {name: ranking_metrics(questions, [one.get(name, ())[:RANKED_DOCUMENTS] for one in ranked]) for name in ways}
