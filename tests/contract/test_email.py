"""The contracts of `channels.testing` over email: customers who write mails, and a mailbox as a desk.

And what strangers make long has room in every database: SQLite takes any length, PostgreSQL refuses.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from channels.email import parse
from channels.email.addresses import Addresses
from channels.email.mail import Trust
from channels.email.mime.read import read
from channels.email.visible.reply import written
from channels.notes import left_out
from channels.recording import Customer, RecordingChannel
from channels.testing import ChannelContract, ChannelContractOverTime, DeskContract, DeskContractOverTime
from core.addresses import MAX_MAILBOX
from core.ids import CaseId
from core.messages import Author
from core.store import schema
from core.store.engine import Database
from core.store.store import Store
from tests.contract import mail, mail_desk
from tests.contract.mail import MailKit
from tests.contract.mail_desk import MailDeskKit, MailHand
from tests.contract.programs import Clock, Programs
from tests.contract.scene import Scene
from tests.fakes.smtp_server import SmtpServer
from tests.support import ManualClock

LONGEST = f"{'k' * 64}@{'d' * 60}.{'d' * 56}.example"
assert len(LONGEST) == MAX_MAILBOX


@asynccontextmanager
async def mailing(
    programs: Programs, contract: type[ChannelContract | ChannelContractOverTime]
) -> AsyncIterator[MailKit]:
    """Run the program with a support mailbox."""
    async with SmtpServer() as server:
        clock = Clock(contract.STARTS.timestamp())
        async with programs.running(clock=clock, **contract.SETTINGS, **mail.settings(server)) as program:
            yield MailKit(program, server)


@pytest.mark.parametrize("name", ["", "K" * 250, "\u66f8" * 250], ids=["none", "long", "wide"])
@pytest.mark.parametrize("long", ["", "L" * 900], ids=["", "and all else"])
async def test_the_longest_mail_that_is_answered_has_room(
    database: Database, clock: ManualClock, name: str, long: str
) -> None:
    head = f"From: {name} <{LONGEST}>\r\nSubject: Bell {long}\r\nMessage-ID: <{long}1@shop.example>\r\n"
    mail = read(f"{head}References: <{long}2@shop.example>\r\n\r\nHello {long}".encode())
    addresses, scene = Addresses("support@larkfield.example", b"secret"), Scene(Store(database), clock)
    inbound = parse.message(mail, written(mail), Trust(True, "Known."), addresses, thread=None)
    assert (await scene.enter(inbound)).state == "done"
    [(customer, shown, email)] = await scene.rows(schema.threads, "customer", "customer_name", "email")
    assert (customer, email) == (f"email:{LONGEST}", LONGEST)
    assert shown.rstrip("…") in (name or LONGEST)


class TestEmail(ChannelContract):
    """Customers who write mails."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[MailKit]:
        """One program for all of these tests."""
        async with mailing(programs, ChannelContract) as kit:
            yield kit


class TestEmailOverTime(ChannelContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[MailKit]:
        """A program for each test."""
        async with mailing(programs, ChannelContractOverTime) as kit:
            yield kit


@asynccontextmanager
async def desk(programs: Programs) -> AsyncIterator[MailDeskKit]:
    """Run the program with the team's mailbox as its desk."""
    channel = RecordingChannel()
    async with (
        SmtpServer() as server,
        programs.running(channels=[channel], **mail.settings(server), **mail_desk.settings()) as program,
    ):
        yield MailDeskKit(program, channel, server)


class TestAMailboxAsADesk(DeskContract):
    """Operators who work from their mailboxes."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[MailDeskKit]:
        """One program for all of these tests."""
        async with desk(programs) as kit:
            yield kit

    async def test_files_of_an_operator_above_twenty_are_named_to_them_alone(
        self, kit: MailDeskKit, ada: MailHand, kim: Customer, held: CaseId
    ) -> None:
        mail = await ada.encloses(held, "All of them.", *((f"{number}.txt", b"Bell") for number in range(21)))
        assert left_out(1, 20) in await ada.private_word(mail)
        await kim.gets("All of them.")
        assert all("not kept" not in words for words in kim.reads(Author.OPERATOR))


class TestAMailboxAsADeskOverTime(DeskContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[MailDeskKit]:
        """A program for each test."""
        async with desk(programs) as kit:
            yield kit
