"""Who is an operator in Teams: whoever may write in the desk's channel, and is a full member of our own organisation.

How they become operators is said in `channels.desk.operators`; their accounts are called 'teams:TENANT/USER', by the
directory's ids.
"""

from collections.abc import Collection

from channels.desk.operators import Accounts, NoOperator
from channels.teams.api import Api, SaidNo
from channels.teams.names import CHANNEL, channel_of, person
from channels.teams.parse import Person, Place
from core.desk import Operator
from core.store.inbox import Clock
from core.store.store import Store

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
        self._accounts = Accounts(store.credentials, clock)
        self._api = api
        self._tenants = frozenset(tenant.lower() for tenant in tenants)

    async def find(self, who: Person, where: Place) -> Operator | str:
        """Return the operator who is `who`, made if need be, or the sentence that says why they are none.

        That they are in `where` is Teams' word: only members can write or press there. Raises as `Api`.
        """
        return await self._accounts.find(person(who.tenant, who.user), lambda: self._name(who, where))

    async def known(self, who: Person) -> Operator | None:
        """Return the operator who is `who`, if there is one."""
        return await self._accounts.known(person(who.tenant, who.user))

    async def is_member(self, who: Person, where: Place) -> bool:
        """Whether somebody is in `where` and a full member; they become nobody by that. Raises as `Api`."""
        try:
            await self._name(who, where)
        except NoOperator:
            return False
        return True

    async def _name(self, who: Person, where: Place) -> str:
        """Return what a full member is called. Raises `NoOperator`, and as `Api`."""
        try:
            member = await self._api.member(_channel(where), who.id)
        except SaidNo as no:
            if no.status != 404:
                raise
            raise NoOperator(ELSEWHERE) from no
        if not self._is_ours(member, who):
            raise NoOperator(OUTSIDER)
        return who.name or str(member.get("name") or "")

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
