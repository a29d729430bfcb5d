"""The money of one event, by what it counts as, and whether the gateway answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text
from sqlalchemy.orm import Session, scoped_session

Db = Session | scoped_session[Session]

# So many rows are in memory at a time.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sums:
    """An event's money in one currency, in its smallest unit.

    `stuck` counts the refunds that the gateway cannot finish without a person. `in_doubt` is
    explained in sql/functions/event_money.sql; `doubts` counts its payments, and
    the oldest is named by its time and its claim.
    """

    currency: str
    taken: int
    owed: int
    stuck: int
    refunded: int
    unexplained: int
    in_doubt: int
    doubts: int
    oldest_doubt: datetime | None
    oldest_claim: str | None


def kinds(session: Db, event_id: int, claim_reference: str) -> dict[int, str]:
    """What each payment of a claim counts as, by the payment's id."""
    rows = session.execute(
        text("SELECT payment_id, counts_as FROM event_money(:event_id) WHERE claim = :claim"),
        {"event_id": event_id, "claim": claim_reference},
    )
    return {row.payment_id: row.counts_as for row in rows}


def payments(connection: Connection, event_id: int) -> Iterator[Row[tuple[object, ...]]]:
    """Every payment of an event with its refund, oldest first: the rows of event_money()."""
    yield from connection.execute(
        text("SELECT * FROM event_money(:event_id) ORDER BY payment_id"),
        {"event_id": event_id},
        execution_options={"yield_per": _AT_ONCE},
    )


def gateway_away_since(session: Db) -> datetime | None:
    """Since when the gateway has not answered, or None."""
    since: datetime | None = session.scalar(text("SELECT gateway_away_since()"))
    return since
