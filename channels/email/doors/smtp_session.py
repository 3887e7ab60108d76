"""One SMTP or LMTP session: aiosmtpd's protocol, with the ways of it that a public mail door can't keep.

`smtp.SmtpDoor` makes one for each connection. What differs from aiosmtpd 1.4.6: the text of a mail is read in blocks
and not by lines (no limit on a line's length, and CRLF.CRLF is still the only end); addresses are read by a pattern;
a client that doesn't wait for our 354 is refused; a PROXY line is expected from known proxies only; LMTP answers once
for every recipient (RFC 2033, 4.2).
"""

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from channels.email.doors.networks import plain_ip

if TYPE_CHECKING:
    from channels.email.doors.smtp import SmtpDoor

END_OF_MAIL = b"\r\n.\r\n"
_PATH = re.compile(
    r"""
    <(?:@[^:<>\s]*:)?                                    # a source route is read over (RFC 5321, appendix C)
      (?P<angled>(?:"(?:[^"\\\r\n]|\\.)*"@)?[^<>"\s]*)
    >\s*(?P<options>.*)
    |(?P<bare>[^<>"\s]+)(?:\s+(?P<bare_options>.*))?
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def read_path(written: str) -> tuple[str | None, str]:
    """Read the path of a MAIL or RCPT command; return the address and the options after it.

    '' for nothing at all, '<>' for the empty return path, None for what is no address.
    """
    if not written:
        return "", ""
    found = _PATH.fullmatch(written)
    if found is None or _CONTROL.search(written):
        return None, ""
    if found["bare"] is not None:
        return found["bare"], found["bare_options"] or ""
    return found["angled"] or "<>", found["options"]


def plain_line(text: str, limit: int = 400) -> str:
    """Return `text` as it may stand in a reply: one line of ASCII. A reply line has 512 bytes (RFC 5321, 4.5.3.1.5)."""
    return _CONTROL.sub(" ", text).encode("ascii", "replace").decode()[:limit].strip()


class SmtpSession(SMTP):
    """One connection. `ip` is the client's address, also behind a proxy."""

    line_length_limit = 2**16
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(self, door: "SmtpDoor", **options: Any) -> None:
        super().__init__(door.hooks, loop=asyncio.get_running_loop(), enable_SMTPUTF8=True, **options)
        self.door = door
        self.ip = ""
        self.unknown_recipients = 0
        self._entered = False
        self._leaving = False
        self._busy = False
        self._held = 0

    @property
    def said(self) -> Session:
        """What the client has said so far; anew after STARTTLS."""
        return self.session or self._create_session()

    @property
    def wire(self) -> Envelope:
        """The mail that is being announced."""
        return self.envelope or self._create_envelope()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, or STARTTLS has begun the session anew."""
        self.door.opened(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended. aiosmtpd may say so twice when a handshake fails."""
        if self._entered:
            self._entered = False
            self.door.budgets.leave(self.ip)
        super().connection_lost(error)
        self.door.ended(self)

    def require_sign_in(self, *, required: bool, encrypted: bool) -> None:
        """Say whether a mail needs a sign-in. `encrypted`: the connection is, from its first byte, so AUTH is safe.

        aiosmtpd takes both as arguments, but doesn't know of TLS without STARTTLS and would warn.
        """
        self._auth_required = required
        self._auth_require_tls = not encrypted

    def abort(self) -> None:
        """Break the connection off."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def leave(self) -> None:
        """End the session now, or after the mail that is under way."""
        self._leaving = True
        if not self._busy:
            self._farewell()

    def hang_up(self) -> None:
        """Close the connection after the reply that is about to be written; what else the client said isn't heard."""
        self._unread().clear()
        self.loop.call_soon(self._close)

    async def admit(self) -> bool:
        """Count the client in, once its address is known; tell it why not."""
        refusal = self.door.budgets.enter(self.ip)
        if refusal:
            await self._refuse(refusal)
            return False
        self._entered = True
        if await self._spoke_early():
            await self._refuse("554 5.5.1 You spoke before the greeting")
            return False
        return True

    async def _handle_client(self) -> None:
        peer = self.transport.get_extra_info("peername") if self.transport else None
        self.ip = plain_ip(peer[0]) if isinstance(peer, tuple) else ""
        with contextlib.suppress(ConnectionError):
            if self.ip not in self.door.proxies:
                self._proxy_timeout = None
                if not await self.admit():
                    return
            await super()._handle_client()

    async def _spoke_early(self) -> bool:
        if self.door.settings.greeting_seconds:
            await asyncio.sleep(self.door.settings.greeting_seconds)
        return bool(self.door.settings.greeting_seconds and self._unread())

    async def _refuse(self, reply: str) -> None:
        await self.push(reply)
        self._close()

    def _farewell(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._writer.write(b"421 4.3.2 Closing, try again later\r\n")
            self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _unread(self) -> bytearray:
        buffer: bytearray = self._reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001 (as aiosmtpd does at STARTTLS)
        return buffer

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        return read_path(arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd finds commands by name)
        """Read a mail and have it committed; only then '250' is said."""
        refusal = await self._unready(arg)
        if refusal:
            await self.push(refusal)
            return
        self._busy = True
        try:
            await self._take()
        finally:
            self._busy = False
            self._release()
        if self._leaving:
            self._farewell()

    async def _unready(self, arg: str | None) -> str:
        if not self.said.host_name:
            return "503 5.5.1 Error: send HELO first"
        if self._auth_required and not self.said.authenticated:
            return "530 5.7.0 Authentication required"
        if not self.wire.rcpt_tos:
            return "503 5.5.1 Error: need RCPT command"
        if arg:
            return "501 5.5.4 Syntax: DATA"
        if self.transport is None or self.transport.is_closing():
            return "421 4.3.2 Closing"
        if self._unread():
            self.hang_up()
            return "554 5.5.0 Wait for our reply to DATA"
        return self.door.full()

    async def _take(self) -> None:
        # The end of the DATA line is the first half of the end of an empty mail (RFC 5321, 4.1.1.4).
        self._reader.feed_data(b"\r\n")
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._reset_timeout(self.door.settings.limits.data_seconds)
        raw, reply = await self._read_mail()
        if not reply:
            self._reset_timeout(self.door.settings.limits.receive_seconds + 60)
            held, self._held = self._held, 0
            reply = await self.door.take(raw, self.door.envelope_of(self), held)
        self.envelope = self._create_envelope()
        self._reset_timeout()
        await self.push(reply)

    async def _read_mail(self) -> tuple[bytes, str]:
        """Read up to the end of the mail; return it, or b'' and the reply that refuses it."""
        blocks: list[bytes] = []
        size, refusal, ended = 0, "", False
        while not ended:
            try:
                block = await self._reader.readuntil(END_OF_MAIL)
                ended = True
            except asyncio.LimitOverrunError as overrun:
                block = await self._reader.readexactly(overrun.consumed)
            size += len(block)
            refusal = refusal or self._no_room(size, len(block))
            if refusal:
                blocks.clear()
                self._release()
            else:
                blocks.append(block)
        # The added line end comes off again; of every line that begins with a dot, that dot does (RFC 5321, 4.5.2).
        return b"".join(blocks).replace(b"\r\n.", b"\r\n")[2:-2], refusal

    def _no_room(self, size: int, block: int) -> str:
        if size > self.door.settings.limits.mail_bytes + len(END_OF_MAIL):
            return "552 5.3.4 The mail is too large"
        if not self.door.budgets.hold(block):
            return "452 4.3.1 Too much mail at once, try again later"
        self._held += block
        return ""

    def _release(self) -> None:
        self.door.budgets.release(self._held)
        self._held = 0


class LmtpSession(SmtpSession):
    """The same by LMTP: LHLO, and a reply for every recipient after the end of a mail."""

    _owed = 0

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 (aiosmtpd finds commands by name)
        """Greet."""
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802 (aiosmtpd finds commands by name)
        """Refuse: RFC 2033 (4.1) has LHLO only."""
        await self.push('500 5.5.1 Error: command "HELO" not recognized')

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 (aiosmtpd finds commands by name)
        """Refuse: RFC 2033 (4.1) has LHLO only."""
        await self.push('500 5.5.1 Error: command "EHLO" not recognized')

    async def push(self, status: AnyStr) -> None:
        """Send a reply; the one after the end of a mail once for each RCPT that was accepted."""
        replies, self._owed = self._owed or 1, 0
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("354"):
            self._owed = len(self.wire.rcpt_tos)
        await super().push("\r\n".join([text] * replies))
