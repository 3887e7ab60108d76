"""The contracts of `channels.testing` over email: customers who write mails, and a mailbox as a desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from channels.testing import ChannelContract, ChannelContractOverTime
from tests.contract import mail
from tests.contract.mail import MailKit
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
