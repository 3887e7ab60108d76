"""A cross-encoder decides the order of the best passages; when it cannot, the first order stands."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.store.engine import Database
from kb.embed import Embedder
from kb.rerank import Reranker
from kb.search import KnowledgeBase
from kb.sync import sync


def make_tiny_cross_encoder(folder: Path, *, labels: int = 1) -> None:
    """Write a cross-encoder with random weights that reads one letter as one word."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split("", "isolated")
    tokenizer.post_processor = TemplateProcessing(
        single="$A", pair="$A [SEP] $B:1", special_tokens=[("[SEP]", words.index("[SEP]"))]
    )
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast
    fast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", sep_token="[SEP]", model_max_length=128
    ).save_pretrained(folder)


async def knowledge_with(reranker: Reranker, database: Database, embedder: Embedder, folder: Path) -> KnowledgeBase:
    knowledge = KnowledgeBase(database, folder=folder / "reranked", embedder=embedder, reranker=reranker)
    await knowledge.open()
    await sync(knowledge, [folder / "articles"])
    return knowledge


async def test_the_cross_encoder_decides_the_order(
    database: Database, articles: Path, tmp_path: Path, embedder: Embedder
) -> None:
    await asyncio.to_thread(make_tiny_cross_encoder, tmp_path / "tiny")
    reranker = Reranker(str(tmp_path / "tiny"))
    knowledge = await knowledge_with(reranker, database, embedder, tmp_path)
    question = "how do I get my money back?"
    found = (await knowledge.search(question, k=20)).passages
    texts = [f"{one.title}\n{one.heading}\n{one.text}" if one.heading else f"{one.title}\n{one.text}" for one in found]
    scores = await reranker.scores(question, texts)
    assert scores is not None
    assert reranker.state == "ready"
    assert len(found) > 4
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert len(set(np.round(scores, 4).tolist())) > 1
    knowledge.reranker = None
    first_order = await knowledge.search(question, k=20)
    assert {one.id for one in first_order.passages} == {one.id for one in found}
    await knowledge.close()
    await reranker.close()


@pytest.mark.parametrize("labels", [0, 3])
async def test_a_model_that_cannot_rank_leaves_the_first_order(
    database: Database, articles: Path, tmp_path: Path, embedder: Embedder, labels: int
) -> None:
    if labels:
        await asyncio.to_thread(make_tiny_cross_encoder, tmp_path / "model", labels=labels)
    reranker = Reranker(str(tmp_path / "model"))
    knowledge = await knowledge_with(reranker, database, embedder, tmp_path)
    assert (await knowledge.search("how do I get my money back?")).passages[0].document == "refunds"
    assert reranker.state.startswith("ready" if labels else "failed: the model")
    await knowledge.close()
    await reranker.close()


async def test_nothing_to_rank_asks_no_model() -> None:
    reranker = Reranker("no-such-model")
    assert await reranker.scores("anything", []) is None
    assert reranker.state == "loading"
    await reranker.close()
