"""The whole program with a support mailbox, for `test_email`: mails in by its own SMTP door, out to one that records.

No DNS is asked: `nothing_known` says of every name that it has no records, so nobody vouches for a sender unless the
front mail server of these tests (`FRONT`) does.
"""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import aiosmtplib

from bot.bootstrap import build
from bot.home import Home
from bot.mail import Email
from channels.email import parse
from channels.email.mail import Mail
from channels.email.mime import read as mime
from core.ids import ThreadKey
from core.messages import IgnoredBecause
from kb.embed import Embedder
from tests.conftest import serving
from tests.contract.mail import FRONT, SUPPORT, vouched
from tests.fakes.smtp_server import Handed, SmtpServer
from tests.scenario.chatting import RETURNS, WITHIN, Clock, newest_case
from tests.support import Client, Operator, plain_settings, until

__all__ = ["RETURNS", "WITHIN", "Clock"]

KIM, BOB, EVE = "kim@customers.example", "bob@customers.example", "eve@elsewhere.example"
AGENT = "agent"


def nothing_known(name: str, kind: str) -> Sequence[str]:
    """Know of no name."""
    return ()


@dataclass(frozen=True, slots=True)
class Came:
    """A mail of ours that arrived."""

    mail: Mail
    handed: Handed

    @property
    def message(self) -> EmailMessage:
        """The mail with all its parts."""
        message = BytesParser(policy=SMTP).parsebytes(self.handed.raw)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def text(self) -> str:
        """Its plain part."""
        return self.mail.text.replace("\r\n", "\n")

    @property
    def token(self) -> str:
        """The address that answers go to."""
        return self.mail.reply_to[0].address


def letter(
    sender: str, text: str, *, to: str = SUPPORT, subject: str = "Question", answers: Mail | None = None, **headers: str
) -> EmailMessage:
    """Return a mail that somebody writes; `answers` is the one they answer. Underscores in `headers` stand for '-'."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = make_msgid(domain="customers.example")
    if answers:
        message["In-Reply-To"] = f"<{answers.message_id}>"
        message["References"] = " ".join(f"<{one}>" for one in (*answers.references, answers.message_id))
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def plain(message: EmailMessage) -> bytes:
    """Return `message` as it comes from a server that says nothing about its sender."""
    return message.as_bytes(policy=SMTP.clone(max_line_length=998))


class House:
    """The program with its mailbox, and what it sent."""

    def __init__(self, client: Client, server: SmtpServer, clock: Clock) -> None:
        self.client = client
        self.server = server
        self.clock = clock

    @property
    def email(self) -> Email:
        """Its email channel."""
        assert self.client.threadline.platforms.email
        return self.client.threadline.platforms.email

    @property
    def port(self) -> int:
        """The port of its door."""
        assert self.email.door
        return self.email.door.port

    async def hand_in(self, raw: bytes, sender: str, *recipients: str) -> None:
        """Bring a mail to its door, as a mail server does; '' is the sender of a bounce."""
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False, use_tls=False)
        async with client:
            await client.sendmail(sender, list(recipients), raw)

    async def write(self, message: EmailMessage, *, vouch: bool = True) -> Mail:
        """Bring `message` to whom it names in To, with the front server's word for its sender unless told otherwise."""
        raw = vouched(message) if vouch else plain(message)
        mail = mime.read(raw)
        await self.hand_in(raw, mail.from_.address, mail.to[0].address)
        return mail

    def mails(self, address: str) -> list[Came]:
        """Return what was sent to `address`, oldest first."""
        return [Came(mime.read(one.raw), one) for one in self.server.mails if address in one.recipients]

    async def mail(self, address: str, number: int = 1) -> Came:
        """Return the mail `number` to `address`, once it is there."""

        async def arrived() -> Came | None:
            came = self.mails(address)
            return came[number - 1] if len(came) >= number else None

        found = await until(arrived, WITHIN)
        assert isinstance(found, Came)
        return found

    async def answer(self, message: EmailMessage, *, vouch: bool = True) -> Came:
        """Bring `message` and return the mail that answers it."""
        asked = await self.write(message, vouch=vouch)

        async def answered() -> Came | None:
            everything = (Came(mime.read(one.raw), one) for one in self.server.mails)
            return next((one for one in everything if asked.message_id in one.mail.in_reply_to), None)

        found = await until(answered, WITHIN)
        assert isinstance(found, Came)
        return found

    async def ignored(self, mail: Mail, *, conversation: str = "") -> IgnoredBecause | None:
        """Return why the mail was left unanswered, None if it was not, once that is decided."""
        key = ThreadKey(parse.CHANNEL, SUPPORT, conversation)

        async def settled() -> tuple[str, str] | None:
            found = await self.client.threadline.store.receipts.result_of(key, parse.event_id(mail))
            return found if found and found[0] != "waiting" else None

        state, result = await until(settled, WITHIN)
        return IgnoredBecause(result) if state == "ignored" else None

    async def case_of(self, operator: Operator, customer: str) -> dict[str, Any]:
        """Return the newest open case whose customer is called `customer`, in full, once there is one."""
        return await newest_case(operator, customer)


def mail_settings(server_port: int) -> dict[str, Any]:
    """Return the settings of a support mailbox that sends through the server at `server_port`."""
    return {
        "email_address": SUPPORT,
        "email_listen": "127.0.0.1:0",
        "email_smtp_url": f"smtp://127.0.0.1:{server_port}?starttls=no",
        "email_trusted_server": f"{FRONT} 127.0.0.1 mailbox",
    }


@asynccontextmanager
async def house(folder: Path, sample_home: Path, embedder: Embedder, **settings: Any) -> AsyncIterator[House]:
    """Run the program with a support mailbox; without `kb_path` it knows the sample."""
    if "kb_path" not in settings:
        shutil.copytree(sample_home, folder)
    clock = Clock()
    async with SmtpServer() as server:
        threadline = build(
            plain_settings(folder, **{**mail_settings(server.port), **settings}),
            Home(folder),
            clock=clock,
            embedder=embedder,
            lookup=nothing_known,
        )
        async with serving(threadline) as client:
            yield House(client, server, clock)
