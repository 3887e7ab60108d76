"""Who people in Slack are: their names and what they are in the workspace, asked once an hour for each."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from channels.slack.api import Api
from core.errors import ThreadlineError

log = structlog.get_logger()

_KEPT = 3600.0  # seconds
_AWAY = 30.0  # seconds after which a name that was not to be had is asked for again
_MOST = 10_000
_PATIENCE = 1.0  # seconds: Slack waits for three until it sends the event again


@dataclass(frozen=True, slots=True)
class Profile:
    """A member as the workspace shows them; `is_member`: a full member of it, no guest, bot or outsider."""

    name: str = ""
    team: str = ""
    is_member: bool = False
    is_guest: bool = False


UNKNOWN = Profile()


class People:
    """The profiles of those who wrote lately."""

    def __init__(self, api: Api, team: Callable[[], str]) -> None:
        """`team` gives our own workspace's id, which Slack says once we are connected."""
        self._api = api
        self._team = team
        self._known: dict[str, tuple[Profile, float]] = {}

    async def profile(self, user: str) -> Profile:
        """Return who `user` is, `UNKNOWN` if Slack does not say so within a second."""
        profile, until = self._known.get(user, (UNKNOWN, 0.0))
        if time.monotonic() < until:
            return profile
        try:
            async with asyncio.timeout(_PATIENCE):
                found = _read((await self._api.call("users.info", user=user)).get("user") or {}, self._team())
            kept = _KEPT
        except (ThreadlineError, TimeoutError) as away:
            log.info("slack_profile_unknown", user=user, why=str(away) or "no answer in time")
            found, kept = profile, _AWAY  # what was known an hour ago is better than nothing
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[user] = (found, time.monotonic() + kept)
        return found

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """Return the names of `users` that are known or quickly found."""
        return {user: (await self.profile(user)).name for user in list(users)[:10]}


def _read(user: dict[str, object], own: str) -> Profile:
    profile = user.get("profile")
    names = profile if isinstance(profile, dict) else {}
    name = names.get("display_name") or names.get("real_name") or user.get("real_name") or user.get("name") or ""
    team = str(user.get("team_id") or "")
    guest = bool(user.get("is_restricted") or user.get("is_ultra_restricted"))
    outside = bool(user.get("is_stranger")) or (bool(team) and team != own)
    gone = bool(user.get("is_bot") or user.get("deleted"))
    return Profile(" ".join(str(name).split())[:80], team, not (guest or outside or gone), guest and not outside)
