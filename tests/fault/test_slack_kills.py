"""The program is killed (-9) at the commits on the way of a Slack message, while people write to it over Socket Mode.

Slack brings again what was not told 'ok', and drops no copies: so what may or may not have been posted is never posted
again, and operators read 'unknown' there. In the end every question is stored once, and every answer stands once, or is
of unknown fate.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from channels.slack.names import Place
from core import wording
from core.messages import Author
from core.store.engine import Database, sqlite_url
from core.store.store import Store
from core.wording import Line
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.slack_events import Lines
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import BOT_USER, TEAM, Read
from tests.fault.test_kills import (
    A_PERSON,
    ANSWER,
    LONGEST,
    QUESTIONS,
    Installation,
    answering,
    installation,
    nothing_waits,
)
from tests.support import until

FAULTS = (
    "before:receipts.accept*2",
    "after:receipts.accept",
    "after:runs.spoken",
    "after:deliveries.claim*5",
    "before:deliveries.finish",
)
"""Where the process dies, and at which turn after its start. `test_kills` tries the commits that all channels share."""
PEOPLE = 3  # who write at the same time
CHAINS = 2  # installations that are killed side by side
PATIENCE = 5.0  # seconds that somebody waits for an answer before they ask something else
OPERATOR = "operator-token-of-the-owner-for-these-tests"


@dataclass
class Asked:
    """One question, and where it stands in Slack."""

    channel: str
    ts: str
    text: str


class Crowd:
    """People who ask one thing after the other, in direct messages and in a channel, until there is enough."""

    def __init__(self, slack: SlackServer) -> None:
        self._slack = slack
        self._room = slack.channel("shop")
        self.asked: list[Asked] = []
        self.enough = False

    async def ask_on(self, person: Person) -> None:
        """Ask until there is enough; every fourth time for a person."""
        self._room.members.append(person.id)
        number = 0
        while not self.enough:
            text = (*QUESTIONS, A_PERSON)[number % 4]
            public = number % 2 == 1
            number += 1
            done = await person.writes(self._room.id if public else person.dm, text, mention=public)
            assert done.ok, "Slack gave it up"
            asked = Asked(self._room.id if public else person.dm, done.ts, text)
            self.asked.append(asked)
            with suppress(TimeoutError):
                await until(lambda asked=asked: self._answered(asked), PATIENCE)

    async def _answered(self, asked: Asked) -> bool:
        ends = (ANSWER[-1], wording.text(Line.HANDED_OFF_ASKED))
        return self.enough or any(end in post.text for post in self.read(asked) for end in ends)

    def read(self, asked: Asked) -> list[Read]:
        """Return what the app has posted below a question."""
        posts = self._slack.workspace.reads(asked.channel, asked.ts)
        return [post for post in posts if post.user == BOT_USER]


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


async def test_kills_on_the_way_of_slack_messages_lose_none_and_post_nothing_twice(tmp_path: Path) -> None:
    chains = (_chain(tmp_path / f"chain-{n}", FAULTS[n::CHAINS]) for n in range(CHAINS))
    assert sum(await asyncio.gather(*chains)) == len(FAULTS)


async def _chain(folder: Path, faults: Sequence[str]) -> int:
    lines = Lines(patience=LONGEST, again_after=(0.0,) * len(faults))
    async with (
        SlackServer(lines=lines) as slack,
        FakeOpenAI(otherwise=answering) as model,
        aiohttp.ClientSession() as http,
    ):
        settings = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": f"{slack.url}/api/",
            "SLACK_SECONDS_APART": "0.01",
            "OPERATOR_TOKEN": OPERATOR,
        }
        async with installation(folder, model.base_url, **settings) as place:
            crowd = Crowd(slack)
            asking = [asyncio.create_task(crowd.ask_on(slack.person(f"P{n}"))) for n in range(PEOPLE)]
            try:
                await place.die(faults)
                await place.start()
                crowd.enough = True
                async with asyncio.timeout(LONGEST):
                    await asyncio.gather(*asking)
                    await nothing_waits(http, place)
                shown = await _shown_at_the_desk(http, place)
            finally:
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
            streams = [p.text for room in slack.workspace.rooms.values() for p in room.posts if p.streams_until > 0]
        # begun, and killed before anybody could write down which post that was: Slack ends such a one by itself
        assert set(streams) <= {ANSWER[0].strip()}, "no other answer is left open"
        await _every_question_has_one_answer(place, crowd, shown)
    return place.kills


async def _shown_at_the_desk(http: aiohttp.ClientSession, place: Installation) -> dict[str, str]:
    """Return what operators read of the fate of each line of ours, by the message's id."""
    headers = {"Authorization": f"Bearer {OPERATOR}"}

    async def get(path: str) -> Any:
        async with http.get(f"{await place.url()}/api/v1/desk/cases{path}", headers=headers) as response:
            assert response.status == 200
            return await response.json()

    cases = [await get(f"/{case['id']}") for case in (await get("?state=all"))["cases"]]
    return {said["id"]: str(said["delivery"]) for case in cases for said in case["messages"]}


async def _every_question_has_one_answer(place: Installation, crowd: Crowd, shown: dict[str, str]) -> None:
    store = Store(Database(sqlite_url(place.folder / "home" / "threadline.db")))
    once = unknown = 0
    for asked in crowd.asked:
        thread = await store.find_thread(Place(asked.channel, asked.ts).key(TEAM))
        assert thread, f"lost: {asked}"
        said = await store.messages(thread.id)
        assert [one.text for one in said if one.author is Author.CUSTOMER] == [asked.text]
        [answer] = [one for one in said if one.author in {Author.BOT, Author.SYSTEM}]
        posts = crowd.read(asked)
        stands = sum(_letters(answer.text) in _letters(post.text) for post in posts)  # a beginning may stand beside it
        [fate] = {part.state.value for part in (await store.deliveries.of_messages(thread.id))[answer.id]}
        assert stands <= 1, f"posted {stands} times: {posts}"
        assert fate in {"delivered", "unknown"}, f"{fate}: {asked}"
        assert stands == 1 or fate == "unknown", f"never answered: {answer.text} {posts}"
        assert shown.get(answer.id, fate) == fate
        once, unknown = once + stands, unknown + (fate == "unknown")
    await store.close()
    print(f"kills {place.kills}, questions {len(crowd.asked)}, stand once {once}, of unknown fate {unknown}")
    assert len(crowd.asked) >= PEOPLE
