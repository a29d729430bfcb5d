"""What happened to one place, and to the line that it stands in. Queries only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app.domain.histories import Change, Minute, PlaceDates
from app.store.db import autocommit_engine, translated

# What was done to a sale that moves its line, or stops it.
_VERBS = ("paused", "resumed", "closed", "changed the rate")


def place(event_id: int, place_id: str) -> PlaceDates | None:
    query = text(
        "SELECT p.number, p.state, p.turn, p.joined_at, p.admitted_at, p.ended_at, ("
        "  SELECT min(t.at) FROM timeline t WHERE t.event_id = p.event_id"
        "  AND t.place_id = p.id AND t.verb = 'address_proven') AS proven_at"
        " FROM places p WHERE p.id = :id AND p.event_id = :event_id"
    )
    with translated(), autocommit_engine().connect() as connection:
        row = connection.execute(query, {"id": place_id, "event_id": event_id}).first()
    return PlaceDates(**row._mapping) if row else None


def line(event_id: int) -> tuple[Sequence[Change], Sequence[Minute]]:
    """(what was done to the sale, how many were let in minute by minute), both in order."""
    parameters: dict[str, Any] = {"event_id": event_id, "verbs": list(_VERBS)}
    with translated(), autocommit_engine().connect() as connection:
        changes = connection.execute(
            text(
                "SELECT at, verb, detail FROM timeline WHERE event_id = :event_id"
                " AND claim_id IS NULL AND place_id IS NULL"
                " AND verb = ANY (CAST(:verbs AS text[])) ORDER BY at, id"
            ),
            parameters,
        ).all()
        minutes = connection.execute(
            text(
                "SELECT date_trunc('minute', admitted_at) AS at, count(*), max(number)"
                " FROM places WHERE event_id = :event_id AND admitted_at IS NOT NULL"
                " GROUP BY 1 ORDER BY 1"
            ),
            parameters,
        ).all()
    return [Change(*row) for row in changes], [_minute(*row) for row in minutes]


def _minute(at: datetime, admitted: int, top: int) -> Minute:
    return Minute(at, admitted, top)
