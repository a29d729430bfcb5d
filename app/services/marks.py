"""Marks: places that look as if somebody took many stay in line and are shown to staff."""

from __future__ import annotations

from app.domain import marks as rules
from app.store import marks as store


def mark_once() -> int:
    """Mark what is suspicious at every sale that is not over; how many marks are new, or count
    more now. Nobody waits for it: neither a join nor a poll knows of marks. Raises
    StoreUnavailable."""
    return store.mark(rules.SECONDS, rules.ADDRESSES)
