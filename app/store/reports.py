"""How fair a sale was: counts of one event, when it is over or so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, text

from app.store.db import statement
from app.store.money import Sums

# So many rows are in memory at a time.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """See sql/report.sql. Waits in seconds, None while nobody has been let in. `paid` counts
    claims that were ever paid, `have_tickets` those that are still; `refunds` counts payments."""

    joined: int
    proven: int
    admitted: int
    left_line: int
    missed: int
    median_wait: float | None
    ninth_wait: float | None
    longest_wait: float | None
    passed_over: int
    claimed: int
    paid: int
    have_tickets: int
    ran_out: int
    given_back: int
    returned_tickets: int
    refunded: int
    refunds: int


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter of the line, by number."""

    quarter: int
    first: int
    last: int
    joined: int
    admitted: int
    have_tickets: int


def counts(connection: Connection, event_id: int) -> Counts:
    return Counts(*connection.execute(text(statement("report")), {"event_id": event_id}).one())


def quarters(connection: Connection, event_id: int) -> list[Quarter]:
    rows = connection.execute(text(statement("report_quarters")), {"event_id": event_id})
    return [Quarter(*row) for row in rows]


def sums(connection: Connection, event_id: int) -> list[Sums]:
    """The money by currency."""
    rows = connection.execute(text("SELECT * FROM event_sums(:id)"), {"id": event_id})
    return [Sums(*row) for row in rows]


def tickets(connection: Connection, event_id: int) -> Iterator[Row[tuple[object, ...]]]:
    """Every ticket of a confirmed claim, by number."""
    yield from connection.execute(
        text(
            "SELECT t.number, t.code, c.name, f.email, c.phone, c.reference, c.confirmed_at"
            " FROM tickets t JOIN claims c ON c.id = t.claim_id JOIN fans f ON f.id = c.fan_id"
            " WHERE t.event_id = :event_id AND c.state = 'CONFIRMED' ORDER BY t.number"
        ),
        {"event_id": event_id},
        execution_options={"yield_per": _AT_ONCE},
    )


def samples(connection: Connection, event_id: int) -> Iterator[Row[tuple[object, ...]]]:
    """Every sample, oldest first."""
    yield from connection.execute(
        text("SELECT * FROM samples WHERE event_id = :event_id ORDER BY at"),
        {"event_id": event_id},
        execution_options={"yield_per": _AT_ONCE},
    )
