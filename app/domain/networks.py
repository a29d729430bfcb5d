"""Where a visitor comes from, as far as limits go."""

from __future__ import annotations

from ipaddress import IPv6Address

_SIXTY_FOUR = 64


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
