"""Claims: the one function that makes them, and the queries around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session, scoped_session, selectinload

from app.domain.claims import HELD, LIVE
from app.store.db import autocommit_engine, one_statement, together, translated
from app.store.models import Claim

Db = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What claim_tickets() answered; its header lists the outcomes."""

    outcome: str
    reference: str | None
    numbers: list[int]
    address: str | None


def claim_tickets(parameters: Mapping[str, Any]) -> Outcome:
    """Call the database function in autocommit: one round trip, all or nothing."""
    return _outcome(one_statement("claim", parameters))


def claim_together(parameters: Sequence[Mapping[str, Any]]) -> list[Outcome] | None:
    """As claim_tickets(), for several claims in one transaction, in order of their places. None if
    one was refused by an error: nothing has happened then."""
    rows = together("claim", parameters)
    return None if rows is None else [_outcome(row) for row in rows]


def _outcome(row: Any) -> Outcome:
    return Outcome(row.outcome, row.reference, list(row.numbers or ()), row.address)


def still_free(event_id: int, numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that no claim holds."""
    query = text(
        "SELECT number FROM tickets WHERE event_id = :event_id AND claim_id IS NULL"
        " AND number = ANY (CAST(:numbers AS int[])) ORDER BY number"
    )
    with translated(), autocommit_engine().connect() as connection:
        return list(
            connection.scalars(query, {"event_id": event_id, "numbers": list(numbers)}).all()
        )


def standing(event_id: int, fan_id: int, form_key: str = "") -> tuple[str, bool] | None:
    """(reference, made by this form) of the fan's claim that this form made, else of the fan's
    live claim; None if there is neither. The form of another fan made nothing of this one's."""
    made_here = Claim.form_key == form_key
    query = (
        select(Claim.reference, made_here)
        .where(
            Claim.event_id == event_id,
            Claim.fan_id == fan_id,
            made_here | Claim.state.in_(LIVE),
        )
        .order_by(made_here.desc())
        .limit(1)
    )
    with translated(), autocommit_engine().connect() as connection:
        row = connection.execute(query).first()
    return (row[0], row[1]) if row else None


def page(reference: str) -> dict[str, Any] | None:
    """What sql/functions/claim_page.sql says of a claim: its columns, `email`, `tickets` as pairs
    of number and code, `payments` and `timeline` as mappings. Moments are text."""
    row = one_statement("claim_page", {"reference": reference})
    return row.page if row else None


def lock(session: Db, reference: str) -> Claim | None:
    """The claim, its row locked until the transaction ends."""
    return session.scalar(
        select(Claim).where(Claim.reference == reference).with_for_update(of=Claim)
    )


def lock_overdue(session: Db, after: tuple[datetime, int] | None, limit: int) -> Sequence[Claim]:
    """Up to `limit` held claims whose hold ran out, locked, in order of (held_until, id)."""
    query = (
        select(Claim)
        .where(Claim.state == HELD, Claim.held_until <= func.now())
        .order_by(Claim.held_until, Claim.id)
        .limit(limit)
        .with_for_update(of=Claim, skip_locked=True)
        .options(selectinload(Claim.payments))
    )
    if after is not None:
        query = query.where(tuple_(Claim.held_until, Claim.id) > tuple_(*after))
    return session.scalars(query).all()


def database_now(session: Db) -> datetime:
    """Postgres's own clock decides about holds."""
    moment: datetime = session.execute(select(func.now())).scalar_one()
    return moment
