"""What time brings about at the desk, over a real store: reminders, cases left alone, cards due again, the digest."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.sweeps import Sweeps
from core.bell import Bell
from core.delivery import DeliveryState, Part, PartKind
from core.events import Outcome, RunResult
from core.hours import Hours
from core.ids import CaseId, OperatorId
from core.messages import DeskAction, DeskEvent
from core.policy import Policy
from core.store import schema
from core.store.engine import Database, sqlite_url
from core.store.inbox import Inbox
from core.store.migrations import migrate
from core.store.store import Store
from core.thread import DESK
from tests.contract.scene import Scene
from tests.support import ManualClock

MINUTE, DAY = 60.0, 86_400.0
FRIDAY = datetime(2027, 1, 15, 16, 55, tzinfo=UTC).timestamp()  # five minutes before the weekend
OFFICE = Policy(hours=Hours.parse("Mon-Fri 09:00-17:00"), desk="slack:C1", second_desk="slack:C2")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database."""
    made = Database(sqlite_url(tmp_path / "threadline.db"))
    await migrate(made)
    yield made
    await made.close()


class Office:
    """One installation: its store, and as many replicas' sweeps as a test wants."""

    def __init__(self, database: Database, clock: ManualClock, policy: Policy) -> None:
        self.store = Store(database, policy=policy)
        self.clock = clock
        self.policy = policy
        self.scene = Scene(self.store, clock)
        self.replicas = [self.replica(), self.replica()]

    def replica(self) -> Sweeps:
        """Return a replica's sweeps: it remembers nothing of what another one noticed."""
        bell = Bell()
        return Sweeps(self.store, Inbox(self.store, bell, self.clock), bell, self.policy, self.clock)

    async def look(self) -> None:
        """Have every replica look, twice, before any of it is decided; then decide it."""
        for replica in self.replicas * 2:
            await replica.look()
        await self.scene.decide_all()

    async def posted(self, kind: PartKind) -> list[Part]:
        """Deliver all there is and return the parts of `kind`."""
        return [part for part in await self.scene.deliver_parts() if part.kind is kind]

    async def reminders(self) -> list[tuple[str, bool]]:
        """Return the desks reminded now, and whether everyone there."""
        return [(part.desk, part.everyone) for part in await self.posted(PartKind.REMINDER)]

    async def operator(self, name: str = "Ada") -> OperatorId:
        """Return an operator who can sign in."""
        made, _ = await self.store.credentials.add_operator(name, self.clock())
        return made.id

    async def do(self, case: CaseId, action: DeskAction, by: OperatorId, words: str = "") -> None:
        """Have an operator act on `case`."""
        await self.scene.enter(DeskEvent(case, f"{action}-{self.clock()}-{words}", by, "Ada", action, words))


@pytest.fixture
def clock() -> ManualClock:
    """Friday, five minutes before the weekend."""
    return ManualClock(FRIDAY)


@pytest.fixture
def office(database: Database, clock: ManualClock) -> Office:
    """A desk in another channel, with hours."""
    return Office(database, clock, OFFICE)


# Reminders


async def test_an_unclaimed_case_is_called_out_in_opening_time_once_and_again_on_the_second_desk(
    office: Office, clock: ManualClock
) -> None:
    await office.scene.hand_off()
    clock.tick(4 * MINUTE)
    await office.look()
    assert await office.reminders() == []
    clock.tick(2 * DAY)
    await office.look()
    assert await office.reminders() == [], "a weekend is no waiting"
    clock.now = FRIDAY + 2 * DAY + 16 * 3600 + 10 * MINUTE  # Monday, 09:05
    clock.tick(-1)
    await office.look()
    assert await office.reminders() == []
    clock.tick(1)
    await office.look()
    assert await office.reminders() == [("slack:C1", False)], "after ten minutes of opening time"
    clock.tick(10 * MINUTE - 1)
    await office.look()
    assert await office.reminders() == []
    clock.tick(1)
    await office.look()
    assert await office.reminders() == [("slack:C2", True)]
    clock.tick(DAY)
    await office.look()
    assert await office.reminders() == [], "each once"


async def test_a_reminder_names_the_case_and_how_long_it_has_waited(office: Office, clock: ManualClock) -> None:
    await office.scene.hand_off("My brake is broken, a person please")
    clock.now = FRIDAY + 2 * DAY + 16 * 3600 + 10 * MINUTE
    await office.look()
    [reminder] = await office.posted(PartKind.REMINDER)
    assert reminder.text.startswith("Case #1 is unclaimed since 10 min: ")
    assert "brake" in reminder.text


async def test_a_claim_ends_the_wait_for_one_and_begins_that_for_an_answer(office: Office, clock: ManualClock) -> None:
    clock.tick(-6 * 3600)
    ada = await office.operator()
    case = await office.scene.hand_off()
    clock.tick(9 * MINUTE)
    await office.do(case, DeskAction.CLAIM, ada)
    clock.tick(20 * MINUTE)
    await office.look()
    assert await office.reminders() == []
    clock.tick(MINUTE)
    await office.look()
    [reminder] = await office.posted(PartKind.REMINDER)
    assert reminder.text.startswith("Case #1 waits for an answer since 30 min")
    await office.do(case, DeskAction.REPLY, ada, "Here I am")
    clock.tick(2 * 3600)
    await office.look()
    assert await office.reminders() == []
    await office.scene.say("And what now?")
    clock.tick(30 * MINUTE)
    await office.look()
    assert await office.reminders() == [("slack:C1", False)], "a new wait is called out anew"


async def test_a_reminder_that_was_noticed_before_a_claim_is_not_posted_after_it(
    office: Office, clock: ManualClock
) -> None:
    clock.tick(-6 * 3600)
    ada = await office.operator()
    case = await office.scene.hand_off()
    clock.tick(10 * MINUTE)
    claim = DeskEvent(case, "claim", ada, "Ada", DeskAction.CLAIM)
    await office.store.receipts.accept(claim, clock())
    await office.look()
    assert await office.reminders() == []


@pytest.mark.parametrize("second", ["", "slack:C2"])
async def test_after_a_night_off_both_reminders_come_at_once(
    database: Database, clock: ManualClock, second: str
) -> None:
    office = Office(database, clock, Policy(desk="slack:C1", second_desk=second))
    await office.scene.hand_off()
    clock.tick(DAY)
    await office.look()
    assert await office.reminders() == [("slack:C1", False), (second or "slack:C1", True)]


async def test_where_there_is_no_limit_nobody_is_reminded(database: Database, clock: ManualClock) -> None:
    office = Office(database, clock, Policy(unclaimed=0, unanswered=0))
    await office.scene.hand_off()
    clock.tick(30 * DAY)
    await office.look()
    assert await office.reminders() == []


# Operators who are gone


async def test_the_cases_of_a_revoked_operator_come_free(office: Office, clock: ManualClock) -> None:
    ada, ben = await office.operator("Ada"), await office.operator("Ben")
    case = await office.scene.hand_off()
    other = await office.scene.hand_off(session="s_2")
    await office.do(case, DeskAction.CLAIM, ada)
    await office.do(other, DeskAction.CLAIM, ben)
    await office.look()
    assert (await office.store.cases.get(case)).thread.owner.held_by(ada)
    await office.store.credentials.revoke_operator("Ada", clock())
    await office.look()
    found = await office.store.cases.get(case)
    assert found.thread.owner == DESK
    said = [m.text for m in await office.store.cases.messages(found)]
    assert len([text for text in said if "Ada can't sign in any more" in text]) == 1
    assert (await office.store.cases.get(other)).thread.owner.held_by(ben)


async def test_an_operator_who_is_gone_is_noticed_on_every_case_they_come_back_to(
    office: Office, clock: ManualClock
) -> None:
    ada = await office.operator()
    case = await office.scene.hand_off()
    await office.do(case, DeskAction.CLAIM, ada)
    await office.do(case, DeskAction.RESOLVE, ada)
    await office.store.credentials.revoke_operator("Ada", clock())
    await office.scene.say("It broke again")
    assert (await office.store.cases.get(case)).thread.owner.held_by(ada), "it goes to who had it"
    await office.look()
    assert (await office.store.cases.get(case)).thread.owner == DESK, "and from there to who is there"


# Cards


async def test_a_card_that_could_not_be_posted_is_tried_again_every_ten_minutes(
    office: Office, clock: ManualClock
) -> None:
    clock.now = FRIDAY // 600 * 600
    case = await office.scene.hand_off()

    async def cards(state: DeliveryState) -> int:
        sent = await office.scene.deliver_parts((PartKind.CARD, state))
        return len([part for part in sent if part.kind is PartKind.CARD])

    assert await cards(DeliveryState.FAILED) == 1
    await office.look()
    assert await cards(DeliveryState.FAILED) == 1
    clock.tick(599)
    await office.look()
    assert await cards(DeliveryState.FAILED) == 0
    clock.tick(1)
    await office.look()
    assert await cards(DeliveryState.DELIVERED) == 1
    assert (await office.store.cases.get(case)).desk_error == ""
    clock.tick(600)
    await office.look()
    assert await cards(DeliveryState.DELIVERED) == 0, "it is there now"


# What is noticed, is noticed once


async def test_a_replica_that_starts_anew_notices_nothing_twice(office: Office, clock: ManualClock) -> None:
    await office.scene.hand_off()
    clock.tick(3 * DAY)
    await office.look()
    before = len(await office.scene.rows(schema.receipts))
    office.replicas = [office.replica()]
    clock.tick(15)
    await office.look()
    assert len(await office.scene.rows(schema.receipts)) == before


async def test_a_quiet_desk_writes_nothing(office: Office, clock: ManualClock) -> None:
    clock.tick(-6 * 3600)
    case = await office.scene.hand_off()
    ada = await office.operator()
    await office.do(case, DeskAction.CLAIM, ada)
    before = await office.scene.everything()
    for _ in range(5):
        clock.tick(15)
        await office.look()
    assert await office.scene.everything() == before


# The digest


async def test_the_digest_of_the_last_day_is_posted_once_whatever_the_number_of_replicas(
    office: Office, clock: ManualClock
) -> None:
    ada = await office.operator()
    case = await office.scene.hand_off()
    await office.do(case, DeskAction.CLAIM, ada)
    clock.tick(90)
    await office.do(case, DeskAction.REPLY, ada, "Here I am")
    await office.scene.hand_off(session="s_2")
    clock.tick(3600)
    for replica in office.replicas * 2:
        await replica.digest()
    [digest] = await office.posted(PartKind.DIGEST)
    assert digest.desk == "slack:C1"
    assert digest.text.splitlines() == [
        "The desk today",
        "The last 24 hours: 2 opened, 0 resolved, 0 handed back to the assistant.",
        "Now: 2 open, 1 unclaimed, 0 overdue.",
        "The longest wait: 60 min.",
        "First answer by a person after 2 min (median).",
    ]
    clock.tick(DAY)
    await office.replicas[0].digest()
    assert len(await office.posted(PartKind.DIGEST)) == 1


async def test_the_web_desk_shows_its_digest_on_its_page_and_gets_none_posted(
    database: Database, clock: ManualClock
) -> None:
    office = Office(database, clock, Policy())
    await office.replicas[0].digest()
    async with database.reading() as connection:
        assert (await connection.execute(select(schema.deliveries))).all() == []


# The weekly report


async def test_the_weeks_report_is_posted_once_beside_the_digest_of_that_day(
    office: Office, clock: ManualClock
) -> None:
    asked = RunResult(Outcome.DECLINED, "Sorry.", question="Do you deliver to Mars?")
    for session in ("s_1", "s_2"):
        await office.scene.say(asked.question, session)
        await office.scene.finish_run(asked)
    for replica in office.replicas * 2:
        await replica.report()
        await replica.digest()
    report, digest = await office.posted(PartKind.DIGEST)
    assert (report.desk, report.text) == (
        "slack:C1",
        "For the knowledge base\nWhat was asked in the last 7 days and found no article:\n2× Do you deliver to Mars?",
    )
    assert (report.headed[0], digest.headed[0]) == ("For the knowledge base", "The desk today")
    clock.tick(7 * DAY + 1)
    await office.replicas[0].report()
    [report] = await office.posted(PartKind.DIGEST)
    assert "every question found an article" in report.text, "what is older was said before"


async def test_on_the_web_desk_the_page_shows_it(database: Database, clock: ManualClock) -> None:
    office = Office(database, clock, Policy())
    await office.replicas[0].report()
    assert await office.posted(PartKind.DIGEST) == []
