"""Picking mail up from a mailbox: a real Dovecot, and a server that is made to misbehave."""

import asyncio
import contextlib
import imaplib
import os
import pwd
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from channels.email.doors.imap import ImapLimits, ImapPickup, Mailbox
from channels.email.mail import Envelope
from core.errors import PermanentError, SetupError, TemporaryError

DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
needs_dovecot = pytest.mark.skipif(
    not DOVECOT or os.geteuid() != 0, reason="needs Dovecot with LMTP, and root: it starts its parts as other users"
)
QUICK = ImapLimits(retry_seconds=0.02, longest_retry_seconds=0.1, mail_retry_seconds=0.05, command_seconds=5)


def mail(subject: str = "hello", size: int = 0) -> bytes:
    return f"From: a@customer.example\r\nSubject: {subject}\r\n\r\n{'x' * size}\r\n.\r\nend\r\n".encode()


@dataclass
class Received:
    """What was handed over; `wrong` says what is to be raised, one after another."""

    wrong: list[Exception] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    asked: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, raw: bytes, envelope: Envelope) -> None:
        assert envelope == Envelope()
        async with self.changed:
            self.asked += 1
            error = self.wrong.pop(0) if self.wrong else None
            if not error:
                self.mails.append(raw)
            self.changed.notify_all()
        if error:
            raise error

    async def until(self, done: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(done)

    def subjects(self) -> list[str]:
        return [raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for raw in self.mails]


@asynccontextmanager
async def running(pickup: ImapPickup) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(pickup.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


# Dovecot


@dataclass(frozen=True)
class Dovecot:
    """A Dovecot on the loopback: any name is a mailbox, the password is 'p@w'."""

    folder: Path
    imap: int
    imaps: int
    lmtp: int

    def url(self, user: str, *, tls: bool = False, folder: str = "INBOX") -> str:
        scheme, port = ("imaps", self.imaps) if tls else ("imap", self.imap)
        return f"{scheme}://{user}:p%40w@localhost:{port}/{folder}"

    async def deliver(self, user: str, *mails: bytes) -> None:
        """Bring mails as a mail server would."""

        def bring() -> None:
            with smtplib.LMTP("127.0.0.1", self.lmtp) as server:
                for raw in mails:
                    server.sendmail("a@customer.example", user, raw)

        await asyncio.to_thread(bring)

    async def look(self, user: str, *commands: tuple[str, ...], folder: str = "INBOX") -> list[Any]:
        """Return the answer to the last of some commands, by a client of its own."""

        def ask() -> list[Any]:
            with imaplib.IMAP4("127.0.0.1", self.imap) as client:
                client.login(user, "p@w")
                client.select(folder)
                said: list[Any] = []
                for command in commands:
                    said = client.uid(*command)[1]
                return said

        return await asyncio.to_thread(ask)

    async def unseen(self, user: str, folder: str = "INBOX") -> int:
        return len((await self.look(user, ("SEARCH", "UNSEEN"), folder=folder))[0].split())

    async def count(self, user: str, folder: str = "INBOX") -> int:
        return len((await self.look(user, ("SEARCH", "ALL"), folder=folder))[0].split())

    def kick(self, user: str) -> None:
        """Break off all connections of `user`."""
        subprocess.run(["doveadm", "-c", str(self.folder / "dovecot.conf"), "kick", user], capture_output=True)


CONFIG = """
protocols = imap lmtp
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password=p@w
}}
userdb {{
  driver = static
  args = uid=nobody gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 50
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
}}
"""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot of our own, in a folder that its users can read."""
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        nobody = pwd.getpwnam("nobody")
        os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost"]
        command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        subprocess.run(command, check=True, capture_output=True)
        imap, imaps, lmtp = free_ports(3)
        config = folder / "dovecot.conf"
        config.write_text(CONFIG.format(folder=folder, group=nobody.pw_gid, imap=imap, imaps=imaps, lmtp=lmtp))
        server = subprocess.Popen([str(DOVECOT), "-F", "-c", str(config)])
        try:
            wait_for_ports(imap, imaps, lmtp)
            yield Dovecot(folder, imap, imaps, lmtp)
        finally:
            server.terminate()
            server.wait(10)


def wait_for_ports(*ports: int) -> None:
    until = time.monotonic() + 10
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until, "the server does not listen"
                time.sleep(0.05)


async def failing(pickup: ImapPickup) -> None:
    """Wait until `pickup` has tried twice in vain."""
    async with asyncio.timeout(10):
        while pickup._failures < 2:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.01)


async def settled(check: Callable[[], Awaitable[int]], wanted: int) -> None:
    """Wait until `check` gives `wanted`: the flag follows the commit."""
    async with asyncio.timeout(10):
        while await check() != wanted:  # noqa: ASYNC110 (the mailbox is another program's)
            await asyncio.sleep(0.02)


@needs_dovecot
async def test_what_waits_and_what_comes_is_picked_up_and_flagged(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("ada", mail("one"), mail("two"))
    async with running(ImapPickup(dovecot.url("ada"), received.receive, limits=QUICK)):
        await received.until(lambda: len(received.mails) == 2)
        for number in range(3):
            await dovecot.deliver("ada", mail(f"later {number}"))
            await received.until(lambda wanted=3 + number: len(received.mails) == wanted)  # type: ignore[misc]
        await settled(lambda: dovecot.unseen("ada"), 0)
    assert received.subjects() == ["one", "two", "later 0", "later 1", "later 2"]
    assert received.mails[0].endswith(mail("one"))
    assert await dovecot.count("ada") == 5


@needs_dovecot
async def test_every_one_of_many_mails_that_come_all_the_time_is_picked_up_once(dovecot: Dovecot) -> None:
    received = Received()
    limits = ImapLimits(idle_seconds=0.05, retry_seconds=0.01)
    async with running(ImapPickup(dovecot.url("burst"), received.receive, limits=limits)):
        for start in range(0, 120, 4):
            await dovecot.deliver("burst", *(mail(f"{number}") for number in range(start, start + 4)))
        await received.until(lambda: len(received.mails) >= 120, 30)
        await settled(lambda: dovecot.unseen("burst"), 0)
    assert sorted(received.subjects(), key=int) == [f"{number}" for number in range(120)]


@needs_dovecot
async def test_over_tls_the_servers_certificate_is_checked(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("tls", mail())
    stranger = ImapPickup(dovecot.url("tls", tls=True), received.receive, limits=QUICK)
    async with running(stranger):
        await failing(stranger)
    assert not received.asked
    trusting = ssl.create_default_context(cafile=str(dovecot.folder / "cert.pem"))
    async with running(ImapPickup(dovecot.url("tls", tls=True), received.receive, limits=QUICK, tls=trusting)):
        await received.until(lambda: len(received.mails) == 1)
        await dovecot.deliver("tls", mail("over TLS", size=100_000))
        await received.until(lambda: len(received.mails) == 2)


@needs_dovecot
async def test_a_mail_that_could_not_be_kept_comes_again(dovecot: Dovecot) -> None:
    received = Received(wrong=[TemporaryError("away"), OSError("disk full"), RuntimeError("a bug"), TimeoutError()])
    await dovecot.deliver("again", mail("one"))
    async with running(ImapPickup(dovecot.url("again"), received.receive, limits=QUICK)):
        await received.until(lambda: len(received.mails) == 1)
        await settled(lambda: dovecot.unseen("again"), 0)
    assert received.asked == 5


@needs_dovecot
async def test_a_mail_that_can_never_be_kept_doesnt_hold_up_the_others(dovecot: Dovecot) -> None:
    received = Received(wrong=[PermanentError("no sender")])
    await dovecot.deliver("never", mail("refused"), mail("good"))
    pickup = ImapPickup(dovecot.url("never"), received.receive, limits=QUICK, done_folder="Threadline/Done")
    async with running(pickup):
        await received.until(lambda: len(received.mails) == 1)
        await settled(lambda: dovecot.count("never"), 1)
    assert received.subjects() == ["good"]
    assert await dovecot.unseen("never") == 0


@needs_dovecot
async def test_while_nothing_can_be_kept_nothing_is_lost(dovecot: Dovecot) -> None:
    received = Received(wrong=[TemporaryError("away") for _ in range(7)])
    await dovecot.deliver("down", *(mail(f"{number}") for number in range(6)))
    async with running(ImapPickup(dovecot.url("down"), received.receive, limits=QUICK)):
        await received.until(lambda: len(received.mails) == 6)
    assert sorted(received.subjects()) == [f"{number}" for number in range(6)]


@needs_dovecot
async def test_a_crash_between_commit_and_flag_brings_the_mail_again(dovecot: Dovecot) -> None:
    first, second = Received(), Received()
    await dovecot.deliver("crash", mail("one"))
    begun = asyncio.Event()

    async def receive(raw: bytes, envelope: Envelope) -> None:
        await first.receive(raw, envelope)
        begun.set()
        await asyncio.Event().wait()

    async with running(ImapPickup(dovecot.url("crash"), receive, limits=QUICK)):
        await asyncio.wait_for(begun.wait(), 10)
    assert await dovecot.unseen("crash") == 1
    async with running(ImapPickup(dovecot.url("crash"), second.receive, limits=QUICK)):
        await second.until(lambda: len(second.mails) == 1)
    assert first.mails == second.mails


@needs_dovecot
async def test_a_mail_that_is_too_large_is_flagged_and_not_fetched(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("large", mail("large", size=200_000), mail("small"))
    limits = ImapLimits(mail_bytes=100_000)
    async with running(ImapPickup(dovecot.url("large"), received.receive, limits=limits)):
        await received.until(lambda: len(received.mails) == 1)
        await settled(lambda: dovecot.unseen("large"), 0)
    assert received.subjects() == ["small"]


@needs_dovecot
async def test_mails_that_are_done_go_to_their_folder_and_what_others_deleted_stays(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("done", mail("deleted by a person"), mail("one"))
    await dovecot.look("done", ("STORE", "1", "+FLAGS", r"(\Deleted)"))
    pickup = ImapPickup(dovecot.url("done"), received.receive, limits=QUICK, done_folder="Threadline/Done")
    async with running(pickup):
        await received.until(lambda: len(received.mails) == 1)
        await settled(lambda: dovecot.count("done", "Threadline.Done"), 1)
        await settled(lambda: dovecot.count("done"), 1)
    assert received.subjects() == ["one"]
    assert await dovecot.look("done", ("SEARCH", "DELETED")) == [b"1"]


@needs_dovecot
async def test_a_connection_that_breaks_is_made_anew(dovecot: Dovecot) -> None:
    received = Received()
    async with running(ImapPickup(dovecot.url("kicked"), received.receive, limits=QUICK)):
        for number in range(1, 4):
            await dovecot.deliver("kicked", mail(f"{number}"))
            await received.until(lambda wanted=number: len(received.mails) == wanted)  # type: ignore[misc]
            await asyncio.to_thread(dovecot.kick, "kicked")
    assert received.subjects() == ["1", "2", "3"]


@needs_dovecot
async def test_a_folder_that_was_made_anew_gives_its_old_numbers_to_new_mails(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("anew", mail("one"), mail("two"))
    async with running(ImapPickup(dovecot.url("anew"), received.receive, limits=QUICK)):
        await received.until(lambda: len(received.mails) == 2)
        await settled(lambda: dovecot.unseen("anew"), 0)
        before = await dovecot.look("anew", ("SEARCH", "ALL"))
        await asyncio.to_thread(shutil.rmtree, dovecot.folder / "mail" / "anew")
        await asyncio.to_thread(dovecot.kick, "anew")
        await dovecot.deliver("anew", mail("three"), mail("four"))
        await received.until(lambda: len(received.mails) == 4)
        assert await dovecot.look("anew", ("SEARCH", "ALL")) == before
    assert received.subjects() == ["one", "two", "three", "four"]


@needs_dovecot
async def test_being_stopped_takes_no_time_while_nothing_happens(dovecot: Dovecot) -> None:
    received = Received()
    await dovecot.deliver("stop", mail())
    async with running(ImapPickup(dovecot.url("stop"), received.receive)):
        await received.until(lambda: len(received.mails) == 1)
        started = time.monotonic()
    assert time.monotonic() - started < 1


# A server that misbehaves


@dataclass
class Server:
    """A small IMAP server whose answers can be bent. `mails` by UID; `seen` are the flagged ones."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    capabilities: str = "IMAP4rev1 IDLE"
    bend: dict[str, Callable[["Server", str, int], bytes | None]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    port: int = 0
    idling: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK hello\r\n")
        idle_tag = ""
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().strip():
                if line == "DONE":
                    writer.write(f"{idle_tag} OK done\r\n".encode())
                    continue
                tag, command = line.split(" ", 1)
                self.said.append(command)
                name = " ".join(command.upper().split()[: 2 if command.upper().startswith("UID") else 1])
                answer = self.bend[name](self, tag, len(self.said)) if name in self.bend else None
                if answer is None:
                    answer = self.usual(tag, name, command)
                if name == "IDLE":
                    idle_tag = tag
                    self.idling.set()
                writer.write(answer)
                if b"* BYE" in answer:
                    break
                await writer.drain()
        writer.close()

    def usual(self, tag: str, name: str, command: str) -> bytes:
        done = f"{tag} OK done\r\n".encode()
        words = command.split()
        match name:
            case "CAPABILITY":
                return f"* CAPABILITY {self.capabilities}\r\n".encode() + done
            case "SELECT":
                return f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n".encode() + done
            case "UID SEARCH":
                found = " ".join(str(uid) for uid in self.mails if uid not in self.seen)
                return f"* SEARCH {found}\r\n".encode() + done
            case "UID FETCH" if "SIZE" in command:
                uid = int(words[2])
                return f"* 1 FETCH (UID {uid} RFC822.SIZE {len(self.mails[uid])})\r\n".encode() + done
            case "UID FETCH":
                raw = self.mails[int(words[2])]
                head = f"* 1 FETCH (UID {words[2]} BODY[] {{{len(raw)}}}\r\n".encode()
                return b"* 1 FETCH (FLAGS ())\r\n" + head + raw + b")\r\n" + done
            case "UID STORE":
                self.seen.add(int(words[2]))
                return done
            case "IDLE":
                return b"+ idling\r\n"
            case _:
                return done


class Serve(Protocol):
    async def __call__(self, **bent: Any) -> Server: ...


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(**bent: Any) -> Server:
            server = Server(**bent)
            listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
            stack.callback(listening.close)
            server.port = listening.sockets[0].getsockname()[1]
            return server

        yield start


def pickup(server: Server, received: Received, **limits: Any) -> ImapPickup:
    usual = {"retry_seconds": 0.02, "longest_retry_seconds": 0.1, "mail_retry_seconds": 0.05, "command_seconds": 5}
    return ImapPickup(f"imap://u:p@127.0.0.1:{server.port}", received.receive, limits=ImapLimits(**{**usual, **limits}))


async def test_news_in_the_same_packet_as_the_begin_of_idle_arent_overlooked(serve: Serve) -> None:
    def arrives(server: Server, tag: str, _: int) -> bytes | None:
        if 2 in server.mails:
            return None
        server.mails[2] = mail("two")
        return b"+ idling\r\n* 2 EXISTS\r\n"

    received = Received()
    server = await serve(mails={1: mail("one")}, bend={"IDLE": arrives})
    async with running(pickup(server, received)):
        await received.until(lambda: received.subjects() == ["one", "two"], 5)


async def test_news_before_the_begin_of_idle_arent_overlooked(serve: Serve) -> None:
    def arrives(server: Server, tag: str, _: int) -> bytes | None:
        if 2 in server.mails:
            return None
        server.mails[2] = mail("two")
        return b"* 2 EXISTS\r\n+ idling\r\n"

    received = Received()
    server = await serve(mails={1: mail("one")}, bend={"IDLE": arrives})
    async with running(pickup(server, received)):
        await received.until(lambda: received.subjects() == ["one", "two"], 5)


@pytest.mark.parametrize("command", ["UID SEARCH", "UID STORE", "UID FETCH"])
async def test_news_told_beside_another_answer_arent_overlooked(serve: Serve, command: str) -> None:
    def arrives(server: Server, tag: str, _: int) -> bytes | None:
        if 2 in server.mails or server.said[-1].endswith("(RFC822.SIZE)"):
            return None
        answer = server.usual(tag, command, server.said[-1])
        server.mails[2] = mail("two")
        return b"* 2 EXISTS\r\n" + answer

    received = Received()
    server = await serve(mails={1: mail("one")}, bend={command: arrives})
    async with running(pickup(server, received)):
        await received.until(lambda: received.subjects() == ["one", "two"], 5)


async def test_a_server_without_idle_is_asked_again_and_again(serve: Serve) -> None:
    received = Received()
    server = await serve(mails={1: mail("one")}, capabilities="IMAP4rev1")
    async with running(pickup(server, received, poll_seconds=0.02)):
        await received.until(lambda: len(received.mails) == 1)
        server.mails[2] = mail("two")
        await received.until(lambda: len(received.mails) == 2)
    assert not any("IDLE" in command for command in server.said)


async def test_idle_is_begun_anew_before_the_server_forgets_us(serve: Serve) -> None:
    received = Received()
    server = await serve()
    async with running(pickup(server, received, idle_seconds=0.02)):
        await asyncio.wait_for(server.idling.wait(), 5)
        server.mails[1] = mail("never told")
        await received.until(lambda: len(received.mails) == 1)


@pytest.mark.parametrize("command", ["SELECT", "CAPABILITY", "UID SEARCH", "UID FETCH", "UID STORE", "IDLE", "LOGIN"])
@pytest.mark.parametrize("answer", ["* BYE gone\r\n", "{tag} NO not now\r\n", "{tag} BAD what\r\n"])
async def test_a_server_that_fails_once_anywhere_is_tried_again(serve: Serve, command: str, answer: str) -> None:
    failed: list[int] = []

    def fails(server: Server, tag: str, count: int) -> bytes | None:
        if failed:
            return None
        failed.append(count)
        return answer.format(tag=tag).encode()

    received = Received()
    server = await serve(mails={1: mail("one")}, bend={command: fails})
    async with running(pickup(server, received)):
        await received.until(lambda: len(received.mails) >= 1)
        await asyncio.wait_for(server.idling.wait(), 10)
    assert failed
    assert set(received.subjects()) == {"one"}


async def test_a_mailbox_that_may_not_be_changed_gives_each_mail_once(serve: Serve) -> None:
    received = Received()
    server = await serve(
        mails={1: mail("one"), 2: mail("two")},
        bend={"UID STORE": lambda _, tag, __: f"{tag} NO read-only\r\n".encode()},
    )
    async with running(pickup(server, received, idle_seconds=0.02)):
        await received.until(lambda: len(received.mails) == 2)
        server.mails[3] = mail("three")
        await received.until(lambda: len(received.mails) == 3)
    assert received.subjects() == ["one", "two", "three"]


async def test_a_mail_the_server_cant_give_doesnt_hold_up_the_others(serve: Serve) -> None:
    def broken(server: Server, tag: str, _: int) -> bytes | None:
        return f"{tag} NO corrupt\r\n".encode() if server.said[-1].split()[2] == "1" else None

    received = Received()
    server = await serve(mails={1: mail("corrupt"), 2: mail("good")}, bend={"UID FETCH": broken})
    async with running(pickup(server, received)):
        await received.until(lambda: received.subjects() == ["good"])


async def test_a_mail_that_went_away_meanwhile_is_no_mail(serve: Serve) -> None:
    def gone(server: Server, tag: str, _: int) -> bytes | None:
        return f"{tag} OK nothing\r\n".encode() if server.said[-1].split()[2] == "1" else None

    received = Received()
    server = await serve(mails={1: mail("gone"), 2: mail("good")}, bend={"UID FETCH": gone})
    async with running(pickup(server, received)):
        await received.until(lambda: received.subjects() == ["good"])


# The address


@pytest.mark.parametrize(
    ("url", "mailbox"),
    [
        ("imaps://u:p@mail.example.com", Mailbox("mail.example.com", 993, "u", "p", "INBOX", "tls")),
        ("imaps://u%40x.example:p%2Fw@h:1993/A%20B/C", Mailbox("h", 1993, "u@x.example", "p/w", "A B/C", "tls")),
        ("imap://u:p@mail.example.com/", Mailbox("mail.example.com", 143, "u", "p", "INBOX", "starttls")),
        ("imap://u:p@localhost:1143", Mailbox("localhost", 1143, "u", "p", "INBOX", "no")),
        ("imap://u:p@127.0.0.1", Mailbox("127.0.0.1", 143, "u", "p", "INBOX", "no")),
        ("imap://u:p@127.0.0.1.example.com", Mailbox("127.0.0.1.example.com", 143, "u", "p", "INBOX", "starttls")),
    ],
)
def test_an_address_is_read(url: str, mailbox: Mailbox) -> None:
    assert Mailbox.read(url) == mailbox
    assert "password" not in repr(mailbox)


@pytest.mark.parametrize(
    "url", ["", "https://u:p@h", "imaps://h/INBOX", "imaps://u:p@", "imaps://u:p@h:x", "imaps://u:p@[h"]
)
def test_an_address_that_cant_be_used_is_told_at_the_start(url: str) -> None:
    with pytest.raises(SetupError, match="mailbox"):
        ImapPickup(url, Received().receive)


async def test_a_password_is_never_sent_in_the_clear_to_another_machine(
    serve: Serve,
) -> None:
    received = Received()
    server = await serve()
    elsewhere = ImapPickup(f"imap://u:secret@127.0.0.1:{server.port}", received.receive, limits=QUICK)
    elsewhere._mailbox = Mailbox("127.0.0.1", server.port, "u", "secret", "INBOX", "starttls")
    async with running(elsewhere):
        await failing(elsewhere)
    assert not any("secret" in command for command in server.said)
