"""Where a visitor comes from, as far as limits go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

_SIXTY_FOUR = 64
# A /64 without these is its /48.
_SITE_BITS = 16


def network(address: str) -> str:
    """The network of an address: an IPv4 address itself, the /64 of an IPv6 one.

    One household or phone has a /64 of its own. Anything that is no address has no
    network: ''.
    """
    if ":" not in address:
        return address if address.replace(".", "").isdigit() else ""
    try:
        six = IPv6Address(address.partition("%")[0])
    except ValueError:
        return ""
    if six.ipv4_mapped:
        return str(six.ipv4_mapped)
    return f"{int(six) >> _SIXTY_FOUR:x}::"


def wider_network(address: str) -> str:
    """The network that one customer of a provider may have a part of: /24, or /48 of IPv6."""
    near = network(address)
    if ":" not in near:
        return near.rpartition(".")[0]
    return f"{int(near.removesuffix('::'), 16) >> _SITE_BITS:x}::"


@lru_cache(maxsize=4096)
def network_mark(event_id: int, network: str, key: str) -> str:
    """A network as the rows of one event's places name it: 16 hexadecimal digits that tell nobody
    the address, nor that another event was visited from it. '' for none. `key` is our secret."""
    if not network:
        return ""
    named = f"{event_id} {network}".encode()
    # Each use of the secret says what it is for.
    mark = hashlib.blake2b(named, digest_size=8, key=key.encode()[:64], person=b"fq-network")
    return mark.hexdigest()


def is_within(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether an address belongs to one of these; an IPv4 address may be written as IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in one for one in networks)
