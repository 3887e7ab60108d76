"""Addresses of machines, as settings name them and as connections have them. For the mail door and for sender trust."""

import ipaddress
from collections.abc import Iterable

LOOPBACK = ("127.0.0.0/8", "::1")
"""Addresses of this machine."""
PRIVATE = (
    *LOOPBACK,
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
    *("fc00::/7", "fe80::/10"),
)
"""Addresses that say nothing about where a mail comes from (RFC 1918, 3927, 4193, 4291, 6598)."""


class Networks:
    """A list of addresses ('192.0.2.1') and networks ('192.0.2.0/24') that an address may be in."""

    def __init__(self, written: Iterable[str]) -> None:
        """Raises ValueError if one can't be read."""
        self._networks = tuple(ipaddress.ip_network(text.strip(), strict=False) for text in written)

    def __contains__(self, ip: str) -> bool:
        plain = plain_ip(ip)
        if not plain or not self._networks:
            return False
        address = ipaddress.ip_address(plain)
        return any(address in network for network in self._networks)


def plain_ip(written: str) -> str:
    """Return an address as we compare it: without a zone, IPv4 also where it came as ::ffff:192.0.2.1; else ''."""
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def client_of(ip: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that one IPv6 customer has for himself."""
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ":" in ip else ip
