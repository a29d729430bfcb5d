"""Figures in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.domain import words

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (2_500_000, "NGN", "NGN\u00a025,000.00"),
        (1999, "EUR", "€19.99"),
        (5000, "JPY", "¥5,000"),
        (1500, "KWD", "KWD\u00a01.500"),
        (1, "USD", "$0.01"),
    ],
)
def test_money_is_in_the_smallest_unit_of_its_currency(amount, currency, said):
    assert words.money(amount, currency) == said


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Africa/Lagos", "13:00 WAT"),
        ("Europe/Paris", "14:00 CEST"),
        ("Asia/Dubai", "16:00 UTC+04"),
        ("UTC", "12:00 UTC"),
    ],
)
def test_a_clock_time_names_its_zone(zone, said):
    assert words.clock(NOON, zone) == said


def test_a_moment_has_its_day():
    assert words.moment(NOON, "Africa/Lagos") == "Wed 1 Jul 2026, 13:00 WAT"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "under a minute"),
        (59, "under a minute"),
        (60, "1 minute"),
        (1380, "23 minutes"),
        (3599, "1 hour"),
        (4200, "1 hour 10 minutes"),
        (7260, "2 hours"),
    ],
)
def test_a_span_is_said_as_a_person_says_it(seconds, said):
    assert words.duration(seconds) == said


def test_thousands_are_marked():
    assert words.count(12048) == "12,048"
