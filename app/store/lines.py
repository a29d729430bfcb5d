"""The row of `lines`: which life of the Redis copy counts, how far its journal has been read,
and who may write either. The journal's rows are written by app/store/places.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, scoped_session

from app.failpoints import reached
from app.store.db import autocommit_engine, translated

Db = Connection | Session | scoped_session[Session]

# Advisory locks of this class belong to the one who writes an event's journal into Postgres or
# its Redis copy anew: never both at a time.
_WRITER = 0x6C696E65
# After a loss the next numbers start so far above the last known one: more than anybody joins
# between two flushes of the journal, however many losses come in a row.
_GAP = 1_000_000


@dataclass(frozen=True, slots=True)
class LineRow:
    """One row of `lines`."""

    epoch: int
    journal_id: str


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """A life of the Redis copy that is about to begin, and the number it begins above."""

    epoch: int
    number_floor: int


@contextmanager
def writer(event_id: int) -> Iterator[Connection | None]:
    """Be the writer for the length of the block; None when there is one already.

    The connection is in autocommit. The lock ends with it, so a rebuilder that dies lets go.
    """
    parameters = {"class": _WRITER, "event_id": event_id}
    with translated(), autocommit_engine().connect() as connection:
        if not connection.scalar(
            text("SELECT pg_try_advisory_lock(:class, CAST(:event_id AS int))"), parameters
        ):
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.invalidated:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:class, CAST(:event_id AS int))"), parameters
                )


def look(db: Db, event_id: int) -> LineRow | None:
    row = db.execute(
        text("SELECT epoch, journal_id FROM lines WHERE event_id = :event_id"),
        {"event_id": event_id},
    ).first()
    return LineRow(*row) if row else None


def next_epoch(connection: Connection, event_id: int, guard_seconds: float) -> NewEpoch:
    """Begin the next life of the Redis copy; commits at once.

    The first life has nothing to be guarded against: no number was ever given. Where the guard
    of an earlier loss is still in force its number stays, if it is lower: the browsers of that
    second may not have come back yet, and must not be passed over because of another loss.
    """
    row = connection.execute(
        text(
            "UPDATE lines SET epoch = epoch + 1, journal_id = '0-0',"
            " number_floor = CASE WHEN epoch = 0 THEN number_floor"
            "  ELSE greatest(number_floor, journaled_number) + :gap END,"
            " guard_number = CASE WHEN epoch > 0 THEN least(journaled_number,"
            "  CASE WHEN guard_until > now() THEN guard_number END) END,"
            " guard_until = CASE WHEN epoch > 0 THEN now() + make_interval(secs => :guard) END"
            " WHERE event_id = :event_id RETURNING epoch, number_floor"
        ),
        {"event_id": event_id, "gap": _GAP, "guard": guard_seconds},
    ).one()
    reached("statement:", "next_epoch")
    return NewEpoch(*row)


def with_journal(db: Db) -> list[int]:
    """Events whose line may have a journal: sales that are not over, or ended within a day."""
    return list(
        db.scalars(
            text(
                "SELECT l.event_id FROM lines l JOIN events e ON e.id = l.event_id"
                " WHERE l.epoch > 0 AND e.sale_ends_at > now() - interval '1 day'"
                " ORDER BY l.event_id"
            )
        )
    )


def long_over(db: Db, days: int) -> dict[int, LineRow]:
    """The lines, by event, of sales that were closed so many days ago and of which nothing is under
    way: no hold, and no payment that the gateway is still asked about."""
    rows = db.execute(
        text(
            "SELECT l.event_id, l.epoch, l.journal_id"
            " FROM lines l JOIN events e ON e.id = l.event_id"
            " WHERE e.state = 'closed' AND l.epoch > 0 AND coalesce("
            "  (SELECT max(t.at) FROM timeline t WHERE t.event_id = e.id AND t.verb = 'closed'),"
            "  e.sale_ends_at) < now() - make_interval(days => :days)"
            " AND NOT EXISTS (SELECT FROM claims c WHERE c.event_id = e.id AND (c.state = 'HELD'"
            "  OR EXISTS (SELECT FROM payments p WHERE p.claim_id = c.id"
            "   AND p.next_check_at IS NOT NULL)))"
            " ORDER BY l.event_id"
        ),
        {"days": days},
    )
    return {event_id: LineRow(epoch, journal_id) for event_id, epoch, journal_id in rows}
