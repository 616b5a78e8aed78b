"""Who is asking, as far as an address tells. Knows how proxies forward addresses; trusts only those it is told to."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from axenix.written import Network


def client_address(remote: str | None, forwarded_for: str | None, trusted_proxies: Iterable[Network]) -> str:
    """The client's address: the right-most of X-Forwarded-For that none of our own proxies has.

    Each proxy appends whom it heard, so everything further left is hearsay. Where a trusted proxy wrote something
    that is no address, the proxy itself has to stand for its clients.
    """
    proxies = tuple(trusted_proxies)
    nearest = _parse(remote or "")
    if nearest is None:
        return remote or "unknown"  # a Unix socket has no address
    hops = (forwarded_for or "").split(",")
    while hops and _is_in(nearest, proxies):
        further = _parse(hops.pop())
        if further is None:
            break
        nearest = further
    return str(nearest)


def is_among(address: str, networks: Iterable[Network]) -> bool:
    """Whether this is an address in one of the networks."""
    parsed = _parse(address)
    return parsed is not None and _is_in(parsed, networks)


def throttle_key(address: str) -> str:
    """What counts as one sender: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed or address)


def _is_in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _parse(raw: str) -> IPv4Address | IPv6Address | None:
    """Also "192.0.2.1:443", "[2001:db8::1]:443" and "fe80::1%eth0"; an IPv4 address inside IPv6 is the IPv4 address."""
    text = raw.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
