"""The contract of `channels.testing` for customers in Microsoft Teams, over signed posts and the Connector."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from channels.testing import ChannelContract, ChannelContractOverTime
from tests.contract import teams
from tests.contract.programs import Clock, Programs
from tests.contract.teams import TeamsKit
from tests.fakes.teams_server import TeamsServer


@asynccontextmanager
async def in_teams(
    programs: Programs, contract: type[ChannelContract | ChannelContractOverTime]
) -> AsyncIterator[TeamsKit]:
    """Run the program in an organisation."""
    clock = Clock(contract.STARTS.timestamp())
    async with TeamsServer() as server:
        teams.tune(server)
        async with programs.running(clock=clock, **contract.SETTINGS, **teams.settings(server)) as program:
            yield TeamsKit(program, server)


class TestTeams(ChannelContract):
    """Customers in personal chats."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[TeamsKit]:
        """One program for all of these tests."""
        async with in_teams(programs, ChannelContract) as kit:
            yield kit


class TestTeamsOverTime(ChannelContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[TeamsKit]:
        """A program for each test."""
        async with in_teams(programs, ChannelContractOverTime) as kit:
            yield kit
