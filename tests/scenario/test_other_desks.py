"""A desk beside the web desk: when it can't be reached, what the second one hears, and the day's digest.

And desks on another platform than their customers, whose files have to be fetched from there.
"""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.bootstrap import build
from bot.home import Home
from channels.recording import RecordingDesk
from core.errors import PermanentError, SetupError, TemporaryError
from core.messages import Author
from kb.embed import Embedder
from tests.conftest import serving
from tests.contract import slack as wire
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import Read
from tests.fakes.smtp_server import SmtpServer
from tests.scenario.chatting import A_PERSON, WITHIN
from tests.scenario.chatting import Clock as Chatting
from tests.scenario.mailing import Came, House, letter, mail_settings
from tests.scenario.slacking import Desk, Office
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


# Desks on another platform than their customers


LABEL = ("label.pdf", b"%PDF-1.7 label")
DORA = "dora@customers.example"
TEAM = "team@larkfield.example"


class Both:
    """The program with a support mailbox and a Slack workspace, in whose desk Ada works."""

    def __init__(self, running: Office, server: SmtpServer) -> None:
        self.mail = House(running.client, server, running.clock)
        self.slack = running
        self.desk = running.desk
        self.ada = running.desk.member("Ada")

    async def claimed(self) -> Read:
        """Have Dora ask for a person by mail, and Ada take her case; returns its card."""
        await self.mail.answer(letter(f"Dora <{DORA}>", A_PERSON))
        dora = self.slack.server.person("Dora")  # whose name the card has
        await self.desk.presses(self.ada, await self.desk.card(dora), "claim")
        card = await self.desk.card(dora, "Held by")
        await self.slack.silence()
        return card

    async def mails(self, address: str, count: int) -> list[Came]:
        """Return what was mailed to somebody, once that are `count`, nothing more is to come, and waits are over."""

        async def arrived() -> bool:
            self.slack.clock.ahead += 3
            return len(self.mail.mails(address)) >= count

        await until(arrived, WITHIN)
        await self.slack.silence()
        return self.mail.mails(address)


@asynccontextmanager
async def both(folder: Path, sample_home: Path, embedder: Embedder, desk: str = "") -> AsyncIterator[Both]:
    """Run the program with both; its desk is `desk`, or a channel in Slack."""
    shutil.copytree(sample_home, folder)
    clock = Chatting()
    async with SmtpServer() as mails, SlackServer(clock=clock) as slack:
        room = slack.channel("support-desk", kind="group")
        where = {"desk": desk or f"slack:{room.id}"}
        running = Office(
            folder, embedder, slack, clock, **{**wire.settings(slack), **mail_settings(mails.port), **where}
        )
        running.desk = Desk(running, room)
        await running.start()
        try:
            yield Both(running, mails)
        finally:
            await running.stop()


@pytest.mark.parametrize("away", [0, 2], ids=["at once", "after Slack was away"])
async def test_a_file_that_an_operator_sends_from_slack_goes_by_mail_with_its_words_and_once(
    tmp_path: Path, sample_home: Path, embedder: Embedder, away: int
) -> None:
    async with both(tmp_path / "home", sample_home, embedder) as house:
        card = await house.claimed()
        if away:
            house.desk.room.teams = ("T2",)  # then Slack is asked where the file is, which can fail
            house.slack.server.fail("files.info", status=503, times=away)
        line = await house.desk.writes(house.ada, card, "Here is your label.", files=[LABEL])
        _, personal = await house.mails(DORA, 2)
        assert "Here is your label." in personal.text
        [file] = personal.mail.attachments
        assert file.content == LABEL[1]
        assert away or file.name == LABEL[0], "Slack told its name"

        async def marked() -> bool:
            return "white_check_mark" in house.desk.post(line.ts).reactions

        await until(marked, WITHIN)


async def test_words_whose_file_slack_does_not_give_go_by_mail_without_it_and_the_desk_is_told(
    tmp_path: Path, sample_home: Path, embedder: Embedder
) -> None:
    async with both(tmp_path / "home", sample_home, embedder) as house:
        card = await house.claimed()
        done = await house.ada.writes(house.desk.room.id, "The label.", thread_ts=card.ts, files=[LABEL], tell=False)
        [file] = house.desk.post(done.ts).files
        house.slack.server.workspace.files[file].deleted = True
        await house.slack.server.tell(done.deliveries)
        _, personal = await house.mails(DORA, 2)
        assert "The label." in personal.text
        assert personal.mail.attachments == ()
        [notice] = [read for read in house.desk.thread(card) if "fate" in dict(read.parts)]
        assert "label.pdf: failed." in notice.text


@pytest.mark.parametrize("gone", [False, True], ids=["kept", "gone"])
async def test_a_case_from_slack_is_mailed_to_the_team_with_its_file_or_without_one_that_slack_does_not_give(
    tmp_path: Path, sample_home: Path, embedder: Embedder, gone: bool
) -> None:
    async with both(tmp_path / "home", sample_home, embedder, desk=f"email:{TEAM}") as house:
        kim: Person = house.slack.server.person("Kim")
        done = await kim.writes(kim.dm, A_PERSON, files=[("bell.txt", b"It is loose.")], tell=False)
        for file in house.slack.server.workspace.files.values():
            file.deleted = gone
        await house.slack.server.tell(done.deliveries)
        [case] = await house.mails(TEAM, 1)
        assert "bell.txt" in case.text
        assert [file.content for file in case.mail.attachments] == ([] if gone else [b"It is loose."])
