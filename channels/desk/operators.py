"""Who is an operator on a chat platform: full members of our own organisation become operators by what they do first.

The token that belongs to an operator is thrown away, since the platform says who they are. Revoking it (`threadline
operator revoke`) ends their right there too; `threadline operator link` makes an operator of the web desk act on the
platform as well. The desks' `operators` know who is a full member, and call this.
"""

import asyncio
from collections.abc import Awaitable, Callable

from core.desk import Operator
from core.errors import SetupError, ThreadlineError
from core.store.credentials import Credentials
from core.store.inbox import Clock

REVOKED = "Your right to work at this desk was ended, so nothing was done. Whoever runs Threadline can give it back."
_LONGEST_NAME = 80
_LONGEST_NUMBERED = 70


class NoOperator(ThreadlineError):  # noqa: N818 (an answer)
    """Somebody does not work at this desk; the sentence says why."""


class Accounts:
    """The operators that belong to the accounts of one platform."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._making = asyncio.Lock()

    async def known(self, account: str) -> Operator | None:
        """Return the operator with that account ('slack:T1/U1'), if there is one."""
        return await self._credentials.operator_of(account)

    async def find(self, account: str, name: Callable[[], Awaitable[str]]) -> Operator | str:
        """Return the operator with that account, made if need be, or the sentence that says why there is none.

        `name` says what somebody new is called ('' where the platform does not say), and raises `NoOperator` for who
        is no full member. What else it raises passes.
        """
        try:
            operator = await self.known(account) or await self._make(account, name)
        except NoOperator as no:
            return str(no)
        return operator if operator.active else REVOKED

    async def _make(self, account: str, name: Callable[[], Awaitable[str]]) -> Operator:
        async with self._making:
            if known := await self.known(account):
                return known
            wanted = " ".join((await name()).split())[:_LONGEST_NAME].strip() or "Operator"
            taken = {operator.name.casefold() for operator in await self._credentials.operators()}
            operator, _ = await self._credentials.add_operator(_free(wanted, taken), self._clock())
            return await self._credentials.link(operator.name, account)


def _free(name: str, taken: set[str]) -> str:
    """Return `name`, or the first of 'name 2', 'name 3' ... that no operator has: nobody becomes another by a name."""
    if name.casefold() not in taken:
        return name
    for number in range(2, 10_000):
        if f"{name[:_LONGEST_NUMBERED]} {number}".casefold() not in taken:
            return f"{name[:_LONGEST_NUMBERED]} {number}"
    raise SetupError(f"There are too many operators named {name!r}.")
