"""Who is an operator in Slack: whoever may write in the desk's channel, and is a full member of our own workspace.

How they become operators is said in `channels.desk.operators`; their accounts are called 'slack:TEAM/USER'.
"""

import time
from collections.abc import Callable

from channels.desk.operators import Accounts, NoOperator
from channels.slack.api import Api
from channels.slack.names import person
from channels.slack.people import UNKNOWN, People
from core.desk import Operator
from core.errors import TemporaryError
from core.store.inbox import Clock
from core.store.store import Store

OUTSIDER = (
    "Only full members of this workspace work at this desk: guests and people of other organisations can't. "
    "Nothing was done with it, and the customer has not seen it."
)
ELSEWHERE = "Only members of the desk's channel work on its cases. Ask to be invited there."
_NO_ANSWER = "Slack does not say who this is now."
_KEPT = 300.0  # seconds
_SOON = 10.0  # seconds in which a list of members is not read again for somebody who is not on it


class Operators:
    """The operators of one desk channel."""

    def __init__(self, store: Store, api: Api, channel: str, team: Callable[[], str], clock: Clock) -> None:
        self._accounts = Accounts(store.credentials, clock)
        self._api = api
        self._channel = channel
        self._team = team
        self._people = People(api, team)
        self._members: set[str] = set()
        self._read_at = float("-inf")

    async def find(self, user: str, team: str = "") -> Operator | str:
        """Return the operator who is `user`, made if need be, or the sentence that says why they are none.

        That they are in the desk's channel is the caller's to know. Raises `TemporaryError`.
        """
        team = team or self._team()
        return await self._accounts.find(person(team, user), lambda: self._name(user, team))

    async def _name(self, user: str, team: str) -> str:
        """Return what a full member is called. Raises `NoOperator`, `TemporaryError`."""
        if team != self._team():
            raise NoOperator(OUTSIDER)
        profile = await self._people.profile(user)
        if profile == UNKNOWN:
            raise TemporaryError(_NO_ANSWER, retry_after=5)
        if not profile.is_member:
            raise NoOperator(OUTSIDER)
        return profile.name

    async def find_here(self, user: str, team: str = "", *, pressing: bool = True) -> Operator | str:
        """As `find`, for what can be done outside the channel: who is not in it is no operator here.

        `pressing`: they did something, so somebody who has just joined is looked for at once. Raises as `Api`.
        """
        if not await self._is_here(user, pressing=pressing):
            return ELSEWHERE
        return await self.find(user, team)

    async def _is_here(self, user: str, *, pressing: bool) -> bool:
        age = time.monotonic() - self._read_at
        if age < (_KEPT if user in self._members else 0.0 if pressing else _SOON):
            return user in self._members
        found: set[str] = set()
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await self._api.call("conversations.members", channel=self._channel, limit=1000, **more)
            found |= set(page.get("members") or ())
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        self._members, self._read_at = found, time.monotonic()
        return user in found

    async def names(self, users: list[str]) -> dict[str, str]:
        """Return what people are called: operators by the name that customers read, others by their profile."""
        known = {user: await self._accounts.known(person(self._team(), user)) for user in users[:10]}
        others = await self._people.names(user for user, operator in known.items() if operator is None)
        return {**others, **{user: operator.name for user, operator in known.items() if operator}}
