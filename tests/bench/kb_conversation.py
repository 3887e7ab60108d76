"""Whether the last turn of a conversation finds its page, with the query the answerer makes of it.

Run `python -m tests.bench.kb_conversation` (about five minutes): it prints hit@k and MRR on the dev
split of multiturn_mtrag, beside those of the last turn alone and of all the customer's turns joined.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.agent.extractive import looked_for
from core.grounding import documents_of
from kb import rank
from kb.embed import Embedder
from kb.search import KnowledgeBase
from tests.bench.kb_bench import DATA, knowledge_of

SET = "multiturn_mtrag"
WAYS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "looked for": looked_for,
    "last turn": lambda said: [said[-1]],
    "all turns": lambda said: [" ".join(said)],
}


@dataclass(frozen=True, slots=True)
class Task:
    """A conversation: what the customer said, oldest first, and the documents that answer the last of it."""

    said: tuple[str, ...]
    documents: frozenset[str]


def read_tasks(split: str) -> list[Task]:
    """Read the conversations of a split whose last turn has documents."""
    rows = [json.loads(line) for line in (DATA / SET / "tasks.jsonl").read_text("utf-8").splitlines()]
    return [
        Task(
            (*(said["text"] for said in row["history"] if said["role"] == "user"), row["query"]),
            frozenset(row["doc_ids"]),
        )
        for row in rows
        if row["split"] == split and row["doc_ids"]
    ]


async def measure(knowledge: KnowledgeBase, tasks: Sequence[Task], ways: Callable[[Sequence[str]], list[str]]) -> Any:
    """Return hit@k and MRR@10 of one way to make queries: where one finds no answer the next counts."""
    floor = rank.floors()["balanced"]
    ranks: list[float] = []
    for task in tasks:
        for query in ways(task.said):
            grounding = await knowledge.search(query, k=20)
            if grounding.confidence >= floor:
                break
        found = documents_of(grounding.passages)[:10]
        ranks.append(next((at for at, one in enumerate(found, 1) if one in task.documents), float("inf")))
    hits = {f"hit@{k}": round(sum(rank <= k for rank in ranks) / len(ranks), 4) for k in (1, 3, 5)}
    return {"conversations": len(tasks), **hits, "mrr@10": round(sum(1 / rank for rank in ranks) / len(ranks), 4)}


async def run() -> None:
    """Measure every way, printing each as a line of json."""
    embedder = Embedder()
    tasks = read_tasks("dev")
    async with knowledge_of([DATA / SET / "kb"], embedder) as (knowledge, _):
        for name, query in WAYS.items():
            print(json.dumps({name: await measure(knowledge, tasks, query)}), flush=True)
    await embedder.close()


if __name__ == "__main__":
    asyncio.run(run())
