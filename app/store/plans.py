"""What the planner of Postgres knows about our tables."""

from __future__ import annotations

from app.store.db import one_statement


def analyze_grown() -> str | None:
    """The table that had grown most and is counted now, or None: see the function of this name in
    sql/functions."""
    grown: str | None = one_statement("analyze_grown", {}).grown
    return grown
