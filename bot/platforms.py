"""The platforms customers and operators are on, beside the web: those that are configured, wired alike.

`bootstrap` asks for them. Each has a channel, maybe desks, routes where it is posted to, and doors that open and close.
The libraries of a platform that is not configured are never loaded.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from bot.home import Home
from bot.settings import Settings
from channels.base import Channel, Desk
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store

if TYPE_CHECKING:
    from bot.mail import Email
    from bot.slack import Slack
    from bot.teams import Teams
    from channels.email.senders.resolver import Lookup


class Platform(Protocol):
    """One platform, wired."""

    @property
    def channel(self) -> Channel:
        """What sends to its customers."""
        ...

    @property
    def desks(self) -> Mapping[str, Desk]:
        """Its desks, by their names in the settings."""
        ...

    @property
    def line(self) -> str:
        """What the start prints of it: its name, and where it is."""
        ...

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it posts to."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Take in what happens there while this is open."""
        ...

    async def close(self) -> None:
        """Close its connections; nothing is sent any more."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What every platform is made from. `prompts`: questions to offer where the owner names none."""

    settings: Settings
    home: Home
    store: Store
    files: Files
    inbox: Inbox
    clock: Clock
    prompts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Platforms:
    """Those that are configured; the others are None."""

    email: "Email | None" = None
    slack: "Slack | None" = None
    teams: "Teams | None" = None

    def __iter__(self) -> Iterator[Platform]:
        yield from (one for one in (self.email, self.slack, self.teams) if one)

    @property
    def desks(self) -> dict[str, Desk]:
        """All their desks."""
        return {name: desk for one in self for name, desk in one.desks.items()}

    def routes(self) -> list[web.RouteDef]:
        """Return where they post to."""
        return [route for one in self for route in one.routes()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take in what happens on all of them while this is open."""
        async with AsyncExitStack() as doors:
            for one in self:
                await doors.enter_async_context(one.running())
            yield

    async def close(self) -> None:
        """Close all their connections."""
        for one in self:
            await one.close()


def make_platforms(parts: Parts, lookup: "Lookup | None" = None) -> Platforms:
    """Return the configured platforms; `lookup` asks the DNS about mails' senders. Raises `SetupError`."""
    return Platforms(_email(parts, lookup), _slack(parts), _teams(parts))


def _email(parts: Parts, lookup: "Lookup | None") -> "Email | None":
    if not parts.settings.email_address:
        return None
    from bot.mail import make_email

    return make_email(parts, lookup)


def _slack(parts: Parts) -> "Slack | None":
    if not parts.settings.slack_bot_token:
        return None
    from bot.slack import make_slack

    return make_slack(parts)


def _teams(parts: Parts) -> "Teams | None":
    if not (parts.settings.teams_app_id or parts.settings.teams_dev):
        return None
    from bot.teams import make_teams

    return make_teams(parts)
