"""Who people in Slack are: their names and what they are in the workspace, asked once an hour for each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from channels.asked import Asked
from channels.slack.api import Api
from core.addresses import mailbox


@dataclass(frozen=True, slots=True)
class Profile:
    """A member as the workspace shows them; `is_member`: a full member of it, no guest, bot or outsider.

    `email` is an address that Slack had them confirm, of people of our own workspace; '' without `users:read.email`.
    """

    name: str = ""
    team: str = ""
    is_member: bool = False
    is_guest: bool = False
    email: str = ""


UNKNOWN = Profile()
_PATIENCE = 1.0  # seconds: Slack waits for three until it sends the event again


class People:
    """The profiles of those who wrote lately."""

    def __init__(self, api: Api, team: Callable[[], str]) -> None:
        """`team` gives our own workspace's id, which Slack says once we are connected."""
        self._api = api
        self._team = team
        self._asked = Asked("slack_profile_unknown", UNKNOWN, patience=_PATIENCE)

    async def profile(self, user: str) -> Profile:
        """Return who `user` is, `UNKNOWN` if Slack does not say so within a second."""
        return await self._asked.of(user, lambda: self._look(user))

    async def _look(self, user: str) -> Profile:
        return read_profile((await self._api.call("users.info", user=user)).get("user") or {}, self._team())

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """Return the names of `users` that are known or quickly found."""
        return {user: (await self.profile(user)).name for user in list(users)[:10]}


def read_profile(user: dict[str, object], own: str) -> Profile:
    """Return whom `users.info` describes; `own` is our own workspace."""
    profile = user.get("profile")
    names = profile if isinstance(profile, dict) else {}
    name = names.get("display_name") or names.get("real_name") or user.get("real_name") or user.get("name") or ""
    team = str(user.get("team_id") or "")
    guest = bool(user.get("is_restricted") or user.get("is_ultra_restricted"))
    outside = bool(user.get("is_stranger")) or (bool(team) and team != own)
    gone = bool(user.get("is_bot") or user.get("deleted"))
    ours = not (outside or gone)
    # Whoever runs another workspace can write any address into its profiles.
    email = mailbox(names.get("email")) if ours and user.get("is_email_confirmed") is True else ""
    return Profile(" ".join(str(name).split())[:80], team, ours and not guest, guest and not outside, email)
