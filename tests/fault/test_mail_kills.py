"""The program is killed (-9) at the commits on the way of a mail, while mails come in by SMTP.

A sending server that saw no '250' brings its mail again, as all do. In the end every mail has one answer as a mailbox
shows it, where a second copy under one Message-ID is dropped, and none is lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import aiohttp
import aiosmtplib

from channels.email.mime import read as mime
from tests.contract.mail import FRONT, SUPPORT, vouched
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.smtp_server import SmtpServer
from tests.fault.test_kills import LONGEST, QUESTIONS, Installation, answering, installation, nothing_waits

FAULTS = (
    "before:receipts.accept*2",
    "after:receipts.accept",
    "before:receipts.decide",
    "after:runs.finish",
    "before:deliveries.finish",
    "after:deliveries.finish",
)
"""Where the process dies, and at which turn after its start. `test_kills` tries the commits that all channels share."""
SENDERS = 3  # who write at the same time
CHAINS = 2  # installations that are killed side by side


@dataclass
class Post:
    """Servers that bring mails, one after the other each, until they are told '250'."""

    place: Installation
    port: int
    chain: int
    sent: list[tuple[str, str]] = field(default_factory=list)
    again: int = 0
    enough: bool = False

    async def bring_on(self) -> None:
        """Bring mails until there are enough: each of another customer, every third with a file."""
        while not self.enough:
            number = len(self.sent)
            sender = f"c{self.chain}.{number}@customers.example"
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = sender, SUPPORT, "Question"
            message["Message-ID"] = make_msgid(domain="customers.example")
            message.set_content(QUESTIONS[number % len(QUESTIONS)])
            if number % 3 == 1:
                message.add_attachment(b"Card 4711", maintype="text", subtype="plain", filename="card.txt")
            self.sent.append((sender, str(message["Message-ID"]).strip("<>")))
            await self._bring(vouched(message), sender)

    async def _bring(self, raw: bytes, sender: str) -> None:
        while True:
            try:
                client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False, use_tls=False)
                async with client:
                    await client.sendmail(sender, [SUPPORT], raw)
            except (aiosmtplib.SMTPException, OSError):
                self.again += 1
                await self.place.url()  # once the next process serves
            else:
                return


async def test_kills_on_the_way_of_mails_lose_none_and_answer_none_twice(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    places = (_chain(tmp_path / f"chain-{n}", n, FAULTS[n::CHAINS], unused_tcp_port_factory()) for n in range(CHAINS))
    kills = sum(await asyncio.gather(*places))
    assert kills == len(FAULTS)


async def _chain(folder: Path, number: int, faults: Sequence[str], port: int) -> int:
    async with SmtpServer() as out, FakeOpenAI(otherwise=answering) as model, aiohttp.ClientSession() as http:
        settings = {
            "EMAIL_ADDRESS": SUPPORT,
            "EMAIL_LISTEN": f"127.0.0.1:{port}",
            "EMAIL_SMTP_URL": f"smtp://127.0.0.1:{out.port}?starttls=no",
            "EMAIL_TRUSTED_SERVER": FRONT,
        }
        async with installation(folder, model.base_url, **settings) as place:
            post = Post(place, port, number)
            bringing = [asyncio.create_task(post.bring_on()) for _ in range(SENDERS)]
            try:
                await place.die(faults)
                await place.start()
                post.enough = True
                async with asyncio.timeout(LONGEST):
                    await asyncio.gather(*bringing)
                    await nothing_waits(http, place)
            finally:
                for task in bringing:
                    task.cancel()
                await asyncio.gather(*bringing, return_exceptions=True)
        _every_mail_has_one_answer(place, post, out)
    return place.kills


def _every_mail_has_one_answer(place: Installation, post: Post, out: SmtpServer) -> None:
    answers: dict[str, set[tuple[str, ...]]] = {}
    for handed in out.mails:
        mail = mime.read(handed.raw)
        for asked in mail.in_reply_to:
            answers.setdefault(asked, set()).add((mail.message_id, *handed.recipients))
    wrong = {message_id: answers.get(message_id) for sender, message_id in post.sent}
    wrong = {asked: found for asked, found in wrong.items() if found is None or len(found) != 1}
    copies = len(out.mails) - sum(map(len, answers.values()))
    print(f"kills {place.kills}, mails {len(post.sent)}, brought again {post.again}, copies sent {copies}")
    assert not wrong, place.log()
    senders = {message_id: sender for sender, message_id in post.sent}
    assert all(to == senders[asked] for asked, [(_, to)] in answers.items())
    assert len(post.sent) >= SENDERS
