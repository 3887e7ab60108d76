"""The contract of `channels.testing` for customers in Slack, over Socket Mode and over signed HTTP posts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from channels.testing import ChannelContract, ChannelContractOverTime
from tests.contract import slack
from tests.contract.programs import Clock, Programs
from tests.contract.slack import SlackKit
from tests.fakes.slack_server import SlackServer


@asynccontextmanager
async def in_slack(
    programs: Programs, contract: type[ChannelContract | ChannelContractOverTime], *, by_http: bool = False
) -> AsyncIterator[SlackKit]:
    """Run the program in a workspace."""
    clock = Clock(contract.STARTS.timestamp())
    async with SlackServer(clock=clock) as server:
        settings = slack.settings_over_http(server) if by_http else slack.settings(server)
        async with programs.running(clock=clock, **contract.SETTINGS, **settings) as program:
            kit = SlackKit(program, server)
            server.lines.post_to = "the program" if by_http else ""
            kit.tell()
            yield kit


class TestSlack(ChannelContract):
    """Customers in direct messages."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[SlackKit]:
        """One program for all of these tests."""
        async with in_slack(programs, ChannelContract) as kit:
            yield kit


class TestSlackOverTime(ChannelContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[SlackKit]:
        """A program for each test."""
        async with in_slack(programs, ChannelContractOverTime) as kit:
            yield kit


class TestSlackOverHttpOverTime(ChannelContractOverTime):
    """The same, where Slack posts to the program."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[SlackKit]:
        """A program for each test."""
        async with in_slack(programs, ChannelContractOverTime, by_http=True) as kit:
            yield kit
