"""A desk beside the web desk: when it can't be reached, what the second one hears, and the day's digest."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.bootstrap import build
from bot.home import Home
from channels.recording import RecordingDesk
from core.errors import PermanentError, SetupError, TemporaryError
from core.messages import Author
from kb.embed import Embedder
from tests.conftest import serving
from tests.support import Client, Operator, plain_settings, until


class Clock:
    """The real time, moved on by `ahead` seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Desks:
    """The program with two desks of its own, and an operator at the web desk."""

    def __init__(
        self, client: Client, ada: Operator, clock: Clock, first: RecordingDesk, second: RecordingDesk
    ) -> None:
        self.client = client
        self.ada = ada
        self.clock = clock
        self.first = first
        self.second = second

    async def hand_over(self) -> str:
        """Have a customer ask for a person; returns the case once the web desk shows it."""
        chat = await self.client.chat()
        await chat.say("I want to talk to a person")
        return str((await until(self.ada.cases))[0]["id"])

    async def later(self, seconds: float) -> None:
        """Let time pass, and the sweeps look."""
        self.clock.ahead += seconds
        await self.client.threadline.sweeps.look()

    async def notes(self, case: str) -> list[str]:
        """Return the notes in the case."""
        return [m["text"] for m in (await self.ada.case(case))["messages"] if m["author"] == Author.NOTE]


@pytest.fixture
async def desks(tmp_path: Path, sample_home: Path, embedder: Embedder) -> AsyncIterator[Desks]:
    """Cases go to the first desk; the second is told what the first leaves waiting."""
    shutil.copytree(sample_home, tmp_path / "home")
    clock, first, second = Clock(), RecordingDesk("recording:first"), RecordingDesk("recording:second")
    settings = plain_settings(tmp_path / "home", desk=first.name, second_desk=second.name)
    both = {desk.name: desk for desk in (first, second)}
    threadline = build(settings, Home(tmp_path / "home"), clock=clock, embedder=embedder, desks=both)
    for desk in both.values():
        desk.connect(threadline.store)
    async with serving(threadline) as client:
        yield Desks(client, await client.operator("Ada"), clock, first, second)


async def test_a_case_whose_desk_is_gone_waits_on_the_web_desk_and_says_so_once(desks: Desks) -> None:
    desks.first.gone = PermanentError("The channel was archived.")
    case = await desks.hand_over()
    assert await until(lambda: desks.notes(case))
    line = (await desks.ada.cases())[0]
    assert "archived" in line["desk_error"]
    notices = (await desks.client.call("GET", "/api/v1/desk/me", token=desks.ada.token)).data["notices"]
    assert "recording:first" in notices[0]["text"]
    assert (await desks.ada.act(case, "claim")).status == 200
    await desks.later(601)
    assert len(await desks.notes(case)) == 1


async def test_a_desk_that_is_back_gets_the_case_with_what_was_said_meanwhile(desks: Desks) -> None:
    desks.first.gone = PermanentError("The channel was archived.")
    case = await desks.hand_over()
    await until(lambda: desks.notes(case))
    desks.first.gone = None
    await desks.later(601)

    async def posted() -> bool:
        return bool(desks.first.threads)

    await until(posted)
    [lines] = desks.first.threads.values()
    assert "I want to talk to a person" in [line.text for line in lines]

    async def told() -> bool:
        return len(await desks.notes(case)) == 2

    await until(told)
    assert (await desks.ada.cases())[0]["desk_error"] == ""


async def test_a_desk_that_is_busy_is_tried_again_and_nobody_is_alarmed(desks: Desks) -> None:
    desks.first.fail.append(TemporaryError("busy", retry_after=0.05))
    case = await desks.hand_over()

    async def posted() -> bool:
        return bool(desks.first.threads)

    await until(posted)
    assert await desks.notes(case) == []


async def test_what_the_first_desk_leaves_waiting_is_told_to_the_second(desks: Desks) -> None:
    await desks.hand_over()

    async def reminded(desk: RecordingDesk) -> bool:
        return bool(desk.reminders)

    await desks.later(11 * 60)
    await until(lambda: reminded(desks.first))
    assert desks.second.reminders == []
    await desks.later(10 * 60)
    await until(lambda: reminded(desks.second))
    text, everyone = desks.second.reminders[0]
    assert everyone
    assert "#1 is unclaimed" in text
    await desks.later(60)
    assert (len(desks.first.reminders), len(desks.second.reminders)) == (1, 1)


async def test_the_digest_is_posted_once_a_day_whatever_the_number_of_replicas(desks: Desks) -> None:
    await desks.hand_over()
    await desks.client.threadline.sweeps.digest()
    await desks.client.threadline.sweeps.digest()

    async def posted() -> bool:
        return bool(desks.first.digests)

    await until(posted)
    [digest] = desks.first.digests
    assert "1 opened" in digest
    assert "1 unclaimed" in digest


async def test_the_metrics_count_open_cases_and_those_not_posted(desks: Desks) -> None:
    desks.first.gone = PermanentError("The channel was archived.")
    case = await desks.hand_over()
    await until(lambda: desks.notes(case))
    page = (await desks.client.call("GET", "/metrics")).data
    assert 'threadline_cases{state="unclaimed"} 1.0' in page
    assert "threadline_cases_not_posted 1.0" in page


def test_a_desk_that_is_not_set_up_ends_the_start_with_a_sentence(tmp_path: Path, embedder: Embedder) -> None:
    settings = plain_settings(tmp_path / "home", desk="slack:C1")
    with pytest.raises(SetupError, match="DESK=slack:C1"):
        build(settings, Home(tmp_path / "home"), embedder=embedder)
