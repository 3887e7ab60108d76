"""Whose word counts for a domain in From: its DMARC record, and which other domains are aligned with it (RFC 7489).

Used by `trust.py`. The organizational domain comes from the Public Suffix List, as RFC 7489 (3.2) has it. That list
lacks many a name under which strangers rent theirs: only where a record is published may one domain speak for another.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList

from channels.email.senders.resolver import Names

_SHARED = ("onmicrosoft.com", "onmicrosoft.us", "partner.onmschina.cn")
"""Names of Microsoft 365: each one under them is an organisation of its own, and the Public Suffix List lacks them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A DMARC record, as far as it says who is aligned. Where the domain has none, it alone speaks for itself."""

    published: bool = False
    strict_dkim: bool = True
    strict_spf: bool = True


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList([*Path(PSLFILE).read_text("utf-8").splitlines(), *_SHARED])


def organization(domain: str) -> str:
    """Return the organizational domain: example.co.uk for mail.example.co.uk; '' for a public suffix itself."""
    return str(_suffixes().privatesuffix(domain) or "")


def aligned(domain: str, other: str, *, strict: bool) -> bool:
    """Say whether `other` may speak for `domain` (RFC 7489, 3.1)."""
    if not domain or not other:
        return False
    return domain == other or (not strict and bool(ours := organization(domain)) and ours == organization(other))


def find_policy(domain: str, names: Names) -> Policy:
    """Return the policy of a domain, or of its organizational domain. Raises TimeoutError."""
    for holder in dict.fromkeys((domain, organization(domain))):
        tags = _record(holder, names) if holder else {}
        if tags:
            return Policy(True, tags.get("adkim") == "s", tags.get("aspf") == "s")
    return Policy()


def _record(domain: str, names: Names) -> dict[str, str]:
    """Return the tags of the one record there is; none, or several, count as none (RFC 7489, 6.6.3)."""
    records = [text for text in names.get(f"_dmarc.{domain}", "TXT") if text.startswith("v=DMARC1")]
    if len(records) != 1:
        return {}
    pairs = (tag.partition("=") for tag in records[0].split(";") if "=" in tag)
    tags = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
    return tags if "p" in tags or "rua" in tags else {}
