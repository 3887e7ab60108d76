"""DKIM signatures and ARC chains of a mail, verified by dkimpy under rules that it leaves to its caller.

`trust.py` calls this in a thread. dkimpy 1.1.8 accepts a signature that covers a part of the body (l=), that leaves out
From, or that uses SHA-1; and it canonicalizes with patterns that take quadratic time on long runs of blanks. So the
body is hashed here, in linear time and once for all signatures, and what a signature must be is checked here.
"""

import base64
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dkim

from channels.email.senders.resolver import Names

MOST_SIGNATURES = 10
"""Signatures of one mail that are looked at, and seals of one chain. Real mails have up to four."""
MOST_HEAD = 2**18
"""Bytes of a head that is verified."""
MOST_FIELDS = 1_000
"""Header lines of a head that is verified."""
MOST_SIGNATURE = 8_192
"""Bytes of a signature that is looked at. With a key of 4096 bits and a long list of headers it has about 1,500."""
MOST_SIGNED = 200
"""Headers that one signature may name."""

MOST_KEY = 8_192
"""Bits of an RSA key. They bound the time that one signature may take, as the exponent's size does."""

_SINGLE = frozenset(
    b"from sender reply-to to cc date subject message-id in-reply-to references content-type "
    b"content-transfer-encoding".split()
)
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_BLANKS = re.compile(rb"\s{100}")
_TAB = bytes.maketrans(b"\t", b" ")
_QUIET = logging.Logger("dkim", logging.CRITICAL + 1)


class Unfit(dkim.DKIMException):  # type: ignore[misc] # dkimpy has no types
    """A signature that may be right and still doesn't vouch for what we show; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What became of one signature. `result` is a word of RFC 8601 (2.7.1); `why` says more where it is no pass."""

    domain: str
    result: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """One step of a valid ARC chain: who sealed, and what it had found (an Authentication-Results value)."""

    domain: str
    results: str


class Signed:
    """A mail whose signatures are looked at. Nothing here raises but what `Names` raises."""

    def __init__(self, raw: bytes) -> None:
        found = _BLANK_LINE.search(raw, 0, MOST_HEAD)
        self._head = raw[: found.start() + 1] if found else raw[: MOST_HEAD + 1]
        self._body = raw[found.end() :] if found else b""
        self._hashes: dict[tuple[bytes, bool], bytes] = {}
        self.fields: list[tuple[bytes, bytes]] = []
        self.odd = self._oddness()
        """Why the mail's head can't be relied on at all ('its head is broken'); '' if it can."""
        self.doubled = self._doubled()
        """A header that stands there twice: a signature covers the lower one, and readers show the upper one."""

    def all(self, name: bytes) -> list[bytes]:
        """Return every line `name` as it was sent."""
        return [value for key, value in self.fields if key == name]

    def verify(self, names: Names, aligned: Callable[[str], bool]) -> Iterator[Signature]:
        """Yield what became of the signatures, those whose domain is `aligned` first."""
        if self.odd:
            return
        found = self.all(b"dkim-signature")[:MOST_SIGNATURES]
        order = sorted(range(len(found)), key=lambda index: not aligned(_domain(found[index])))
        for index in order:
            yield self._verified(index, found[index], names)

    def chain(self, names: Names) -> tuple[str, list[Seal]]:
        """Verify the ARC chain; return its result and, if that is 'pass', its steps, the newest first."""
        seals = [value for name, value in self.fields if name.startswith(b"arc-")]
        if not seals:
            return "none", []
        if self.odd or self.doubled or len(seals) > 3 * MOST_SIGNATURES or any(_too_long(value) for value in seals):
            return "fail", []
        try:
            result, steps, _ = _Arc(self._head, self.body_hash).verify(dnsfunc=_keys(names))
        except Exception:  # noqa: BLE001 (dkimpy fails in many ways on what strangers write; all of them mean no)
            return "fail", []
        if result != dkim.CV_Pass:
            return "fail", []
        return "pass", [Seal(_sealer(step), _results(step["aar-value"])) for step in steps]

    def body_hash(self, algorithm: bytes, *, relaxed: bool) -> bytes:
        """Return the hash of the canonical body (RFC 6376, 3.4)."""
        key = (algorithm, relaxed)
        if key not in self._hashes:
            body = canonical(self._body, relaxed=relaxed)
            self._hashes[key] = hashlib.sha256(body).digest()
        return self._hashes[key]

    def _oddness(self) -> str:
        """Readers must not differ about where a header begins: what one of them verifies, another would show."""
        if len(self._head) > MOST_HEAD:
            return "its head is too long"
        if b"\r" in self._head.replace(b"\r\n", b""):
            return "its head has odd line ends"
        if self._head.count(b"\n") > 10 * MOST_FIELDS:
            return "its head is too long"
        try:
            parsed, _ = dkim.rfc822_parse(self._head)
        except Exception:  # noqa: BLE001 (dkimpy fails in several ways on heads that aren't one)
            return "its head is broken"
        self.fields = [(bytes(name).lower(), bytes(value)) for name, value in parsed]
        return "its head is too long" if len(self.fields) > MOST_FIELDS else ""

    def _doubled(self) -> str:
        counts = Counter(name for name, _ in self.fields if name in _SINGLE)
        return next((name.decode().title() for name, count in counts.items() if count > 1), "")

    def _verified(self, index: int, value: bytes, names: Names) -> Signature:
        domain = _domain(value)
        if _too_long(value):
            return Signature(domain, "policy", "it is too long")
        if self.doubled:
            return Signature(domain, "policy", f"the mail has more than one {self.doubled} line")
        try:
            good = _Dkim(self._head, self.body_hash).verify(idx=index, dnsfunc=_keys(names))
        except Unfit as unfit:
            return Signature(domain, "policy", str(unfit))
        except dkim.KeyFormatError as error:
            return Signature(domain, "policy" if "too small" in str(error) else "permerror", "its key can't be used")
        except dkim.NaClNotFoundError:
            return Signature(domain, "neutral", "its kind of key isn't known here")
        except TimeoutError:
            return Signature(domain, "temperror", "the DNS did not answer")
        except Exception:  # noqa: BLE001 (dkimpy fails in many ways on what strangers write; all of them mean no)
            return Signature(domain, "fail")
        return Signature(domain, "pass" if good else "fail")


def canonical(body: bytes, *, relaxed: bool) -> bytes:
    """Return a body in canonical form (RFC 6376, 3.4.3 and 3.4.4), in linear time."""
    body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if relaxed:
        body = body.translate(_TAB)
        while b"  " in body:
            body = body.replace(b"  ", b" ")
        body = body.replace(b" \r\n", b"\r\n")
    text = len(body.rstrip(b"\r\n"))
    ends = body[text:].replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n")
    whole = body[:text] + ends + b"\r\n"
    return b"" if relaxed and whole == b"\r\n" else whole


class _Careful:
    """What dkimpy leaves out, for DKIM signatures and for the signatures in an ARC chain."""

    usual = b"simple/simple"
    ktag: bytes
    keysize: int
    pk: dict[str, int]

    def __init__(self, head: bytes, body_hash: Callable[..., bytes]) -> None:
        super().__init__(head + b"\r\n", logger=_QUIET, minkey=1024)  # type: ignore[call-arg]
        self._body_hash = body_hash

    def verify_sig(self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: Any, dnsfunc: Any) -> bool:
        if sig[b"a"] not in (b"rsa-sha256", b"ed25519-sha256"):
            raise Unfit("it uses a hash that is no longer safe")  # RFC 8301
        if b"h" in sig:
            self._check_cover(sig, include_headers)
            sig = dict(sig)
            stated = base64.b64decode(re.sub(rb"\s+", b"", sig.pop(b"bh")))
            relaxed = sig.get(b"c", self.usual).partition(b"/")[2].strip() == b"relaxed"
            if self._body_hash(sig[b"a"], relaxed=relaxed) != stated:
                raise dkim.ValidationError("body hash mismatch")
        self.keysize = 0
        good = bool(super().verify_sig(sig, include_headers, sig_header, dnsfunc))  # type: ignore[misc]
        if not self.keysize:
            raise dkim.KeyFormatError("no key")
        return good

    def verify_sig_process(self, sig: dict[bytes, bytes], *rest: Any) -> bool:
        if self.ktag == b"rsa" and (self.keysize > MOST_KEY or self.pk["publicExponent"] >= 2**33):
            raise Unfit("its key would take too long to use")
        return bool(super().verify_sig_process(sig, *rest))  # type: ignore[misc]

    def _check_cover(self, sig: dict[bytes, bytes], signed: list[bytes]) -> None:
        if b"l" in sig:
            raise Unfit("it covers only a part of the text")
        if b"from" not in signed:
            raise Unfit("it leaves out the sender")
        if len(signed) > MOST_SIGNED:
            raise Unfit("it names too many headers")


class _Dkim(_Careful, dkim.DKIM):  # type: ignore[misc] # dkimpy has no types
    def _check_cover(self, sig: dict[bytes, bytes], signed: list[bytes]) -> None:
        super()._check_cover(sig, signed)
        if b"reply-to" not in signed and any(name.lower() == b"reply-to" for name, _ in self.headers):
            raise Unfit("it leaves out the Reply-To line, which anybody may have added")


class _Arc(_Careful, dkim.ARC):  # type: ignore[misc] # dkimpy has no types
    usual = b"relaxed/relaxed"


def _keys(names: Names) -> Callable[..., bytes | None]:
    def fetch(name: bytes, timeout: float = 0) -> bytes | None:
        records = names.get(name.decode("latin-1"), "TXT")
        return records[0].encode("latin-1") if records else None

    return fetch


def _too_long(value: bytes) -> bool:
    return len(value) > MOST_SIGNATURE or bool(_BLANKS.search(value))


def _domain(value: bytes) -> str:
    """Return the d= of a signature for show and for the order; dkimpy reads it again."""
    found = re.search(rb"(?:\A|;)\s*d\s*=\s*([A-Za-z0-9._-]{1,253})\s*(?:;|\Z)", value[:MOST_SIGNATURE])
    return found[1].decode().lower().rstrip(".") if found else ""


def _sealer(step: dict[str, Any]) -> str:
    """Return who answers for a step of a chain: the domain of both its signatures, '' if they differ."""
    seal, message = (bytes(step[key]).decode("latin-1").strip().lower() for key in ("as-domain", "ams-domain"))
    return seal if seal == message else ""


def _results(value: bytes) -> str:
    return re.sub(r"^\s*i\s*=\s*\d{1,3}\s*;", "", value.decode("latin-1")).strip()
