"""100 events a second over Socket Mode: how long Slack waits for our 'ok', beside a Bolt app that does nothing.

`make bench`, or `python -m tests.bench.slack [--seconds 10] [--rate 100] [--echo]` alone. Slack is the fake of `tests`,
in a process of its own; see `crowd` for what comes when. What people write is
small talk (thanks), which the real program answers without searching: what is measured is the way in and out, not the
embedding model. Afterwards every conversation is read: each message there once, in its order, and answered.
Goal: 99 of 100 within 200 ms, each answered once, order kept, memory flat.
"""

import argparse
import asyncio
import re
from collections.abc import AsyncIterator
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
from core.ids import ThreadKey
from tests.bench.crowd import AT_ONCE, RATE, SECONDS, Ack, Platform, another, be_asked, heading, load, loaded, measure
from tests.conftest import serving
from tests.fakes.slack_events import Delivery, Lines
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import BOT_USER, TEAM
from tests.support import plain_settings

GOAL = 200.0  # milliseconds for 99 of 100
PEOPLE = 200
WORDS = ("Thanks!", "Thank you!", "Thx!", "Many thanks!", "Cheers!")
IN_A_THREAD = 3  # of five conversations one has so many messages, the others have one

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

    async def writes(self) -> Delivery:
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
        [told] = done.deliveries
        return told

    def answers(self) -> list[dict[str, Any]]:
        """Return the conversations, each with the number of the app's posts in it."""
        found = []
        for talk in self.talks:
            below = self._slack.workspace.thread(talk.channel, talk.root)
            posts = sum(post.user == BOT_USER for post in below)
            found.append({"channel": talk.channel, "root": talk.root, "said": talk.said, "posts": posts})
        return found


async def be_slack(rate: int, seconds: float, *, echo: bool) -> None:
    """Be Slack for one app."""
    async with SlackServer(lines=Lines(again_after=()), echo=echo) as slack:
        crowd = Crowd(slack)

        async def deliver(delivery: Delivery) -> Ack:
            return await slack.lines.deliver(delivery, first=len(delivery.acks))

        async def answer(line: str) -> Any:
            if line == "answers":
                return crowd.answers()
            await slack.lines.connected(60)
            return await load(crowd.writes, deliver, rate, seconds)

        await be_asked({"url": slack.url, "bot": slack.bot_token, "app": slack.app_token}, answer)


# The process with the apps


@asynccontextmanager
async def empty_bolt(slack: Platform) -> AsyncIterator[None]:
    """Run a Bolt app that takes every event and does nothing."""
    client = AsyncWebClient(slack.about["bot"], f"{slack.about['url']}/api/")
    app = AsyncApp(client=client)

    async def nothing() -> None:
        """Do nothing."""

    app.event(re.compile(".*"))(nothing)
    handler = AsyncSocketModeHandler(app, slack.about["app"])
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def threadline(slack: Platform, folder: Path) -> AsyncIterator[Threadline]:
    """Run the whole program on an empty HOME."""
    settings = plain_settings(
        folder,
        slack_bot_token=slack.about["bot"],
        slack_app_token=slack.about["app"],
        slack_api_url=f"{slack.about['url']}/api/",
        slack_seconds_apart=0.0,
    )
    made = build(settings, Home(folder))
    async with serving(made):
        await settle(made)
        yield made


def key(talk: dict[str, Any]) -> ThreadKey:
    """Return the thread of a conversation."""
    return Place(talk["channel"], talk["root"]).key(TEAM)


async def main(rate: int = RATE, seconds: float = SECONDS, *, echo: bool = False) -> None:
    """Measure both in one run, and print the figures."""
    words = ["tests.bench.slack", "--be-slack", "--rate", str(rate), "--seconds", str(seconds)]
    words += ["--echo"] if echo else []
    print(f"{rate} Slack events a second for {seconds:g} s, {AT_ONCE} at once")
    print(heading("events"))
    async with another(*words) as slack, empty_bolt(slack):
        await loaded("empty Bolt app", slack.ask("load"))
    with TemporaryDirectory() as name:
        async with another(*words) as slack, threadline(slack, Path(name)) as made:
            await measure(made, slack.ask("load"), lambda: slack.ask("answers"), key, goal=GOAL, seconds=seconds)


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
