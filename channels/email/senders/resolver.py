"""Questions to the DNS, as sender trust asks them: few, within a time limit, and never more than a mail may cost.

`trust.Authenticator` makes one `Names` for each mail. What really asks is a function, so that tests give a table.
"""

import re
import time
from collections.abc import Callable, Sequence

import dns.exception
import dns.resolver

Lookup = Callable[[str, str], Sequence[str]]
"""(name, 'TXT' | 'A' | 'AAAA' | 'MX' | 'PTR') to the records: TXT as one Latin-1 text each, MX as '10 host'.

None there: an empty list. Can't be found out now: TimeoutError.
"""

MOST_QUESTIONS = 80
"""Questions for one mail. SPF alone may need 10, and 10 more for each MX (RFC 7208, 4.6.4)."""
MOST_TEXT = 2_000
"""Characters of a TXT record. A DKIM key of 4096 bits has about 750; larger keys would keep the processor busy."""
_NAME = re.compile(r"(?:[a-z0-9_*-]{1,63}\.)*[a-z0-9_-]{1,63}", re.IGNORECASE)


class Names:
    """Asks for one mail."""

    def __init__(self, lookup: Lookup, seconds: float) -> None:
        self._lookup = lookup
        self._until = time.monotonic() + seconds
        self._left = MOST_QUESTIONS
        self._known: dict[tuple[str, str], Sequence[str]] = {}

    def give_up(self) -> None:
        """Answer nothing more."""
        self._until = 0.0

    def get(self, name: str, kind: str) -> Sequence[str]:
        """Return the records of a name. Raises TimeoutError."""
        name = name.rstrip(".").lower()
        if len(name) > 253 or not _NAME.fullmatch(name):
            return ()
        if (name, kind) not in self._known:
            self._known[name, kind] = self._ask(name, kind)
        return self._known[name, kind]

    def _ask(self, name: str, kind: str) -> Sequence[str]:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._until:
            raise TimeoutError(name)
        return [text for text in self._lookup(name, kind) if len(text) <= MOST_TEXT]


class Resolver:
    """Asks this machine's name servers; keeps answers as long as they say. For several threads."""

    def __init__(self, seconds: float = 3.0) -> None:
        """`seconds` is the longest wait for one answer."""
        self._seconds = seconds
        self._resolver: dns.resolver.Resolver | None = None

    def __call__(self, name: str, kind: str) -> Sequence[str]:
        """See `Lookup`."""
        try:
            answer = self._servers().resolve(name, kind, lifetime=self._seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise TimeoutError(str(error)) from error
        if kind == "TXT":
            return [b"".join(record.strings).decode("latin-1") for record in answer]
        return [record.to_text() for record in answer]

    def _servers(self) -> dns.resolver.Resolver:
        if self._resolver is None:
            made = dns.resolver.Resolver()
            made.cache = dns.resolver.LRUCache(2_000)
            self._resolver = made
        return self._resolver
