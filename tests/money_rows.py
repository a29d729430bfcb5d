"""What the tests of money look at, and the steps they share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text

from app.extensions import db
from app.services import payments
from app.store.models import Claim, OutboxEntry, Payment, Refund, Ticket, TimelineEntry
from tests.factories import utc_now


def again(row: Any) -> Any:
    """The row as it is in Postgres now."""
    db.session.rollback()
    db.session.refresh(row)
    return row


def payments_of(claim: Claim) -> list[Payment]:
    db.session.rollback()
    query = select(Payment).where(Payment.claim_id == claim.id).order_by(Payment.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def refunds_made() -> list[Refund]:
    db.session.rollback()
    return list(db.session.scalars(select(Refund)))


def mails() -> list[OutboxEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEntry).where(OutboxEntry.lane == "mail")))


def codes(claim: Claim) -> list[str | None]:
    db.session.rollback()
    query = select(Ticket.code).where(Ticket.claim_id == claim.id).order_by(Ticket.number)
    return list(db.session.scalars(query))


def verbs(claim: Claim) -> list[str]:
    db.session.rollback()
    query = select(TimelineEntry.verb).where(TimelineEntry.claim_id == claim.id)
    return list(db.session.scalars(query.order_by(TimelineEntry.id)))


def opened(claim: Claim, deliver: Callable[..., int]) -> Payment:
    """A payment whose checkout is open."""
    payments.pay(claim.reference)
    deliver()
    payment = payments_of(claim)[-1]
    assert payment.state == "PENDING"
    return payment


def ended(claim: Claim, state: str, ago: float = 60) -> None:
    """The claim's hold is over and its tickets are free again."""
    db.session.execute(
        text("UPDATE tickets SET claim_id = NULL WHERE claim_id = :id"), {"id": claim.id}
    )
    claim.state = state
    claim.held_until = utc_now() - timedelta(seconds=ago)
    claim.ended_at = utc_now()
    db.session.commit()


def ask(claim: Claim, deliver: Callable[..., int]) -> None:
    payments.ask(claim.reference, "staff:1")
    deliver()
