"""100 events a second over Socket Mode: how long Slack waits for our 'ok', beside a Bolt app that does nothing.

`make bench`, or `python -m tests.bench.slack [--seconds 10] [--rate 100] [--echo]` alone. Slack is the fake of `tests`,
in a process of its own; events come 20 at once, to a timetable, and each tenth comes three times more. A wait counts
from when an event was due to the 'ok', so that an app that holds Slack up doesn't look quick. What people write is
small talk (thanks), which the real program answers without searching: what is measured is the way in and out, not the
embedding model. Afterwards every conversation is read: each message there once, in its order, and answered.
Goal: 99 of 100 within 200 ms, each answered once, order kept, memory flat.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.serve import settle
from bot.telemetry import configure_logging
from channels.slack.names import Place
from core.messages import Author
from tests.conftest import serving
from tests.fakes.slack_events import Delivery, Lines
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import BOT_USER, TEAM
from tests.support import plain_settings

GOAL = 200.0  # milliseconds for 99 of 100
RATE = 100
SECONDS = 60.0
AT_ONCE = 20
PEOPLE = 200
AGAIN = (0.1, 1.0, 3.0)  # seconds after which each tenth event comes again
WORDS = ("Thanks!", "Thank you!", "Thx!", "Many thanks!", "Cheers!")
IN_A_THREAD = 3  # of five conversations one has so many messages, the others have one
DRAINED = 600.0  # seconds in which all must be answered afterwards

# The process that is Slack


@dataclass
class Talk:
    """One conversation: who has it, and what was written, oldest first."""

    person: Person
    channel: str
    root: str = ""
    said: list[str] = field(default_factory=list)
    left: int = 1


class Crowd:
    """People who write, a message each in turn, and what Slack makes of it."""

    def __init__(self, slack: SlackServer) -> None:
        self._slack = slack
        self._people = cycle([(person, person.dm) for person in (slack.person(f"P{n}") for n in range(PEOPLE))])
        self._open: dict[str, Talk] = {}
        self.talks: list[Talk] = []

    async def writes(self) -> list[Delivery]:
        """Let the next of them write; return what the app is to be told."""
        person, channel = next(self._people)
        talk = self._open.pop(channel, None)
        if talk is None:
            talk = Talk(person, channel, left=IN_A_THREAD if len(self.talks) % 5 == 0 else 1)
            self.talks.append(talk)
        words = WORDS[len(talk.said)]
        done = await person.writes(channel, words, thread_ts=talk.root, tell=False)
        talk.said.append(words)
        talk.root = talk.root or done.ts
        talk.left -= 1
        if talk.left:
            self._open[channel] = talk
        return done.deliveries

    def answers(self) -> list[dict[str, Any]]:
        """Return the conversations, each with the number of the app's posts in it."""
        found = []
        for talk in self.talks:
            below = self._slack.workspace.thread(talk.channel, talk.root)
            posts = sum(post.user == BOT_USER for post in below)
            found.append({"channel": talk.channel, "root": talk.root, "said": talk.said, "posts": posts})
        return found


async def load(slack: SlackServer, crowd: Crowd, rate: int, seconds: float) -> dict[str, Any]:
    """Tell the app of `rate` events a second; return what Slack saw."""
    times: list[float] = []
    failed = repeats = 0
    started = time.perf_counter()

    async def tell(delivery: Delivery, due: float) -> None:
        nonlocal failed
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        ack = await slack.lines.deliver(delivery, first=len(delivery.acks))
        times.append((time.perf_counter() - due) * 1000)
        failed += not ack.ok

    tasks = []
    for number in range(int(rate * seconds)):
        due = started + number // AT_ONCE * AT_ONCE / rate
        if number % AT_ONCE == 0:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        [delivery] = await crowd.writes()
        tasks.append(asyncio.create_task(tell(delivery, due)))
        if number % 10 == 0:
            repeats += len(AGAIN)
            tasks += [asyncio.create_task(tell(delivery, due + later)) for later in AGAIN]
    await asyncio.gather(*tasks)
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    told = {"events": len(tasks) - repeats, "repeats": repeats, "failed": failed}
    return {**told, "p50": cuts[49], "p99": cuts[98], "longest": max(times), "seconds": time.perf_counter() - started}


async def be_slack(rate: int, seconds: float, *, echo: bool) -> None:
    """Be Slack for one app: say where, and do what stands in each line of the input."""
    async with SlackServer(lines=Lines(again_after=()), echo=echo) as slack:
        crowd = Crowd(slack)
        print(json.dumps({"url": slack.url, "bot": slack.bot_token, "app": slack.app_token}), flush=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "load":
                await slack.lines.connected(60)
                print(json.dumps(await load(slack, crowd, rate, seconds)), flush=True)
            elif line == "answers":
                print(json.dumps(crowd.answers()), flush=True)


# The process with the apps


class Slack:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.url = self.bot_token = self.app_token = ""

    async def read(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout
        return json.loads(await self._process.stdout.readline())

    async def ask(self, word: str) -> Any:
        """Have it do something, and return what it says then."""
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n".encode())
        return await self.read()


@asynccontextmanager
async def another_slack(rate: int, seconds: float, *, echo: bool) -> AsyncIterator[Slack]:
    """Run a Slack in a process of its own."""
    words = ["-m", "tests.bench.slack", "--be-slack", "--rate", str(rate), "--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        *(["--echo"] if echo else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    slack = Slack(process)
    try:
        about = await slack.read()
        slack.url, slack.bot_token, slack.app_token = about["url"], about["bot"], about["app"]
        yield slack
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def empty_bolt(slack: Slack) -> AsyncIterator[None]:
    """Run a Bolt app that takes every event and does nothing."""
    client = AsyncWebClient(slack.bot_token, f"{slack.url}/api/")
    app = AsyncApp(client=client)

    async def nothing() -> None:
        """Do nothing."""

    app.event(re.compile(".*"))(nothing)
    handler = AsyncSocketModeHandler(app, slack.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def threadline(slack: Slack, folder: Path) -> AsyncIterator[Threadline]:
    """Run the whole program on an empty HOME."""
    settings = plain_settings(
        folder,
        slack_bot_token=slack.bot_token,
        slack_app_token=slack.app_token,
        slack_api_url=f"{slack.url}/api/",
        slack_seconds_apart=0.0,
    )
    made = build(settings, Home(folder))
    async with serving(made):
        await settle(made)
        yield made


def resident() -> float:
    """Return how much memory this process holds, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def drained(made: Threadline) -> float:
    """Wait until everything is answered; return the seconds that took."""
    began = time.perf_counter()
    async with asyncio.timeout(DRAINED):
        while any((await made.store.backlog()).values()):  # noqa: ASYNC110 (looking seldom costs what is measured least)
            await asyncio.sleep(0.2)
    return time.perf_counter() - began


async def judged(made: Threadline, talks: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many conversations are as they should be, and what is wrong with the others."""
    found = dict.fromkeys(("conversations", "lost", "doubled", "out of order", "unanswered", "answered twice"), 0)
    for talk in talks:
        thread = await made.store.find_thread(Place(talk["channel"], talk["root"]).key(TEAM))
        messages = await made.store.messages(thread.id) if thread else []
        kept = [said.text for said in messages if said.author is Author.CUSTOMER]
        found["conversations"] += 1
        found["lost"] += len(kept) < len(talk["said"])
        found["doubled"] += len(kept) > len(talk["said"])
        found["out of order"] += sorted(kept) == sorted(talk["said"]) and kept != talk["said"]
        found["unanswered"] += not messages or messages[-1].author is Author.CUSTOMER or not talk["posts"]
        found["answered twice"] += talk["posts"] > len(talk["said"])  # who writes again before the answer has one
    return found


async def watched(work: Awaitable[Any], halfway: float, look: Callable[[], None]) -> Any:
    """Do `work`, and `look` after `halfway` seconds."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(halfway)
    look()
    return await task


def row(name: str, seen: dict[str, Any], busy: float) -> str:
    """Return a line of the table."""
    told = f"{name:<16}{seen['events']:>8}{seen['repeats']:>9}{seen['failed']:>8}"
    return f"{told}{seen['p50']:>9.1f}{seen['p99']:>9.1f}{seen['longest']:>9.1f}{busy:>8.2f}"


async def main(rate: int = RATE, seconds: float = SECONDS, *, echo: bool = False) -> None:
    """Measure both in one run, and print the figures."""
    print(f"{rate} Slack events a second for {seconds:g} s, {AT_ONCE} at once; load {os.getloadavg()[0]:.1f}")
    print(f"{'':<16}{'events':>8}{'repeats':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'cpu s':>8}")
    async with another_slack(rate, seconds, echo=echo) as slack, empty_bolt(slack):
        busy = time.process_time()
        seen = await slack.ask("load")
        print(row("empty Bolt app", seen, time.process_time() - busy))
    with TemporaryDirectory() as name:
        async with another_slack(rate, seconds, echo=echo) as slack, threadline(slack, Path(name)) as made:
            held: list[float] = []

            def look() -> None:
                held.append(resident())

            gc.collect()  # and never in between: it holds everything up
            look()
            busy = time.process_time()
            seen = await watched(slack.ask("load"), seconds / 2, look)
            print(row("threadline", seen, time.process_time() - busy))
            print(f"99 of 100 within {GOAL:g} ms: {'yes' if seen['p99'] <= GOAL and not seen['failed'] else 'NO'}")
            took = await drained(made)
            gc.collect()
            look()
            print(f"the last answer {took:.1f} s after the last event")
            print("memory in MB at the start, in the middle, at the end:", *(f"{one:.0f}" for one in held))
            found = await judged(made, await slack.ask("answers"))
            print(", ".join(f"{number} {what}" for what, number in found.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--be-slack", action="store_true", help="be Slack, for the process that started this")
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--echo", action="store_true", help="tell the app of its own posts too, as Slack does")
    given = parser.parse_args()
    configure_logging("error")
    if given.be_slack:
        asyncio.run(be_slack(given.rate, given.seconds, echo=given.echo))
    else:
        asyncio.run(main(given.rate, given.seconds, echo=given.echo))
