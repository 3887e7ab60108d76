"""Who speaks: the tokens that Teams shows us, and the one that we show Teams.

The SDK's own check answers 500 to most bad tokens, asks for keys on the event loop, and can't refuse an organisation;
so it is ours, with PyJWT. Called by `adapter`. The rules are learn.microsoft.com's 'Authenticate requests from the Bot
Connector service'.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import structlog

from core.errors import TemporaryError

log = structlog.get_logger()

OPENID = "https://login.botframework.com/v1/.well-known/openidconfiguration"
LOGIN = "https://login.microsoftonline.com"
ISSUER = "https://api.botframework.com"
SCOPE = "https://api.botframework.com/.default"
_HOSTS = frozenset({"smba.trafficmanager.net"})  # anybody can have a name under trafficmanager.net: this one alone
_DOMAINS = (".teams.microsoft.com", ".teams.microsoft.us")
_LEEWAY = 300  # seconds that clocks may differ
_KEYS_LAST = 24 * 3600.0
_ASK_AGAIN = 30.0  # seconds after which an unknown key is asked for anew
_SECONDS = 10.0
_EARLY = 300.0  # seconds before its end at which our own token is fetched anew

JSON = Mapping[str, Any]
Fetch = Callable[[str], Awaitable[JSON]]


class ServiceAddresses:
    """Which addresses are Teams': only there we answer, and only there our token is shown."""

    def __init__(self, others: Collection[str] = ()) -> None:
        """`others` are addresses (scheme, host and port) that the owner trusts beside Microsoft's."""
        self._others = frozenset(_origin(one) for one in others)

    def trusts(self, url: str) -> bool:
        """Say whether `url` is an address of Teams."""
        try:
            found = urlsplit(url)
            host, port = (found.hostname or "").lower(), found.port
        except ValueError:
            return False
        if self.names(url):
            return True
        ours = host in _HOSTS or host.endswith(_DOMAINS)
        return found.scheme == "https" and ours and port in {None, 443} and "@" not in found.netloc

    def names(self, url: str) -> bool:
        """Say whether `url` is at an address that the owner named."""
        return _origin(url) in self._others


def _origin(url: str) -> str:
    try:
        found = urlsplit(url)
    except ValueError:
        return ""
    return f"{found.scheme}://{found.netloc}".lower()


class Keys:
    """The public keys of the Bot Framework. One that is not known is asked for, but not all the time."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[jwt.PyJWK, frozenset[str]]] = {}
        self._asked = float("-inf")
        self._got = float("-inf")
        self._asking = asyncio.Lock()

    async def look(self) -> int:
        """Fetch the keys and return how many there are. Raises `TemporaryError`."""
        await self.get("")
        return len(self._keys)

    async def get(self, name: str) -> tuple[jwt.PyJWK, frozenset[str]] | None:
        """Return a key and the channels it may speak for; None if there is none. Raises `TemporaryError`."""
        fresh = self._clock() - self._got < _KEYS_LAST
        if name not in self._keys or not fresh:
            async with self._asking:
                await self._refresh(name)
        return self._keys.get(name)

    async def _refresh(self, name: str) -> None:
        now = self._clock()
        if (name in self._keys and now - self._got < _KEYS_LAST) or (self._keys and now - self._asked < _ASK_AGAIN):
            return
        self._asked = now
        try:
            about = await self._fetch(self._url)
            found = await self._fetch(str(about["jwks_uri"]))
            self._keys = dict(filter(None, map(_key, found["keys"])))
            self._got = now
        except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
            log.warning("teams_keys_not_fetched", why=repr(error))
            if name not in self._keys:
                raise TemporaryError("The keys of Teams' tokens can't be fetched now.", retry_after=5) from error


def _key(jwk: Mapping[str, Any]) -> tuple[str, tuple[jwt.PyJWK, frozenset[str]]] | None:
    try:
        return str(jwk["kid"]), (jwt.PyJWK(dict(jwk), algorithm="RS256"), frozenset(jwk.get("endorsements") or ()))
    except (jwt.PyJWTError, KeyError):
        return None  # of a kind that is not used for this


class Verifier:
    """Says whether an activity comes from Teams, is meant for us, and is of an organisation that we serve."""

    def __init__(self, app_id: str, tenants: Collection[str], keys: Keys, services: ServiceAddresses) -> None:
        """No `tenants`: every organisation is served."""
        self._app_id = app_id
        self._tenants = frozenset(tenant.lower() for tenant in tenants)
        self._keys = keys
        self._services = services

    async def check(self, header: str, channel: str, service: str, tenant: str) -> None:
        """Raises PermissionError for an activity that is not to be taken, `TemporaryError` if that can't be told now.

        header: its Authorization. channel, service, tenant: the activity's channelId, serviceUrl and organisation.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise PermissionError("no bearer token")
        claims, endorsed = await self._claims(token.strip())
        if channel not in endorsed:
            raise PermissionError(f"the key does not speak for {channel!r}")
        if str(claims["serviceurl"]).rstrip("/") != service.rstrip("/"):
            raise PermissionError("the token is for another service address")
        if not self._services.trusts(service):
            raise PermissionError(f"{service!r} is no address of Teams (TEAMS_SERVICE_URLS names others)")
        if self._tenants and tenant.lower() not in self._tenants:
            raise PermissionError(f"the organisation {tenant!r} is not among TEAMS_TENANTS")

    async def _claims(self, token: str) -> tuple[Mapping[str, Any], frozenset[str]]:
        try:
            name = str(jwt.get_unverified_header(token).get("kid") or "")
            found = await self._keys.get(name)
            if found is None:
                raise PermissionError("signed with a key that is not the Bot Framework's")
            claims = jwt.decode(
                token,
                found[0],
                algorithms=["RS256"],
                audience=self._app_id,
                issuer=ISSUER,
                leeway=_LEEWAY,
                options={"require": ["exp", "aud", "iss", "serviceurl"]},
            )
        except jwt.PyJWTError as error:
            raise PermissionError(str(error)) from None
        return claims, found[1]


class AppToken:
    """The token that we show the Connector; fetched when it is needed, and again before it ends."""

    def __init__(
        self,
        app_id: str,
        password: str,
        tenant: str,
        session: Callable[[], aiohttp.ClientSession],
        login: str = LOGIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tenant`: the organisation where the app is registered. No `password`: there is no token (TEAMS_DEV)."""
        self._about = {
            "grant_type": "client_credentials",
            "client_id": app_id,
            "client_secret": password,
            "scope": SCOPE,
        }
        self._url = f"{login.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._session = session
        self._clock = clock
        self._token = ""
        self._until = float("-inf")
        self._asking = asyncio.Lock()

    async def get(self, *, refused: str = "") -> str:
        """Return the token, another one than was `refused`. Raises `TemporaryError` with what the owner can do."""
        if not self._about["client_secret"]:
            return ""
        async with self._asking:
            if not self._token or self._token == refused or self._clock() >= self._until:
                await self._ask()
        return self._token

    async def _ask(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with self._session().post(self._url, data=self._about, timeout=timeout) as answer:
                said = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TemporaryError("Microsoft's sign-in for the app can't be reached.", retry_after=5) from error
        if not isinstance(said, dict) or not said.get("access_token"):
            why = str(said.get("error_description") or said.get("error") or answer.status).split("\n")[0][:200]
            raise TemporaryError(
                f"Microsoft does not let the app sign in: {why} Check TEAMS_APP_ID, TEAMS_APP_PASSWORD and the first "
                "of TEAMS_TENANTS, where the app is registered.",
                retry_after=60,
            )
        self._token = str(said["access_token"])
        lasts = float(said.get("expires_in") or 3600)
        self._until = self._clock() + max(lasts - _EARLY, lasts / 2)
