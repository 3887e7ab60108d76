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
from channels.teams import names
from core.ids import ThreadKey
from tests.bench.crowd import AT_ONCE, RATE, SECONDS, Platform, another, be_asked, heading, load, loaded, measure
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

    async def writes(self) -> Delivery:
        """Let the next of them write; return what the app is to be told."""
        person: Person = self._people[self._next % PEOPLE]
        said = self._said[person.chat.id]
        words = f"{WORDS[len(said) % len(WORDS)]}"
        done = await person.writes(person.chat, words, tell=False)
        said.append(words)
        self._next += 1
        [told] = done.deliveries
        return told

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


async def be_teams(rate: int, seconds: float) -> None:
    """Be Teams for one app, whose address the line with 'load' names."""
    async with TeamsServer() as teams:
        wire.tune(teams)
        teams.lines.again_after = ()
        crowd = Crowd(teams)

        async def answer(line: str) -> Any:
            if line == "answers":
                return crowd.answers()
            teams.post_to = line.removeprefix("load ")
            return await load(crowd.writes, teams.lines.deliver, rate, seconds)

        await be_asked(wire.settings(teams), answer)


# The process with the apps


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
async def threadline(teams: Platform, folder: Path) -> AsyncIterator[tuple[Threadline, str]]:
    """Run the whole program on an empty HOME; yields it and its address."""
    settings = plain_settings(folder, **{**teams.about, "teams_seconds_apart": 0.0})
    made = build(settings, Home(folder))
    async with serving(made) as client:
        await settle(made)
        yield made, f"{client.url}/api/messages"


def key(chat: dict[str, Any]) -> ThreadKey:
    """Return the thread of a chat."""
    return names.key(TENANT, chat["chat"])


async def main(rate: int = RATE, seconds: float = SECONDS) -> None:
    """Measure both in one run, and print the figures."""
    words = ["tests.bench.teams", "--be-teams", "--rate", str(rate), "--seconds", str(seconds)]
    print(f"{rate} Teams activities a second for {seconds:g} s, {AT_ONCE} at once")
    print(heading("activities"))
    async with another(*words) as teams, empty_bot() as address:
        await loaded("empty CloudAdapter", teams.ask(f"load {address}"))
    with TemporaryDirectory() as name:
        async with another(*words) as teams, threadline(teams, Path(name)) as (made, address):
            told = teams.ask(f"load {address}")
            await measure(made, told, lambda: teams.ask("answers"), key, goal=GOAL, seconds=seconds)


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
