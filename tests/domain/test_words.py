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


@pytest.mark.parametrize(
    ("earliest", "latest", "said"),
    [
        (10, 20, "under a minute"),
        (10, 90, "1–2 minutes"),
        (240, 240, "4 minutes"),
        (720, 1080, "12–18 minutes"),
        (3000, 4200, "50 minutes – 1 hour 10 minutes"),
        (7200, 7200, "2 hours"),
    ],
)
def test_a_span_of_which_only_the_bounds_are_known(earliest, latest, said):
    assert words.duration_range(earliest, latest) == said


def test_clock_times_of_a_range_name_the_zone_once_and_the_day_where_it_matters():
    noon = datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert words.clock_range(noon, 0, 0, "Africa/Lagos") == "12:00 WAT"
    assert words.clock_range(noon, 0, 360, "Africa/Lagos") == "12:00–12:06 WAT"
    assert words.clock_range(noon, 0, 20, "Africa/Lagos") == "12:00 WAT"
    tomorrow = 20 * 3600
    said = words.clock_range(noon, tomorrow, tomorrow, "Africa/Lagos")
    assert said == "Mon 2 Mar 2026, 08:00 WAT"


def test_an_average_has_a_decimal_only_where_it_says_something():
    assert [words.average(n) for n in (2, 2.04, 2.25)] == ["2", "2", "2.2"]
    assert words.average(2.4, "fr") == "2,4"
