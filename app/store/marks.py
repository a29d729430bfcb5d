"""Marks on places (sql/functions/marks.sql)."""

from __future__ import annotations

from app.store.db import one_statement


def mark(seconds: int, addresses: int) -> int:
    """Call mark_places(): how many marks changed."""
    return int(one_statement("mark_places", {"seconds": seconds, "addresses": addresses}).changed)
