"""What a cell of a downloaded table holds: plain text that no spreadsheet takes for a formula."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from babel import numbers

# What makes a spreadsheet calculate instead of show.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """Times in UTC as ISO 8601; nothing for None; text as it is, made harmless."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    text = str(value)
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def decimal(amount: int | None, currency: str | None) -> str:
    """An amount in the smallest unit as a plain decimal: 2500000 NGN is 25000.00."""
    if amount is None or currency is None:
        return ""
    return f"{Decimal(amount).scaleb(-_places(currency)):f}"


@cache
def _places(currency: str) -> int:
    return numbers.get_currency_precision(currency)
