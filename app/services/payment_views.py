"""A payment as the fan's page shows it: where the money is, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain import payments as rules
from app.domain import refunds
from app.store.models import Payment


@dataclass(frozen=True, slots=True)
class PaymentView:
    """Amounts are in the smallest unit. The fields of a refund are None where nothing goes back;
    `refund_why` is a sentence."""

    reference: str
    state: str
    gateway_status: str | None
    authorization_url: str | None
    amount: int
    currency: str
    received_amount: int | None
    paid_at: datetime | None
    created_at: datetime
    checked_at: datetime | None
    counts: bool
    refund_state: str | None
    refund_amount: int | None
    refund_currency: str | None
    refund_why: str | None
    gateway_log: dict[str, Any] | None

    @property
    def open(self) -> bool:
        """Whether the fan may still be paying it."""
        return self.state in rules.OPEN


def view_of(row: Payment, held_until: datetime) -> PaymentView:
    """The view of a payment; its claim was held until then."""
    refund = row.refund
    in_time = row.paid_at is not None and row.paid_at <= held_until
    return PaymentView(
        reference=row.reference,
        state=row.state,
        gateway_status=row.gateway_status,
        authorization_url=row.authorization_url,
        amount=row.amount,
        currency=row.currency,
        received_amount=row.received_amount,
        paid_at=row.paid_at,
        created_at=row.created_at,
        checked_at=row.checked_at,
        counts=row.counts,
        refund_state=refund.state if refund else None,
        refund_amount=refund.amount if refund else None,
        refund_currency=refund.currency if refund else None,
        refund_why=refunds.why(refund.reason, in_time) if refund else None,
        gateway_log=row.gateway_log,
    )
