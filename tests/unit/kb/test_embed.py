"""The packaged model is checked, never imported, and loaded beside the event loop."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kb import embed
from kb.embed import Embedder, ModelUnavailableError, languages_of, packaged_model
from kb.index import collection_name


async def test_the_packaged_model_gives_unit_vectors_of_384_numbers(embedder: Embedder) -> None:
    assert await embedder.ready()
    assert embedder.state == "ready"
    query = await embedder.encode_query("how do I get my money back?")
    documents = await embedder.encode_documents(["Refunds: your money back", "Bicycle racks", "Refunds " * 500])
    assert query.shape == (384,)
    assert documents.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(documents, axis=1), 1, atol=1e-5)
    assert documents[0] @ query > documents[1] @ query


async def test_texts_come_back_in_their_order(embedder: Embedder) -> None:
    texts = [f"text {at} " * (1 + at * 7 % 50) for at in range(70)]
    together = await embedder.encode_documents(texts)
    for at in (0, 33, 69):
        alone = await embedder.encode_documents([texts[at]])
        assert together[at] @ alone[0] > 0.999


async def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert (await embedder.encode_documents([])).shape == (0, 384)


async def test_the_loop_runs_on_while_it_encodes(embedder: Embedder) -> None:
    await embedder.ready()
    encoding = asyncio.create_task(embedder.encode_documents(["some words about a thing " * 20] * 64))
    turns = 0
    while not encoding.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100


async def test_a_model_that_is_not_there_has_a_clear_reason(no_embedder: Embedder) -> None:
    assert no_embedder.state == "loading"
    assert not await no_embedder.ready()
    assert no_embedder.state.startswith("failed: the model no-such-model-anywhere cannot be loaded")
    with pytest.raises(ModelUnavailableError):
        await no_embedder.encode_query("x")
    await no_embedder.close()


def test_no_model_is_said_at_once_without_the_libraries_for_one() -> None:
    tried = """
import asyncio, sys
from kb.embed import Embedder
embedder = Embedder("none")
assert not asyncio.run(embedder.ready())
print(embedder.state, "torch" in sys.modules, "sentence_transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "failed: no model is wanted: EMBEDDING_MODEL=none False False"


async def test_an_altered_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**embed._PACKAGED_FILES, "vocab.txt": hashlib.sha256(b"other").hexdigest()}
    monkeypatch.setattr(embed, "_PACKAGED_FILES", table)
    with pytest.raises(ModelUnavailableError, match=r"vocab\.txt .* missing or altered"):
        packaged_model()


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_DISTRIBUTION", "no-such-distribution")
    with pytest.raises(ModelUnavailableError, match="not installed"):
        packaged_model()


def test_every_file_of_the_model_is_in_the_table() -> None:
    ignored = {".gitattributes", "README.md", "data_config.json"}
    folder = packaged_model()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names - ignored == set(embed._PACKAGED_FILES)


def test_the_package_that_carries_the_model_is_never_imported() -> None:
    code = (
        "import asyncio, sys\nfrom kb.embed import Embedder\n"
        "async def main():\n    model = Embedder()\n    assert await model.ready()\n    await model.close()\n"
        "asyncio.run(main())\nprint([name for name in sys.modules if name.startswith('gt_all')])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr.strip() == ""


async def test_a_model_in_a_folder_can_take_its_place(tmp_path: Path, embedder: Embedder) -> None:
    folder = tmp_path / "tiny"
    await asyncio.to_thread(make_tiny_model, folder)
    tiny = Embedder(str(folder))
    assert await tiny.ready(), tiny.state
    identity = await tiny.identity()
    assert (identity.name, identity.dimensions) == ("tiny", 16)
    assert identity.prompts == "[('document', 'text: '), ('query', 'query: ')]"
    with_prompt, without = await tiny.encode_query("refunds"), await tiny.encode_documents(["refunds"])
    assert not np.allclose(with_prompt, without[0])
    short = Embedder(str(folder), dimensions=8)
    assert (await short.encode_query("refunds")).shape == (8,)
    names = {collection_name(await one.identity()) for one in (embedder, tiny, short)} | {collection_name(None)}
    assert len(names) == 4
    for one in (tiny, short):
        await one.close()


def make_tiny_model(folder: Path) -> None:
    """Write a sentence-transformers model with random weights and prompts, as EmbeddingGemma has them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "query", "text", ":", "refunds"]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    base = folder / "base"
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(base)
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(base)
    model = SentenceTransformer(
        modules=[Transformer(str(base)), Pooling(16)], prompts={"query": "query: ", "document": "text: "}
    )
    model.save(str(folder))


@pytest.mark.parametrize(
    ("model", "covered"),
    [
        (None, {"en"}),
        ("sentence-transformers/all-mpnet-base-v2", {"en"}),
        ("/models/bge-small-en-v1.5", {"en"}),
        ("google/embeddinggemma-300m", set()),
        ("intfloat/multilingual-e5-small", set()),
        ("my-own-model", set()),
    ],
)
def test_the_languages_of_well_known_models_are_known_and_others_are_taken_to_cover_all(
    model: str | None, covered: set[str]
) -> None:
    assert languages_of(model) == covered
    assert Embedder(model).covers("en")
    assert Embedder(model).covers("de") is not bool(covered)
    assert Embedder(model).covers(None)


def test_an_owner_knows_better_what_a_model_covers() -> None:
    assert [Embedder("my-own-model", languages=["en", "de"]).covers(one) for one in ("de", "fr")] == [True, False]
