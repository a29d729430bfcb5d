"""Figures in words: money, moments, durations, counts. Babel knows how people write them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import dates, numbers, units

from app.domain.said import LOCALE, count, say

__all__ = [
    "LOCALE",
    "average",
    "clock",
    "clock_range",
    "count",
    "day",
    "duration",
    "duration_range",
    "moment",
    "money",
    "percent",
    "zone_name",
]

_HALF_A_DAY_S = 12 * 3600


def money(amount: int, currency: str, locale: str = LOCALE) -> str:
    """`amount` in the smallest unit of `currency`, as people write it."""
    value = Decimal(amount).scaleb(-numbers.get_currency_precision(currency))
    text = numbers.format_currency(value, currency, locale=locale)
    # A code in place of a symbol keeps its distance: NGN 25,000.00, but €25.00.
    return re.sub(rf"({currency})(?=\d)", "\\1\u00a0", text)


def moment(at: datetime, zone: str, locale: str = LOCALE) -> str:
    """Day and clock time in the event's zone, with its name: Fri 12 Dec 2025, 20:00 WAT."""
    return f"{_date(at.astimezone(ZoneInfo(zone)).date(), locale)}, {clock(at, zone)}"


@lru_cache(maxsize=1024)
def _date(day: date, locale: str) -> str:
    # Kept, because polls are told it.
    return dates.format_date(day, "EEE d MMM yyyy", locale=locale)


def clock(at: datetime, zone: str, seconds: bool = False) -> str:
    """Clock time in the event's zone, with its name: 14:35 WAT."""
    return clock_at(int(at.timestamp()), zone, seconds)


def clock_at(second: int, zone: str, seconds: bool = False) -> str:
    """As clock(), of a moment in seconds since 1970."""
    return _clock(second if seconds else second // 60 * 60, zone, seconds)


@lru_cache(maxsize=4096)
def _clock(second: int, zone: str, seconds: bool) -> str:
    # Kept, because thousands of polls are told the same time. Digits are the same everywhere.
    at = datetime.fromtimestamp(second, ZoneInfo(zone))
    return f"{at:{'%H:%M:%S' if seconds else '%H:%M'}} {zone_name(at, zone)}"


def day(at: datetime, zone: str, locale: str = LOCALE) -> str:
    """The day alone, in the event's zone: Friday 12 December."""
    return dates.format_datetime(at, "EEEE d MMMM", tzinfo=ZoneInfo(zone), locale=locale)


def zone_name(at: datetime, zone: str) -> str:
    """WAT, CET ...; zones without a name of their own get their distance from UTC."""
    name = at.astimezone(ZoneInfo(zone)).tzname() or "UTC"
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def duration(seconds: float, locale: str = LOCALE) -> str:
    """A time span as a person says it: under a minute, 12 minutes, 1 hour 10 minutes."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return say("under a minute")
    if minutes < 60:
        return _several(minutes, "minute", locale)
    # Past an hour, five minutes more or less are more than anyone can know.
    hours, rest = divmod(5 * round(minutes / 5), 60)
    said = _several(hours, "hour", locale)
    return f"{said} {_several(rest, 'minute', locale)}" if rest else said


def duration_range(earliest: int, latest: int, locale: str = LOCALE) -> str:
    """A span of which only the bounds are known: 12–18 minutes, 50 minutes – 1 hour 10 minutes."""
    if earliest == latest:
        return duration(latest, locale)
    first, last = max(1, round(earliest / 60)), round(latest / 60)
    if last < 60 and first < last:
        return f"{first}–{_several(last, 'minute', locale)}"
    shortest, longest = duration(earliest, locale), duration(latest, locale)
    return longest if shortest == longest or last < 60 else f"{shortest} – {longest}"


def clock_range(now: datetime, earliest: int, latest: int, zone: str, locale: str = LOCALE) -> str:
    """Clock times so many seconds from now, in the event's zone, with its name: 14:35–14:41 WAT.
    Half a day ahead a clock time alone would not say which day."""
    second = int(now.timestamp())
    if latest > _HALF_A_DAY_S:
        return moment(now + timedelta(seconds=earliest), zone, locale)
    ends = clock_at(second + latest, zone)
    if earliest == latest:
        return ends
    begins = clock_at(second + earliest, zone)
    return ends if begins == ends else f"{begins.partition(' ')[0]}–{ends}"


def average(number: float, locale: str = LOCALE) -> str:
    """A number of things on average, with one decimal where that matters: 2, 2.4."""
    return numbers.format_decimal(round(number, 1), "#,##0.#", locale=locale)


def percent(part: float, locale: str = LOCALE) -> str:
    """A part of one in whole hundredths: 42%."""
    return numbers.format_percent(part, "#,##0%" if locale == LOCALE else None, locale=locale)


@lru_cache(maxsize=1024)
def _several(number: int, unit: str, locale: str) -> str:
    return units.format_unit(number, f"duration-{unit}", "long", locale=locale)
