"""Payments and refunds: locked in the one order, and the questions that are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, text, update
from sqlalchemy.orm import Session, scoped_session

from app.domain.claims import LIVE
from app.store.db import one_statement, statement
from app.store.models import Claim, Payment

Db = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Locked:
    """A claim and its payments, locked until the transaction ends; `now` is Postgres's clock."""

    claim: Claim
    payments: list[Payment]
    now: datetime

    def payment(self, payment_id: int) -> Payment:
        return next(payment for payment in self.payments if payment.id == payment_id)


def lock_claim(session: Db, reference: str) -> Locked | None:
    """Lock the claim with this reference and its payments."""
    return _lock(session, Claim.reference == reference)


def lock_claim_of(session: Db, payment_id: int) -> Locked:
    """Lock the claim of a payment that exists, and all the claim's payments."""
    of_payment = select(Payment.claim_id).where(Payment.id == payment_id).scalar_subquery()
    locked = _lock(session, Claim.id == of_payment)
    assert locked is not None
    return locked


def _lock(session: Db, which: ColumnElement[bool]) -> Locked | None:
    # The order that everybody keeps: the claim, its payments by id, its tickets by number.
    row = session.execute(
        select(Claim, func.now())
        .where(which)
        .with_for_update(of=Claim)
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        return None
    claim, now = row
    payments = session.scalars(
        select(Payment)
        .where(Payment.claim_id == claim.id)
        .order_by(Payment.id)
        .with_for_update(of=Payment)
        .execution_options(populate_existing=True)
    )
    return Locked(claim, list(payments), now)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What pay_claim() answered; its header lists the outcomes."""

    outcome: str
    address: str | None
    page: dict[str, Any] | None


def pay_claim(reference: str, fan_id: int | None, look: bool | None) -> Pressed:
    """Call the database function in autocommit: one round trip, all or nothing."""
    parameters = {"reference": reference, "fan_id": fan_id, "look": look}
    return Pressed(*one_statement("pay", parameters, reference))


@dataclass(frozen=True, slots=True)
class Questioned:
    """What ask_gateway() answered; its header lists the outcomes."""

    outcome: str
    asked: int | None
    page: dict[str, Any] | None


def ask_gateway(
    reference: str, fan_id: int | None, actor: str, *, just_now: int, look: bool
) -> Questioned:
    """Call the database function in autocommit: one round trip, all or nothing."""
    parameters = {
        "reference": reference,
        "fan_id": fan_id,
        "actor": actor,
        "just_now": just_now,
        "look": look,
    }
    return Questioned(*one_statement("ask_gateway", parameters))


def open_payment(session: Db, claim_id: int, actor: str) -> None:
    """Open another payment for a held claim that is locked; committed by the caller."""
    parameters = {"claim_id": claim_id, "actor": actor}
    session.execute(text("SELECT open_payment(:claim_id, :actor)"), parameters)


def set_error(session: Db, payment_id: int, why: str) -> None:
    """Write down why the gateway could not be heard; no other row is touched."""
    session.execute(update(Payment).where(Payment.id == payment_id).values(last_error=why))


def has_other_live_claim(session: Db, claim: Claim) -> bool:
    """Whether the claim's fan has another live claim for the same event."""
    other = exists().where(
        Claim.event_id == claim.event_id,
        Claim.fan_id == claim.fan_id,
        Claim.state.in_(LIVE),
        Claim.id != claim.id,
    )
    return bool(session.scalar(select(other)))


def issue_codes(session: Db, claim: Claim, codes: list[str]) -> list[int]:
    """Give each ticket of a locked claim its code; the numbers of the tickets."""
    parameters = {"claim_id": claim.id, "event_id": claim.event_id, "codes": codes}
    return sorted(session.scalars(text(statement("issue_codes")), parameters))


def ask_due(at_once: int, again_in: float) -> int:
    """Owe a question to the gateway for up to `at_once` payments that are due; how many."""
    row = one_statement("ask_due_payments", {"at_once": at_once, "again_in": again_in})
    assert row is not None
    return int(row[0])
