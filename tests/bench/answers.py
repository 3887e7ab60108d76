"""How long customers wait for an answer on every channel when the language model takes no time.

`make bench`, or `python -m tests.bench.answers [--questions 40]` alone. The model is a server on the loopback that
answers at once: a search, then three sentences. The rest is real: the program with the packaged embedding model, the
paces of Slack and Teams as in production, and the channels' customers as in their contracts, who look every few
milliseconds. 'first' is when they can read the first words, 'whole' when all of it stands there; in a mailbox both come
together.
Goals: nine of ten first words within 1 s, 95 of 100 whole answers within 2 s.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.settings import Settings
from bot.telemetry import configure_logging
from channels.recording import quiet
from channels.testing_customers import CustomerHand
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, Step, call, say
from tests.scenario.everywhere import DOORS, Door, Everywhere, everywhere
from tests.support import Chat

QUESTIONS = 40
FIRST_GOAL, WHOLE_GOAL = 1.0, 2.0  # seconds
QUESTION = "How long does delivery take?"
ANSWER = "Standard delivery takes two to four working days [1]. Bikes come in a week [1]. You are told the day before."
END = "You are told the day before."
LOOKS = 0.005  # seconds between two looks
LONGEST = 30.0


def instant(body: dict[str, Any]) -> Step:
    """Search first, then answer."""
    if body["messages"][-1]["role"] != "tool":
        return call("search_knowledge_base", {"query": QUESTION})
    return say(ANSWER, 12)


class Wait:
    """How long one customer waited, in seconds."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self.first = self.whole = 0.0

    def sees(self, text: str) -> bool:
        """Note that `text` can be read now; returns whether that is all."""
        now = time.perf_counter() - self._since
        if text:
            self.first = self.first or now
        if END in text:
            self.whole = now
        return bool(self.whole)


async def over(customer: CustomerHand) -> Wait:
    """Have a customer ask, and look until all of the answer is there."""
    wait = Wait()
    await customer.says(QUESTION)
    async with asyncio.timeout(LONGEST):
        while not wait.sees("\n".join(one.text for one in await customer.reads())):  # noqa: ASYNC110 (as people look)
            await asyncio.sleep(LOOKS)
    return wait


async def over_the_page(chat: Chat) -> Wait:
    """Have a customer of the chat page ask, and take what its socket brings."""
    async with chat.socket() as socket, asyncio.timeout(LONGEST):
        wait = Wait()
        await chat.post(QUESTION)
        while True:
            frame = await socket.receive_json()
            text = frame.get("text") or frame.get("message", {}).get("text", "")
            if frame["type"] in {"partial", "message"} and text != QUESTION and wait.sees(text):
                return wait


async def measure(program: Everywhere, door: Door, questions: int) -> list[Wait]:
    """Return how long customers at `door` waited, one after the other, two who came first left out."""
    waits = []
    for _ in range(questions + 2):
        is_page = door == "web"
        asked = over_the_page(await program.client.chat()) if is_page else over(await program.customer(door))
        waits.append(await asked)
        await quiet(program.store)
    return waits[2:]


async def main(questions: int = QUESTIONS) -> None:
    """Print the figures."""
    embedder = Embedder()
    print(
        f"{'':<10}{'first p50':>11}{'first p90':>11}{'whole p50':>11}{'whole p95':>11}   seconds, {questions} questions"
    )
    paces = {name: Settings.model_fields[name].default for name in ("slack_seconds_apart", "teams_seconds_apart")}
    with TemporaryDirectory() as folder:
        async with (
            FakeOpenAI(otherwise=instant) as model,
            everywhere(Path(folder) / "home", embedder, model, **paces) as program,
        ):
            await program.threadline.readiness.assistant()
            for door in DOORS:
                waits = await measure(program, door, questions)
                first, whole = ([getattr(wait, name) for wait in waits] for name in ("first", "whole"))
                tenths, twentieths = statistics.quantiles(first, n=10), statistics.quantiles(whole, n=20)
                good = tenths[8] <= FIRST_GOAL and twentieths[18] <= WHOLE_GOAL
                figures = (statistics.median(first), tenths[8], statistics.median(whole), twentieths[18])
                print(f"{door:<10}" + "".join(f"{one:>11.3f}" for one in figures) + f"   {'yes' if good else 'NO'}")
    await embedder.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    configure_logging("error")
    asyncio.run(main(parser.parse_args().questions))
