"""Figures of one event for its organiser, beside those of its tickets and its money."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app.store.db import statement

Db = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Figures:
    """Claims of the last minute; how long the oldest unhandled outbox row has been waiting."""

    claims_last_minute: int
    oldest_debt_seconds: float | None


def figures(session: Db, event_id: int) -> Figures:
    row = session.execute(text(statement("figures")), {"event_id": event_id}).one()
    return Figures(*row)


def in_line(session: Db, event_id: int) -> tuple[int, int]:
    """(waiting, inside) as the records have it."""
    row = session.execute(text(statement("in_line")), {"event_id": event_id}).one()
    return row[0], row[1]
