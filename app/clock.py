"""The only source of time above the domain. Postgres and Redis keep their own clocks for what
they decide; this one only words pages and paces loops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

__all__ = ["be_off", "monotonic", "now", "now_ms"]

_wrong = {"by": timedelta()}


def be_off(seconds: float) -> None:
    """Go wrong by so many seconds from now on (the setting CLOCK_OFFSET): a machine whose clock
    is minutes off must do no harm, and a drill shows that it does none."""
    _wrong["by"] = timedelta(seconds=seconds)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC) + _wrong["by"]


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(now().timestamp() * 1000)
