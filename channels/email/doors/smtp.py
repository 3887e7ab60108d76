"""The mail door: an SMTP or LMTP server in our own event loop. A sender hears '250' once its mail is committed.

`bot/` makes a `SmtpDoor`, starts it beside the HTTP server and closes it at the end. It decides nothing: each mail goes
to `receive` with its envelope. Limits are in `smtp_limits.py`, the protocol in `smtp_session.py`.
"""

import asyncio
import hmac
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog
from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import AuthResult, LoginPassword, Session, TLSSetupException
from aiosmtpd.smtp import Envelope as WireEnvelope

from channels.email.doors.networks import LOOPBACK, Networks, plain_ip
from channels.email.doors.smtp_limits import Budgets, SmtpLimits
from channels.email.doors.smtp_session import LmtpSession, SmtpSession, plain_line
from channels.email.mail import Envelope
from core.errors import PermanentError, SetupError, TemporaryError

__all__ = ["Receive", "SmtpDoor", "SmtpLimits", "SmtpSettings", "Tls"]

log = structlog.get_logger()

Receive = Callable[[bytes, Envelope], Awaitable[None]]
TRY_AGAIN = "451 4.3.0 The mail could not be kept, try again later"


class Tls(StrEnum):
    """How a connection is encrypted. `required`: nothing but STARTTLS is heard in the clear."""

    OFF = "off"
    OFFERED = "offered"
    REQUIRED = "required"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where the door is and who may use it.

    `hostname` is our name in the greeting. `proxies`: connections from these addresses or networks begin with a PROXY
    line, which names the client; nobody else's do. `own_servers` are the owner's mail servers: limits for one client
    don't hold for them. `greeting_seconds` is how long a client must keep silent before it is greeted.
    """

    hostname: str = "localhost"
    host: str = "127.0.0.1"
    port: int = 2525
    lmtp: bool = False
    tls: Tls = Tls.OFF
    certificate: str = ""
    key: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    sign_in_required: bool = False
    proxies: tuple[str, ...] = ()
    own_servers: tuple[str, ...] = LOOPBACK
    greeting_seconds: float = 0.0
    limits: SmtpLimits = field(default_factory=SmtpLimits)


class Certificate:
    """The certificate and key of the door, loaded again within a minute of a renewal."""

    def __init__(self, certificate: str, key: str) -> None:
        """Raises `SetupError` if they can't be read."""
        self._files = (Path(certificate), Path(key or certificate))
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._looked = 0.0
        self._changed: tuple[float, ...] = ()
        try:
            self._load()
        except OSError as error:
            raise SetupError(
                f"The mail server's certificate {certificate} can't be used with its key: {error}. "
                "Give the paths of a PEM certificate chain and of its private key."
            ) from error

    def context(self) -> ssl.SSLContext:
        """Return the context for the next connection."""
        if time.monotonic() - self._looked > 60:
            try:
                self._load()
            except OSError as error:
                log.warning("smtp.certificate", error=str(error))
        return self._context

    def _load(self) -> None:
        self._looked = time.monotonic()
        changed = tuple(file.stat().st_mtime for file in self._files)
        if changed != self._changed:
            self._context.load_cert_chain(*self._files)
            self._changed = changed


class Hooks:
    """What aiosmtpd asks us during a session; it finds the methods by their names."""

    def __init__(self, door: "SmtpDoor") -> None:
        self._door = door

    async def handle_PROXY(  # noqa: N802
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, proxy: ProxyData
    ) -> bool:
        """A proxy named its client; where it names none (its own health check), it is the client itself."""
        server.ip = (plain_ip(str(proxy.src_addr)) if proxy.src_addr else "") or server.ip
        return await server.admit()

    async def handle_EHLO(  # noqa: N802
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, hostname: str, replies: list[str]
    ) -> list[str]:
        """Greet, and offer AUTH only where there is a password."""
        session.host_name = hostname
        return [line for line in replies if self._door.settings.password or not line.startswith("250-AUTH")]

    async def handle_MAIL(  # noqa: N802
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, address: str, options: list[str]
    ) -> str:
        """A mail begins, unless this client or sender has sent enough for now."""
        refusal = self._door.budgets.begin_mail(server.ip, "" if address == "<>" else address)
        if refusal:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient if the address is ours: nothing is passed on to anybody else."""
        limits = self._door.settings.limits
        if limits.recipients and len(envelope.rcpt_tos) >= limits.recipients:
            return "452 4.5.3 Too many recipients"
        if self._door.accepts(address):
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        server.unknown_recipients += 1
        if limits.unknown_recipients and server.unknown_recipients > limits.unknown_recipients:
            server.hang_up()
            return "421 4.7.0 Too many unknown recipients"
        return "550 5.1.1 No such mailbox here"

    async def handle_VRFY(  # noqa: N802
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, address: str
    ) -> str:
        """Say nothing about who is here."""
        return "252 2.1.5 Send a mail to find out"

    async def handle_exception(self, error: Exception) -> str:
        """Keep the sender's mail with the sender, and the error's words with us."""
        if not isinstance(error, TLSSetupException):
            log.error("smtp.session", exc_info=error)
        return TRY_AGAIN

    def sign_in(
        self, server: SmtpSession, session: Session, envelope: WireEnvelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Compare user and password, in the same time whatever is wrong with them."""
        settings = self._door.settings
        user = hmac.compare_digest(given.login, settings.user.encode())
        password = hmac.compare_digest(given.password, settings.password.encode())
        if user and password and settings.password:
            return AuthResult(success=True)
        if self._door.budgets.failed_sign_in(server.ip):
            server.hang_up()
            return AuthResult(success=False, handled=False, message="421 4.7.0 Too many wrong passwords")
        return AuthResult(success=False, handled=False)


class SmtpDoor:
    """Listens for mail. `port` is the port it got, when the settings say 0."""

    def __init__(self, receive: Receive, settings: SmtpSettings, *, accepts: Callable[[str], bool]) -> None:
        """Set up; `start` listens.

        receive: commits one mail, and may get the same mail twice. `TemporaryError` is told as 451, `PermanentError`
            as 554 with its sentence, any other error as 451 without a word of it.
        accepts: says whether an address, as the client wrote it, is ours.
        """
        self.settings = settings
        self.accepts = accepts
        self.proxies = Networks(settings.proxies)
        self.budgets = Budgets(settings.limits, Networks(settings.own_servers))
        self.hooks = Hooks(self)
        self.port = settings.port
        self._receive = receive
        self._sessions: set[SmtpSession] = set()
        self._receiving: set[asyncio.Task[str]] = set()
        self._nothing_left = asyncio.Event()
        self._certificate: Certificate | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises `SetupError` with the sentence that names the fix."""
        settings = self.settings
        # aiosmtpd logs each command with its addresses at INFO, and a warning at every sign-in
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        if settings.password and settings.tls is Tls.OFF:
            raise SetupError("A password for the mail server needs TLS: give a certificate, or take the password away.")
        if settings.tls is not Tls.OFF:
            self._certificate = Certificate(settings.certificate, settings.key)
        try:
            self._server = await self._listen()
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise SetupError(f"The mail server can't listen on {where}: {error.strerror or error}.") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, let mails under way end for `drain_seconds`, and break off what is left.

        A commit that is broken off was not told as '250': its sender brings the mail again.
        """
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            session.leave()
        self._note_whats_left()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.limits.drain_seconds):
                await self._nothing_left.wait()
        for session in list(self._sessions):
            session.abort()
        left = list(self._receiving)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._server = None

    def full(self) -> str:
        """Return the refusal when enough mails are being committed, or ''."""
        at_once = self.settings.limits.mails_at_once
        return "452 4.3.1 Too many mails at once, try again later" if 0 < at_once <= len(self._receiving) else ""

    def envelope_of(self, session: SmtpSession) -> Envelope:
        """Return how the mail of `session` came."""
        wire, said = session.wire, session.said
        return Envelope(
            sender="" if wire.mail_from == "<>" else wire.mail_from,
            recipients=tuple(dict.fromkeys(wire.rcpt_tos)),
            ip=session.ip,
            helo=plain_line(said.host_name or "", 255),
            signed_in=bool(said.authenticated),
        )

    async def take(self, raw: bytes, envelope: Envelope, held: int) -> str:
        """Have a mail committed; return the reply. Neither a client that leaves nor a slow store breaks it off.

        held: bytes of the budget that this mail holds; they are given back when the commit has ended.
        """
        if refusal := self.full():
            self.budgets.release(held)
            return refusal
        task = asyncio.create_task(self._commit(raw, envelope))
        self._receiving.add(task)
        task.add_done_callback(lambda done: self._committed(done, held))
        try:
            async with asyncio.timeout(self.settings.limits.receive_seconds):
                return await asyncio.shield(task)
        except TimeoutError:
            log.warning("smtp.slow", seconds=self.settings.limits.receive_seconds)
            return TRY_AGAIN

    def opened(self, session: SmtpSession) -> None:
        """A session has begun."""
        self._sessions.add(session)

    def ended(self, session: SmtpSession) -> None:
        """A session has ended."""
        self._sessions.discard(session)
        self._note_whats_left()

    async def _commit(self, raw: bytes, envelope: Envelope) -> str:
        try:
            await self._receive(raw, envelope)
        except PermanentError as error:
            return f"554 5.6.0 {plain_line(str(error)) or 'The mail is refused'}"
        except TemporaryError as error:
            log.warning("smtp.later", error=str(error))
            return TRY_AGAIN
        except Exception:
            log.exception("smtp.receive")
            return TRY_AGAIN
        return "250 2.0.0 Taken"

    def _committed(self, task: asyncio.Task[str], held: int) -> None:
        self._receiving.discard(task)
        self.budgets.release(held)
        self._note_whats_left()

    def _note_whats_left(self) -> None:
        if self._sessions or self._receiving:
            self._nothing_left.clear()
        else:
            self._nothing_left.set()

    async def _listen(self) -> asyncio.Server:
        settings, loop = self.settings, asyncio.get_running_loop()
        tls: dict[str, Any] = {}
        if self._certificate and settings.tls is Tls.IMPLICIT:
            tls = {"ssl": self._certificate.context(), "ssl_handshake_timeout": 30, "ssl_shutdown_timeout": 5}
        return await loop.create_server(self._session, settings.host, settings.port, **tls)

    def _session(self) -> SmtpSession:
        settings, limits = self.settings, self.settings.limits
        context = self._certificate.context() if self._certificate else None
        mails = limits.mails_per_connection or 10**9
        implicit = settings.tls is Tls.IMPLICIT
        kind = LmtpSession if settings.lmtp else SmtpSession
        session = kind(
            self,
            hostname=settings.hostname,
            ident="LMTP" if settings.lmtp else "ESMTP",
            data_size_limit=limits.mail_bytes,
            timeout=limits.idle_seconds,
            tls_context=None if implicit else context,
            require_starttls=settings.tls is Tls.REQUIRED,
            authenticator=self.hooks.sign_in,
            auth_exclude_mechanism=() if settings.password else ("LOGIN", "PLAIN"),
            proxy_protocol_timeout=5,
            command_call_limit={"MAIL": mails, "DATA": mails, "RSET": 2 * mails, "RCPT": 10**9, "*": 50},
        )
        session.require_sign_in(required=settings.sign_in_required and bool(settings.password), encrypted=implicit)
        return session
