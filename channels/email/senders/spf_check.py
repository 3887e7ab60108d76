"""Whether the machine that brought a mail may send for the domain of its return path (SPF, RFC 7208), by pyspf."""

import re
from typing import Any

import spf  # type: ignore[import-untyped]

from channels.email.doors.networks import PRIVATE, Networks, plain_ip
from channels.email.mail import Envelope
from channels.email.senders.resolver import Names

_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", re.IGNORECASE)
_PRIVATE = Networks(PRIVATE)


def spf_identity(envelope: Envelope) -> tuple[str, str]:
    """Return (sender, domain) that SPF is asked about; for a bounce it is the name in HELO. ('', '') for nobody."""
    sender = envelope.sender or (f"postmaster@{envelope.helo}" if envelope.sender == "" else "")
    domain = sender.rpartition("@")[2].rstrip(".").lower()
    return (sender, domain) if "@" in sender and _DOMAIN.fullmatch(domain) else ("", "")


def check_spf(envelope: Envelope, names: Names) -> str:
    """Return a word of RFC 8601 (2.7.2), or '' where there is nobody to ask about."""
    ip = plain_ip(envelope.ip)
    sender, domain = spf_identity(envelope)
    if not ip or not domain or ip in _PRIVATE:
        return ""
    helo = envelope.helo if _DOMAIN.fullmatch(envelope.helo) else domain
    try:
        result = _Query(names, ip, sender, helo).check()[0]
    except Exception:  # noqa: BLE001 (pyspf fails in several ways on records that strangers write)
        return "permerror"
    return str(result) if result in _RESULTS else "permerror"


_RESULTS = frozenset({"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"})


class _Query(spf.query):  # type: ignore[misc] # pyspf has no types
    """pyspf with our questions to the DNS."""

    def __init__(self, names: Names, ip: str, sender: str, helo: str) -> None:
        super().__init__(i=ip, s=sender, h=helo)
        self._names = names

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        try:
            records = self._names.get(name, qtype) if qtype != "SPF" else ()
        except TimeoutError as error:
            raise spf.TempError(f"DNS {error}") from error
        if not records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("Void lookup limit exceeded")
        if qtype == "TXT":
            return [(text.encode("latin-1"),) for text in records]
        if qtype == "MX":
            return [(int(preference), host) for preference, host in (text.split(maxsplit=1) for text in records)]
        return [text.rstrip(".") for text in records]
