"""The timeline: who did what when."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session, scoped_session

from app.store.models import TimelineEntry


def note(
    session: Session | scoped_session[Session],
    event_id: int,
    verb: str,
    actor: str,
    *,
    claim_id: int | None = None,
    place_id: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one line. `actor` is fan, system, gateway or staff:<id>."""
    session.add(
        TimelineEntry(
            event_id=event_id,
            claim_id=claim_id,
            place_id=place_id,
            actor=actor,
            verb=verb,
            detail=detail or {},
        )
    )
