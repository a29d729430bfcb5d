"""What the planner of Postgres knows about our tables."""

from __future__ import annotations

from collections.abc import Sequence

from app.store.db import one_statement


def analyze_grown(but: Sequence[str] = ()) -> str | None:
    """The table that had grown most, `but` for these, and is counted now, or None: see the function
    of this name in sql/functions."""
    grown: str | None = one_statement("analyze_grown", {"but": list(but)}).grown
    return grown
