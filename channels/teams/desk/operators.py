"""Who is an operator in Teams: whoever may write in the desk's channel, and is a full member of our own organisation.

They become operators by what they do first; the token that belongs to an operator is thrown away, since Teams says who
they are. Revoking it (`threadline operator revoke`) ends their right here too; `threadline operator link` makes an
operator of the web desk act in Teams as well ('teams:TENANT/USER', the directory's ids).
"""

import asyncio
from collections.abc import Collection

from channels.teams.api import Api, SaidNo
from channels.teams.names import CHANNEL, channel_of, person
from channels.teams.parse import Person, Place
from core.desk import Operator
from core.errors import SetupError
from core.store.inbox import Clock
from core.store.store import Store

REVOKED = "Your right to work at this desk was ended, so nothing was done. Whoever runs Threadline can give it back."
OUTSIDER = (
    "Only full members of this organisation work at this desk: guests and people of other organisations can't. "
    "Nothing was done with it, and the customer has not seen it."
)
ELSEWHERE = "Only members of the desk's channel work on its cases. Ask to be added there."


class Operators:
    """The operators of one desk."""

    def __init__(self, store: Store, api: Api, tenants: Collection[str], clock: Clock) -> None:
        """No `tenants`: members of every organisation that reaches us."""
        self._credentials = store.credentials
        self._api = api
        self._tenants = frozenset(tenant.lower() for tenant in tenants)
        self._clock = clock
        self._making = asyncio.Lock()

    async def find(self, who: Person, where: Place) -> Operator | str:
        """Return the operator who is `who`, made if need be, or the sentence that says why they are none.

        That they are in `where` is Teams' word: only members can write or press there. Raises as `Api`.
        """
        known = await self.known(who)
        if known is None:
            async with self._making:
                return await self._make(who, where)
        return known if known.active else REVOKED

    async def known(self, who: Person) -> Operator | None:
        """Return the operator who is `who`, if there is one."""
        return await self._credentials.operator_of(person(who.tenant, who.user))

    async def _make(self, who: Person, where: Place) -> Operator | str:
        account = person(who.tenant, who.user)
        if known := await self._credentials.operator_of(account):
            return known if known.active else REVOKED
        try:
            member = await self._api.member(_channel(where), who.id)
        except SaidNo as no:
            if no.status != 404:
                raise
            return ELSEWHERE
        if not self._is_ours(member, who):
            return OUTSIDER
        taken = {operator.name.casefold() for operator in await self._credentials.operators()}
        wanted = who.name or " ".join(str(member.get("name") or "").split()) or "Operator"
        operator, _ = await self._credentials.add_operator(_free(wanted[:80].strip(), taken), self._clock())
        return await self._credentials.link(operator.name, account)

    def _is_ours(self, member: dict[str, object], who: Person) -> bool:
        tenants = {who.tenant.lower(), str(member.get("tenantId") or who.tenant).lower()}
        # a guest's name in the directory, as in ada_example.com#EXT#@larkfield.example
        guest = "#ext#" in str(member.get("userPrincipalName") or "").lower()
        full = str(member.get("userRole") or "user").lower() == "user"
        return full and not guest and (not self._tenants or tenants <= self._tenants)

    async def called(self, tenant: str) -> list[tuple[str, str]]:
        """Return the names and ids of all who can be called here: active operators with an account in `tenant`."""
        accounts, here = await self._credentials.accounts(), f"{CHANNEL}:{tenant}/"
        return [
            (operator.name, account.removeprefix(here))
            for operator in await self._credentials.operators()
            if operator.active
            for account in accounts.get(operator.id, ())
            if account.startswith(here)
        ]


def _channel(where: Place) -> Place:
    return Place(where.service, channel_of(where.conversation), where.scope, where.bot, where.tenant)


def _free(name: str, taken: set[str]) -> str:
    """Return `name`, or the first of 'name 2', 'name 3' ... that no operator has: nobody becomes another by a name."""
    if name.casefold() not in taken:
        return name
    for number in range(2, 10_000):
        if f"{name[:70]} {number}".casefold() not in taken:
            return f"{name[:70]} {number}"
    raise SetupError(f"There are too many operators named {name!r}.")
