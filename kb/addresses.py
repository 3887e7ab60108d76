"""Addresses on the web: written one way, told apart by site, and kept away from networks that are not public.

Plain functions without I/O, used by `kb.fetch`, `kb.sitemap` and `kb.web`. A private address in a sitemap
or a redirect would otherwise make the sync read an intranet, or a cloud's metadata, into customers' answers.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urljoin, urlsplit, urlunsplit

from kb.documents import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def normal(address: str, base: str = "") -> str:
    """Return `address`, seen from the page `base`, without fragment and default port; raises `SourceError`."""
    try:
        parts = urlsplit(urljoin(base, address.strip()))
        port = parts.port
    except ValueError as error:
        raise SourceError(f"it is not an address: {error}") from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in _PORTS or not host:
        raise SourceError("only http:// and https:// addresses are read")
    if parts.username or parts.password:
        raise SourceError("an address with a name and password in it is not read")
    shown = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[scheme]:
        shown = f"{shown}:{port}"
    return urlunsplit((scheme, shown, parts.path or "/", parts.query, ""))


def host_of(address: str) -> str:
    """Return the host of an address in lower case, without its port."""
    return (urlsplit(address).hostname or "").rstrip(".")


def is_same_site(one: str, other: str) -> bool:
    """Whether two addresses have the same host and port; http and https are one site on their usual ports."""
    return host_of(one) == host_of(other) and _port(one) == _port(other)


def _port(address: str) -> int | None:
    parts = urlsplit(address)
    return None if parts.port in (None, _PORTS.get(parts.scheme)) else parts.port


def is_below(address: str, start: str) -> bool:
    """Whether the page `address` lies in the folder of the page `start`, on the same site."""
    folder = urlsplit(start).path.rpartition("/")[0] + "/"
    return is_same_site(address, start) and urlsplit(address).path.startswith(folder)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; one that carries another is as public as that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        for inner in (ip.ipv4_mapped, ip.sixtofour, ip.teredo[1] if ip.teredo else None):
            if inner is not None:
                return is_public(str(inner))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def is_ip(host: str) -> bool:
    """Whether `host` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_allowed(host: str, private_hosts: Collection[str]) -> bool:
    """Whether the owner has said that `host` may be private; '.example' stands for all hosts below it."""
    names = {name.strip().lower() for name in private_hosts}
    return host in names or any(name.startswith(".") and host.endswith(name) for name in names)
