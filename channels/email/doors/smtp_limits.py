"""How much the mail door takes: the limits, and the counts that are held against them.

`smtp.SmtpDoor` makes one `Budgets`; every session (`smtp_session.py`) asks it before it goes on. A refusal is a whole
reply line, so that what a sender is told stands beside the limit it is about.
"""

from collections import Counter
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from channels.email.doors.networks import Networks, client_of


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """What one door takes. A rate or a count of 0 means: no limit."""

    mail_bytes: int = 25 * 2**20
    """The largest mail. Larger: 552, already at MAIL when the client announces it (RFC 1870)."""
    recipients: int = 100
    """Recipients of one mail. More: 452, and the sender brings the rest later. RFC 5321 (4.5.3.1.8) asks for 100."""
    unknown_recipients: int = 10
    """Addresses that are not ours, in one session. More: 421, so that nobody tries out names all day."""
    connections: int = 200
    """Open sessions. More: 421."""
    connections_per_address: int = 20
    """Open sessions of one client. More: 421. A client is an IPv4 address or an IPv6 /64."""
    mails_per_connection: int = 1000
    """MAIL commands in one session. More: 421, and the sender connects again."""
    mails_per_minute_from_address: int = 120
    """Mails of one client in a minute. More: 450."""
    mails_per_minute_from_sender: int = 60
    """Mails of one return path from one client in a minute. More: 450. The empty one of bounces isn't counted."""
    failed_sign_ins_per_minute: int = 10
    """Wrong passwords of one client in a minute. More: 421."""
    mails_at_once: int = 100
    """Mails being committed at the same time. More: 452 4.3.1."""
    bytes_at_once: int = 100 * 2**20
    """What all mails being read or committed may hold together. More: 452 4.3.1."""
    idle_seconds: float = 300.0
    """How long a session may wait for the next command. RFC 5321 (4.5.3.2.7) asks for five minutes."""
    data_seconds: float = 600.0
    """How long the text of one mail may take to arrive."""
    receive_seconds: float = 120.0
    """How long a commit may take before the sender is asked to come again; the commit itself goes on."""
    drain_seconds: float = 10.0
    """How long `close` waits for mails under way."""


class Budgets:
    """What is in use now. `own_servers` carry the mail of many: limits for one client don't hold for them."""

    def __init__(self, limits: SmtpLimits, own_servers: Networks) -> None:
        self._limits = limits
        self._own_servers = own_servers
        self._sessions: Counter[str] = Counter()
        self._bytes = 0
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    def enter(self, ip: str) -> str:
        """Count a session of `ip`; return a refusal, or ''. `leave` must follow when it was ''."""
        client, limits = client_of(ip), self._limits
        if limits.connections and self._sessions.total() >= limits.connections:
            return "421 4.3.2 Too many connections, try again later"
        if (
            self._counts(ip, limits.connections_per_address)
            and self._sessions[client] >= limits.connections_per_address
        ):
            return "421 4.7.0 Too many connections from your address, try again later"
        self._sessions[client] += 1
        return ""

    def leave(self, ip: str) -> None:
        """A session of `ip` has ended."""
        client = client_of(ip)
        self._sessions[client] -= 1
        if self._sessions[client] <= 0:
            del self._sessions[client]

    def begin_mail(self, ip: str, sender: str) -> str:
        """Count a mail of `sender` ('' for a bounce) from `ip`; return a refusal, or ''."""
        client, limits = client_of(ip), self._limits
        if not self._hit(ip, limits.mails_per_minute_from_address, "mail", client):
            return "450 4.7.1 Too many mails from your address, try again later"
        if sender and not self._hit(ip, limits.mails_per_minute_from_sender, "sender", client, sender.lower()):
            return "450 4.7.1 Too many mails of this sender, try again later"
        return ""

    def failed_sign_in(self, ip: str) -> bool:
        """Count a wrong password of `ip`; return whether the client should leave."""
        return not self._hit(ip, self._limits.failed_sign_ins_per_minute, "sign-in", client_of(ip))

    def hold(self, size: int) -> bool:
        """Take `size` bytes of the room for mails under way, if it is there. `release` gives them back."""
        if self._bytes + size > self._limits.bytes_at_once:
            return False
        self._bytes += size
        return True

    def release(self, size: int) -> None:
        """Give back what `hold` took."""
        self._bytes -= size

    def _counts(self, ip: str, limit: int) -> bool:
        return bool(limit and ip and ip not in self._own_servers)

    def _hit(self, ip: str, per_minute: int, *subject: str) -> bool:
        return not self._counts(ip, per_minute) or self._rates.hit(RateLimitItemPerMinute(per_minute), *subject)
