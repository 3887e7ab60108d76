"""The contracts of `channels.testing` over email: customers who write mails, and a mailbox as a desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from channels.notes import left_out
from channels.recording import Customer, RecordingChannel
from channels.testing import ChannelContract, ChannelContractOverTime, DeskContract, DeskContractOverTime
from core.ids import CaseId
from core.messages import Author
from tests.contract import mail, mail_desk
from tests.contract.mail import MailKit
from tests.contract.mail_desk import MailDeskKit, MailHand
from tests.contract.programs import Clock, Programs
from tests.fakes.smtp_server import SmtpServer


@asynccontextmanager
async def mailing(
    programs: Programs, contract: type[ChannelContract | ChannelContractOverTime]
) -> AsyncIterator[MailKit]:
    """Run the program with a support mailbox."""
    async with SmtpServer() as server:
        clock = Clock(contract.STARTS.timestamp())
        async with programs.running(clock=clock, **contract.SETTINGS, **mail.settings(server)) as program:
            yield MailKit(program, server)


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
