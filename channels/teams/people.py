"""By what address people in Teams are known elsewhere: asked once an hour for each. `customers` asks."""

from typing import Any

from channels.asked import Asked
from channels.teams import names
from channels.teams.api import Api
from channels.teams.parse import Person, Place
from core.addresses import mailbox

_PATIENCE = 0.5  # seconds; without the address nothing is lost but what is known elsewhere


class People:
    """Those who wrote lately, with their addresses."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._asked = Asked("teams_address_unknown", "", patience=_PATIENCE)

    async def address(self, who: Person, where: Place) -> str:
        """Return the address that Microsoft vouches for, '' if there is none or it is not said at once.

        Nobody vouches for anything with TEAMS_DEV, where anyone can say who they are.
        """
        if not self._api.adapter.verifies:
            return ""
        return await self._asked.of(names.person(who.tenant, who.user), lambda: self._look(who, where))

    async def _look(self, who: Person, where: Place) -> str:
        return proved(await self._api.member(where, who.id))


def proved(member: dict[str, Any]) -> str:
    """Return the address of `member` that is surely theirs; '' of guests.

    It is the principal name: its domain is one that the organisation had to prove to own, where `email` is whatever
    its administrator wrote (learn.microsoft.com, "Migrate away from using email claims for user identification").
    """
    name, role = (str(member.get(one) or "") for one in ("userPrincipalName", "userRole"))
    return "" if "#ext#" in name.lower() or role.lower() not in {"", "user"} else mailbox(name)
