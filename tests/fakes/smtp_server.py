"""An SMTP server on a loopback port, for tests: it records what it is handed, and can say or do anything at any word.

It stands at the wire, so aiosmtplib runs unchanged against it. Without a script it takes every mail:

    async with SmtpServer() as server:
        server.on("RCPT", "550 5.1.1 No such user")  # the next RCPT; those after it are taken again
        server.on("DOT", Drop.THE_LINE)              # the mail has arrived, its sender never learns it
        ... smtp://127.0.0.1:{server.port} ...
        assert server.mails[0].recipients == ["ada@example.com"]

Words to script: HELLO (the greeting), EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT, RSET, NOOP, QUIT.
"""

import asyncio
import ssl
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Drop(Enum):
    """What the server does instead of an answer."""

    THE_LINE = "close the connection"
    THE_BALL = "say nothing until the client hangs up"


Reaction = str | Drop

_USUAL = {
    "HELLO": "220 fake.example ESMTP",
    "HELO": "250 fake.example",
    "STARTTLS": "220 2.0.0 Ready",
    "AUTH": "235 2.7.0 Accepted",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 Go on",
    "DOT": "250 2.0.0 Ok: queued as F00",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass(slots=True)
class Handed:
    """One mail that arrived to its last byte. `wire` is what came after DATA, dots doubled, without the final one."""

    sender: str
    options: str
    recipients: list[str]
    wire: bytes
    connection: int
    encrypted: bool
    user: str

    @property
    def raw(self) -> bytes:
        """The mail itself."""
        return b"\r\n".join(line.removeprefix(b".") for line in self.wire.split(b"\r\n"))


@dataclass(slots=True)
class _Talk:
    """One connection."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encrypted: bool
    user: str = ""
    sender: str | None = None
    options: str = ""
    recipients: list[str] = field(default_factory=list)


class SmtpServer:
    """The server. `extensions` is what EHLO names; `logins` are passwords by user name, needed once there are any."""

    def __init__(
        self,
        *,
        tls: Literal["none", "starttls", "first"] = "none",
        certificate: "Certificate | None" = None,
        logins: Mapping[str, str] | None = None,
        extensions: Sequence[str] = ("SIZE 10000000", "SMTPUTF8", "ENHANCEDSTATUSCODES"),
    ) -> None:
        self.mails: list[Handed] = []
        self.words: list[str] = []
        self.refused: set[str] = set()
        self.connections = 0
        self.open = 0
        self.left = asyncio.Event()
        """Somebody has said QUIT."""
        self.most_at_once = 0
        self._tls = tls
        self._certificate = certificate
        self._logins = dict(logins or {})
        self._extensions = list(extensions)
        self._script: dict[str, deque[Reaction]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, word: str, *reactions: Reaction) -> None:
        """Answer the next `word`s with `reactions`, one each."""
        self._script[word].extend(reactions)

    async def __aenter__(self) -> Self:
        context = self._certificate.context() if self._certificate and self._tls == "first" else None
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        self._server.close()
        await self._server.wait_closed()

    async def hang_up(self) -> None:
        """Close every connection that is open, as a server does that restarts."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_at_once = max(self.most_at_once, self.open)
        talk = _Talk(self.connections, reader, writer, encrypted=self._tls == "first")
        try:
            await self._talk(talk)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except (asyncio.CancelledError, ssl.SSLError):
            talk.writer.transport.abort()
        finally:
            self.open -= 1
            self._tasks.discard(task)
            talk.writer.close()

    async def _talk(self, talk: _Talk) -> None:
        await self._say(talk, "HELLO")
        while line := await talk.reader.readline():
            text = line.decode().rstrip("\r\n")
            word = text.split(" ")[0].upper()
            self.words.append(text)
            match word:
                case "EHLO":
                    await self._ehlo(talk)
                case "STARTTLS":
                    await self._say(talk, "STARTTLS")
                    assert self._certificate is not None
                    await talk.writer.start_tls(self._certificate.context())
                    talk.encrypted = True
                case "AUTH":
                    await self._auth(talk, text)
                case "MAIL":
                    await self._mail(talk, text)
                case "RCPT":
                    to = _path(text)[0]
                    usual = "550 5.7.1 Not wanted here" if to in self.refused else ""
                    if (await self._say(talk, "RCPT", usual)).startswith("2"):
                        talk.recipients.append(to)
                case "DATA":
                    await self._data(talk)
                case "RSET":
                    talk.sender, talk.recipients = None, []
                    await self._say(talk, "RSET")
                case "QUIT":
                    await self._say(talk, "QUIT")
                    self.left.set()
                    return
                case _ if word in _USUAL:
                    await self._say(talk, word)
                case _:
                    await self._write(talk, "502 5.5.2 What?")

    async def _say(self, talk: _Talk, word: str, usual: str = "") -> str:
        """Answer `word` as it is scripted; raises ConnectionError once the line is to be dropped."""
        script = self._script[word]
        reaction = script.popleft() if script else usual or _USUAL[word]
        if reaction is Drop.THE_LINE:
            raise ConnectionError("dropped, as scripted")
        if reaction is Drop.THE_BALL:
            await talk.reader.read()
            raise ConnectionError("the client has hung up")
        assert isinstance(reaction, str)
        await self._write(talk, reaction)
        if reaction.startswith("421"):
            raise ConnectionError("closed after 421")
        return reaction

    async def _write(self, talk: _Talk, text: str) -> None:
        talk.writer.write(text.encode() + b"\r\n")
        await talk.writer.drain()

    async def _ehlo(self, talk: _Talk) -> None:
        offers = [*self._extensions]
        if self._tls == "starttls" and not talk.encrypted:
            offers.append("STARTTLS")
        if self._logins:
            offers.append("AUTH PLAIN")
        lines = ["fake.example", *offers]
        usual = "\r\n".join(f"250{' ' if at == len(lines) - 1 else '-'}{line}" for at, line in enumerate(lines))
        await self._say(talk, "EHLO", usual)

    async def _auth(self, talk: _Talk, text: str) -> None:
        _, user, password = b64decode(text.split(" ")[2]).decode().split("\0")
        right = self._logins.get(user) == password
        answer = await self._say(talk, "AUTH", "" if right else "535 5.7.8 Authentication failed")
        talk.user = user if answer.startswith("2") else ""

    async def _mail(self, talk: _Talk, text: str) -> None:
        usual = "530 5.7.0 Authentication required" if self._logins and not talk.user else ""
        if (await self._say(talk, "MAIL", usual)).startswith("2"):
            talk.sender, talk.options = _path(text)
            talk.recipients = []

    async def _data(self, talk: _Talk) -> None:
        if not talk.recipients:
            await self._write(talk, "503 5.5.1 No recipients")
            return
        if not (await self._say(talk, "DATA")).startswith("3"):
            return
        wire = bytearray()
        while (line := await talk.reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("the client has hung up")
            wire += line
        sender, talk.sender = talk.sender or "", None
        self.mails.append(
            Handed(sender, talk.options, talk.recipients, bytes(wire), talk.number, talk.encrypted, talk.user)
        )
        talk.recipients = []
        await self._say(talk, "DOT")


def _path(text: str) -> tuple[str, str]:
    """Return the address of a MAIL or RCPT line and what stands behind it."""
    address, _, options = text.partition(":<")[2].partition(">")
    return address, options.strip()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signs itself, in files of its own."""

    path: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *names: str) -> Self:
        """Make one for `names` (host names or addresses) that is good for a day."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder / "certificate.pem", folder / "key.pem")
        made.path.write_bytes(built.public_bytes(Encoding.PEM))
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made

    def context(self) -> ssl.SSLContext:
        """Return the server's side of it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
