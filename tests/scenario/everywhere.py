"""One program with every door open: the chat page, a support mailbox, a Slack workspace and an organisation's Teams.

`test_hostile` and `test_ways_to_fail` run it with a language model that is scripted, `tests.bench.answers` with one
that takes no time. Customers write and read as those of the contracts do, whatever their channel. No DNS is asked.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

from bot.bootstrap import build
from channels.recording import quiet
from channels.testing import CustomerHand, Shown
from core.agent.owned import from_tool
from core.tools import Tool
from kb.embed import Embedder
from tests.conftest import serving
from tests.contract import mail, slack, teams
from tests.contract.mail import MailKit
from tests.contract.programs import Clock, Program
from tests.contract.slack import SlackKit
from tests.contract.teams import TeamsKit
from tests.contract.test_channels import WebKit
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.slack_events import Lines
from tests.fakes.slack_server import SlackServer
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.teams_server import TeamsServer
from tests.scenario.mailing import nothing_known
from tests.support import Operator, plain_settings

Door = Literal["web", "email", "slack", "teams"]
DOORS: tuple[Door, ...] = ("web", "email", "slack", "teams")


class Everywhere(Program):
    """The program, and the platforms around it. One of the two rooms may be its desk; otherwise that is on the web."""

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        clock: Clock,
        platforms: tuple[SmtpServer, SlackServer, TeamsServer],
        *,
        desk: Literal["web", "slack", "teams"] = "web",
        **settings: Any,
    ) -> None:
        self.smtp, self.slack, self.teams = platforms
        teams.tune(self.teams)
        self.slack_desk = self.slack.channel("support-desk", kind="group")
        self.teams_desk = self.teams.team("Larkfield").channel("Support desk")
        self.teams.hears_all = desk == "teams"
        desks = {"web": "web", "slack": f"slack:{self.slack_desk.id}", "teams": f"teams:{self.teams_desk.id}"}
        there = {**mail.settings(self.smtp), **slack.settings(self.slack), **teams.settings(self.teams)}
        super().__init__(folder, embedder, clock, {**there, "desk": desks[desk], **settings})
        self.operator: Operator
        self._kits: dict[Door, WebKit | MailKit | SlackKit | TeamsKit]
        self._numbers = count(1)

    async def start(self) -> None:
        """Start it; returns once all platforms can reach it."""
        settings = plain_settings(self._home.path, **self._settings)
        threadline = build(settings, self._home, clock=self.clock, embedder=self._embedder, lookup=nothing_known)
        self.client = await self._stack.enter_async_context(serving(threadline))
        self.operator = await self.client.operator(f"Reader {next(self._numbers)}")
        page = WebKit(self)
        self._stack.push_async_callback(page.close)
        self._kits = {
            "web": page,
            "email": MailKit(self, self.smtp),
            "slack": SlackKit(self, self.slack),
            "teams": TeamsKit(self, self.teams),
        }
        await self.slack.lines.connected()

    async def customer(self, door: Door, name: str = "") -> CustomerHand:
        """Return a new customer, who has not written yet."""
        return await self._kits[door].customer(name or f"Kim {next(self._numbers)}")

    async def answers(self, customer: CustomerHand, text: str) -> list[Shown]:
        """Have a customer write `text`; return what they read after it, once nothing more is to come."""
        before = len(await customer.reads())
        await customer.says(text)
        await quiet(self.store)
        return (await customer.reads())[before:]

    async def cases(self, customer: CustomerHand) -> list[dict[str, Any]]:
        """Return the cases of a customer's conversation in full, as an operator sees them."""
        mine = [case.id for case in await self.store.cases.find("all") if case.thread.key == customer.key]
        return [await self.operator.case(case) for case in mine]

    def owns(self, *tools: Tool) -> None:
        """Have these be all of the owner's tools from now on."""
        object.__setattr__(self.threadline.assistant.toolbox, "own", tuple(from_tool(one) for one in tools))


@asynccontextmanager
async def everywhere(
    folder: Path, embedder: Embedder, model: FakeOpenAI, *, shelf: Path | None = None, **more: Any
) -> AsyncIterator[Everywhere]:
    """Run it in `folder` with that language model.

    It knows the articles in the HOME `shelf`, or reads the sample by and by. `more`: its desk, and settings.
    """
    if shelf:
        shutil.copytree(shelf, folder)
    named = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    clock, lines = Clock(), Lines(again_after=(0.0, 0.05, 0.2))
    async with (
        SmtpServer() as smtp,
        SlackServer(clock=clock, lines=lines) as slack_,
        TeamsServer(clock=clock) as teams_,
    ):
        program = Everywhere(folder, embedder, clock, (smtp, slack_, teams_), **{**named, **more})
        await program.start()
        try:
            yield program
        finally:
            await program.stop()
