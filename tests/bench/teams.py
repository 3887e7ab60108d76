"""100 activities a second for our messaging endpoint: how long Teams waits for our 201, beside an empty CloudAdapter.

`make bench`, or `python -m tests.bench.teams [--seconds 10] [--rate 100]` alone. Teams is the fake of `tests`, in a
process of its own, and signs every activity; they come 20 at once, to a timetable, and each tenth comes three times
more. A wait counts from when an activity was due to the 201, so that an app that holds Teams up doesn't look quick.
What people write is small talk (thanks), which the real program answers without searching: what is measured is the way
in and out, not the embedding model. Afterwards every chat is read: each message there once, in its order, and answered.
Goal: 99 of 100 within 300 ms, each answered once, order kept, memory flat.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from botbuilder.core import TurnContext
from botbuilder.integration.aiohttp import CloudAdapter, ConfigurationBotFrameworkAuthentication

from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.http import Handler, listen
from bot.serve import settle
from bot.telemetry import configure_logging
from channels.teams.names import key
from core.messages import Author
from tests.bench.slack import AGAIN, AT_ONCE, RATE, SECONDS, drained, resident, watched
from tests.conftest import serving
from tests.contract import teams as wire
from tests.fakes.teams_lines import Delivery
from tests.fakes.teams_people import Person
from tests.fakes.teams_server import TENANT, TeamsServer
from tests.support import plain_settings

GOAL = 300.0  # milliseconds for 99 of 100
PEOPLE = 200
WORDS = ("Thanks!", "Thank you!", "Thx!", "Many thanks!", "Cheers!")

# The process that is Teams


class Crowd:
    """People who write to the app, a message each in turn, and what Teams makes of it."""

    def __init__(self, teams: TeamsServer) -> None:
        self._people = [teams.person(f"P{number}") for number in range(PEOPLE)]
        self._next = 0
        self._said: dict[str, list[str]] = {person.chat.id: [] for person in self._people}

    async def writes(self) -> list[Delivery]:
        """Let the next of them write; return what the app is to be told."""
        person: Person = self._people[self._next % PEOPLE]
        said = self._said[person.chat.id]
        words = f"{WORDS[len(said) % len(WORDS)]}"
        done = await person.writes(person.chat, words, tell=False)
        said.append(words)
        self._next += 1
        return done.deliveries

    def answers(self) -> list[dict[str, Any]]:
        """Return the chats, each with what was written, and the number of the app's messages in it."""
        return [
            {
                "chat": person.chat.id,
                "said": self._said[person.chat.id],
                "posts": sum(one.by_bot and not one.deleted for one in person.chat.messages.values()),
            }
            for person in self._people
            if self._said[person.chat.id]
        ]


async def load(teams: TeamsServer, crowd: Crowd, rate: int, seconds: float) -> dict[str, Any]:
    """Tell the app of `rate` activities a second; return what Teams saw."""
    times: list[float] = []
    failed = repeats = 0
    started = time.perf_counter()

    async def tell(delivery: Delivery, due: float) -> None:
        nonlocal failed
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        ack = await teams.lines.deliver(delivery)
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


async def be_teams(rate: int, seconds: float) -> None:
    """Be Teams for one app: say how it reaches us, and do what stands in each line of the input."""
    async with TeamsServer() as teams:
        wire.tune(teams)
        teams.lines.again_after = ()
        crowd = Crowd(teams)
        print(json.dumps(wire.settings(teams)), flush=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line.startswith("http"):
                teams.post_to = line
                print(json.dumps(await load(teams, crowd, rate, seconds)), flush=True)
            elif line == "answers":
                print(json.dumps(crowd.answers()), flush=True)


# The process with the apps


class Teams:
    """The other process; `settings` are those of an app of its."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.settings: dict[str, Any] = {}

    async def read(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout
        return json.loads(await self._process.stdout.readline())

    async def ask(self, line: str) -> Any:
        """Have it do something, and return what it says then."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        return await self.read()


@asynccontextmanager
async def another_teams(rate: int, seconds: float) -> AsyncIterator[Teams]:
    """Run a Teams in a process of its own."""
    words = ["-m", "tests.bench.teams", "--be-teams", "--rate", str(rate), "--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26
    )
    teams = Teams(process)
    try:
        teams.settings = await teams.read()
        yield teams
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def empty_bot() -> AsyncIterator[str]:
    """Run a bot of the SDK that takes every activity, checks nobody, and does nothing; yields its address."""
    adapter = CloudAdapter(ConfigurationBotFrameworkAuthentication(SimpleNamespace()))

    class Nothing:
        """A bot without a thought."""

        async def on_turn(self, context: TurnContext) -> None:
            """Do nothing."""

    async def messages(request: web.Request) -> web.StreamResponse:
        return (await adapter.process(request, Nothing())) or web.Response(status=201)

    @web.middleware
    async def unsigned(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = [(name, value) for name, value in request.headers.items() if name != "Authorization"]
        return await handler(request.clone(headers=headers))

    application = web.Application(middlewares=[unsigned])
    application.router.add_post("/api/messages", messages)
    runner, port = await listen(application, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}/api/messages"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def threadline(teams: Teams, folder: Path) -> AsyncIterator[tuple[Threadline, str]]:
    """Run the whole program on an empty HOME; yields it and its address."""
    settings = plain_settings(folder, **{**teams.settings, "teams_seconds_apart": 0.0})
    made = build(settings, Home(folder))
    async with serving(made) as client:
        await settle(made)
        yield made, f"{client.url}/api/messages"


async def judged(made: Threadline, chats: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many chats are as they should be, and what is wrong with the others."""
    found = dict.fromkeys(("chats", "lost", "doubled", "out of order", "unanswered", "answered twice"), 0)
    for chat in chats:
        thread = await made.store.find_thread(key(TENANT, chat["chat"]))
        messages = await made.store.messages(thread.id) if thread else []
        kept = [said.text for said in messages if said.author is Author.CUSTOMER]
        found["chats"] += 1
        found["lost"] += len(kept) < len(chat["said"])
        found["doubled"] += len(kept) > len(chat["said"])
        found["out of order"] += sorted(kept) == sorted(chat["said"]) and kept != chat["said"]
        found["unanswered"] += not messages or messages[-1].author is Author.CUSTOMER or not chat["posts"]
        found["answered twice"] += chat["posts"] > len(chat["said"])  # who writes again before the answer has one
    return found


def row(name: str, seen: dict[str, Any], busy: float) -> str:
    """Return a line of the table."""
    told = f"{name:<18}{seen['events']:>11}{seen['repeats']:>9}{seen['failed']:>8}"
    return f"{told}{seen['p50']:>9.1f}{seen['p99']:>9.1f}{seen['longest']:>9.1f}{busy:>8.2f}"


async def main(rate: int = RATE, seconds: float = SECONDS) -> None:
    """Measure both in one run, and print the figures."""
    print(f"{rate} Teams activities a second for {seconds:g} s, {AT_ONCE} at once; load {os.getloadavg()[0]:.1f}")
    print(f"{'':<18}{'activities':>11}{'repeats':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'cpu s':>8}")
    async with another_teams(rate, seconds) as teams, empty_bot() as address:
        busy = time.process_time()
        seen = await teams.ask(address)
        print(row("empty CloudAdapter", seen, time.process_time() - busy))
    with TemporaryDirectory() as name:
        async with another_teams(rate, seconds) as teams, threadline(teams, Path(name)) as (made, address):
            held: list[float] = []

            def look() -> None:
                held.append(resident())

            gc.collect()  # and never in between: it holds everything up
            look()
            busy = time.process_time()
            seen = await watched(teams.ask(address), seconds / 2, look)
            print(row("threadline", seen, time.process_time() - busy))
            print(f"99 of 100 within {GOAL:g} ms: {'yes' if seen['p99'] <= GOAL and not seen['failed'] else 'NO'}")
            took = await drained(made)
            gc.collect()
            look()
            print(f"the last answer {took:.1f} s after the last activity")
            print("memory in MB at the start, in the middle, at the end:", *(f"{one:.0f}" for one in held))
            found = await judged(made, await teams.ask("answers"))
            print(", ".join(f"{number} {what}" for what, number in found.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--be-teams", action="store_true", help="be Teams, for the process that started this")
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    configure_logging("error")
    if given.be_teams:
        asyncio.run(be_teams(given.rate, given.seconds))
    else:
        asyncio.run(main(given.rate, given.seconds))
