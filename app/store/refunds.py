"""Refunds: taken by one worker at a time, changed under the row's lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, scoped_session

from app.store.db import one_statement
from app.store.models import Payment, Refund

Db = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Locked:
    """A refund with its payment and claim; its row is locked, `now` is Postgres's clock."""

    refund: Refund
    now: datetime


def take(refund_id: int, seconds: float) -> datetime | None:
    """Take a refund for so many seconds, committed at once: the token of the one who has it, or
    None when somebody else has it or nothing is left to do."""
    row = one_statement("take_refund", {"id": refund_id, "seconds": seconds})
    return row.taken_until if row is not None else None


def about_to_ask(refund_id: int, taken_until: datetime, seconds: float) -> bool:
    """Commit that the gateway is about to be asked; False when the refund is no longer ours."""
    parameters = {"id": refund_id, "taken_until": taken_until, "seconds": seconds}
    return one_statement("ask_for_refund", parameters) is not None


def lock(session: Db, refund_id: int) -> Locked:
    """The refund, locked; nothing else is locked after it."""
    row = session.execute(
        select(Refund, func.now())
        .where(Refund.id == refund_id)
        .options(joinedload(Refund.payment).joinedload(Payment.claim))
        .with_for_update(of=Refund)
        .execution_options(populate_existing=True)
    ).one()
    return Locked(row[0], row[1])


def with_payment(session: Db, refund_id: int) -> tuple[Refund, datetime]:
    """The refund with its payment, and the time; nothing is locked."""
    row = session.execute(
        select(Refund, func.now())
        .where(Refund.id == refund_id)
        .options(joinedload(Refund.payment).joinedload(Payment.claim))
        .execution_options(populate_existing=True)
    ).one()
    return row[0], row[1]


def id_of_payment(session: Db, payment_reference: str) -> int | None:
    """The refund of the payment with this reference, if there is one."""
    return session.scalar(
        select(Refund.id).join(Payment).where(Payment.reference == payment_reference)
    )


def ask_due(at_once: int, again_in: float) -> int:
    """Owe a step for up to `at_once` refunds that are due; how many."""
    row = one_statement("ask_due_refunds", {"at_once": at_once, "again_in": again_in})
    assert row is not None
    return int(row[0])
