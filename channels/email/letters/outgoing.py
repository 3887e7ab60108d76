"""The way out: finished mails handed to one mail server, and what became of each.

`channel` and `desk` give it the bytes of `render.to_bytes`; nothing is changed in them but the DKIM signature in
front. A mail keeps its Message-ID over all attempts and receivers drop a second copy of one, so a connection that
was lost before the server's answer means 'again', never 'perhaps'. The server is one that takes mail for everybody
(a submission host or an MTA beside us): its words about a recipient are final.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import compat32
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from dkim import DKIMException
from dkim import sign as sign_mail

from channels.base import Sent
from channels.email.letters import headers
from core.delivery import DeliveryState
from core.errors import PermanentError, SetupError, TemporaryError

log = structlog.get_logger()

_CONNECTIONS = 4
_KEEP = 30.0  # Postfix waits 300 s for the next command, Exchange Online hangs up earlier
_PATIENCE = 30.0
_DATA_PATIENCE = 4  # times as long for the answer to the mail itself: it is uploaded first, and looked at
_SLOW = 10_000_000  # bytes of a mail that may take as long again
_GOODBYE = 2.0
_AGAIN_LATER = 300.0  # what greylisting servers commonly make a stranger wait
_AGAIN_WHEN_MENDED = 900.0
_AWAY = (5.0, 600.0)  # the first and the longest wait for a server that can't be reached
_LATER, _CLOSING, _FINAL = 400, 421, 500
_SETUP_CODES = frozenset({530, 534, 535, 538})  # sign in first, a stronger way, wrong password, encrypt first
_LONGEST_WORDS = 200
_BREAK = re.compile(rb"\r\n|\r|\n")

# Signed once more than they occur, so that none can be added behind the signature (RFC 6376, 8.15).
_SIGNED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "auto-submitted",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private RSA key in PEM form, and where its public half stands in DNS: `selector`._domainkey.`domain`."""

    pem: bytes = field(repr=False)
    selector: str
    domain: str

    @classmethod
    def read(cls, path: Path, selector: str, domain: str) -> Self:
        """Read the key from a file. Raises `SetupError` with the fix if it can't sign."""
        try:
            key = cls(path.read_bytes().replace(b"\r\n", b"\n"), selector, domain)
            key.sign(b"From: test@example.com\r\n\r\ntest\r\n")
        except (OSError, ValueError, DKIMException) as error:
            raise SetupError(
                f"The DKIM key {path} can't be used ({headers.one_line(str(error), _LONGEST_WORDS)}): give a file with "
                "an RSA key in PEM form, without a password, as 'openssl genrsa 2048' writes it."
            ) from error
        return key

    def sign(self, raw: bytes) -> bytes:
        """Return `raw`, whose lines end in CRLF, with a signature in front."""
        present = [name.lower() for name in message_from_bytes(raw, policy=compat32).keys()]  # noqa: SIM118
        signed = [name for name in _SIGNED for _ in range(present.count(name) + 1)]
        line: bytes = sign_mail(
            raw,
            self.selector.encode(),
            self.domain.encode(),
            self.pem,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in signed],
        )
        return line + raw


class Encryption(StrEnum):
    """When a connection is encrypted: before a word is said, by STARTTLS or not at all."""

    FIRST = "first"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    tls: Encryption
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, url: str) -> Self:
        """Read smtp://user:password@host:port or smtps://...; '?starttls=no' for a server that has none.

        Without a port: 465 for smtps, 587 with a user, else 25. STARTTLS is required, except on loopback.
        Raises `SetupError` with the fix; the sentence has no password in it.
        """
        parts = urlsplit(url)
        wish = parse_qs(parts.query).get("starttls", [""])[-1].lower()
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if parts.scheme not in {"smtp", "smtps"} or not host or parts.path.strip("/") or wish not in {"", "yes", "no"}:
            raise SetupError("The mail server's address must look like smtp://user:password@mail.example.com:587")
        plain = wish == "no" or (wish != "yes" and _is_loopback(host))
        usual = Encryption.NONE if plain else Encryption.STARTTLS
        tls = Encryption.FIRST if parts.scheme == "smtps" else usual
        standard = 465 if tls is Encryption.FIRST else 587 if parts.username else 25
        return cls(host, port or standard, tls, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Outgoing:
    """Sends mails, a few at a time; connections are used again while mail keeps coming.

    `url` is read by `Server.read`. `hello` is the name we give ourselves (EHLO), a host name of ours. `ca` is a
    file of certificates that are trusted beside the system's. `keep` and `patience` are in seconds: for an unused
    connection, and for the server's answer to one command. Close it at the end.
    """

    def __init__(
        self,
        url: str,
        *,
        hello: str,
        dkim: DkimKey | None = None,
        ca: Path | None = None,
        connections: int = _CONNECTIONS,
        keep: float = _KEEP,
        patience: float = _PATIENCE,
    ) -> None:
        self._server = Server.read(url)
        self._hello = hello
        self._dkim = dkim
        self._trusted = _trusting(ca)
        self._keep = keep
        self._patience = patience
        self._room = asyncio.Semaphore(connections)
        self._unused: dict[SMTP, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._away_since: float | None = None
        self._closed = False

    async def send(self, raw: bytes, sender: str, recipients: Sequence[str]) -> Sent:
        """Hand in one mail. `sender` is the return path, '' for none.

        Returns DELIVERED with the mail's Message-ID, or PARTIAL with who was refused. Raises `TemporaryError`
        (the server can't take it now, or is away) or `PermanentError` (it says that it never will).
        """
        to = list(dict.fromkeys(map(headers.mailbox, recipients)))
        if not to:
            raise PermanentError("The mail has no recipient.")
        raw = await self._finished(raw)
        async with self._room:
            refused = await self._hand_in(_Errand(raw, headers.mailbox(sender) if sender else "", to))
        found = message_from_bytes(raw, policy=compat32)["Message-ID"]
        message_id = headers.message_id(str(found or ""))
        if not refused:
            return Sent(platform_id=message_id)
        return Sent(DeliveryState.PARTIAL, message_id, f"The mail server refused {_who(refused)}")

    async def probe(self) -> None:
        """Connect and sign in, and send nothing. Raises `TemporaryError` with what is the matter."""
        try:
            connection = await self._connect()
        except (SMTPException, OSError) as error:
            raise self._not_connected(error) from error
        self._put_back(connection)

    async def close(self) -> None:
        """Say goodbye on all connections; those in use follow when their mail is through."""
        self._closed = True
        for connection in list(self._unused):
            self._leave(connection)
        await asyncio.gather(*self._leaving)

    async def _finished(self, raw: bytes) -> bytes:
        """Return the bytes that go over the wire: every line ends in CRLF, and the signature is made over them."""
        raw = raw if raw.endswith(b"\n") else raw + b"\r\n"
        if not raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r"):
            raw = _BREAK.sub(b"\r\n", raw)
        return await asyncio.to_thread(self._dkim.sign, raw) if self._dkim else raw

    async def _hand_in(self, errand: "_Errand") -> list[SMTPRecipientRefused]:
        """Send over a connection that is open, or over a new one; return who was refused."""
        try:
            connection = await self._unused_one() or await self._connect()
        except (SMTPException, OSError) as error:
            raise self._not_connected(error) from error
        try:
            refused = await errand.over(connection, self._patience)
        except SMTPResponseException as error:
            self._put_back(connection)
            raise self._refused(error) from error
        except (SMTPException, OSError) as error:
            connection.close()
            raise self._away(f"The mail server was lost before it had answered: {_words(error)}") from error
        except BaseException:  # cancelled in the middle of a command, or a fault of ours
            connection.close()
            raise
        self._away_since = None
        self._put_back(connection)
        return refused

    async def _unused_one(self) -> SMTP | None:
        """Take a connection that is open and still answers."""
        while self._unused:
            connection, timer = self._unused.popitem()
            timer.cancel()
            try:
                await connection.rset(timeout=self._patience)
            except (SMTPException, OSError):
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        return None

    async def _connect(self) -> SMTP:
        server = self._server
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password if server.user else None,
            local_hostname=self._hello,
            timeout=self._patience,
            use_tls=server.tls is Encryption.FIRST,
            start_tls=server.tls is Encryption.STARTTLS,
            tls_context=self._trusted,
        )
        await connection.connect()
        try:
            await _greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_back(self, connection: SMTP) -> None:
        if not connection.is_connected:
            return
        if self._closed:
            self._leave(connection)
            return
        timer = asyncio.get_running_loop().call_later(self._keep, self._leave, connection)
        self._unused[connection] = timer

    def _leave(self, connection: SMTP) -> None:
        """Say goodbye on a connection, without waiting for it."""
        if timer := self._unused.pop(connection, None):
            timer.cancel()
        task = asyncio.create_task(_goodbye(connection))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _not_connected(self, error: Exception) -> TemporaryError:
        """Return why no mail can be handed in. It is never the mail's fault, so it may be tried again."""
        final = isinstance(error, SMTPResponseException) and error.code >= _FINAL
        if _certificate(error):
            return self._to_mend(f"The mail server's certificate was not accepted: {_words(error.__cause__ or error)}")
        if final and isinstance(error, SMTPAuthenticationError):
            return self._to_mend(f"The mail server did not take our user name and password: {_words(error)}")
        if final or type(error) is SMTPException:
            return self._to_mend(f"The mail server does not work with us: {_words(error)}")
        return self._away(f"The mail server can't be reached: {_words(error)}")

    def _refused(self, error: SMTPResponseException) -> PermanentError | TemporaryError:
        """Return what it means that the server said no to a mail."""
        if error.code in _SETUP_CODES:
            return self._to_mend(f"The mail server does not let us send: {_words(error)}")
        if error.code == _CLOSING or error.code < _LATER:
            return self._away(f"The mail server broke off: {_words(error)}")
        self._away_since = None
        whom = f"{error.recipient}: " if isinstance(error, SMTPRecipientRefused) else ""
        if error.code < _FINAL:
            return TemporaryError(f"The mail server asks to wait: {whom}{_words(error)}", retry_after=_AGAIN_LATER)
        return PermanentError(f"The mail server refused {whom or 'the mail: '}{_words(error)}")

    def _to_mend(self, sentence: str) -> TemporaryError:
        log.error("mail_server_needs_a_hand", server=self._server.host, port=self._server.port, error=sentence)
        return TemporaryError(sentence, retry_after=_AGAIN_WHEN_MENDED)

    def _away(self, sentence: str) -> TemporaryError:
        """Wait for long where the server has been away for long: three times as long as it has."""
        now = asyncio.get_running_loop().time()
        self._away_since = now if self._away_since is None else self._away_since
        log.warning("mail_server_away", server=self._server.host, port=self._server.port, error=sentence)
        shortest, longest = _AWAY
        return TemporaryError(sentence, retry_after=min(longest, max(shortest, 3 * (now - self._away_since))))


@dataclass(frozen=True, slots=True)
class _Errand:
    """One mail and its envelope, on the way over one connection."""

    raw: bytes
    sender: str
    to: Sequence[str]

    async def over(self, connection: SMTP, patience: float) -> list[SMTPRecipientRefused]:
        """Hand the mail in; return the recipients that were refused while others were taken.

        Raises what aiosmtplib raises; `SMTPRecipientRefused` if nobody was taken, one worth a new attempt first.
        """
        encoding, options = self._options(connection)
        await connection.mail(self.sender, options=options, encoding=encoding, timeout=patience)
        refused: list[SMTPRecipientRefused] = []
        for address in self.to:
            try:
                await connection.rcpt(address, encoding=encoding, timeout=patience)
            except SMTPRecipientRefused as error:
                refused.append(error)
        if len(refused) == len(self.to):
            raise min(refused, key=lambda error: error.code)
        await connection.data(self.raw, timeout=_DATA_PATIENCE * patience * (1 + len(self.raw) / _SLOW))
        return refused

    def _options(self, connection: SMTP) -> tuple[str, list[str]]:
        """Return the encoding of addresses, and the options of MAIL."""
        size = [f"SIZE={len(self.raw)}"] if connection.supports_extension("size") else []
        if self.raw.isascii() and all(address.isascii() for address in (self.sender, *self.to)):
            return "ascii", size
        if not connection.supports_extension("smtputf8"):
            raise PermanentError("The mail server can't send to addresses with letters outside ASCII before the @.")
        return "utf-8", [*size, "SMTPUTF8"]


async def _greet(connection: SMTP) -> None:
    """Say who we are, and learn what the server can do, unless that came with the sign-in."""
    if not connection.is_ehlo_or_helo_needed:
        return
    try:
        await connection.ehlo()
    except SMTPHeloError:
        await connection.helo()


async def _goodbye(connection: SMTP) -> None:
    try:
        await connection.quit(timeout=_GOODBYE)
    except (SMTPException, OSError):
        connection.close()


def _trusting(ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if ca is not None:
            context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"{ca} is not a file of certificates in PEM form: {error}") from error
    return context


def _certificate(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError)


def _who(refused: Sequence[SMTPRecipientRefused]) -> str:
    return "; ".join(f"{error.recipient}: {_words(error)}" for error in refused)


def _words(error: BaseException) -> str:
    """Return what the server said, or what happened, on one line and cut."""
    if isinstance(error, SMTPResponseException):
        said = f"{error.code} {error.message}" if error.code > 0 else error.message
    else:
        said = str(error) or type(error).__name__
    return headers.one_line(said, _LONGEST_WORDS)
