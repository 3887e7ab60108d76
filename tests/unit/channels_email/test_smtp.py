"""The mail door, spoken to over real sockets: what it takes, what it refuses, and when it says '250'."""

import asyncio
import base64
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self

import pytest

from channels.email.doors.networks import Networks, client_of, plain_ip
from channels.email.doors.smtp import Receive, SmtpDoor, SmtpLimits, SmtpSettings, Tls
from channels.email.doors.smtp_limits import Budgets
from channels.email.doors.smtp_session import plain_line, read_path
from channels.email.mail import Envelope
from core.errors import PermanentError, SetupError, TemporaryError

OURS = "help@support.example"
MAIL = b"Subject: x\r\n\r\nhello\r\n"


class Mailbox:
    """Keeps what it receives; `does` runs first and may refuse or wait."""

    def __init__(self, does: Callable[[], Awaitable[None]] | None = None) -> None:
        self.mails: list[tuple[bytes, Envelope]] = []
        self._does = does

    async def receive(self, raw: bytes, envelope: Envelope) -> None:
        if self._does:
            await self._does()
        self.mails.append((raw, envelope))


class Client:
    """Speaks SMTP by hand: one command, one reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None = None) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=2**20))

    async def reply(self) -> str:
        """Return the next reply, all its lines; '' when the door has hung up."""
        lines = []
        while line := await asyncio.wait_for(self.reader.readline(), 10):
            lines.append(line.decode())
            if line[3:4] != b"-":
                break
        return "".join(lines).strip()

    async def say(self, command: str) -> str:
        self.writer.write(command.encode() + b"\r\n")
        return await self.reply()

    async def greet(self, word: str = "EHLO") -> str:
        await self.reply()
        return await self.say(f"{word} client.example")

    async def announce(self, *recipients: str, sender: str = "a@customer.example") -> str:
        """Say MAIL, RCPT and DATA; return the reply to DATA."""
        await self.say(f"MAIL FROM:<{sender}>")
        for recipient in recipients or (OURS,):
            await self.say(f"RCPT TO:<{recipient}>")
        return await self.say("DATA")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, mail: bytes = MAIL, *recipients: str, sender: str = "a@customer.example") -> str:
        """Send a mail as it stands; return the last reply."""
        said = await self.announce(*recipients, sender=sender)
        if not said.startswith("354"):
            return said
        await self.write(mail + b".\r\n")
        return await self.reply()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Open(Protocol):
    """Opens a door on a free port."""

    async def __call__(self, receive: Receive, **settings: Any) -> SmtpDoor: ...


class Connect(Protocol):
    """Opens a connection to a door, greeted unless told otherwise."""

    async def __call__(self, door: SmtpDoor, *, greet: str = "EHLO") -> Client: ...


@pytest.fixture
async def open_door() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def start(receive: Receive, **settings: Any) -> SmtpDoor:
            settings = {"limits": SmtpLimits(drain_seconds=0.2), "own_servers": (), **settings}
            door = SmtpDoor(
                receive,
                SmtpSettings(port=0, hostname="mx.support.example", **settings),
                accepts=lambda address: address.lower().endswith("@support.example"),
            )
            await door.start()
            stack.push_async_callback(door.close)
            return door

        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def dial(door: SmtpDoor, *, greet: str = "EHLO") -> Client:
            client = await Client.open(door.port)
            stack.push_async_callback(client.close)
            if greet:
                await client.greet(greet)
            return client

        yield dial


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 'localhost', and its key."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def make_certificate(folder: Path, name: str = "localhost") -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@asynccontextmanager
async def stuck() -> AsyncIterator[tuple[Callable[[], Awaitable[None]], asyncio.Event, asyncio.Event]]:
    """A commit that waits: what to do, 'it has begun', and 'let it go on'."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    yield wait, begun, go_on
    go_on.set()


# What arrives


async def test_a_mail_arrives_with_its_envelope(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    assert (await client.send()).startswith("250")
    assert mailbox.mails == [
        (MAIL, Envelope("a@customer.example", (OURS,), ip="127.0.0.1", helo="client.example", signed_in=False))
    ]


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\r\n",
        b"Subject: x\r\n\r\n..one dot\r\n...two\r\n..\r\n",
        b"Subject: x\r\n\r\n" + b"a" * 300_000 + b"\r\nb\r\n",
        b"Subject: x\r\n\r\nnull \x00 bytes \xff\xfe \x80\r\n",
        b"Subject: x\r\n\r\nbare \n line \r feeds\r\n",
        b"x\r\n" * 50_000,
    ],
    ids=["empty", "one empty line", "dots", "a long line", "null bytes", "bare CR and LF", "many lines"],
)
async def test_every_byte_of_a_mail_arrives_but_the_dots_that_smtp_added(
    open_door: Open, connect: Connect, mail: bytes
) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    assert (await client.send(mail)).startswith("250")
    lines = mail.split(b"\r\n")
    assert mailbox.mails[0][0] == b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


async def test_a_mail_arrives_whole_however_its_end_is_cut_into_packets(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    for cut in range(1, 8):
        await client.announce()
        text = b"Subject: x\r\n\r\nhello\r\n.\r\n"
        await client.write(text[:-cut])
        await asyncio.sleep(0)
        await client.write(text[-cut:])
        assert (await client.reply()).startswith("250")
    assert [raw for raw, _ in mailbox.mails] == [MAIL] * 7


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\x00.\r\n"])
async def test_a_second_mail_cant_be_smuggled_inside_the_first(open_door: Open, connect: Connect, end: bytes) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    hidden = f"MAIL FROM:<boss@support.example>\r\nRCPT TO:<{OURS}>\r\nDATA\r\nSubject: y\r\n\r\npay\r\n".encode()
    assert (await client.send(b"Subject: x\r\n\r\nhi" + end + hidden)).startswith("250")
    assert len(mailbox.mails) == 1
    assert b"pay" in mailbox.mails[0][0]
    assert mailbox.mails[0][1].sender == "a@customer.example"


async def test_the_text_of_a_mail_isnt_taken_before_we_asked_for_it(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    await client.write(f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode() + MAIL + b".\r\nQUIT\r\n")
    assert [(await client.reply())[:3] for _ in range(4)] == ["250", "250", "554", ""]
    assert not mailbox.mails


async def test_a_client_that_speaks_before_the_greeting_is_refused(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    door = await open_door(mailbox.receive, greeting_seconds=0.2)
    early, polite = await connect(door, greet=""), await connect(door, greet="")
    await early.write(b"EHLO bot.example\r\n")
    assert (await early.reply()).startswith("554")
    assert await early.reply() == ""
    assert (await polite.greet()).startswith("250")


async def test_bounces_quoted_addresses_and_other_scripts_arrive(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    for sender in ("", '"a b"@customer.example', "jürgen@bücher.example", "@relay.example:a@customer.example"):
        assert (await client.send(MAIL, sender=sender)).startswith("250")
    assert [envelope.sender for _, envelope in mailbox.mails] == [
        "",
        '"a b"@customer.example',
        "jürgen@bücher.example",
        "a@customer.example",
    ]


async def test_a_recipient_named_twice_is_one(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    await client.send(MAIL, OURS, OURS, "sales@support.example")
    assert mailbox.mails[0][1].recipients == (OURS, "sales@support.example")


# What is refused


async def test_nothing_is_passed_on_to_other_peoples_addresses(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    await client.say("MAIL FROM:<a@customer.example>")
    for other in ("x@elsewhere.example", "x@support.example@elsewhere.example", "x%support.example"):
        assert (await client.say(f"RCPT TO:<{other}>")).startswith("550 5.1.1")
    assert (await client.say("DATA")).startswith("503")
    assert not mailbox.mails


async def test_who_tries_out_names_is_sent_away(open_door: Open, connect: Connect) -> None:
    client = await connect(await open_door(Mailbox().receive, limits=SmtpLimits(unknown_recipients=3)))
    await client.say("MAIL FROM:<a@customer.example>")
    said = [(await client.say(f"RCPT TO:<x{number}@elsewhere.example>"))[:3] for number in range(4)]
    assert said == ["550", "550", "550", "421"]
    assert await client.reply() == ""


async def test_of_5000_recipients_a_hundred_are_taken_and_the_rest_asked_to_come_later(
    open_door: Open, connect: Connect
) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    await client.say("MAIL FROM:<a@customer.example>")
    said = [(await client.say(f"RCPT TO:<x{number}@support.example>"))[:9] for number in range(5000)]
    assert said == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 4900
    await client.say("DATA")
    await client.write(MAIL + b".\r\n")
    assert (await client.reply()).startswith("250")
    assert len(mailbox.mails[0][1].recipients) == 100


async def test_a_mail_that_is_too_large_is_refused_and_the_session_goes_on(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive, limits=SmtpLimits(mail_bytes=10_000)))
    assert (await client.say("MAIL FROM:<a@customer.example> SIZE=10001")).startswith("552")
    assert (await client.send(b"a" * 9_998 + b"\r\n")).startswith("250")
    assert (await client.send(b"a" * 9_999 + b"\r\n")).startswith("552")
    assert (await client.send(b"a" * 50_000_000 + b"\r\n")).startswith("552")
    assert (await client.send()).startswith("250")
    assert [len(raw) for raw, _ in mailbox.mails] == [10_000, len(MAIL)]


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (TemporaryError("the database is away"), "451 4.3.0 The mail could not be kept, try again later"),
        (PermanentError("This mail has no\r\n250 sender ä"), "554 5.6.0 This mail has no  250 sender ?"),
        (OSError("/secret/path: disk full"), "451 4.3.0 The mail could not be kept, try again later"),
        (TimeoutError("secret"), "451 4.3.0 The mail could not be kept, try again later"),
    ],
    ids=["temporary", "permanent", "a bug", "a timeout inside"],
)
async def test_the_sender_is_told_whether_to_come_again_and_no_more(
    open_door: Open, connect: Connect, error: Exception, reply: str
) -> None:
    async def fail() -> None:
        raise error

    client = await connect(await open_door(Mailbox(fail).receive))
    assert await client.send() == reply
    assert (await client.say("NOOP")).startswith("250")


async def test_250_is_said_after_the_commit_and_not_before(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        client = await connect(await open_door(Mailbox(wait).receive))
        await client.announce()
        await client.write(MAIL + b".\r\n")
        reply = asyncio.create_task(client.reply())
        await begun.wait()
        done, _ = await asyncio.wait([reply], timeout=0.05)
        assert not done
        go_on.set()
        assert (await reply).startswith("250")


async def test_a_client_that_hangs_up_doesnt_break_off_the_commit(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        mailbox = Mailbox(wait)
        door = await open_door(mailbox.receive, limits=SmtpLimits(mails_at_once=1))
        client = await connect(door)
        await client.announce()
        await client.write(MAIL + b".\r\n")
        await begun.wait()
        await client.close()
        another = await connect(door)
        assert (await another.announce()).startswith("452")
        go_on.set()
        await asyncio.wait_for(door.close(), 5)
        assert len(mailbox.mails) == 1


async def test_a_slow_commit_is_told_as_451_and_goes_on(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, _, go_on):
        mailbox = Mailbox(wait)
        limits = SmtpLimits(receive_seconds=0.05, drain_seconds=5)
        door = await open_door(mailbox.receive, limits=limits)
        client = await connect(door)
        assert (await client.send()).startswith("451 4.3.0")
        go_on.set()
        await door.close()
        assert len(mailbox.mails) == 1


async def test_the_session_timeout_doesnt_break_off_a_commit(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        mailbox = Mailbox(wait)
        client = await connect(await open_door(mailbox.receive, limits=SmtpLimits(idle_seconds=0.05)))
        await client.announce()
        await client.write(MAIL + b".\r\n")
        await begun.wait()
        reply = asyncio.create_task(client.reply())
        await asyncio.wait([reply], timeout=0.15)
        go_on.set()
        assert (await reply).startswith("250")


# Limits


async def test_who_says_nothing_is_sent_away(open_door: Open, connect: Connect) -> None:
    client = await connect(await open_door(Mailbox().receive, limits=SmtpLimits(idle_seconds=0.05)))
    assert await client.reply() == ""


async def test_who_never_ends_a_mail_is_sent_away(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive, limits=SmtpLimits(data_seconds=0.05)))
    await client.announce()
    await client.write(b"Subject: endless")
    assert await client.reply() == ""
    assert not mailbox.mails


async def test_a_full_queue_is_told_before_the_mail_is_sent(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        door = await open_door(Mailbox(wait).receive, limits=SmtpLimits(mails_at_once=1))
        first, second = await connect(door), await connect(door)
        await first.announce()
        await first.write(MAIL + b".\r\n")
        await begun.wait()
        assert (await second.announce()).startswith("452 4.3.1")
        go_on.set()
        assert (await first.reply()).startswith("250")
        assert (await second.say("DATA")).startswith("354")


async def test_mails_together_hold_no_more_memory_than_allowed(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        door = await open_door(Mailbox(wait).receive, limits=SmtpLimits(bytes_at_once=150_000))
        first, second = await connect(door), await connect(door)
        await first.announce()
        await first.write(b"a" * 100_000 + b"\r\n.\r\n")
        await begun.wait()
        assert (await second.send(b"a" * 100_000 + b"\r\n")).startswith("452 4.3.1")
        go_on.set()
        assert (await first.reply()).startswith("250")
        for _ in range(3):
            assert (await second.send(b"a" * 100_000 + b"\r\n")).startswith("250")


async def test_too_many_connections_are_told_to_come_later(open_door: Open, connect: Connect) -> None:
    door = await open_door(Mailbox().receive, limits=SmtpLimits(connections_per_address=2))
    first, _ = await connect(door), await connect(door)
    third = await connect(door, greet="")
    assert (await third.reply()).startswith("421 4.7.0")
    assert await third.reply() == ""
    await first.say("QUIT")
    assert await first.reply() == ""
    assert (await (await connect(door, greet="")).reply()).startswith("220")


async def test_too_many_mails_a_minute_are_told_to_come_later(open_door: Open, connect: Connect) -> None:
    limits = SmtpLimits(mails_per_minute_from_sender=2, mails_per_minute_from_address=4)
    client = await connect(await open_door(Mailbox().receive, limits=limits))
    said = []
    for sender in ("a@x.example", "A@x.example", "a@x.example", "b@x.example", "c@x.example"):
        said.append((await client.say(f"MAIL FROM:<{sender}>"))[:9])
        await client.say("RSET")
    assert said == ["250 2.1.0", "250 2.1.0", "450 4.7.1", "250 2.1.0", "450 4.7.1"]


async def test_the_owners_mail_server_may_bring_as_much_as_it_likes(open_door: Open, connect: Connect) -> None:
    limits = SmtpLimits(mails_per_minute_from_sender=1, mails_per_minute_from_address=1, connections_per_address=1)
    door = await open_door(Mailbox().receive, limits=limits, own_servers=("127.0.0.0/8",))
    for client in (await connect(door), await connect(door)):
        assert [(await client.send())[:3] for _ in range(2)] == ["250", "250"]


async def test_one_session_brings_a_bounded_number_of_mails(open_door: Open, connect: Connect) -> None:
    client = await connect(await open_door(Mailbox().receive, limits=SmtpLimits(mails_per_connection=2)))
    assert [(await client.send())[:3] for _ in range(2)] == ["250", "250"]
    assert (await client.say("MAIL FROM:<a@customer.example>")).startswith("421")


def test_all_connections_together_are_bounded_and_a_place_is_given_back() -> None:
    budgets = Budgets(SmtpLimits(connections=2), Networks(["192.0.2.9"]))
    assert [budgets.enter(ip)[:3] for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.9")] == ["", "", "421"]
    budgets.leave("192.0.2.1")
    assert budgets.enter("192.0.2.3") == ""


@pytest.mark.parametrize(
    ("written", "ip", "client"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("nobody", "", ""),
    ],
)
def test_a_client_is_one_address_or_its_ipv6_network(written: str, ip: str, client: str) -> None:
    assert plain_ip(written) == ip
    assert client_of(ip) == client


# Hostile words


@pytest.mark.parametrize(
    ("written", "address", "options"),
    [
        ("<a@b.example> SIZE=10", "a@b.example", "SIZE=10"),
        ("<>", "<>", ""),
        ("", "", ""),
        ("a@b.example BODY=8BITMIME", "a@b.example", "BODY=8BITMIME"),
        ('<"a>b@c"@d.example>', '"a>b@c"@d.example', ""),
        ("<postmaster>", "postmaster", ""),
        ("<@x.example,@y.example:a@b.example>", "a@b.example", ""),
        ("<a@b.example", None, ""),
        ("<", None, ""),
        ("<a b@c.example>", None, ""),
        ("<a\x00b@c.example>", None, ""),
        ("<a\udc80@c.example>", None, ""),
        ('<"' + '\\"' * 30_000 + ">", None, ""),
    ],
)
def test_addresses_are_read_strictly_and_at_once(written: str, address: str | None, options: str) -> None:
    assert read_path(written) == (address, options)


def test_words_for_a_reply_are_one_line_of_ascii() -> None:
    assert plain_line("a\r\n250 b\x00\u2028ä" + "x" * 1000, 12) == "a  250 b ??x"


@pytest.mark.parametrize(
    "command",
    [
        b"MAIL FROM:<\r\n",
        b"MAIL FROM:<a\x00b@c.example>\r\n",
        b"MAIL FROM:<\xff\xfe@c.example>\r\n",
        b"EHLO \x00\xff\r\n",
        b"VRFY \xff\r\n",
        b"HELP \xff\r\n",
        b"AUTH PLAIN \xff\xff\r\n",
        b"\xff\xff\r\n",
        b"\r\n",
        b"NOOP " + b"x" * 500_000 + b"\r\n",
        b"STARTTLS\r\n",
        b"BDAT 10 LAST\r\n",
    ],
)
async def test_a_broken_command_gets_one_reply_and_the_session_goes_on(
    open_door: Open, connect: Connect, command: bytes
) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive))
    await client.write(command)
    reply = await client.reply()
    assert reply[:1] in "245"
    assert "Error: (" not in reply
    assert (await client.send()).startswith("250")


async def test_a_bug_of_ours_is_a_451_without_its_words(connect: Connect) -> None:
    def broken(address: str) -> bool:
        raise KeyError("secret")

    door = SmtpDoor(Mailbox().receive, SmtpSettings(port=0), accepts=broken)
    await door.start()
    client = await connect(door)
    await client.say("MAIL FROM:<a@customer.example>")
    assert await client.say(f"RCPT TO:<{OURS}>") == "451 4.3.0 The mail could not be kept, try again later"
    await client.close()
    await door.close()


async def test_a_web_page_cant_make_a_browser_send_mail(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive), greet="")
    head = "POST / HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nAccept: c\r\nOrigin: d\r\nContent-Type: e\r\n\r\n"
    await client.write(f"{head}EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{OURS}>\r\nDATA\r\nhi\r\n.\r\n".encode())
    said = []
    while reply := await client.reply():
        said.append(reply[:3])
    assert said[-1] == "502"
    assert "354" not in said
    assert not mailbox.mails


async def test_the_greeting_names_us_and_no_version(open_door: Open, connect: Connect) -> None:
    client = await connect(await open_door(Mailbox().receive), greet="")
    assert await client.reply() == "220 mx.support.example ESMTP"
    assert "aiosmtpd" not in (await client.say("EHLO x")).lower()


# TLS and passwords


async def test_mail_needs_tls_where_it_is_required(
    open_door: Open, connect: Connect, certificate: tuple[str, str]
) -> None:
    mailbox = Mailbox()
    door = await open_door(mailbox.receive, tls=Tls.REQUIRED, certificate=certificate[0], key=certificate[1])
    client = await connect(door)
    assert (await client.say("MAIL FROM:<a@customer.example>")).startswith("530")
    await client.say("STARTTLS")
    await client.writer.start_tls(trusting())
    await client.say("EHLO client.example")
    assert (await client.send()).startswith("250")
    assert mailbox.mails[0][1].ip == "127.0.0.1"


async def test_commands_before_tls_arent_carried_over_into_it(
    open_door: Open, connect: Connect, certificate: tuple[str, str]
) -> None:
    mailbox = Mailbox()
    door = await open_door(mailbox.receive, tls=Tls.OFFERED, certificate=certificate[0], key=certificate[1])
    client = await connect(door)
    await client.write(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n")
    assert (await client.reply()).startswith("220")
    await client.writer.start_tls(trusting())
    await client.say("EHLO client.example")
    assert (await client.say(f"RCPT TO:<{OURS}>")).startswith("503")


async def test_a_failed_handshake_gives_the_place_back(
    open_door: Open, connect: Connect, certificate: tuple[str, str]
) -> None:
    limits = SmtpLimits(connections_per_address=1)
    door = await open_door(
        Mailbox().receive, tls=Tls.OFFERED, certificate=certificate[0], key=certificate[1], limits=limits
    )
    for _ in range(3):
        client = await connect(door)
        await client.say("STARTTLS")
        await client.write(b"this is no handshake\r\n" * 10)
        await client.reader.read()
    assert (await (await connect(door, greet="")).reply()).startswith("220")


async def test_tls_from_the_first_byte(open_door: Open, certificate: tuple[str, str]) -> None:
    mailbox = Mailbox()
    door = await open_door(mailbox.receive, tls=Tls.IMPLICIT, certificate=certificate[0], key=certificate[1])
    client = await Client.open(door.port, trusting())
    assert "STARTTLS" not in await client.greet()
    assert (await client.send()).startswith("250")
    await client.close()


@pytest.mark.parametrize("tls", [Tls.OFFERED, Tls.IMPLICIT])
async def test_a_password_lets_in_and_a_wrong_one_doesnt(
    open_door: Open, connect: Connect, certificate: tuple[str, str], tls: Tls
) -> None:
    mailbox = Mailbox()
    files = {"certificate": certificate[0], "key": certificate[1]}
    door = await open_door(mailbox.receive, tls=tls, **files, user="mx", password="pä", sign_in_required=True)
    if tls is Tls.IMPLICIT:
        client = await Client.open(door.port, trusting())
        offered = await client.greet()
    else:
        client = await connect(door)
        assert (await client.say(plain("mx", "pä"))).startswith("538")
        await client.say("STARTTLS")
        await client.writer.start_tls(trusting())
        offered = await client.say("EHLO client.example")
    assert "AUTH LOGIN PLAIN" in offered
    assert (await client.say("MAIL FROM:<a@customer.example>")).startswith("530")
    for user, password in (("mx", "pa"), ("m", "pä"), ("", ""), ("mx", "")):
        assert (await client.say(plain(user, password))).startswith("535")
    assert (await client.say(plain("mx", "pä"))).startswith("235")
    assert (await client.send()).startswith("250")
    assert mailbox.mails[0][1].signed_in
    await client.close()


async def test_the_login_mechanism_asks_for_both_words(open_door: Open, certificate: tuple[str, str]) -> None:
    door = await open_door(
        Mailbox().receive, tls=Tls.IMPLICIT, certificate=certificate[0], key=certificate[1], user="mx", password="pw"
    )
    client = await Client.open(door.port, trusting())
    await client.greet()
    assert await client.say("AUTH LOGIN") == "334 " + base64.b64encode(b"Username:").decode()
    assert await client.say(base64.b64encode(b"mx").decode()) == "334 " + base64.b64encode(b"Password:").decode()
    assert (await client.say(base64.b64encode(b"pw").decode())).startswith("235")
    await client.close()


async def test_who_guesses_passwords_is_sent_away(open_door: Open, certificate: tuple[str, str]) -> None:
    limits = SmtpLimits(failed_sign_ins_per_minute=2)
    files = {"certificate": certificate[0], "key": certificate[1]}
    door = await open_door(Mailbox().receive, tls=Tls.IMPLICIT, **files, user="mx", password="pw", limits=limits)
    client = await Client.open(door.port, trusting())
    await client.greet()
    assert [(await client.say(plain("mx", str(guess))))[:3] for guess in range(3)] == ["535", "535", "421"]
    assert await client.reply() == ""
    await client.close()


async def test_auth_isnt_offered_without_a_password(open_door: Open, certificate: tuple[str, str]) -> None:
    door = await open_door(Mailbox().receive, tls=Tls.IMPLICIT, certificate=certificate[0], key=certificate[1])
    client = await Client.open(door.port, trusting())
    assert "AUTH" not in await client.greet()
    assert (await client.say(plain("", ""))).startswith("504")
    await client.close()


async def test_a_renewed_certificate_is_used(tmp_path: Path, open_door: Open) -> None:
    make_certificate(tmp_path, "old.example")
    files = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    door = await open_door(Mailbox().receive, tls=Tls.IMPLICIT, **files)
    make_certificate(tmp_path, "new.example")
    assert door._certificate is not None
    door._certificate._looked -= 61
    first, second = [await Client.open(door.port, trusting()) for _ in range(2)]
    seen = second.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert b"new.example" in seen
    for client in (first, second):
        await client.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls": Tls.REQUIRED, "certificate": "/nowhere/cert.pem"}, "certificate /nowhere/cert.pem can't be used"),
        ({"password": "pw"}, "needs TLS"),
        ({"host": "192.0.2.1"}, "can't listen on 192.0.2.1:0"),
    ],
)
async def test_a_wrong_setting_is_told_at_the_start(settings: dict[str, Any], words: str) -> None:
    door = SmtpDoor(Mailbox().receive, replace(SmtpSettings(port=0), **settings), accepts=lambda _: True)
    with pytest.raises(SetupError, match=words):
        await door.start()


# Proxies


async def test_a_known_proxy_names_the_client(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    limits = SmtpLimits(connections_per_address=1)
    door = await open_door(mailbox.receive, proxies=("127.0.0.1",), limits=limits)
    for last in (7, 8):
        client = await connect(door, greet="")
        await client.write(f"PROXY TCP4 192.0.2.{last} 127.0.0.1 4711 25\r\n".encode())
        await client.greet()
        assert (await client.send()).startswith("250")
    assert [envelope.ip for _, envelope in mailbox.mails] == ["192.0.2.7", "192.0.2.8"]
    third = await connect(door, greet="")
    assert (await third.say("PROXY TCP4 192.0.2.7 127.0.0.1 4711 25")).startswith("421")


async def test_a_proxys_health_check_is_greeted(open_door: Open, connect: Connect) -> None:
    door = await open_door(Mailbox().receive, proxies=("127.0.0.1",))
    client = await connect(door, greet="")
    assert (await client.say("PROXY UNKNOWN")).startswith("220")


@pytest.mark.parametrize("line", ["EHLO x", "PROXY TCP4 nonsense", "PROXY TCP4 192.0.2.7 127.0.0.1 99999 25"])
async def test_a_known_proxy_must_name_the_client(open_door: Open, connect: Connect, line: str) -> None:
    client = await connect(await open_door(Mailbox().receive, proxies=("127.0.0.1",)), greet="")
    assert await client.say(line) == ""


async def test_nobody_else_may_claim_to_be_a_proxy(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive, proxies=("192.0.2.0/24",)), greet="")
    await client.reply()
    assert (await client.say("PROXY TCP4 192.0.2.7 127.0.0.1 4711 25")).startswith("500")
    await client.say("EHLO x")
    await client.send()
    assert mailbox.mails[0][1].ip == "127.0.0.1"


# LMTP


async def test_lmtp_answers_once_for_every_recipient(open_door: Open, connect: Connect) -> None:
    mailbox = Mailbox()
    client = await connect(await open_door(mailbox.receive, lmtp=True), greet="LHLO")
    assert (await client.announce(OURS, "x@elsewhere.example", OURS, "sales@support.example")).startswith("354")
    await client.write(MAIL + b".\r\n")
    assert [(await client.reply())[:3] for _ in range(3)] == ["250"] * 3
    assert (await client.say("NOOP")).startswith("250")
    assert len(mailbox.mails) == 1


async def test_lmtp_refuses_once_for_every_recipient(open_door: Open, connect: Connect) -> None:
    async def fail() -> None:
        raise TemporaryError("away")

    client = await connect(await open_door(Mailbox(fail).receive, lmtp=True, limits=SmtpLimits(mail_bytes=100)))
    client = await connect(
        await open_door(Mailbox(fail).receive, lmtp=True, limits=SmtpLimits(mail_bytes=100)), greet="LHLO"
    )
    for mail, code in ((MAIL, "451"), (b"x" * 200 + b"\r\n", "552")):
        await client.announce(OURS, "sales@support.example")
        await client.write(mail + b".\r\n")
        assert [(await client.reply())[:3] for _ in range(2)] == [code] * 2
        assert (await client.say("RSET")).startswith("250")
    assert (await client.say("DATA now")).startswith("503")


async def test_lmtp_knows_no_ehlo(open_door: Open, connect: Connect) -> None:
    client = await connect(await open_door(Mailbox().receive, lmtp=True), greet="")
    assert "LMTP" in await client.reply()
    for word in ("EHLO", "HELO"):
        assert (await client.say(f"{word} x")).startswith("500")
    assert (await client.say("LHLO x")).startswith("250")


# The end


async def test_closing_lets_a_mail_under_way_end_and_sends_others_away(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, go_on):
        mailbox = Mailbox(wait)
        door = await open_door(mailbox.receive, limits=SmtpLimits(drain_seconds=5))
        busy, idle = await connect(door), await connect(door)
        await busy.announce()
        await busy.write(MAIL + b".\r\n")
        await begun.wait()
        closing = asyncio.create_task(door.close())
        assert (await idle.reply()).startswith("421")
        assert await idle.reply() == ""
        go_on.set()
        assert (await busy.reply()).startswith("250")
        assert (await busy.reply()).startswith("421")
        await asyncio.wait_for(closing, 3)
        assert len(mailbox.mails) == 1
    with pytest.raises(ConnectionError):
        await Client.open(door.port)


async def test_closing_breaks_off_what_doesnt_end(open_door: Open, connect: Connect) -> None:
    async with stuck() as (wait, begun, _):
        mailbox = Mailbox(wait)
        door = await open_door(mailbox.receive, limits=SmtpLimits(drain_seconds=0.05))
        client, reading = await connect(door), await connect(door)
        await reading.announce()
        await client.announce()
        await client.write(MAIL + b".\r\n")
        await begun.wait()
        await asyncio.wait_for(door.close(), 3)
        assert await client.reply() == ""
        assert not mailbox.mails


# Programs that people use

SWAKS = shutil.which("swaks")
POSTFIX = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin")
needs_swaks = pytest.mark.skipif(not SWAKS, reason="needs swaks")
needs_postfix = pytest.mark.skipif(
    not POSTFIX or os.geteuid() != 0, reason="needs Postfix, and root: it starts its parts as other users"
)


async def swaks(door: SmtpDoor, *more: str) -> int:
    """Send a mail by swaks; return its exit status."""
    command = [str(SWAKS), "--server", "127.0.0.1", "--port", str(door.port), "--from", "a@customer.example"]
    command += [] if "--to" in more else ["--to", OURS]
    process = await asyncio.create_subprocess_exec(*command, *more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0


@needs_swaks
async def test_swaks_sends_by_smtp_lmtp_tls_and_through_a_proxy(open_door: Open, certificate: tuple[str, str]) -> None:
    mailbox = Mailbox()
    tls = {"tls": Tls.REQUIRED, "certificate": certificate[0], "key": certificate[1]}
    door = await open_door(mailbox.receive, **tls, user="mx", password="pw", sign_in_required=True)
    word = ("--auth", "PLAIN", "--auth-user", "mx", "--auth-password")
    assert await swaks(door) != 0
    assert await swaks(door, "-tls") != 0
    assert await swaks(door, "-tls", *word, "wrong") == 28
    assert await swaks(door, "-tls", *word, "pw") == 0
    assert await swaks(door, "-tls", "--auth", "LOGIN", *word[2:], "pw", "--attach", "@/etc/hostname") == 0
    lmtp = await open_door(mailbox.receive, lmtp=True)
    assert await swaks(lmtp, "--protocol", "LMTP", "--to", f"{OURS},sales@support.example") == 0
    proxied = await open_door(mailbox.receive, proxies=("127.0.0.1",))
    proxy = ["--proxy-version", "1", "--proxy-family", "TCP4", "--proxy-source", "192.0.2.7"]
    proxy += ["--proxy-source-port", "1", "--proxy-dest", "127.0.0.1", "--proxy-dest-port", "25"]
    assert await swaks(proxied, *proxy) == 0
    assert [envelope.signed_in for _, envelope in mailbox.mails] == [True, True, False, False]
    assert mailbox.mails[-1][1].ip == "192.0.2.7"


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = front.support.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relay_domains = support.example
relay_recipient_maps =
transport_maps = inline:{{ support.example={how}:[127.0.0.1]:{port} }}
alias_maps =
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

MASTER = """
{listen} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Front:
    """A Postfix that passes our mail on to a door, with a configuration and a queue of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._command = [str(POSTFIX), "-c", str(folder / "etc")]
        self.port = 0

    def start(self, door: SmtpDoor, how: str) -> None:
        for part in ("etc", "queue", "data", "log"):
            (self._folder / part).mkdir()
        shutil.chown(self._folder / "data", "postfix")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        main = MAIN.format(folder=self._folder, how=how, port=door.port)
        (self._folder / "etc" / "main.cf").write_text(main)
        (self._folder / "etc" / "master.cf").write_text(MASTER.format(listen=f"127.0.0.1:{self.port}"))
        self.run("start")

    def run(self, what: str) -> None:
        subprocess.run([*self._command, what], check=False, capture_output=True)

    async def until(self, event: asyncio.Event) -> None:
        """Wait for `event`; what waits in Postfix is brought again every two seconds."""
        async with asyncio.timeout(60):
            while not event.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), 2)
                await asyncio.to_thread(self.run, "flush")


@pytest.fixture
def front() -> Iterator[Front]:
    """A Postfix, in a folder that its users can read."""
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Front(folder)
        yield made
        made.run("stop")
        print((folder / "log" / "postfix.log").read_text())


async def through(port: int, mail: bytes, *recipients: str) -> None:
    """Give a mail to the server in front of us."""
    client = await Client.open(port)
    await client.greet()
    assert (await client.send(mail, *recipients)).startswith("250")
    await client.close()


@needs_postfix
@pytest.mark.parametrize("how", ["smtp", "lmtp"])
async def test_behind_postfix_mail_arrives_and_comes_again_until_it_is_kept(
    open_door: Open, front: Front, how: str
) -> None:
    arrived = asyncio.Event()
    errors: list[Exception] = [TemporaryError("away"), OSError("disk full")]

    async def first_fail() -> None:
        if errors:
            raise errors.pop(0)
        arrived.set()

    mailbox = Mailbox(first_fail)
    door = await open_door(mailbox.receive, lmtp=how == "lmtp", own_servers=("127.0.0.1",))
    await asyncio.to_thread(front.start, door, how)
    text = MAIL + b".dots\r\n" + b"a" * 5_000 + b"\r\n"
    await through(front.port, text.replace(b"\r\n.", b"\r\n.."), OURS, "sales@support.example")
    await front.until(arrived)
    raw, envelope = mailbox.mails[0]
    assert b"\r\n.dots\r\n" in raw
    assert raw.startswith(b"Received: from client.example")
    assert set(envelope.recipients) == {OURS, "sales@support.example"}
    assert (envelope.sender, envelope.helo) == ("a@customer.example", "front.support.example")


def plain(user: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()
