"""Who becomes an operator by what they do on a chat platform, and who does not."""

import asyncio

import pytest

from channels.desk.operators import REVOKED, Accounts, NoOperator
from core.desk import Operator
from core.errors import TemporaryError
from core.store.store import Store
from tests.support import ManualClock

ACCOUNT = "slack:T1/U1"


@pytest.fixture
def accounts(store: Store, clock: ManualClock) -> Accounts:
    """The accounts of one platform."""
    return Accounts(store.credentials, clock)


class Asked:
    """A platform that is asked for somebody's name."""

    def __init__(self, name: str = "Ada", no: Exception | None = None) -> None:
        self.name = name
        self.no = no
        self.times = 0

    async def __call__(self) -> str:
        self.times += 1
        if self.no:
            raise self.no
        return self.name


def made(found: Operator | str) -> Operator:
    assert isinstance(found, Operator), found
    return found


async def test_who_is_a_full_member_becomes_an_operator_once(accounts: Accounts, store: Store) -> None:
    ada = Asked("Ada")
    found = await asyncio.gather(*(accounts.find(ACCOUNT, ada) for _ in range(5)))
    assert len({made(one).id for one in found}) == 1
    assert (made(found[0]).name, ada.times) == ("Ada", 1)
    assert len(await store.credentials.operators()) == 1


async def test_who_is_an_operator_already_is_not_asked_for_a_name(accounts: Accounts, store: Store) -> None:
    await store.credentials.add_operator("Ada", 1.0)
    await store.credentials.link("Ada", ACCOUNT)
    nobody = Asked(no=AssertionError("nobody asks"))
    assert made(await accounts.find(ACCOUNT, nobody)).name == "Ada"


async def test_nobody_becomes_another_by_having_their_name(accounts: Accounts, store: Store) -> None:
    await store.credentials.add_operator("ADA", 1.0)
    second = made(await accounts.find(ACCOUNT, Asked("Ada")))
    third = made(await accounts.find("slack:T1/U2", Asked("Ada")))
    assert (second.name, third.name) == ("Ada 2", "Ada 3")


@pytest.mark.parametrize(
    ("told", "called"),
    [("", "Operator"), (" \n", "Operator"), ("  Ada \n Lovelace ", "Ada Lovelace"), ("x" * 200, "x" * 80)],
)
async def test_an_operator_is_called_as_the_platform_says_in_one_line(
    accounts: Accounts, told: str, called: str
) -> None:
    assert made(await accounts.find(ACCOUNT, Asked(told))).name == called


async def test_who_is_no_full_member_is_told_so_and_can_become_one_later(accounts: Accounts) -> None:
    assert await accounts.find(ACCOUNT, Asked(no=NoOperator("Guests can't."))) == "Guests can't."
    assert await accounts.known(ACCOUNT) is None
    assert made(await accounts.find(ACCOUNT, Asked("Ada"))).name == "Ada"


async def test_while_the_platform_does_not_answer_nobody_is_made(accounts: Accounts, store: Store) -> None:
    with pytest.raises(TemporaryError):
        await accounts.find(ACCOUNT, Asked(no=TemporaryError("Away.")))
    assert await store.credentials.operators() == []


async def test_a_right_that_was_ended_stays_ended(accounts: Accounts, store: Store) -> None:
    await accounts.find(ACCOUNT, Asked("Ada"))
    await store.credentials.revoke_operator("Ada", 2.0)
    assert await accounts.find(ACCOUNT, Asked("Ada")) == REVOKED
