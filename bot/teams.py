"""Wires Microsoft Teams: the channel for customers, the desks in Teams, and the door that activities come in by."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.platforms import Parts
from bot.settings import Settings
from channels.base import Desk
from channels.teams.adapter import Adapter
from channels.teams.api import Api, Session
from channels.teams.channel import TeamsChannel
from channels.teams.desk.channel import TeamsDesk
from channels.teams.desk.chosen import ChosenDesk
from channels.teams.desk.operators import Operators
from channels.teams.door import TeamsDoor
from channels.teams.names import CHANNEL
from channels.teams.tokens import AppToken, Keys, ServiceAddresses, Verifier
from core.errors import SetupError

SERVICE = "https://smba.trafficmanager.net/teams/"
"""Where Teams is spoken to before a conversation has named its own address (msteams-docs, proactive messages)."""


_NO_DESK = "no channel is the desk yet: threadline teams-desk"


@dataclass(slots=True)
class Teams:
    """Microsoft Teams, wired."""

    api: Api
    channel: TeamsChannel
    desks: Mapping[str, Desk]
    door: TeamsDoor
    lacks: str = ""

    @property
    def line(self) -> str:
        """What the start prints of it."""
        return f"Teams       {self.door.path}{f'  ({self.lacks})' if self.lacks else ''}"

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where Teams posts to."""
        return self.door.routes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take activities in while this is open: they come by the HTTP server."""
        chosen = self.door.chosen
        self.lacks = _NO_DESK if chosen and await chosen.place() is None else ""
        try:
            yield
        finally:
            await self.door.close()

    async def close(self) -> None:
        """Close the connections to Teams."""
        await self.api.close()


def make_teams(parts: Parts) -> Teams:
    """Return Teams for these settings. Raises `SetupError`."""
    settings = parts.settings
    if settings.teams_dev and settings.is_exposed:
        raise SetupError("TEAMS_DEV=1 checks nobody: it works on this machine alone. Leave HTTP_HOST at 127.0.0.1.")
    api = make_api(settings)
    door = TeamsDoor(api, parts.store, parts.files, parts.inbox, parts.clock, tenants=settings.teams_tenants)
    named = dict.fromkeys((settings.desk, settings.second_desk))
    door.desks = {
        place: _desk(place, parts, api)
        for place in (name.removeprefix(f"{CHANNEL}:") for name in named if name.startswith(f"{CHANNEL}:"))
    }
    door.chosen = _chosen(parts, api) if CHANNEL in named else None
    desks: list[TeamsDesk | ChosenDesk] = [*door.desks.values(), *([door.chosen] if door.chosen else [])]
    channel = TeamsChannel(
        api, parts.clock, own=settings.teams_own_tenant, stream_apart=settings.teams_seconds_apart * 4
    )
    return Teams(api, channel, {desk.name: desk for desk in desks}, door)


def make_api(settings: Settings) -> Api:
    """Return our way to speak in Teams."""
    session = Session()
    services = ServiceAddresses(settings.teams_service_urls)
    verifier = (
        None
        if settings.teams_dev
        else Verifier(settings.teams_app_id, settings.teams_tenants, make_keys(settings, session), services)
    )
    token = make_token(settings, session)
    adapter = Adapter(settings.teams_app_id, verifier, token, session)
    return Api(adapter, token, services, session, apart=settings.teams_seconds_apart)


def make_token(settings: Settings, session: Session) -> AppToken:
    """Return the app's own token; with TEAMS_DEV there is none."""
    password = "" if settings.teams_dev else settings.teams_app_password
    return AppToken(settings.teams_app_id, password, settings.teams_own_tenant, session, settings.teams_login_url)


def make_keys(settings: Settings, session: Session) -> Keys:
    """Return the keys of Teams' tokens."""

    async def fetch(url: str) -> Mapping[str, object]:
        async with session().get(url) as answer:
            answer.raise_for_status()
            return dict(await answer.json(content_type=None))

    return Keys(settings.teams_openid_url, fetch)


def service_of(settings: Settings) -> str:
    """Return Teams' address for what begins with us."""
    return next(iter(settings.teams_service_urls), SERVICE)


def _desk(place: str, parts: Parts, api: Api, name: str = "") -> TeamsDesk:
    settings = parts.settings
    return TeamsDesk(
        parts.store,
        parts.files,
        parts.inbox,
        api,
        place,
        service_of(settings),
        settings.teams_tenants,
        parts.clock,
        settings.policy,
        name=name,
        bot=f"28:{settings.teams_app_id}" if settings.teams_app_id else "",
        web_desk=f"{settings.public_url.rstrip('/')}/desk" if settings.public_url else "",
    )


def _chosen(parts: Parts, api: Api) -> ChosenDesk:
    """Return the desk whose place people of our own organisation choose."""
    own = Operators(parts.store, api, parts.settings.teams_tenants[:1], parts.clock)
    return ChosenDesk(
        parts.store, parts.inbox, own, lambda place: _desk(place, parts, api, name=ChosenDesk.name), parts.clock
    )
