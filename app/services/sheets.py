"""Downloads for the organiser: all payments, refunds and tickets of an event, and how it went.

The sums of payments and refunds are the figures of the event's page: `received` of what counts as
"taken", `amount` of what is "in doubt", and `amount` of the refunds that are "refund owed" or
"refunded".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from sqlalchemy import Connection

from app.domain.sheets import cell, decimal
from app.services import events
from app.services.staff import StaffMember
from app.store import money as store
from app.store import reports, timeline
from app.store.db import snapshot, transaction

Column = Callable[[Any], object]

PAYMENTS: dict[str, Column] = {
    "payment": lambda row: row.payment,
    "claim": lambda row: row.claim,
    "claim_state": lambda row: row.claim_state,
    "state": lambda row: row.state,
    "counts_as": lambda row: row.counts_as,
    "currency": lambda row: row.currency,
    "amount_smallest_unit": lambda row: row.amount,
    "amount": lambda row: decimal(row.amount, row.currency),
    "received_currency": lambda row: row.received_currency,
    "received_smallest_unit": lambda row: row.received_amount,
    "received": lambda row: decimal(row.received_amount, row.received_currency),
    "gateway_says": lambda row: row.gateway_status,
    "gateway_number": lambda row: row.gateway_id,
    "refund_state": lambda row: row.refund_state,
    "started_utc": lambda row: row.created_at,
    "paid_utc": lambda row: row.paid_at,
    "last_asked_utc": lambda row: row.checked_at,
}
REFUNDS: dict[str, Column] = {
    "payment": lambda row: row.payment,
    "claim": lambda row: row.claim,
    "claim_state": lambda row: row.claim_state,
    "state": lambda row: row.refund_state,
    "counts_as": lambda row: row.counts_as,
    "currency": lambda row: row.counted_currency,
    "amount_smallest_unit": lambda row: row.counted_amount,
    "amount": lambda row: decimal(row.counted_amount, row.counted_currency),
    "reason": lambda row: row.refund_reason,
    "gateway_number": lambda row: row.refund_gateway_id,
    "owed_utc": lambda row: row.refund_created_at,
    "done_utc": lambda row: row.refund_done_at,
}

TICKETS: dict[str, Column] = {
    "ticket": lambda row: row.number,
    "code": lambda row: row.code,
    "name": lambda row: row.name,
    "email": lambda row: row.email,
    "phone": lambda row: row.phone,
    "claim": lambda row: row.reference,
    "paid_utc": lambda row: row.confirmed_at,
}
SAMPLES: dict[str, Column] = {
    "at_utc": lambda row: row.at,
    "in_line": lambda row: row.waiting,
    "inside": lambda row: row.inside,
    "free": lambda row: row.free,
    "held": lambda row: row.held,
    "sold": lambda row: row.sold,
    "joined": lambda row: row.joined,
    "let_in": lambda row: row.admitted,
    "claimed": lambda row: row.claimed,
    "paid": lambda row: row.paid,
}

Rows = Callable[[Connection, int], Iterable[Any]]

# A sheet larger than this waits on disk while it is being fetched.
_IN_MEMORY = 1024 * 1024


def payments(staff: StaffMember, slug: str) -> IO[bytes]:
    """Every payment as CSV in UTF-8, oldest first; the caller closes it. Raises EventUnknown."""
    return _sheet(staff, slug, "payments", PAYMENTS, store.payments)


def refunds(staff: StaffMember, slug: str) -> IO[bytes]:
    """Every refund as CSV in UTF-8, by its payment; the caller closes it. Raises EventUnknown."""
    return _sheet(staff, slug, "refunds", REFUNDS, _refunds)


def tickets(staff: StaffMember, slug: str) -> IO[bytes]:
    """Every paid ticket with its code and whose it is, by number, as payments()."""
    return _sheet(staff, slug, "tickets", TICKETS, reports.tickets)


def samples(staff: StaffMember, slug: str) -> IO[bytes]:
    """Every sample of the sale, oldest first, as payments()."""
    return _sheet(staff, slug, "samples", SAMPLES, reports.samples)


def _refunds(connection: Connection, event_id: int) -> Iterator[Any]:
    return (row for row in store.payments(connection, event_id) if row.refund_id is not None)


def _sheet(
    staff: StaffMember, slug: str, name: str, columns: dict[str, Column], rows: Rows
) -> IO[bytes]:
    event = events.look(staff, slug)
    # Before the first row is read: who has seen the fans' names is known whatever happens then.
    with transaction() as session:
        timeline.note(session, event.id, f"downloaded the {name}", staff.actor)
    # Written out in full first: one moment of the database, which a slow download cannot hold
    # open, and never more than a part of it in memory.
    sheet = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  (the caller closes it)
    try:
        text = io.TextIOWrapper(sheet, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        with snapshot() as connection:
            writer.writerows(
                [cell(column(row)) for column in columns.values()]
                for row in rows(connection, event.id)
            )
        text.detach()
        sheet.seek(0)
    except BaseException:
        sheet.close()
        raise
    return sheet
