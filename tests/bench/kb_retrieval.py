"""Retrieval, judgement and speed of the knowledge base on the shared data sets.

Run `python -m tests.bench.kb_retrieval` (about fifteen minutes). It prints hit@k and MRR on the dev
splits, beside words and vectors alone; the same with the documents of kb_markdown as distractors;
AUROC of the confidence; how the first sync compares with the bare encoding rate; and a search with
the bare cost of embedding and Chroma.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kb.embed import Embedder
from kb.evaluate import evaluate
from kb.questions import read_questions
from kb.search import DENSE_CANDIDATES, KnowledgeBase
from kb.snapshot import Snapshot
from kb.sync import sync
from tests.bench.kb_bench import DATA, knowledge_of

SETS = ("bench_support", "bench_webapps")


async def quality(name: str, embedder: Embedder, extra: Sequence[Path] = ()) -> dict[str, Any]:
    """Measure one set, with `extra` folders as distractors."""
    async with knowledge_of([DATA / name / "kb", *extra], embedder) as (knowledge, report):
        result = await evaluate(DATA / name, knowledge, split="dev", compare=knowledge.rankings)
        result["sync"] = {**report.as_json(), "failed": len(report.failed)}
        if not extra:
            result["sync"]["of_raw_rate"] = await _of_raw_rate(knowledge, embedder, report.seconds)
            result["sync"]["unchanged_seconds"] = (await sync(knowledge, [DATA / name / "kb"])).seconds
        return result


async def _of_raw_rate(knowledge: KnowledgeBase, embedder: Embedder, seconds: float) -> float:
    """Return the rate of the sync as a share of the model's own on the same passages."""
    snapshot = await knowledge.refresh()
    texts = [snapshot.searched(row) for row in range(len(snapshot.passages))]
    started = time.perf_counter()
    await embedder.encode_documents(texts)
    return round((time.perf_counter() - started) / seconds, 3)


async def speed(embedder: Embedder) -> dict[str, Any]:
    """Compare a search with embedding the same question and asking Chroma, over all sets together."""
    folders = [DATA / name for name in ("bench_support/kb", "bench_webapps/kb", "multiturn_mtrag/kb", "kb_markdown")]
    async with knowledge_of(folders, embedder) as (knowledge, report):
        snapshot = await knowledge.refresh()
        questions = [one.query for one in read_questions(DATA / "bench_support" / "queries.jsonl", split="dev")][:200]
        bare: list[float] = []
        ours: list[float] = []
        for question in questions:  # interleaved, so that both see the same machine
            bare.append(await _timed(_bare(knowledge, snapshot, question)))
            ours.append(await _timed(knowledge.search(question)))
        return {
            "passages": report.passages,
            "bare_ms": _percentiles(bare),
            "search_ms": _percentiles(ours),
            "p95_ratio": round(float(np.percentile(ours, 95) / np.percentile(bare, 95)), 2),
        }


async def _bare(knowledge: KnowledgeBase, snapshot: Snapshot, question: str) -> None:
    vector = await knowledge.embedder.encode_query(question)
    await asyncio.to_thread(knowledge.index.candidates, snapshot.collection, vector, DENSE_CANDIDATES)


async def _timed(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    return {f"p{at}": round(float(np.percentile(times, at)), 1) for at in (50, 95)}


async def measure(arguments: argparse.Namespace) -> None:
    """Run the chosen parts with one model, printing each as it is done."""
    embedder = Embedder(arguments.model)
    await embedder.ready()
    _print("model", arguments.model or "packaged")
    for name in SETS:
        _print(name, await quality(name, embedder))
        if not arguments.quick:
            _print(f"{name} with distractors", await quality(name, embedder, [DATA / "kb_markdown"]))
    if not arguments.quick:
        _print("speed", await speed(embedder))
    await embedder.close()


def _print(part: str, figures: Any) -> None:
    print(json.dumps({part: figures}), flush=True)


def main() -> None:
    """Print the figures as lines of json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="another sentence-transformers model, by name or folder")
    parser.add_argument("--quick", action="store_true", help="leave out distractors and speed")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
