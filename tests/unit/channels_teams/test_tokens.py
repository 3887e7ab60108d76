"""Who may speak to us in Teams' name, and how we sign in: nothing but the Bot Framework's word counts."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import jwt
import pytest

from channels.teams.api import Session
from channels.teams.tokens import AppToken, Keys, ServiceAddresses, Verifier
from core.errors import TemporaryError
from tests.fakes.teams_identity import Identity, Key
from tests.fakes.teams_workspace import APP_ID, TENANT

SERVICE = "https://smba.trafficmanager.net/amer/"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def identity() -> Iterator[Identity]:
    """Bot Framework's keys, and Microsoft's sign-in."""
    with Identity() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """The clock of what is kept."""
    return Clock()


async def ask(url: str) -> dict[str, Any]:
    """Fetch JSON."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        answer.raise_for_status()
        return dict(await answer.json(content_type=None))


def verifier(identity: Identity, clock: Clock, *tenants: str) -> Verifier:
    """Return a verifier for our app."""
    keys = Keys(identity.openid_url, ask, clock)
    return Verifier(APP_ID, tenants or (TENANT,), keys, ServiceAddresses())


async def check(one: Verifier, token: str, *, channel: str = "msteams", tenant: str = TENANT) -> None:
    """Show a token for an activity of Teams'."""
    await one.check(f"Bearer {token}", channel, SERVICE, tenant)


async def test_a_token_of_the_bot_framework_is_taken(identity: Identity, clock: Clock) -> None:
    one = verifier(identity, clock)
    for _ in range(3):
        await check(one, identity.sign(SERVICE))
    assert len(identity.asked) == 2, "the keys are asked for once"


def _tampered(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


BAD: dict[str, Callable[[Identity], str]] = {
    "nothing": lambda _: "",
    "garbage": lambda _: "x",
    "half a token": lambda identity: identity.sign(SERVICE).rpartition(".")[0],
    "tampered with": lambda identity: _tampered(identity.sign(SERVICE)),
    "another's key": lambda identity: identity.sign(SERVICE, key=Key(identity.keys[0].kid, 7)),
    "an unknown key": lambda identity: identity.sign(SERVICE, key=Key("unknown", 7)),
    "no key named": lambda identity: identity.sign(SERVICE, headers={"kid": ""}),
    "no signature": lambda identity: jwt.encode(
        {"iss": "https://api.botframework.com", "aud": APP_ID, "serviceurl": SERVICE, "exp": time.time() + 60},
        "",
        algorithm="none",
        headers={"kid": identity.keys[0].kid},
    ),
    "a shared secret": lambda identity: jwt.encode(
        {"iss": "https://api.botframework.com", "aud": APP_ID, "serviceurl": SERVICE, "exp": time.time() + 60},
        "a secret that is long enough for the library",
        algorithm="HS256",
        headers={"kid": identity.keys[0].kid},
    ),
    "expired": lambda identity: identity.sign(SERVICE, exp=int(time.time()) - 900),
    "without an end": lambda identity: identity.sign(SERVICE, exp=None),
    "not yet valid": lambda identity: identity.sign(SERVICE, nbf=int(time.time()) + 900),
    "for another app": lambda identity: identity.sign(SERVICE, aud="22222222-2222-2222-2222-222222222222"),
    "for nobody": lambda identity: identity.sign(SERVICE, aud=None),
    "of another issuer": lambda identity: identity.sign(SERVICE, iss="https://sts.windows.net/x/"),
    "for another address": lambda identity: identity.sign("https://smba.trafficmanager.net/emea/"),
    "for no address": lambda identity: identity.sign(SERVICE, serviceurl=None),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_token_is_refused(identity: Identity, clock: Clock, what: str) -> None:
    with pytest.raises(PermissionError):
        await check(verifier(identity, clock), BAD[what](identity))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dGhyZWFk", "bearer: x", "Bearer a b c"])
async def test_a_header_without_a_token_is_refused(identity: Identity, clock: Clock, header: str) -> None:
    with pytest.raises(PermissionError):
        await verifier(identity, clock).check(header, "msteams", SERVICE, TENANT)


async def test_a_key_speaks_only_for_the_channels_it_names(identity: Identity, clock: Clock) -> None:
    with pytest.raises(PermissionError, match="webchat"):
        await check(verifier(identity, clock), identity.sign(SERVICE), channel="webchat")


async def test_organisations_that_are_not_served_are_refused(identity: Identity, clock: Clock) -> None:
    one = verifier(identity, clock, TENANT, "Second-Tenant")
    await check(one, identity.sign(SERVICE), tenant="second-tenant")
    for other in ("another", ""):
        with pytest.raises(PermissionError, match="TEAMS_TENANTS"):
            await check(one, identity.sign(SERVICE), tenant=other)


async def test_a_service_address_that_is_not_microsofts_is_refused(identity: Identity, clock: Clock) -> None:
    ours = "https://evil.trafficmanager.net/amer/"
    with pytest.raises(PermissionError, match="no address of Teams"):
        await verifier(identity, clock).check(f"Bearer {identity.sign(ours)}", "msteams", ours, TENANT)


async def test_a_new_key_is_asked_for_at_once_and_an_old_one_that_is_gone_no_longer_counts(
    identity: Identity, clock: Clock
) -> None:
    one = verifier(identity, clock)
    old = identity.sign(SERVICE)
    await check(one, old)
    identity.rotate(keep=False)
    clock.now += 31
    await check(one, identity.sign(SERVICE))
    with pytest.raises(PermissionError):
        await check(one, old)


async def test_unknown_keys_are_not_asked_for_all_the_time(identity: Identity, clock: Clock) -> None:
    one = verifier(identity, clock)
    await check(one, identity.sign(SERVICE))
    clock.now += 31
    for number in range(20):
        with pytest.raises(PermissionError):
            await check(one, identity.sign(SERVICE, key=Key(f"unknown{number}", 7)))
    assert len(identity.asked) == 4, "once for the first, once for all twenty"


async def test_many_at_once_ask_for_the_keys_once(identity: Identity, clock: Clock) -> None:
    one = verifier(identity, clock)
    identity.slow = 0.05
    await asyncio.gather(*(check(one, identity.sign(SERVICE)) for _ in range(10)))
    assert len(identity.asked) == 2


async def test_while_the_keys_are_away_nobody_is_called_a_forger_and_known_keys_go_on(
    identity: Identity, clock: Clock
) -> None:
    one = verifier(identity, clock)
    identity.fail(left=-1)
    with pytest.raises(TemporaryError):
        await check(one, identity.sign(SERVICE))
    identity.heal()
    clock.now += 31
    await check(one, identity.sign(SERVICE))
    identity.fail(left=-1)
    clock.now += 25 * 3600
    await check(one, identity.sign(SERVICE))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://smba.trafficmanager.net/amer/", True),
        ("https://smba.trafficmanager.net/emea/tenant/", True),
        ("https://SMBA.trafficmanager.net/de/", True),
        ("https://smba.infra.gcc.teams.microsoft.com/gcc/", True),
        ("https://smba.infra.gov.teams.microsoft.us/gov/", True),
        ("http://smba.trafficmanager.net/amer/", False),
        ("https://smba.trafficmanager.net:8443/amer/", False),
        ("https://evil.trafficmanager.net/amer/", False),
        ("https://smba.trafficmanager.net.evil.example/", False),
        ("https://evil.example/smba.trafficmanager.net/", False),
        ("https://user@smba.trafficmanager.net/", False),
        ("https://evilteams.microsoft.com/", False),
        ("https://[::1/", False),
        ("https://smba.trafficmanager.net:99999/", False),
        ("", False),
        ("https://own.example/teams/", True),
        ("https://own.example:444/teams/", False),
        ("http://own.example/teams/", False),
    ],
)
def test_only_microsofts_addresses_and_the_owners_are_trusted(url: str, trusted: bool) -> None:
    assert ServiceAddresses(["https://own.example/x/"]).trusts(url) is trusted


async def test_the_apps_token_is_fetched_once_and_again_before_it_ends(identity: Identity, clock: Clock) -> None:
    session = Session()
    token = AppToken(APP_ID, identity.secret, TENANT, session, identity.url, clock)
    first = await asyncio.gather(*(token.get() for _ in range(5)))
    assert len(set(first)) == 1
    assert identity.takes(first[0])
    clock.now += 3599 - 301
    assert await token.get() == first[0]
    clock.now += 2
    second = await token.get()
    assert second != first[0]
    assert await token.get(refused=second) not in {first[0], second}, "one that was refused is fetched anew"
    assert await token.get(refused=second) != second
    await session.close()


async def test_what_is_wrong_with_the_sign_in_is_said(identity: Identity, clock: Clock) -> None:
    session = Session()
    wrong = AppToken(APP_ID, "wrong", TENANT, session, identity.url, clock)
    with pytest.raises(TemporaryError, match=r"AADSTS7000215.*TEAMS_APP_PASSWORD"):
        await wrong.get()
    identity.fail(left=-1)
    with pytest.raises(TemporaryError, match="does not let the app sign in"):
        await AppToken(APP_ID, identity.secret, TENANT, session, identity.url, clock).get()
    with pytest.raises(TemporaryError, match="can't be reached"):
        await AppToken(APP_ID, "x", TENANT, session, "http://127.0.0.1:1", clock).get()
    await session.close()


async def test_without_a_secret_there_is_no_token(identity: Identity) -> None:
    assert await AppToken("", "", "", Session()).get() == ""
    assert identity.asked == []
