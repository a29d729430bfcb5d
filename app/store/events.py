"""Events with their counts and their line's epoch, as EventFacts. Queries only."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.orm import Session, scoped_session

from app.domain.events import EventFacts

Reader = Connection | Session | scoped_session[Session]

# What every query of this module begins with; in what follows the event is called e. Sold is what
# is neither free nor held, all of one moment, so the three always add up.
FACTS = """
    SELECT e.*, e.capacity - e.free - e.held AS sold FROM (
        SELECT
            e.id, e.organisation_id, e.slug, e.title, e.venue, e.description, e.starts_at,
            e.time_zone, e.state, e.sale_starts_at, e.sale_ends_at, e.capacity, e.price,
            e.currency, e.max_per_fan, e.hold_seconds, e.pass_seconds, e.admit_per_minute,
            e.pass_capacity, e.message, e.message_at, e.pause_reason, e.paused_at,
            e.pause_next_word_at, e.paused_ms, e.proof, e.mark_joins,
            coalesce(l.epoch, 0) AS epoch,
            coalesce(l.number_floor, 0) AS number_floor,
            coalesce(l.journaled_number, 0) AS journaled_number,
            l.guard_number,
            l.guard_until,
            CASE WHEN e.state = 'draft' THEN e.capacity ELSE t.free END AS free,
            c.held,
            c.first_hold_ends_at,
            c.last_hold_ends_at,
            c.buyers,
            now() AS as_of
        FROM events e
        LEFT JOIN lines l ON l.event_id = e.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS free FROM tickets
            WHERE event_id = e.id AND claim_id IS NULL
        ) t
        CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(quantity) FILTER (WHERE state = 'HELD'), 0)::bigint AS held,
                min(held_until) FILTER (WHERE state = 'HELD' AND held_until > now())
                    AS first_hold_ends_at,
                max(held_until) FILTER (WHERE state = 'HELD' AND held_until > now())
                    AS last_hold_ends_at,
                count(*) AS buyers
            FROM claims WHERE event_id = e.id AND state IN ('HELD', 'CONFIRMED')
        ) c
    ) e
"""
_NAMES = [field.name for field in fields(EventFacts)]


def by_slug(reader: Reader, slug: str) -> EventFacts | None:
    return _first(reader, "WHERE e.slug = :slug", slug=slug)


def by_id(reader: Reader, event_id: int) -> EventFacts | None:
    return _first(reader, "WHERE e.id = :event_id", event_id=event_id)


def of_organisation(reader: Reader, organisation_id: int) -> list[EventFacts]:
    """Every event of an organisation, the next one first."""
    return _all(
        reader,
        "WHERE e.organisation_id = :organisation_id ORDER BY e.starts_at, e.id",
        organisation_id=organisation_id,
    )


def on_show(reader: Reader) -> list[EventFacts]:
    """What fans may see and has not begun long ago, the next sale first."""
    return _all(
        reader,
        "WHERE e.state <> 'draft' AND e.starts_at > now() - interval '1 day'"
        " ORDER BY e.state = 'closed', e.sale_starts_at, e.id",
    )


def live(reader: Reader) -> list[EventFacts]:
    """Events with a line that moves or may move: shown to fans and not yet over."""
    return _all(
        reader,
        "WHERE e.state IN ('published', 'on_sale', 'paused') AND e.sale_ends_at > now()"
        " ORDER BY e.id",
    )


def _first(reader: Reader, where: str, **parameters: Any) -> EventFacts | None:
    return next(iter(_all(reader, where, **parameters)), None)


def _all(reader: Reader, where: str, **parameters: Any) -> list[EventFacts]:
    return list(map(of_row, reader.execute(text(FACTS + where), parameters).mappings()))


def of_row(row: RowMapping) -> EventFacts:
    """The event of a row that FACTS made, whatever else is in it."""
    return EventFacts(**{name: row[name] for name in _NAMES})
