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
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.settings import Settings
from bot.telemetry import configure_logging
from channels.recording import quiet
from channels.testing_customers import CustomerHand
from kb.embed import Embedder
from tests.contract import mail, slack, teams
from tests.contract.mail import MailKit
from tests.contract.programs import Clock, Program
from tests.contract.slack import SlackKit
from tests.contract.teams import TeamsKit
from tests.fakes.openai_server import FakeOpenAI, Step, call, say
from tests.fakes.slack_server import SlackServer
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.teams_server import TeamsServer
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


@asynccontextmanager
async def running(embedder: Embedder, model: FakeOpenAI, **settings: Any) -> AsyncIterator[Program]:
    """Run the program with the sample knowledge base and that model."""
    named = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "instant"}
    with TemporaryDirectory() as folder:
        program = Program(Path(folder) / "home", embedder, Clock(), {**named, **settings})
        await program.start()
        try:
            await program.threadline.readiness.assistant()
            yield program
        finally:
            await program.stop()


async def measure(channel: str, questions: int, embedder: Embedder, model: FakeOpenAI) -> list[Wait]:
    """Return how long customers of `channel` waited, one after the other, two who came first left out."""
    async with AsyncExitStack() as stack:
        kit: MailKit | SlackKit | TeamsKit | None = None
        settings: dict[str, Any] = {}
        if channel == "email":
            smtp = await stack.enter_async_context(SmtpServer())
            settings = mail.settings(smtp)
        elif channel == "slack":
            workspace = await stack.enter_async_context(SlackServer())
            settings = {**slack.settings(workspace), "slack_seconds_apart": _pace("slack")}
        elif channel == "teams":
            organisation = await stack.enter_async_context(TeamsServer())
            teams.tune(organisation)
            settings = {**teams.settings(organisation), "teams_seconds_apart": _pace("teams")}
        program = await stack.enter_async_context(running(embedder, model, **settings))
        if channel == "email":
            kit = MailKit(program, smtp)
        elif channel == "slack":
            kit = SlackKit(program, workspace)
        elif channel == "teams":
            kit = TeamsKit(program, organisation)
        waits = []
        for number in range(questions + 2):
            asked = over(await kit.customer(f"Kim {number}")) if kit else over_the_page(await program.client.chat())
            waits.append(await asked)
            await quiet(program.store)
        return waits[2:]


def _pace(platform: str) -> Any:
    return Settings.model_fields[f"{platform}_seconds_apart"].default


async def main(questions: int = QUESTIONS) -> None:
    """Print the figures."""
    embedder = Embedder()
    print(
        f"{'':<10}{'first p50':>11}{'first p90':>11}{'whole p50':>11}{'whole p95':>11}   seconds, {questions} questions"
    )
    async with FakeOpenAI() as model:
        model.otherwise = instant
        for channel in ("web", "email", "slack", "teams"):
            waits = await measure(channel, questions, embedder, model)
            first, whole = ([getattr(wait, name) for wait in waits] for name in ("first", "whole"))
            tenths, twentieths = statistics.quantiles(first, n=10), statistics.quantiles(whole, n=20)
            good = tenths[8] <= FIRST_GOAL and twentieths[18] <= WHOLE_GOAL
            figures = (statistics.median(first), tenths[8], statistics.median(whole), twentieths[18])
            print(f"{channel:<10}" + "".join(f"{one:>11.3f}" for one in figures) + f"   {'yes' if good else 'NO'}")
    await embedder.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    configure_logging("error")
    asyncio.run(main(parser.parse_args().questions))
