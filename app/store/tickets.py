"""Tickets: which are free, and who holds the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, scoped_session

from app.store.db import statement

Db = Connection | Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Stock:
    """How many tickets of an event are free, held and sold."""

    free: int
    held: int
    sold: int


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket that somebody has, and of which organisation it is."""

    number: int
    claim: str
    claim_state: str
    name: str
    event_title: str
    starts_at: datetime
    time_zone: str
    venue: str
    organisation_id: int


def with_code(session: Db, code: str) -> Found | None:
    """The ticket that has this code, of whichever organisation."""
    row = session.execute(
        text(
            "SELECT t.number, c.reference, c.state, c.name,"
            " e.title, e.starts_at, e.time_zone, e.venue, e.organisation_id"
            " FROM tickets t JOIN claims c ON c.id = t.claim_id JOIN events e ON e.id = t.event_id"
            " WHERE t.code = :code"
        ),
        {"code": code},
    ).first()
    return Found(*row) if row is not None else None


def stock(session: Db, event_id: int) -> Stock:
    row = session.execute(
        text(
            "SELECT count(*) FILTER (WHERE t.claim_id IS NULL),"
            " count(*) FILTER (WHERE c.state = 'HELD'),"
            " count(*) FILTER (WHERE c.state = 'CONFIRMED')"
            " FROM tickets t LEFT JOIN claims c ON c.id = t.claim_id WHERE t.event_id = :event_id"
        ),
        {"event_id": event_id},
    ).one()
    return Stock(*row)


def seat(session: Db, claim_id: int, event_id: int, quantity: int) -> list[int] | None:
    """Give a claim `quantity` free tickets: their numbers, or None when there are not enough.

    The caller holds the claim's row lock.
    """
    rows = session.execute(
        text(statement("seat")),
        {"claim_id": claim_id, "event_id": event_id, "quantity": quantity},
    )
    return sorted(rows.scalars()) or None


def free(session: Db, claim_ids: list[int]) -> dict[int, list[int]]:
    """Take the tickets away from claims that ended: {event id: numbers now free}."""
    rows = session.execute(
        text("SELECT event_id, number FROM free_tickets(CAST(:claims AS bigint[]))"),
        {"claims": claim_ids},
    )
    return by_event((event_id, number) for event_id, number in rows)


def by_event(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for event_id, number in pairs:
        numbers[event_id].append(number)
    return dict(numbers)


def free_numbers(session: Db, event_id: int, low: int, high: int) -> set[int]:
    """The free ticket numbers n with low <= n < high."""
    # One array instead of many rows: there may be very many.
    numbers: list[int] | None = session.scalar(
        text(
            "SELECT array_agg(number) FROM tickets WHERE event_id = :event_id"
            " AND claim_id IS NULL AND number >= :low AND number < :high"
        ),
        {"event_id": event_id, "low": low, "high": high},
    )
    return set(numbers or ())
