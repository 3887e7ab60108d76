"""Whether somebody vouches for the address in From. Anybody can write anything there.

`mailroom.py` asks once for each mail; the verdict limits what the agent may do and is shown to operators. SPF, DKIM and
ARC are checked by pyspf and dkimpy (`spf_check.py`, `signatures.py`) and judged by DMARC (`dmarc.py`). Where the owner
names a mail server of his own, its Authentication-Results count instead (RFC 8601), and nobody else's.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import authres  # type: ignore[import-untyped]
import idna
import structlog

from channels.email.doors.networks import LOOPBACK, Networks
from channels.email.mail import Envelope, Trust
from channels.email.mime import head
from channels.email.senders.dmarc import Policy, aligned, find_policy
from channels.email.senders.resolver import Lookup, Names, Resolver
from channels.email.senders.signatures import Signature, Signed
from channels.email.senders.spf_check import check_spf, spf_identity
from core.errors import SetupError

log = structlog.get_logger()

MAILBOX = "mailbox"
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)+")
_PLAINLY = re.compile(
    rb"""
    (?: (?: "(?:[^"\\]|\\.)*" | \((?:[^()\\]|\\.)*\) | [^"()<>,;:] )*  # a name
        <(?P<angled>[^<>]*)>
      | (?P<bare>[^\s"()<>,;:]+) )
    \s*(?:\((?:[^()\\]|\\.)*\)\s*)?                                    # a comment
    """,
    re.VERBOSE | re.DOTALL,
)
"""A From line with one address that every reader finds in the same place."""
_MOST_RESULTS = 8_192
_LATE = "Whether anybody vouches for this sender could not be found out in time."


@dataclass(frozen=True, slots=True)
class TrustedServer:
    """The owner's mail server: the name it signs Authentication-Results with, and where its mails come from."""

    name: str
    sources: Networks
    mailbox: bool = False
    """Whether mails from a mailbox or a pipe have passed it, too."""

    @classmethod
    def read(cls, written: str) -> "TrustedServer | None":
        """Read 'mx.example.com 192.0.2.1 198.51.100.0/24 mailbox': a name, then where its mails come from.

        Without a source it is this machine. Raises `SetupError`.
        """
        name, *sources = written.replace(",", " ").split() or [""]
        addresses = [source for source in sources if source.lower() != MAILBOX]
        try:
            networks = Networks(addresses if sources else LOOPBACK)
        except ValueError as error:
            raise SetupError(f"The trusted mail server's addresses can't be read: {error}.") from error
        return cls(name.lower(), networks, MAILBOX in map(str.lower, sources)) if name else None

    def brought(self, envelope: Envelope) -> bool:
        """Say whether a mail came from this server."""
        return envelope.ip in self.sources if envelope.ip else self.mailbox and envelope.sender is None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a server found out about a mail: DMARC's result and the domain it is about, and who passed."""

    dmarc: str = ""
    about: str = ""
    dkim: tuple[str, ...] = ()
    spf: str = ""
    spf_domain: str = ""


class Authenticator:
    """Says of a mail whether its sender is vouched for."""

    def __init__(
        self,
        *,
        trusted_server: str = "",
        trusted_forwarders: Iterable[str] = (),
        lookup: Lookup | None = None,
        seconds: float = 8.0,
        threads: int = 16,
    ) -> None:
        """Set up. Raises `SetupError`.

        trusted_server: see `TrustedServer.read`.
        trusted_forwarders: domains whose ARC seals count, with their subdomains.
        lookup: asks the DNS; this machine's name servers otherwise.
        seconds: the longest time for one mail, all questions together.
        threads: mails that are looked at together; most of that time they wait for the DNS.
        """
        self._server = TrustedServer.read(trusted_server)
        self._forwarders = tuple(domain.strip().lower().lstrip("@.") for domain in trusted_forwarders)
        self._lookup = lookup or Resolver()
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, "trust")

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def check(self, raw: bytes, envelope: Envelope) -> Trust:
        """Return the verdict. Never raises; what can't be found out in time is not verified."""
        names = Names(self._lookup, self._seconds)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._judge, raw, envelope, names)
        except TimeoutError:
            return Trust(False, _LATE, dmarc="temperror")
        except Exception:
            log.exception("trust.check")
            return Trust(False, "Whether anybody vouches for this sender could not be found out.", dmarc="permerror")
        finally:
            names.give_up()

    def _judge(self, raw: bytes, envelope: Envelope, names: Names) -> Trust:
        signed = Signed(raw)
        fields, _ = head.split(raw, 0, len(raw))
        froms, written = fields.all("from"), signed.all(b"from")
        domain = sender_domain(froms) if len(written) <= 1 else ""
        if not domain:
            return Trust(False, "Nobody vouches for this sender: From does not name one address.", dmarc="permerror")
        odd = signed.odd or ("" if says_plainly(written, froms) else "From may be read as another address")
        if odd:
            return Trust(False, f"Nobody vouches for this sender: {odd}.", dmarc="permerror", domain=domain)
        told = self._told(fields, envelope)
        if told and told.dmarc not in ("", "none"):
            verdict = _by_server(told, domain, self._server.name if self._server else "")
        else:
            relayed = self._server is not None and self._server.brought(envelope)
            verdict = _Case(domain, signed, Envelope() if relayed else envelope, names, told or Claims()).verdict()
        if verdict.verified or not self._forwarders:
            return verdict
        return self._forwarded(verdict, signed, names)

    def _told(self, fields: head.Fields, envelope: Envelope) -> Claims | None:
        """Return what the owner's server found: only in the topmost line, which is the last that was added."""
        found = fields.raw("authentication-results")
        if not found or self._server is None or not self._server.brought(envelope):
            return None
        return read_results(found, self._server.name)

    def _forwarded(self, verdict: Trust, signed: Signed, names: Names) -> Trust:
        """Let a forwarder that the owner trusts vouch for what it had received (RFC 8617)."""
        result, seals = signed.chain(names)
        for seal in seals:
            if not any(f".{seal.domain}".endswith(f".{domain}") for domain in self._forwarders if domain):
                break
            if _vouched(read_results(seal.results, ""), verdict.domain, names):
                sentence = f"{verdict.domain} vouched for this sender when the mail reached {seal.domain}, "
                return _with(verdict, True, f"{sentence}which forwarded it (ARC).", result)
        return _with(verdict, verdict.verified, verdict.sentence, result)


class _Case:
    """One mail that nobody has judged by DMARC before us; `told` is what the owner's server found, if anything."""

    def __init__(self, domain: str, signed: Signed, envelope: Envelope, names: Names, told: Claims) -> None:
        self._domain, self._signed, self._envelope, self._names, self._told = domain, signed, envelope, names, told

    def verdict(self) -> Trust:
        """Judge by DMARC; without a record, by a signature or an SPF pass of the very domain."""
        try:
            policy = find_policy(self._domain, self._names)
        except TimeoutError:
            sentence = f"Whether {self._domain} vouches for this sender could not be found out: its DNS did not answer."
            return Trust(False, sentence, dmarc="temperror", domain=self._domain)
        signature = self._signature(policy)
        if signature.result == "pass" and self._speaks(signature.domain, strict=policy.strict_dkim):
            return self._trusted(policy, "DKIM", dkim="pass")
        spf, spf_domain = self._spf()
        if spf == "pass" and self._speaks(spf_domain, strict=policy.strict_spf):
            return self._trusted(policy, "SPF", spf="pass", dkim=signature.result)
        return self._untrusted(policy, signature, spf, spf_domain)

    def _speaks(self, other: str, *, strict: bool) -> bool:
        return aligned(self._domain, other, strict=strict)

    def _signature(self, policy: Policy) -> Signature:
        """Return the first signature that speaks for the domain, or else the one that says most about the mail."""
        strict = policy.strict_dkim
        found = [Signature(domain, "pass") for domain in self._told.dkim]
        for signature in self._signed.verify(self._names, lambda other: self._speaks(other, strict=strict)):
            found.append(signature)
            if signature.result == "pass" or len(found) > 5:
                break
        return min(
            found,
            key=lambda one: (not self._speaks(one.domain, strict=strict), one.result != "pass"),
            default=Signature("", "none"),
        )

    def _spf(self) -> tuple[str, str]:
        if self._told.spf:
            return self._told.spf, self._told.spf_domain
        return check_spf(self._envelope, self._names), spf_identity(self._envelope)[1]

    def _trusted(self, policy: Policy, how: str, *, spf: str = "", dkim: str = "") -> Trust:
        sentence = f"{self._domain} vouches for this sender ({how})"
        sentence += "." if policy.published else ", though it publishes no DMARC policy."
        result = "pass" if policy.published else "none"
        return Trust(True, sentence, spf=spf, dkim=dkim, dmarc=result, domain=self._domain)

    def _untrusted(self, policy: Policy, signature: Signature, spf: str, spf_domain: str) -> Trust:
        results = {"spf": spf, "dkim": signature.result, "domain": self._domain}
        spf_matters = self._speaks(spf_domain, strict=policy.strict_spf)
        if signature.result == "temperror" or (spf == "temperror" and spf_matters):
            sentence = f"Whether {self._domain} vouches for this sender could not be found out: its DNS did not answer."
            return Trust(False, sentence, dmarc="temperror", **results)
        found = ", ".join((_spf_words(spf, spf_domain), _dkim_words(signature)))
        sentence = f"Nobody vouches for this sender: the mail may be forged ({found})."
        return Trust(False, sentence, dmarc="fail" if policy.published else "none", **results)


def sender_domain(lines: list[str]) -> str:
    """Return the domain of the one address in From, in ASCII; '' if there isn't exactly one line with one address."""
    people = head.addresses(lines)
    if len(lines) != 1 or len(people) != 1:
        return ""
    domain = people[0].address.rpartition("@")[2].rstrip(".").lower()
    if not domain.isascii():
        with contextlib.suppress(idna.IDNAError, UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    return domain if _DOMAIN.fullmatch(domain) and not domain.rpartition(".")[2].isdecimal() else ""


def says_plainly(written: list[bytes], lines: list[str]) -> bool:
    """Say whether From, as it was sent, names the very address that we read in it, but for capitals.

    We read what people mean: without the quotes around an address, a blank in it, a dot before it. To the server that
    signs for its users such an address may be another mailbox, and capitals beyond ASCII are other letters.
    """
    found = _PLAINLY.fullmatch(written[0].strip()) if len(written) == 1 else None
    address = (found["angled"] or found["bare"]) if found else b""
    return [one.address.encode() for one in head.addresses(lines)] == [address.lower()]


def read_results(value: str, name: str) -> Claims | None:
    """Read an Authentication-Results value; None if it can't be read or isn't signed with `name` ('': by anybody)."""
    if len(value) > _MOST_RESULTS:
        return None
    try:
        parsed = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
        if name and str(parsed.authserv_id).lower() != name:
            return None
        return _claims(parsed.results)
    except Exception:  # noqa: BLE001 (authres fails in several ways on what strangers write)
        return None


def _claims(results: Iterable[authres.AuthenticationResult]) -> Claims:
    dmarc, about, spf, spf_domain = "", "", "", ""
    dkim: list[str] = []
    for found in results:
        said = {f"{one.type}.{one.name}".lower(): str(one.value).lower() for one in found.properties}
        method, result = str(found.method).lower(), str(found.result).lower()
        if method == "dmarc" and not dmarc:
            dmarc, about = result, said.get("header.from", "").rpartition("@")[2]
        elif method == "dkim" and result == "pass":
            dkim.append(said.get("header.d") or said.get("header.i", "").rpartition("@")[2])
        elif method == "spf" and not spf:
            spf, spf_domain = result, (said.get("smtp.mailfrom") or said.get("smtp.helo", "")).rpartition("@")[2]
    return Claims(dmarc, about, tuple(filter(None, dkim)), spf, spf_domain)


def _by_server(told: Claims, domain: str, server: str) -> Trust:
    good = told.dmarc == "pass" and told.about in ("", domain)
    dkim = "pass" if told.dkim else ""
    if good:
        sentence = f"{domain} vouches for this sender, says {server} (DMARC)."
        return Trust(True, sentence, spf=told.spf, dkim=dkim, dmarc="pass", domain=domain)
    sentence = f"Nobody vouches for this sender: the mail may be forged ({server} says DMARC {told.dmarc})."
    return Trust(False, sentence, spf=told.spf, dkim=dkim, dmarc=told.dmarc, domain=domain)


def _vouched(claims: Claims | None, domain: str, names: Names) -> bool:
    """Say whether what a forwarder found speaks for a domain."""
    if claims is None or claims.dmarc not in ("", "none", "pass"):
        return False
    if claims.dmarc == "pass":
        return claims.about == domain
    try:
        policy = find_policy(domain, names)
    except TimeoutError:
        policy = Policy()
    if claims.spf == "pass" and aligned(domain, claims.spf_domain, strict=policy.strict_spf):
        return True
    return any(aligned(domain, other, strict=policy.strict_dkim) for other in claims.dkim)


def _with(verdict: Trust, verified: bool, sentence: str, arc: str) -> Trust:
    return Trust(verified, sentence, verdict.spf, verdict.dkim, verdict.dmarc, arc, verdict.domain)


def _spf_words(spf: str, domain: str) -> str:
    if spf == "pass":
        return f"SPF pass for {domain} only"
    return {"": "no SPF", "none": "no SPF"}.get(spf, f"SPF {spf}")


def _dkim_words(signature: Signature) -> str:
    if signature.result == "none":
        return "no DKIM"
    if signature.result == "pass":
        return f"DKIM of {signature.domain} only"
    of = f" of {signature.domain}" if signature.domain else ""
    return f"DKIM{of} does not count: {signature.why}" if signature.why else f"DKIM {signature.result}"
