"""An optional second opinion: a cross-encoder reads the question beside each of the best passages.

`bot.bootstrap` makes a `Reranker` where `RERANK_MODEL` is set and gives it to `kb.search`. It costs
a model run for every passage it reads, and nothing when it is not set; without it, or when it
fails, the order found by vectors and words stands. How far an answer can be trusted (`kb.rank`'s
gates) is judged without it: the gates were trained on the first order.
"""

import asyncio
import logging
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from kb.rank import Scores

PASSAGES = 20
"""How many passages are read for one question."""

_BATCH = 10
_log = logging.getLogger(__name__)


class Reranker:
    """One cross-encoder, by sentence-transformers name or folder; loaded in its own thread at the first question."""

    def __init__(self, model: str) -> None:
        """Prepare without loading anything."""
        self._name = model
        self._model: Any = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reranker")
        self.state = "loading"
        """'loading', 'ready' or 'failed: REASON'; what `doctor` shows."""

    async def scores(self, query: str, texts: Sequence[str]) -> Scores | None:
        """Return how well each text answers `query` (larger is better), or None when the model cannot say."""
        if self.state.startswith("failed") or not texts:
            return None
        pairs = [(query, text) for text in texts]
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, pairs)
        except Exception as error:  # noqa: BLE001 - somebody else's model can fail in any way; the first order stands
            if self._model is None:
                self.state = f"failed: the model {self._name} cannot be loaded: {error}"
            _log.warning("the passages were not ranked again: %s", error, exc_info=True)
            return None

    async def close(self) -> None:
        """Let go of the model and its thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _predict(self, pairs: list[tuple[str, str]]) -> Scores:
        if self._model is None:
            self._model = _load(self._name)
            self.state = "ready"
        found = self._model.predict(pairs, batch_size=_BATCH, show_progress_bar=False)
        scores = np.asarray(found, dtype=np.float32).reshape(-1)
        if len(scores) != len(pairs) or not np.isfinite(scores).all():
            raise ValueError(f"{self._name} gives {scores.size} scores for {len(pairs)} passages, or no numbers")
        return scores


def _load(name: str) -> Any:
    # Read at import: nothing is fetched at run time, and nothing is reported home.
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch are not ours to act on
        from sentence_transformers import CrossEncoder

        return CrossEncoder(name, device="cpu", trust_remote_code=False, local_files_only=True)
