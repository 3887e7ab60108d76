"""Suggested articles at work: collected by what they ask, written as files once approved, and read at once.

The web desk calls `groups`, `approve` and `drop`; `bot.jobs` calls `write`, for what could not be written when it was
approved: the approval is committed first, the file follows, and writing it again gives the same file.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

import structlog

from bot.readiness import Readiness
from core import language
from core.articles import (
    ArticleApproved,
    ArticleGroup,
    ArticleState,
    ArticleText,
    SuggestedArticle,
    collect,
    file_name,
    markdown,
)
from core.desk import Operator
from core.gaps import likeness
from core.ids import ArticleId
from core.store.inbox import Clock
from core.store.store import Store
from kb.embed import PACKAGED_MODEL, Embedder, Vectors

log = structlog.get_logger()

_ALIKE = 0.75
"""From this cosine of two questions on they stand together, with the packaged model. Measured: of 1,500 questions of
banking77 (77 intents of one field, hard to tell apart) 78 % of the pairs above it have one intent, of hand-made pairs
of paraphrases none below 0.45, of near misses none above 0.81. A wrong neighbour can be left out in the form."""
_ALIKE_ELSEWHERE = 0.9
"""Other models give unrelated texts up to 0.85 (E5's cards say so): there only near copies are taken for alike."""


class Articles:
    """The suggested articles of one installation, and the `folder` that the approved ones are written to."""

    def __init__(
        self, store: Store, readiness: Readiness, embedder: Embedder, folder: Path, clock: Clock, zone: tzinfo
    ) -> None:
        """`zone` is the desk's: an article is dated there."""
        self._store = store
        self._readiness = readiness
        self._embedder = embedder
        self._folder = folder
        self._clock = clock
        self._zone = zone
        self._vectors: dict[str, Vectors] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def groups(self) -> list[ArticleGroup]:
        """Return what waits for a decision, alike ones together: by meaning once the model is loaded, else by words."""
        waiting = await self._store.articles.waiting()
        alike = await self._by_meaning(waiting) if self._embedder.state == "ready" else same_words
        return await asyncio.to_thread(collect, waiting, alike)

    async def _by_meaning(
        self, waiting: Sequence[SuggestedArticle]
    ) -> Callable[[SuggestedArticle, SuggestedArticle], bool]:
        texts = [one.question for one in waiting if self._embedder.covers(language.detect(one.question))]
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        vectors = dict(zip(new, await self._embedder.encode_documents(new), strict=True)) if new else {}
        known = {**self._vectors, **vectors}
        self._vectors = known = {text: known[text] for text in texts}
        enough = _ALIKE if (await self._embedder.identity()).name == PACKAGED_MODEL else _ALIKE_ELSEWHERE

        def alike(one: SuggestedArticle, other: SuggestedArticle) -> bool:
            if one.question in known and other.question in known:
                return float(known[one.question] @ known[other.question]) >= enough
            return same_words(one, other)

        return alike

    async def approve(self, ids: Sequence[ArticleId], text: ArticleText, by: Operator) -> ArticleApproved:
        """Make one article with these words of all of `ids`. Raises `Refused` when a colleague was first.

        It is read into the index in the background, as soon as its file is written.
        """
        now = self._clock()
        numbers = sorted(one.number for one in await self._store.articles.of(ids))
        day = datetime.fromtimestamp(now, self._zone).date().isoformat()
        file, content = file_name(text.title, numbers[0]), markdown(text, numbers, day, by.name)
        file = await self._store.articles.decide(ids, ArticleState.APPROVED, by, now, file=file, content=content)
        return ArticleApproved(file, await self.write())

    async def drop(self, ids: Sequence[ArticleId], by: Operator) -> None:
        """Make no article of them. Raises `Refused` when a colleague was first."""
        await self._store.articles.decide(ids, ArticleState.DROPPED, by, self._clock())

    async def write(self) -> str:
        """Write every approved article that is no file yet, and have them read; return why that failed, '' if not."""
        waiting = await self._store.articles.unwritten()
        for file, content in waiting:
            try:
                await asyncio.to_thread(write_whole, self._folder, file, content)
            except OSError as error:
                log.warning("article_not_written", file=file, folder=str(self._folder), reason=error.strerror)
                return f"{self._folder} can't be written ({error.strerror}): it is tried again every minute."
            await self._store.articles.written(file)
        if waiting:
            reading = asyncio.create_task(self._read())
            self._reading.add(reading)
            reading.add_done_callback(self._reading.discard)
        return ""

    async def _read(self) -> None:
        try:
            await self._readiness.read_articles()
        except Exception:  # the edge of a task: the next sync reads them anyway
            log.exception("articles_not_read")

    async def close(self) -> None:
        """Stop what runs in the background."""
        for reading in self._reading:
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)


def same_words(one: SuggestedArticle, other: SuggestedArticle) -> bool:
    """Whether two questions differ in capitals, punctuation and spaces alone."""
    return likeness(one.question) == likeness(other.question)


def write_whole(folder: Path, name: str, content: str) -> None:
    """Write the file `name` in `folder`, all of it or nothing: readers see the old one until the new one is there.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}.{secrets.token_hex(4)}"  # a hidden file, which no sync reads
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / name)
    finally:
        beside.unlink(missing_ok=True)
