"""The time of a message beside its parts, in one run: `make bench`.

Every figure is a median in milliseconds. 'message' is a question from the HTTP request to the
answer in hand, through receipts, decide, run and deliveries; what it costs beyond its parts is ours.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from bot.bootstrap import build
from bot.evaluation import turn_of
from bot.home import Home
from core.turn import Silence
from kb.questions import Question
from tests.conftest import serving
from tests.support import plain_settings

QUESTION = "How long does delivery take?"
ROUNDS = 60


async def median(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median and the 95th percentile of `work`'s time in milliseconds, after two warm-up rounds."""
    times = []
    for round_ in range(rounds + 2):
        started = time.perf_counter()
        await work()
        if round_ >= 2:
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


async def measure() -> dict[str, tuple[float, float]]:
    """Return the figures."""
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        threadline = build(plain_settings(home.path, conversation_answers=10_000), home)
        async with serving(threadline) as client:
            await threadline.readiness.assistant()
            chat = await client.chat()
            database, knowledge = threadline.store.database, threadline.knowledge

            async def commit() -> None:
                async with database.writing("bench") as connection:
                    await connection.execute(text("UPDATE threads SET updated_at = updated_at"))

            await chat.say(QUESTION)
            figures = {
                "query embedding": await median(lambda: knowledge.embedder.encode_query(QUESTION)),
                "search": await median(lambda: knowledge.search(QUESTION)),
                "commit": await median(commit),
                "agent run (with search)": await median(
                    lambda: threadline.assistant.answer(turn_of(Question("1", QUESTION)), Silence())
                ),
                "agent run (thanks, no search)": await median(
                    lambda: threadline.assistant.answer(turn_of(Question("1", "Thank you!")), Silence())
                ),
                "http request (healthz)": await median(lambda: client.call("GET", "/healthz")),
                "message (thanks)": await median(lambda: chat.say("Thank you!")),
                "message (question)": await median(lambda: chat.say(QUESTION)),
            }
    return figures


async def main() -> None:
    """Print the figures."""
    print(f"{'':<32}{'p50 ms':>9}{'p95 ms':>9}")
    for name, (p50, p95) in (await measure()).items():
        print(f"{name:<32}{p50:>9.2f}{p95:>9.2f}")
