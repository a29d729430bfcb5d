"""Where a visitor comes from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.domain.networks import is_within, network, wider_network


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("197.210.8.9", "197.210.8.9"),
        ("::ffff:197.210.8.9", "197.210.8.9"),
        ("2001:db8:1:2:3:4:5:6", "20010db800010002::"),
        ("2001:db8:1:2::1", "20010db800010002::"),
        ("2001:db8:1:3::1", "20010db800010003::"),
        ("fe80::1%eth0", "fe80000000000000::"),
        ("", ""),
        ("unix:", ""),
        ("nonsense", ""),
    ],
)
def test_the_network_of_an_address(address: str, found: str) -> None:
    assert network(address) == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("197.210.8.9", "197.210.8"),
        ("::ffff:197.210.8.9", "197.210.8"),
        ("2001:db8:1:2:3:4:5:6", "20010db80001::"),
        ("2001:db8:1:ffff::1", "20010db80001::"),
        ("2001:db8:2:2::1", "20010db80002::"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_the_wider_network_of_an_address(address: str, found: str) -> None:
    assert wider_network(address) == found


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::7", True),
        ("198.51.100.1", False),
        ("2001:db9::7", False),
        ("", False),
        ("192.0.2.7, 198.51.100.1", False),
        ("nonsense", False),
    ],
)
def test_an_address_is_within_a_network_or_not(address: str, within: bool) -> None:
    networks = [ip_network("192.0.2.0/28"), ip_network("2001:db8::/64")]
    assert is_within(address, networks) is within
