"""S/MIME in one piece: a signed mail is opened without judging the signature, an encrypted one is told apart.

`parts.py` and `mime.py` call it for application/pkcs7-mime (RFC 8551). Only the outermost layers of the CMS structure
(RFC 5652) are read, in BER, as OpenSSL and Outlook write it.
"""

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
"""The object identifier 1.2.840.113549.1.7.2, without tag and length."""

_SEQUENCE, _SET, _OID, _OCTETS, _OCTETS_IN_PIECES, _EXPLICIT = 0x30, 0x31, 0x06, 0x04, 0x24, 0xA0
_MOST_PIECES = 100_000  # OpenSSL streams in pieces of 1 kB


class _Reader:
    """Elements of BER one after another. A length of 0x80 is indefinite: two zero bytes end the element."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def head(self) -> tuple[int, int | None]:
        """Return tag and length of the next element (None: indefinite), and stand at its content."""
        tag, first = self.raw[self.at], self.raw[self.at + 1]
        self.at += 2
        if first < 0x80:
            return tag, first
        if first == 0x80:
            return tag, None
        count = first & 0x7F
        if count > 4:
            raise ValueError("a length beyond 4 GB")
        length = int.from_bytes(self.raw[self.at : self.at + count], "big")
        self.at += count
        return tag, length

    def enter(self, wanted: int) -> int | None:
        """Stand inside the next element, which must be `wanted`; return its length."""
        tag, length = self.head()
        if tag != wanted:
            raise ValueError(f"tag {tag:#x} where {wanted:#x} was expected")
        return length

    def skip(self, wanted: int) -> bytes:
        """Pass an element of definite length; return its content."""
        length = self.enter(wanted)
        if length is None:
            raise ValueError("an indefinite length where none is expected")
        self.at += length
        return self.raw[self.at - length : self.at]

    def octets(self) -> bytes:
        """Return an OCTET STRING, in one piece or in many."""
        tag, length = self.head()
        if tag == _OCTETS and length is not None:
            return self.raw[self.at : self.at + length]
        if tag != _OCTETS_IN_PIECES:
            raise ValueError("no content")
        end = len(self.raw) if length is None else self.at + length
        found: list[bytes] = []
        while self.at + 1 < end and self.raw[self.at] == _OCTETS and len(found) < _MOST_PIECES:
            found.append(self.skip(_OCTETS))
        return b"".join(found)


def signed_content(raw: bytes) -> bytes | None:
    """Return the mail inside a signed one (opaque signature); None if `raw` is encrypted or can't be read."""
    reader = _Reader(raw)
    try:
        reader.enter(_SEQUENCE)
        if reader.skip(_OID) != SIGNED_DATA:
            return None
        reader.enter(_EXPLICIT)
        reader.enter(_SEQUENCE)
        reader.skip(0x02)
        reader.skip(_SET)
        reader.enter(_SEQUENCE)
        reader.skip(_OID)
        reader.enter(_EXPLICIT)
        return reader.octets()
    except (IndexError, ValueError):
        return None
