"""Cells of a downloaded table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.sheets import cell, decimal


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_would_calculate_gets_an_apostrophe(start):
    assert cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "Ada", "a=b", " =1", "FQ-7K3M-9QXD-R2-1", "Ọ̀rẹ́"])
def test_other_text_stays_as_it_is(text):
    assert cell(text) == text


def test_nothing_is_empty_and_a_number_is_itself():
    assert (cell(None), cell(0), cell(4_099_260_001)) == ("", "0", "4099260001")


def test_times_are_utc():
    noon = datetime(2026, 7, 1, 12, 0, 0, 999, tzinfo=UTC)
    assert cell(noon) == "2026-07-01T12:00:00Z"
    assert cell(noon.astimezone(timezone(timedelta(hours=1)))) == "2026-07-01T12:00:00Z"


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (2_500_000, "NGN", "25000.00"),
        (1, "NGN", "0.01"),
        (5000, "JPY", "5000"),
        (1500, "KWD", "1.500"),
        (10**15, "NGN", "10000000000000.00"),
        (None, "NGN", ""),
        (5, None, ""),
    ],
)
def test_amounts_are_plain_decimals(amount, currency, said):
    assert decimal(amount, currency) == said
