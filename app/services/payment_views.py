"""A payment as the fan's page shows it: where the money is, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain import payments as rules
from app.domain import refunds


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


def view_of(row: Mapping[str, Any], held_until: datetime) -> PaymentView:
    """The view of a payment of sql/functions/claim_page.sql; its claim was held until then."""
    paid_at = moment_of(row["paid_at"])
    in_time = paid_at is not None and paid_at <= held_until
    reason = row["refund_reason"]
    return PaymentView(
        reference=row["reference"],
        state=row["state"],
        gateway_status=row["gateway_status"],
        authorization_url=row["authorization_url"],
        amount=row["amount"],
        currency=row["currency"],
        received_amount=row["received_amount"],
        paid_at=paid_at,
        created_at=datetime.fromisoformat(row["created_at"]),
        checked_at=moment_of(row["checked_at"]),
        counts=row["counts"],
        refund_state=row["refund_state"],
        refund_amount=row["refund_amount"],
        refund_currency=row["refund_currency"],
        refund_why=refunds.why(reason, in_time) if reason else None,
        gateway_log=row["gateway_log"],
    )


def moment_of(text: str | None) -> datetime | None:
    """A moment as Postgres writes it into JSON."""
    return datetime.fromisoformat(text) if text else None
