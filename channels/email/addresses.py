"""Our own addresses and ids: the signed ones by which an answer finds its conversation, and what tells bounces apart.

Everything that leaves carries its conversation or its delivery in an address or an id, with a keyed checksum:
nobody can make one up, and none has to be looked up. Local parts are in lower case, since some servers fold them.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass

from core.ids import CaseId, DeliveryId

_CHECK = 12  # characters of base32, 60 bits: nobody can try that many mails
_TOKEN = re.compile(r"\+(?P<kind>[tbc])\.(?P<name>[a-z0-9_]{1,40})\.(?P<check>[a-z2-7]{12})$")
_OWN_ID = re.compile(r"threadline\.(?P<name>[a-z0-9_]{1,40})\.(?P<thread>[a-z0-9_]{1,40})\.(?P<check>[a-z2-7]{12})$")


def short(*parts: str) -> str:
    """Return 16 characters (80 bits) that stand for `parts`: lower-case letters and digits."""
    whole = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return b32encode(whole[:10]).decode().lower()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The support address `address` and what is derived from it, signed with `secret`."""

    address: str
    secret: bytes

    @property
    def domain(self) -> str:
        """The domain of the support address."""
        return self.address.rpartition("@")[2]

    def reply(self, conversation: str) -> str:
        """Return the address that answers to `conversation` go to."""
        return self._signed("t", conversation)

    def bounce(self, delivery: DeliveryId) -> str:
        """Return the return path of `delivery`: what comes back to it tells which mail did not arrive."""
        return self._signed("b", delivery)

    def case(self, case: CaseId) -> str:
        """Return the address by which operators speak in `case`."""
        return self._signed("c", case)

    def message_id(self, part: str, conversation: str) -> str:
        """Return the Message-ID of our mail `part` in `conversation`, without brackets: the same at each attempt."""
        return f"threadline.{part}.{conversation}.{self._check(f'm.{part}.{conversation}')}@{self.domain}"

    def is_ours(self, address: str) -> bool:
        """Whether mail for `address` is for us: the support address, plain or with a tag."""
        local, _, domain = address.lower().rpartition("@")
        own, _, own_domain = self.address.rpartition("@")
        return domain == own_domain and local.partition("+")[0] == own

    def conversation_of(self, recipients: Iterable[str]) -> str | None:
        """Return the conversation that one of `recipients` names, with a good signature."""
        return self._named("t", recipients)

    def delivery_of(self, recipients: Iterable[str]) -> DeliveryId | None:
        """Return the delivery whose return path is among `recipients`."""
        found = self._named("b", recipients)
        return DeliveryId(found) if found else None

    def case_of(self, recipients: Iterable[str]) -> CaseId | None:
        """Return the case whose address is among `recipients`."""
        found = self._named("c", recipients)
        return CaseId(found) if found else None

    def own(self, message_ids: Iterable[str]) -> tuple[str, str] | None:
        """Return the part and the conversation of the last of `message_ids` that is one of ours."""
        for message_id in reversed(list(message_ids)):
            local, _, domain = message_id.strip("<> ").lower().rpartition("@")
            found = _OWN_ID.fullmatch(local)
            if domain == self.domain and found:
                part, conversation = found["name"], found["thread"]
                if hmac.compare_digest(found["check"], self._check(f"m.{part}.{conversation}")):
                    return part, conversation
        return None

    def _signed(self, kind: str, name: str) -> str:
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{kind}.{name}.{self._check(f'{kind}.{name}')}@{domain}"

    def _named(self, kind: str, recipients: Iterable[str]) -> str | None:
        for recipient in recipients:
            address = recipient.strip("<> ").lower()
            found = _TOKEN.search(address.rpartition("@")[0])
            if found and found["kind"] == kind and self.is_ours(address):
                name = found["name"]
                if hmac.compare_digest(found["check"], self._check(f"{kind}.{name}")):
                    return name
        return None

    def _check(self, named: str) -> str:
        digest = hmac.new(self.secret, f"{self.address}\0{named}".encode(), hashlib.sha256).digest()
        return b32encode(digest).decode().lower()[:_CHECK]
