"""Customers and operators who write mails: real SMTP in by the program's door, and out to a server that records.

The front mail server of these tests vouches for its senders: it writes Authentication-Results, and the program is told
to trust it.
"""

import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import make_msgid, parseaddr
from typing import Any

import aiosmtplib

from channels.email import parse
from channels.email.mail import Mail
from channels.email.mime import read as mime
from channels.recording import WITHIN, until
from channels.testing import Can, Shown
from core.ids import CaseId, ThreadKey
from tests.contract.programs import Program
from tests.fakes.smtp_server import SmtpServer

SUPPORT = "support@larkfield.example"
FRONT = "mx.larkfield.example"
_SOURCE = re.compile(r"\[\d+\] (.+?)(?: \([^()]*\))?")
_QUOTE = re.compile(r"\n\n[^\n]+\n>[^\0]*\Z")


def settings(server: SmtpServer) -> dict[str, Any]:
    """Return the settings of a program that sends through `server`."""
    return {
        "email_address": SUPPORT,
        "email_listen": "127.0.0.1:0",
        "email_smtp_url": f"smtp://127.0.0.1:{server.port}?starttls=no",
        "email_trusted_server": FRONT,
        "email_proxies": [],
    }


def vouched(message: EmailMessage) -> bytes:
    """Return `message` as the front mail server hands it on: with its word for the sender."""
    domain = parseaddr(str(message["From"]))[1].rpartition("@")[2]
    head = f"Authentication-Results: {FRONT};\r\n dmarc=pass header.from={domain}\r\n"
    return head.encode() + message.as_bytes(policy=SMTP.clone(max_line_length=998))  # ids stand in one piece


async def post(program: Program, raw: bytes, sender: str, recipients: Sequence[str]) -> None:
    """Hand `raw` in at the program's door, as a mail server does."""
    email = program.threadline.platforms.email
    assert email
    assert email.door
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=email.door.port, start_tls=False, use_tls=False)
    async with client:
        await client.sendmail(sender, list(recipients), raw)


def read_plain(raw: bytes) -> str:
    """Return the plain text of one of our mails, as a customer reads it."""
    message = BytesParser(policy=SMTP).parsebytes(raw)
    body = message.get_body(("plain",))
    return str(body.get_content()).replace("\r\n", "\n").rstrip("\n") if body else ""


def shown(mail: Mail, raw: bytes) -> Shown:
    """Return the words of one of our mails without what stands around them."""
    text = read_plain(raw)
    text = _QUOTE.sub("", text)
    text = text.partition("\n\n-- \n")[0] if "\n\n-- \n" in text else text
    blocks = text.split("\n\n")
    lines = blocks[-1].split("\n")
    sources = [found[1].partition(" > ")[0] for line in lines if (found := _SOURCE.fullmatch(line))]
    if sources and len(sources) == len(lines):
        blocks.pop()
    else:
        sources = []
    name, _, company = mail.from_.name.partition(" (")
    return Shown("\n\n".join(blocks), name if company else "", tuple(sources))


class MailCustomer:
    """A customer with a mailbox. A later mail answers the newest that came; without one, the customer's own first."""

    def __init__(self, kit: "MailKit", name: str, address: str) -> None:
        self._kit = kit
        self._name = name
        self.address = address
        self._sent: dict[str, bytes] = {}
        self._first: Mail | None = None

    @property
    def key(self) -> ThreadKey:
        assert self._first, "the customer has not written yet"
        return ThreadKey("email", SUPPORT, parse.begun(self._first.message_id))

    def inbox(self) -> list[tuple[Mail, bytes]]:
        """Return the mails that came, oldest first; a second copy under one Message-ID is dropped, as mailboxes do."""
        raws = [handed.raw for handed in self._kit.server.mails if self.address in handed.recipients]
        return list({(mail := mime.read(raw)).message_id: (mail, raw) for raw in raws}.values())

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        message = EmailMessage()
        message["From"] = f"{self._name} <{self.address}>"
        message["Message-ID"] = make_msgid(domain="customers.example")
        message["Subject"] = "Question"
        came = self.inbox()
        answers = came[-1][0] if came else self._first
        if answers:
            message["In-Reply-To"] = f"<{answers.message_id}>"
            message["References"] = f"<{answers.message_id}>"
        to = came[-1][0].reply_to[0].address if came else SUPPORT
        message["To"] = to
        message.set_content(text)
        for name, content in files:
            message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
        raw = vouched(message)
        await self._post(raw, to)
        mail = mime.read(raw)
        self._first = self._first or mail
        event = parse.event_id(mail)
        self._sent[event] = raw
        return event

    async def again(self, event: str) -> None:
        await self._post(self._sent[event], SUPPORT)

    async def _post(self, raw: bytes, to: str) -> None:
        await post(self._kit.program, raw, self.address, [to])

    async def changes(self, event: str, text: str | None) -> None:
        raise NotImplementedError

    async def reads(self) -> list[Shown]:
        return [one for mail, raw in self.inbox() if (one := shown(mail, raw)).text]

    async def files(self) -> list[tuple[str, bytes]]:
        return [(file.name, file.content) for mail, _ in self.inbox() for file in mail.attachments]

    async def rates(self, case: CaseId, score: int) -> str:
        event = await self.says(str(score))

        async def settled() -> tuple[str, str] | None:
            found = await self._kit.store.receipts.result_of(self.key, event)
            return found if found and found[0] != "waiting" else None

        state, result = await until(settled, WITHIN)
        return result if state == "refused" else ""


class MailKit:
    """The program with a support mailbox. Customers can't change a mail, and don't see who joins."""

    can = frozenset({Can.SEND_FILES, Can.GET_FILES, Can.RATE, Can.BLOCK, Can.OUTLIVE})

    def __init__(self, program: Program, server: SmtpServer) -> None:
        self.program = program
        self.server = server
        self._count = 0

    inbox = property(lambda self: self.program.inbox)
    store = property(lambda self: self.program.store)
    files = property(lambda self: self.program.files)
    read_by_assistant = property(lambda self: self.program.read_by_assistant)

    async def lose(self, file: str) -> None:
        await self.program.lose(file)  # type: ignore[arg-type]

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)

    async def customer(self, name: str) -> MailCustomer:
        self._count += 1
        return MailCustomer(self, name, f"kim{self._count}@customers.example")

    async def block(self, customer: MailCustomer) -> None:
        self.server.refused.add(customer.address)

    async def restart(self) -> None:
        await self.program.stop()
        await self.program.start()
