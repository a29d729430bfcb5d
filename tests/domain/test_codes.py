"""Codes: six digits derived from a verification."""

from __future__ import annotations

import pytest

from app.domain.codes import as_code, code_of, matches


def test_a_code_is_six_digits_and_always_the_same():
    code = code_of("a-verification", "key")
    assert len(code) == 6
    assert code.isdigit()
    assert code == code_of("a-verification", "key")


def test_another_verification_or_another_key_gives_another_code():
    codes = {code_of(f"v{n}", "key") for n in range(100)}
    assert len(codes) > 95
    assert code_of("v", "key") != code_of("v", "another key")


def test_codes_are_spread_over_all_digits():
    firsts = [code_of(f"v{n}", "key")[0] for n in range(5000)]
    assert all(380 < firsts.count(str(digit)) < 620 for digit in range(10))


@pytest.mark.parametrize("typed", ["123456", " 123456 ", "123 456", "123-456", "12 34 56"])
def test_spaces_and_dashes_are_forgiven(typed):
    assert as_code(typed) == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "²²²²²²", "9" * 9999]
)
def test_anything_else_is_no_code(typed):
    assert as_code(typed) is None


def test_comparing_tells_right_from_wrong():
    assert matches("123456", "123456")
    assert not matches("123457", "123456")
