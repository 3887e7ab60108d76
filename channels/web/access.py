"""Who is asking: bearer tokens, WebSocket tickets, and the hosts and origins we answer."""

from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from core.desk import Operator
from core.store.credentials import TICKET_SECONDS, Kind
from core.store.inbox import Clock
from core.store.store import Store

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Unauthorised(web.HTTPUnauthorized):
    """No token, or not a good one. The text is for people; `bot.http` turns it into the error JSON."""

    def __init__(self, message: str) -> None:
        super().__init__(reason="Unauthorized", text=message, headers={"WWW-Authenticate": "Bearer"})


def bearer(request: web.Request) -> str:
    """Return the bearer token of the request. Raises `Unauthorised` if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or not token.isascii():
        raise Unauthorised("Send the token in a header, as in: Authorization: Bearer TOKEN.")
    return token.strip()


def _split(address: str) -> SplitResult:
    """Return the parts of what a client sent as an address; empty ones where it is none ('http://[')."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


class Access:
    """Checks what a request shows against what was issued."""

    def __init__(self, store: Store, clock: Clock, *, hosts: frozenset[str]) -> None:
        """`hosts`: host names this installation is reached by, beside the local ones."""
        self._store = store
        self._clock = clock
        self._hosts = _LOCAL | hosts

    async def operator(self, request: web.Request) -> Operator:
        """Return the operator who asks. Raises `Unauthorised`."""
        operator = await self._store.credentials.operator(bearer(request), self._clock())
        if operator is None:
            raise Unauthorised("This operator token is not known, or was revoked. Ask the owner for a new one.")
        return operator

    async def session(self, request: web.Request) -> str:
        """Return the chat session of the address, which the token must be for. Raises `Unauthorised`, or 404."""
        session = request.match_info["session"]
        token = bearer(request)
        subject = await self._store.credentials.subject(Kind.SESSION, token, self._clock())
        if subject == session:
            return session
        if not await self._store.credentials.exists(Kind.SESSION, session):
            raise web.HTTPNotFound(text="There is no such chat session. Start a new one.")
        raise Unauthorised("This token is not good for this chat session.")

    async def ticket(self, kind: Kind, subject: str) -> str:
        """Return a ticket, good once and for `TICKET_SECONDS`, for a WebSocket of `subject`."""
        return await self._store.credentials.issue(kind, subject, self._clock(), lasts=TICKET_SECONDS)

    async def redeem(self, request: web.Request, kind: Kind) -> str:
        """Return whom the address' ticket is for, and use it up. Raises `Unauthorised`, or 403 for a foreign page."""
        self.check_origin(request)
        subject = await self._store.credentials.redeem(kind, request.query.get("ticket", ""), self._clock())
        if subject is None:
            raise Unauthorised("The ticket is not known, was used, or is too old. Ask for a new one.")
        return subject

    def knows_host(self, request: web.Request) -> bool:
        """Whether the request's Host names this installation (a page of another name may be reached by a DNS trick)."""
        return (_split(f"//{request.host}").hostname or "") in self._hosts

    def check_origin(self, request: web.Request) -> None:
        """Raise 403 for a WebSocket that another site's page opens. Programs send no Origin."""
        origin = request.headers.get("Origin")
        if origin is None:
            return
        parts = _split(origin)
        same = parts.netloc == request.host and parts.scheme in {"http", "https"}
        if not same:
            raise web.HTTPForbidden(text="This page may not open a connection here.")
