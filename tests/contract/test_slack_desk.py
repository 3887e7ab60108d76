"""The contracts of `channels.testing` over a Slack channel as a desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from channels.recording import RecordingChannel
from channels.testing import DeskContract, DeskContractOverTime
from tests.contract.programs import Programs
from tests.contract.slack_desk import SlackDeskKit, settings
from tests.fakes.slack_server import SlackServer


@asynccontextmanager
async def desk(programs: Programs) -> AsyncIterator[SlackDeskKit]:
    """Run the program with a Slack channel as its desk."""
    channel = RecordingChannel()
    async with SlackServer() as slack:
        room = slack.channel("support-desk", kind="group")
        async with programs.running(channels=[channel], **settings(slack, room)) as program:
            await slack.lines.connected()
            yield SlackDeskKit(program, channel, slack, room)


class TestASlackChannelAsADesk(DeskContract):
    """Operators who work in a Slack channel."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[SlackDeskKit]:
        """One program for all of these tests."""
        async with desk(programs) as kit:
            yield kit


class TestASlackChannelAsADeskOverTime(DeskContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[SlackDeskKit]:
        """A program for each test."""
        async with desk(programs) as kit:
            yield kit
