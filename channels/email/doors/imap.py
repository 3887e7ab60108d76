"""Mail from a mailbox by IMAP, for owners whose mail lives at a provider.

`bot/` runs an `ImapPickup` while the program runs. Each unseen mail goes to `receive`, and only when that has returned
it is flagged: if the program is killed between the two, the same mail comes again. What waits in the mailbox is asked
for before every IDLE and after it, and what the server says meanwhile is looked at, so that no mail is left lying.

imap-tools (on the standard library's imaplib) speaks the protocol, in a thread of its own. Two of its ways are not
used: its `flag` and `move` also expunge what other people have marked as deleted, and its IDLE overlooks what came in
the same packet as the server's '+ idling'.
"""

import asyncio
import contextlib
import imaplib
import random
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import structlog
from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxUnencrypted
from imap_tools.utils import encode_folder

from channels.email.doors.networks import LOOPBACK, Networks
from channels.email.mail import Envelope
from core.errors import PermanentError, SetupError, TemporaryError

log = structlog.get_logger()

Receive = Callable[[bytes, Envelope], Awaitable[None]]
T = TypeVar("T")

_LOST = (OSError, imaplib.IMAP4.error, ImapToolsError, EOFError, TimeoutError)
_MOST_FAILURES = 3
_LAST_RETRY = 3600.0
_LONGEST_IDLE = 28 * 60.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Which mailbox, and how to get to it. `encrypted` is how: from the start, by STARTTLS, or not at all."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    encrypted: str

    @classmethod
    def read(cls, url: str) -> "Mailbox":
        """Read 'imaps://user:password@host:port/folder'. Raises `SetupError`.

        'imap://' begins in the clear and goes on with STARTTLS; on this machine itself it stays in the clear.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SetupError(f"The mailbox's address can't be read: {error}.") from None
        if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
            raise SetupError("Give the mailbox as imaps://user:password@mail.example.com/INBOX.")
        local = parts.hostname == "localhost" or parts.hostname in Networks(LOOPBACK)
        return cls(
            parts.hostname,
            port or (993 if parts.scheme == "imaps" else 143),
            unquote(parts.username),
            unquote(parts.password or ""),
            unquote(parts.path.lstrip("/")) or "INBOX",
            "tls" if parts.scheme == "imaps" else "no" if local else "starttls",
        )


@dataclass(frozen=True, slots=True)
class ImapLimits:
    """How much and how often."""

    mail_bytes: int = 25 * 2**20
    """The largest mail. A larger one is flagged and not fetched."""
    idle_seconds: float = 540.0
    """IDLE is begun anew so often. RFC 2177 asks for less than 29 minutes; many firewalls forget sooner."""
    poll_seconds: float = 60.0
    """How often a server without IDLE is asked."""
    command_seconds: float = 30.0
    """The longest wait for an answer of the server."""
    retry_seconds: float = 1.0
    """The first wait before connecting again. It doubles, up to `longest_retry_seconds`."""
    longest_retry_seconds: float = 300.0
    """The longest wait before connecting again."""
    mail_retry_seconds: float = 30.0
    """The first wait before a mail that could not be kept comes again. It doubles, up to an hour."""


class ImapPickup:
    """Hands each unseen mail of a mailbox to `receive`."""

    def __init__(
        self,
        url: str,
        receive: Receive,
        *,
        done_folder: str = "",
        limits: ImapLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Set up; `run` connects. Raises `SetupError` for a URL that can't be read (see `Mailbox.read`).

        receive: commits one mail, and may get the same mail twice. A mail it refuses with `PermanentError` is flagged
            and left; after any other error the mail comes again later.
        done_folder: where mails go when they are committed ('Threadline/Done'); made if it isn't there. Without one
            they stay and are flagged as seen.
        tls: what a server's certificate is checked with; the machine's own authorities otherwise.
        """
        self._mailbox = Mailbox.read(url)
        self._receive = receive
        self._done_folder = done_folder
        self._limits = limits or ImapLimits()
        self._tls = tls
        self._failures = 0

    async def run(self) -> None:
        """Pick mail up until cancelled. A server that is away is tried again and again."""
        limits = self._limits
        while True:
            try:
                await self._visit()
            except _LOST as error:
                self._failures += 1
                log.warning("imap.lost", host=self._mailbox.host, error=str(error) or type(error).__name__)
            longest = min(limits.longest_retry_seconds, limits.retry_seconds * 2 ** min(self._failures, 20))
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 (spreads reconnections)

    def probe(self) -> int:
        """Connect, sign in and open the folder; return how many unseen mails wait. Blocks. Raises `TemporaryError`."""
        box = _Box(
            self._mailbox, self._done_folder, self._limits.command_seconds, self._tls or ssl.create_default_context()
        )
        try:
            box.connect()
            return len(box.unseen())
        except _LOST as error:
            raise TemporaryError(f"The mailbox can't be opened: {error or type(error).__name__}") from error
        finally:
            box.close()

    async def _visit(self) -> None:
        """Connect, and pick up until the connection is lost."""
        tls = self._tls or ssl.create_default_context()
        box = _Box(self._mailbox, self._done_folder, self._limits.command_seconds, tls)
        thread = ThreadPoolExecutor(1, "imap")
        visit = _Visit(box, thread, self._receive, self._limits)
        try:
            await visit.call(box.connect)
            self._failures = 0
            log.info("imap.connected", host=self._mailbox.host, folder=self._mailbox.folder)
            while True:
                await visit.take_new()
                await visit.wait()
        finally:
            box.hang_up()
            closing = asyncio.wrap_future(thread.submit(box.close))
            thread.shutdown(wait=False)
            await asyncio.wait([closing], timeout=1.0)


class _Visit:
    """One connection to the mailbox.

    What it knows about mails goes by UID, the folder's own number of a mail. A UID holds as long as the folder's
    UIDVALIDITY does, and that can't change while the folder is open (RFC 3501, 2.3.1.1): so this ends with the visit.
    """

    def __init__(self, box: "_Box", thread: ThreadPoolExecutor, receive: Receive, limits: ImapLimits) -> None:
        self._box, self._thread, self._receive, self._limits = box, thread, receive, limits
        self._settled: set[str] = set()
        self._later: dict[str, tuple[float, float]] = {}

    async def call(self, work: Callable[..., T], *given: Any) -> T:
        """Run `work` in the thread of this connection."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def take_new(self) -> None:
        """Take up all mails that are due, until the server has no more."""
        while True:
            waiting = await self.call(self._box.unseen)
            self._settled &= set(waiting)
            self._later = {uid: when for uid, when in self._later.items() if uid in waiting}
            due = [uid for uid in waiting if uid not in self._settled and self._is_due(uid)]
            if not due:
                return
            await self._take(due)

    async def wait(self) -> None:
        """Wait until the server has news, a mail is to be tried again, or it is time to ask."""
        now = time.monotonic()
        soonest = max(0.0, min((when for when, _ in self._later.values()), default=now + 86_400) - now)
        if not self._box.can_idle:
            await asyncio.sleep(min(self._limits.poll_seconds, soonest))
            return
        if not await self.call(self._box.begin_idle):
            await _readable(self._box.number, min(self._limits.idle_seconds, _LONGEST_IDLE, soonest))
        await self.call(self._box.end_idle)

    async def _take(self, uids: list[str]) -> None:
        """Take mails up one after another; when several in a row can't be kept, the rest waits, too."""
        failed = 0
        for uid in uids:
            if failed == _MOST_FAILURES:
                self._put_off(uid)
            else:
                failed = 0 if await self._settle(uid) else failed + 1

    async def _settle(self, uid: str) -> bool:
        """Take one mail up and flag it; return False if it must come again."""
        try:
            kept = await self._hand_over(uid)
        except PermanentError as error:
            log.warning("imap.refused", uid=uid, error=str(error))
            kept = False
        except TemporaryError as error:
            log.warning("imap.later", uid=uid, error=str(error))
            self._put_off(uid, error.retry_after)
            return False
        except _LOST:
            raise
        except Exception:
            log.exception("imap.receive", uid=uid)
            self._put_off(uid)
            return False
        self._settled.add(uid)
        self._later.pop(uid, None)
        if not await self.call(self._box.see, uid, kept):
            log.warning("imap.not_flagged", uid=uid)
        return True

    async def _hand_over(self, uid: str) -> bool:
        """Have one mail committed; return False if there was nothing to commit."""
        size = await self.call(self._box.size, uid)
        if size > self._limits.mail_bytes:
            raise PermanentError(f"the mail has {size} bytes")
        raw = await self.call(self._box.fetch, uid)
        if raw:
            await self._keep(raw)
        return bool(raw)

    async def _keep(self, raw: bytes) -> None:
        try:
            await self._receive(raw, Envelope())
        except _LOST as error:
            raise TemporaryError(f"the mail could not be kept: {type(error).__name__}") from error

    def _is_due(self, uid: str) -> bool:
        return uid not in self._later or self._later[uid][0] <= time.monotonic()

    def _put_off(self, uid: str, seconds: float | None = None) -> None:
        _, last = self._later.get(uid, (0.0, self._limits.mail_retry_seconds / 2))
        wait = min(_LAST_RETRY, 2 * last)
        self._later[uid] = (time.monotonic() + (wait if seconds is None else seconds), wait)


class _Box:
    """The blocking side: every method but `hang_up` belongs into the thread of the connection."""

    can_idle = False

    def __init__(self, mailbox: Mailbox, done_folder: str, seconds: float, tls: ssl.SSLContext) -> None:
        self._mailbox, self._done_folder, self._seconds, self._tls = mailbox, done_folder, seconds, tls
        self._box: BaseMailBox | None = None
        self._idle_tag = b""
        self._gone = False

    @property
    def number(self) -> int:
        """The file descriptor of the connection."""
        return int(self._client.sock.fileno())

    @property
    def _client(self) -> Any:
        if self._box is None:
            raise ConnectionError("not connected")
        return self._box.client

    def connect(self) -> None:
        """Connect, sign in, and open the folder."""
        where = self._mailbox
        if where.encrypted == "tls":
            box: BaseMailBox = MailBox(where.host, where.port, timeout=self._seconds, ssl_context=self._tls)
        else:
            box = MailBoxUnencrypted(where.host, where.port, timeout=self._seconds)
        self._box = box
        if self._gone:
            raise ConnectionError("closed")
        if where.encrypted == "starttls":
            box.client.starttls(self._tls)
        sign_in = box.login if (where.user + where.password).isascii() else box.login_utf8
        sign_in(where.user, where.password, initial_folder=None)
        self._done_folder = self._on_the_server(self._done_folder)
        if self._done_folder and not box.folder.exists(self._done_folder):
            box.folder.create(self._done_folder)
        box.folder.set(self._on_the_server(where.folder))
        # Many servers say what they can only after the sign-in.
        self._capabilities = self._client.capability()[1][0].decode("ascii", "replace").upper().split()
        self.can_idle = "IDLE" in self._capabilities

    def hang_up(self) -> None:
        """Break the connection off, from any thread: a call that waits for the server ends with an error."""
        self._gone = True
        if self._box is not None:
            with contextlib.suppress(OSError):
                self._box.client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the socket go."""
        if self._box is not None:
            with contextlib.suppress(OSError):
                self._box.client.shutdown()

    def unseen(self) -> list[str]:
        """Return the UIDs of unseen mails, oldest first. Asks again when mail came in while the server searched."""
        assert self._box is not None  # noqa: S101 (for mypy)
        for _ in range(5):
            self._news()
            found = self._box.uids("UNSEEN UNDELETED", charset=None)
            if not self._news():
                break
        return sorted(found, key=int)

    def size(self, uid: str) -> int:
        """Return the bytes of a mail, 0 if it is gone."""
        said = self._fetched(uid, "(RFC822.SIZE)")
        found = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(item for item in said if isinstance(item, bytes)))
        return int(found[1]) if found else 0

    def fetch(self, uid: str) -> bytes:
        """Return a mail as it is stored, b'' if it is gone. It stays unseen."""
        for item in self._fetched(uid, "(BODY.PEEK[])"):
            if isinstance(item, tuple) and b"BODY[]" in item[0].upper():
                return bytes(item[1])
        return b""

    def see(self, uid: str, move: bool) -> bool:
        """Flag a mail as seen, and move it if there is a folder for it; return False if the server would not."""
        if self._client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")[0] != "OK":
            return False
        return self._move(uid) if move and self._done_folder else True

    def begin_idle(self) -> bool:
        """Begin to listen; return True if there are news at once."""
        client = self._client
        self._idle_tag = client._command("IDLE")  # noqa: SLF001 (imaplib has no IDLE before Python 3.14)
        while client._get_response() is not None:  # noqa: SLF001
            if client.tagged_commands.get(self._idle_tag):
                raise ConnectionError("the server refuses IDLE")
        return self._news() or _has_more(client)

    def end_idle(self) -> None:
        """Stop listening."""
        assert self._box is not None  # noqa: S101 (for mypy)
        self._client.send(b"DONE\r\n")
        self._box.consume_until_tagged_response(self._idle_tag)

    def _on_the_server(self, folder: str) -> str:
        """Return a folder's path as the server writes it: many have a dot for our slash."""
        if self._box is None or "/" not in folder:
            return folder
        mark = next((found.delim for found in self._box.folder.list("", "INBOX")), "/")
        return folder.replace("/", mark) if len(mark) == 1 else folder

    def _news(self) -> bool:
        """Say whether the server has told of new mail since the last time."""
        told: bool = self._client.response("EXISTS")[1] != [None]
        return told

    def _fetched(self, uid: str, what: str) -> list[Any]:
        status, said = self._client.uid("FETCH", uid, what)
        if status != "OK":
            raise TemporaryError(f"the server would not give the mail: {said[0]!r}")
        return list(said)

    def _move(self, uid: str) -> bool:
        """Move one mail without expunging others: by MOVE, or by a copy whose original is marked as deleted."""
        folder = encode_folder(self._done_folder)
        if "MOVE" in self._capabilities:
            moved: bool = self._client.uid("MOVE", uid, folder)[0] == "OK"
            return moved
        if self._client.uid("COPY", uid, folder)[0] != "OK":
            return False
        marked: bool = self._client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")[0] == "OK"
        if "UIDPLUS" in self._capabilities:
            self._client.uid("EXPUNGE", uid)
        return marked


def _has_more(client: Any) -> bool:
    """Say whether imaplib has read more than it was asked for: nothing will be seen at the socket for that."""
    if getattr(client, "_readbuf", None) is not None:  # Python 3.14
        return bool(client._readbuf)  # noqa: SLF001
    if getattr(client.sock, "pending", int)():
        return True
    waits = client.sock.gettimeout()
    client.sock.settimeout(0)
    try:
        return bool(client.file.peek(1))
    except OSError:
        return False
    finally:
        client.sock.settimeout(waits)


async def _readable(number: int, seconds: float) -> None:
    """Wait until something can be read from a file descriptor, or the time is over."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(number, ready.set)
    try:
        async with asyncio.timeout(seconds):
            await ready.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_reader(number)
