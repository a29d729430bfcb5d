"""Figures of one event for its organiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, scoped_session

from app.domain.events import EventFacts
from app.store import events
from app.store.db import statement
from app.store.money import Sums

Db = Connection | Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Figures:
    """One event this moment; see sql/functions/live_figures.sql.

    The last two are None before the beats have looked at the event for the first time.
    """

    event: EventFacts
    sums: list[Sums]
    claims_last_minute: int
    oldest_debt_seconds: float | None
    gateway_away_since: datetime | None
    sampled_at: datetime | None
    standing_since: datetime | None


def figures(db: Db, organisation_id: int, slug: str) -> Figures | None:
    """In one statement; None if the organisation has no such event."""
    query = (
        f"SELECT f.*, l.* FROM ({events.FACTS} WHERE e.slug = :slug"  # noqa: S608  # nosec # our text
        " AND e.organisation_id = :organisation_id) f CROSS JOIN LATERAL live_figures(f.id) l"
    )
    row = (
        db.execute(text(query), {"slug": slug, "organisation_id": organisation_id})
        .mappings()
        .first()
    )
    if row is None:
        return None
    return Figures(
        event=events.of_row(row),
        sums=[_sums(each) for each in row["sums"]],
        claims_last_minute=row["claims_last_minute"],
        oldest_debt_seconds=row["oldest_debt_seconds"],
        gateway_away_since=row["gateway_away"],
        sampled_at=row["sampled_at"],
        standing_since=row["standing_since"],
    )


def _sums(row: Mapping[str, Any]) -> Sums:
    # Moments are text, as JSON has none.
    oldest = row["oldest_doubt"]
    return Sums(**{**row, "oldest_doubt": datetime.fromisoformat(oldest) if oldest else None})


def in_line(db: Db, event_id: int) -> tuple[int, int]:
    """(waiting, inside) as the records have it."""
    row = db.execute(text(statement("in_line")), {"event_id": event_id}).one()
    return row[0], row[1]
