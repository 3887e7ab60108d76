"""What the doctor looks at of Microsoft Teams: the app's sign-in, the keys, the way in, the desks' conversations.

Called by `bot.doctor`. Nothing is sent, and all of it takes seconds at most, whatever Microsoft does.
"""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from bot.bootstrap import open_database
from bot.check import Check
from bot.home import Home
from bot.settings import Settings
from bot.teams import make_api, make_keys, make_token, service_of
from channels.teams.api import Api, Session
from channels.teams.desk.chosen import NEXT_STEP
from channels.teams.door import PATH
from channels.teams.names import CHANNEL, channel_of
from channels.teams.parse import Place, Scope
from core.errors import TemporaryError, ThreadlineError
from core.store.desks import Desks
from core.store.migrations import current, newest

_SECONDS = 15.0
_REGISTRATION = (
    "In the Azure portal, App registrations: copy the application id and the directory (tenant) id, and make a new "
    "client secret under 'Certificates & secrets'."
)


async def examine_teams(settings: Settings, *, seconds: float = _SECONDS) -> AsyncIterator[Check]:
    """Yield one check for each thing that Teams needs, all of them within `seconds`."""
    if settings.teams_dev:
        yield Check("teams", "ok", "TEAMS_DEV: nothing is checked; for the Playground on this machine")
        async for name, desk in _desks(settings):
            if desk is None:
                yield _unchosen(name)
        return
    session, until = Session(), asyncio.get_running_loop().time() + seconds
    api = make_api(settings)
    try:
        yield await _sign_in(settings, session, until)
        yield await _keys(settings, session, until)
        yield _door(settings)
        async for name, desk in _desks(settings):
            yield await _desk(settings, api, name, desk, until) if desk is not None else _unchosen(name)
    finally:
        await session.close()
        await api.close()


async def _sign_in(settings: Settings, session: Session, until: float) -> Check:
    try:
        async with asyncio.timeout_at(until):
            await make_token(settings, session).get()
    except (ThreadlineError, TimeoutError) as error:
        return Check("teams", "broken", str(error) or "Microsoft's sign-in gave no answer in time.", _REGISTRATION)
    tenants = settings.teams_tenants
    more = f", and {len(tenants) - 1} more" if len(tenants) > 1 else ""
    return Check("teams", "ok", f"the app signs in; it serves the organisation {tenants[0]}{more}")


async def _keys(settings: Settings, session: Session, until: float) -> Check:
    try:
        async with asyncio.timeout_at(until):
            found = await make_keys(settings, session).look()
    except (ThreadlineError, TimeoutError) as error:
        host = urlsplit(settings.teams_openid_url).netloc
        return Check("teams keys", "broken", str(error) or "no answer in time", f"Check that {host} can be reached.")
    return Check("teams keys", "ok", f"{found} keys that Teams may sign with")


def _door(settings: Settings) -> Check:
    """Microsoft posts to https addresses alone."""
    fix = "Set PUBLIC_URL to the https address that leads here."
    if not settings.public_url:
        return Check("teams door", "broken", "Teams posts to PUBLIC_URL, which is not set", fix)
    if urlsplit(settings.public_url).scheme != "https":
        return Check("teams door", "broken", f"Teams posts to https addresses alone, not to {settings.public_url}", fix)
    told = "Name that address in the Azure Bot: Configuration, Messaging endpoint."
    return Check("teams door", "ok", f"Teams posts to {settings.public_url.rstrip('/')}{PATH}", told)


async def _desks(settings: Settings) -> AsyncIterator[tuple[str, str | None]]:
    """Yield the names of the checks of desks in Teams, each with the desk's conversation; None if none is chosen."""
    for name, desk in (("teams desk", settings.desk), ("teams second desk", settings.second_desk)):
        if desk == CHANNEL:
            yield name, await _chosen(settings)
        elif desk.startswith(f"{CHANNEL}:"):
            yield name, desk.removeprefix(f"{CHANNEL}:")


async def _chosen(settings: Settings) -> str | None:
    """Return what the database says; what is wrong with that itself is told by another check."""
    database = open_database(settings, Home(settings.threadline_home))
    try:
        place = await Desks(database).place(CHANNEL) if await current(database) == newest() else None
    except ThreadlineError:
        return None
    finally:
        await database.close()
    return place.name if place else None


def _unchosen(name: str) -> Check:
    return Check(name, "broken", "no channel has been chosen as the desk yet", NEXT_STEP)


async def _desk(settings: Settings, api: Api, name: str, desk: str, until: float) -> Check:
    fix = "Add the app to the team of that channel. Write '@Threadline desk' in the channel to read its name."
    where = Place(service_of(settings), channel_of(desk), Scope.CHANNEL, f"28:{settings.teams_app_id}", "")
    try:
        async with asyncio.timeout_at(until):
            members = await api.members(where)
    except TemporaryError as away:
        return Check(name, "broken", str(away), "Run the doctor again in a minute.")
    except (ThreadlineError, TimeoutError) as error:
        return Check(name, "broken", str(error) or "Teams gave no answer in time.", fix)
    return Check(name, "ok", f"the app is there, with {len(members)}{'' if len(members) < 50 else ' or more'} people")
