"""Codes of an app, and recovery codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from app.domain import second_factor as rules

KEY, SEED = "a key of sixteen.", "a-seed"
NOW = datetime(2026, 11, 25, 12, 0, 10, tzinfo=UTC)
APP = pyotp.TOTP(rules.secret(SEED, KEY))


def code(seconds=0):
    return APP.at(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "steps"), [(0, 0), (-30, -1), (30, 1)], ids=["now", "before", "after"]
)
def test_a_code_counts_in_its_half_minute_and_beside_it(seconds, steps):
    now = int(NOW.timestamp()) // 30
    assert rules.step_of(code(seconds), SEED, KEY, NOW) == now + steps


@pytest.mark.parametrize("seconds", [-60, 60, 3600])
def test_a_code_of_another_time_does_not_count(seconds):
    assert rules.step_of(code(seconds), SEED, KEY, NOW) is None


def test_a_code_may_be_typed_with_a_gap():
    assert rules.step_of(f" {code()[:3]} {code()[3:]}", SEED, KEY, NOW) is not None


@pytest.mark.parametrize("text", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "12 34", "-12345"])
def test_what_is_no_code_does_not_count(text):
    assert rules.step_of(text, SEED, KEY, NOW) is None


def test_the_secret_depends_on_the_seed_and_on_the_key():
    assert len({rules.secret(*of) for of in ((SEED, KEY), ("b", KEY), (SEED, "another"))}) == 3
    assert len(rules.secret(SEED, KEY)) == 32


def test_the_qr_code_tells_an_app_all_that_it_needs():
    found = urlsplit(rules.address("ada@example.com", SEED, KEY))
    assert (found.scheme, found.netloc) == ("otpauth", "totp")
    said = parse_qs(found.query)
    assert said == {"secret": [rules.secret(SEED, KEY)], "issuer": ["FairQueue"]}


def test_recovery_codes_are_ten_and_differ_and_may_be_typed_in_any_way():
    codes = rules.new_recovery_codes()
    assert len(set(codes)) == 10
    assert not set("".join(codes)) & set("01OIL")
    plain = codes[0].replace("-", "").lower()
    assert rules.hash_of(plain) == rules.hash_of(f" {codes[0]} ")
    assert rules.hash_of(codes[1]) != rules.hash_of(codes[0])
