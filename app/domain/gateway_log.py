"""The gateway's own timeline of a payment, read from what verify calls its `log`.

It is somebody else's JSON, kept as it came: what is missing or odd is left out, nothing raises.
Shape: `start_time` (seconds since 1970), `time_spent` (seconds), `history` (a list of `type`,
`message` and `time`, the seconds since the start). Source: Paystack's OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

# More than a person at a checkout does.
MOST_LINES = 100
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """What happened at the checkout; `at` is None when the log does not say when it began."""

    at: datetime | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class GatewayLog:
    started_at: datetime | None
    seconds_spent: float | None
    lines: list[Line]


def read(log: Mapping[str, Any] | None) -> GatewayLog | None:
    """What can be read of it, or None when that is nothing."""
    if not isinstance(log, Mapping):
        return None
    start = _moment(log.get("start_time"))
    history = log.get("history")
    entries = history[:MOST_LINES] if isinstance(history, list) else []
    found = [_line(entry, start) for entry in entries if isinstance(entry, Mapping)]
    lines = [line for line in found if line.message]
    if not lines and start is None:
        return None
    return GatewayLog(start, _seconds(log.get("time_spent")), lines)


def _line(entry: Mapping[str, Any], start: datetime | None) -> Line:
    after = _seconds(entry.get("time"))
    at = start + timedelta(seconds=after) if start and after is not None else None
    return Line(at, _words(entry.get("type")), _words(entry.get("message")))


def _moment(value: object) -> datetime | None:
    seconds = _seconds(value)
    # A start of 0 is how the gateway says that nobody has been at the checkout.
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _seconds(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Up to the year 5138, beyond which sums of times may fail.
    return float(value) if number and 0 <= value < 1e11 else None  # type: ignore[operator,arg-type]


def _words(value: object) -> str:
    return value[:_LONGEST_WORDS] if isinstance(value, str) else ""
