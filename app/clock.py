"""The only source of time above the domain. Postgres and Redis keep their own clocks for what
they decide; this one only words pages and paces loops."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic, time

__all__ = ["monotonic", "now", "now_ms"]


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time() * 1000)
