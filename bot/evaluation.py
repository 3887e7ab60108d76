"""`eval` at work: the questions of a folder put to the real agent, with a knowledge base of their own.

The command calls `measure`. The agent is the configured one, with its language model if there is one: what that took
and cost is counted. A model that is busy for a while is asked again, and whoever waits is told; one that can't be had
when it begins ends the measuring before anything is read.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bot.assistant import make_assistant
from bot.bootstrap import make_embedder, make_reranker
from bot.settings import Settings
from core import language
from core.agent.assistant import Assistant
from core.agent.extractive import looked_for
from core.agent.providers import Provider, ping
from core.budget import Usage
from core.errors import SetupError, TemporaryError
from core.events import HandoffReason, RunResult
from core.grounding import documents_of
from core.ids import MessageId, ThreadId, ThreadKey
from core.messages import Author, Message
from core.store.engine import Database, sqlite_url
from core.store.migrations import migrate
from core.thread import Thread
from core.turn import Silence, Turn
from kb.documents import SourceError, SyncReport
from kb.evaluate import evaluate
from kb.measures import Decision
from kb.plan import root_of
from kb.questions import Question, doubts, read_folder
from kb.search import KnowledgeBase
from kb.sync import INDEX, sync
from kb.tables import StoredDocument

Show = Callable[[str, int, int], None]
"""Shows how far a named step is: done, total."""
Tell = Callable[[str], None]
"""Says a sentence to whoever waits."""

AT_ONCE = 4
"""Questions that a language model is asked at a time."""
_TRIES = 3
_GIVES_UP = 5  # questions in a row that a model did not answer, or all of fewer
_ONCE_MORE = 5.0  # seconds until a model that does not answer at the start is asked once more
_UNREAD = 3  # articles that could not be read, named with the reason


def turn_of(question: Question) -> Turn:
    """Return a turn with the question as its last words, outside any stored thread."""
    said = [(one.text, Author.CUSTOMER if one.by_customer else Author.BOT) for one in question.history]
    messages = tuple(
        Message(MessageId(f"m_eval{seq}"), seq, author, text, 0.0)
        for seq, (text, author) in enumerate([*said, (question.query, Author.CUSTOMER)], start=1)
    )
    spoken = next(filter(None, map(language.detect, reversed(question.asked))), "")
    thread = Thread(ThreadId("t_eval"), ThreadKey("eval", "", ""), "eval", language=spoken)
    return Turn(replace(thread, last_seq=len(messages), asked_up_to=len(messages)), messages)


class Interview:
    """Puts questions to an assistant, and keeps what that took."""

    def __init__(
        self, assistant: Assistant, sources: Mapping[str, str], *, questions: int, pause: float, tell: Tell
    ) -> None:
        """`sources`: the documents, by where they come from; of a model that fails, `pause` s is the breaker's."""
        self._assistant = assistant
        self._sources = sources
        self._gives_up = min(_GIVES_UP, questions)
        self._pause = pause
        self._tell = tell
        self._seconds: list[float] = []
        self._used: list[Usage] = []
        self._failed = 0
        self._failed_in_a_row = 0

    async def decide(self, question: Question) -> Decision:
        """Return what the assistant does with a question. Raises `TemporaryError` when its model is not to be had."""
        result = await self._ask(question)
        cited = [self._sources[one.source] for one in result.citations if one.source in self._sources]
        return Decision(
            result.outcome.value,
            tuple(dict.fromkeys(cited)),
            result.text,
            tuple(documents_of(result.grounding.passages)),
            result.reason.value if result.reason else "",
        )

    async def _ask(self, question: Question) -> RunResult:
        for tried in range(_TRIES):
            if tried:
                await self._wait(self._pause * 2**tried)
            began = time.perf_counter()
            result = await self._assistant.answer(turn_of(question), Silence())
            self._seconds.append(time.perf_counter() - began)
            self._used.append(result.usage)
            if result.reason is not HandoffReason.MODEL_FAILED:
                self._failed_in_a_row = 0
                return result
        self._failed += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._gives_up:
            raise _away(result.detail)
        return result

    async def _wait(self, seconds: float) -> None:
        self._tell(f"The language model does not answer: a question waits {seconds:g} s and is asked again.")
        await asyncio.sleep(seconds)

    def of_model(self) -> dict[str, Any]:
        """Return what the language model took: tokens, cost by MODEL_PRICE, seconds of an answer, and its failures."""
        return {
            "name": self._assistant.provider.name,
            "tokens_in": sum(one.tokens_in for one in self._used),
            "tokens_out": sum(one.tokens_out for one in self._used),
            "cost": round(sum(one.cost for one in self._used), 4),
            "p50_seconds": _percentile(self._seconds, 50),
            "p95_seconds": _percentile(self._seconds, 95),
            "failed": self._failed,
        }


def _away(why: str) -> TemporaryError:
    return TemporaryError(f"The language model does not answer: {why.rstrip('.')}. `threadline doctor` says more.")


async def _reach(provider: Provider, pause: float, tell: Tell, progress: Show) -> None:
    """Ask the model for one word, twice if need be. Raises `TemporaryError` when it can't be had."""
    progress("Waiting for the model", 0, 1)
    why = await ping(provider)
    if why:
        tell(f"The language model does not answer ({why}): it is asked once more in {pause:g} s.")
        await asyncio.sleep(pause)
        why = await ping(provider)
    if why:
        raise _away(why)
    progress("Waiting for the model", 1, 1)


def _percentile(values: Sequence[float], share: int) -> float:
    return round(float(np.percentile(values, share)), 3) if values else 0.0


async def measure(
    settings: Settings,
    folder: Path,
    *,
    split: str | None,
    limit: int | None,
    progress: Show,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """Measure retrieval and decisions on an evaluation folder, in a database and index of its own.

    Returns the contract's json, with `warnings` (sentences) and, where one is configured, `model` beside it. `tell` is
    told when a model is waited for. Raises `SetupError`, `TemporaryError`.
    """
    try:
        inside, outside = read_folder(folder, split=split, limit=limit)
    except SourceError as wrong:
        raise SetupError(f"{wrong}. The README says what an evaluation folder holds.") from wrong
    if not (folder / "kb").is_dir():
        raise SetupError(f"{folder} has no folder kb: put the articles there that the questions are about.")
    with TemporaryDirectory(prefix="threadline-eval-") as scratch:
        database = Database(sqlite_url(Path(scratch) / "eval.db"))
        embedder, reranker = make_embedder(settings), make_reranker(settings)
        knowledge = KnowledgeBase(database, folder=Path(scratch) / "chroma", embedder=embedder, reranker=reranker)
        assistant = make_assistant(settings, knowledge)
        with_model, pause = assistant.provider.has_model, settings.model_pause_seconds
        try:
            if with_model:
                await _reach(assistant.provider, min(pause, _ONCE_MORE), tell, progress)
            await migrate(database)
            await knowledge.open()
            held, unread = await _shelve(knowledge, folder / "kb", progress)
            sources = {document.source: document.id for document in held}
            asked = len(inside) + len(outside)
            interview = Interview(assistant, sources, questions=asked, pause=pause, tell=tell)
            figures = await evaluate(
                folder,
                knowledge,
                interview.decide,
                split=split,
                limit=limit,
                queries=looked_for,
                at_once=AT_ONCE if with_model else 1,
                progress=lambda p: progress("Asking", p.done, p.total),
                compare=knowledge.rankings,
            )
            warnings = [*unread, *doubts(inside, outside, set(sources.values()))]
            return {**figures, "warnings": warnings, **({"model": interview.of_model()} if with_model else {})}
        finally:
            await assistant.provider.close()
            await knowledge.close()
            if reranker:
                await reranker.close()
            await embedder.close()
            await database.close()


async def _shelve(knowledge: KnowledgeBase, folder: Path, progress: Show) -> tuple[Sequence[StoredDocument], list[str]]:
    """Read the articles; return them and what could not be read. Raises `SetupError` when there are none."""
    report = await sync(knowledge, [str(folder)], progress=lambda p: progress("Reading", p.done, p.total))
    held = await knowledge.store.contents(await knowledge.collection())
    unread = _unread(report, besides={INDEX, root_of(str(folder))})
    if not held.documents:
        told = f"{folder} holds no article that can be read. Put articles there, as Markdown files."
        raise SetupError(" ".join([told, *unread]))
    return held.documents, unread


def _unread(report: SyncReport, besides: Collection[str]) -> list[str]:
    """Return sentences about the files that could not be read: the first few, and how many more."""
    failed = [
        f"Not read: {one.source}: {one.reason.rstrip('.')}." for one in report.failed if one.source not in besides
    ]
    more = len(failed) - _UNREAD
    return [*failed[:_UNREAD], *([f"{more} more could not be read."] if more > 0 else [])]
