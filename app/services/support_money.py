"""The money of one claim as support sees it: each payment, its refund, and the gateway's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain import gateway_log
from app.domain import refunds as refund_rules
from app.domain.gateway_log import GatewayLog
from app.services.claims import ClaimView
from app.store import money
from app.store import support as store
from app.store.models import Payment, Refund


@dataclass(frozen=True, slots=True)
class RefundView:
    """Money that goes back. Amounts in the smallest unit; `asked_at` is when the gateway was
    asked for it without having answered yet."""

    id: int
    state: str
    amount: int
    currency: str
    reason: str
    gateway_id: int | None
    asked_at: datetime | None
    next_try_at: datetime | None
    created_at: datetime
    done_at: datetime | None
    last_error: str | None

    @property
    def can_settle(self) -> bool:
        stuck = self.state in (refund_rules.FAILED, refund_rules.NEEDS_ATTENTION)
        return stuck and self.asked_at is None


@dataclass(frozen=True, slots=True)
class Account:
    """One payment. Amounts in the smallest unit; `gateway_status` is the gateway's own word,
    `counts_as` one of those in store/sql/functions/event_money.sql."""

    reference: str
    state: str
    counts_as: str
    amount: int
    currency: str
    received_amount: int | None
    received_currency: str | None
    gateway_status: str | None
    gateway_id: int | None
    created_at: datetime
    paid_at: datetime | None
    checked_at: datetime | None
    next_check_at: datetime | None
    last_error: str | None
    log: GatewayLog | None
    refund: RefundView | None

    @property
    def as_asked(self) -> bool:
        """Whether what came in is what was asked for."""
        return (self.received_amount, self.received_currency) == (self.amount, self.currency)


def accounts(session: store.Db, claim: ClaimView) -> list[Account]:
    """The payments of a claim, oldest first."""
    kinds = money.kinds(session, claim.event.id, claim.reference)
    return [_account(row, kinds[row.id]) for row in store.payments(session, claim.id)]


def _account(row: Payment, counts_as: str) -> Account:
    return Account(
        reference=row.reference,
        state=row.state,
        counts_as=counts_as,
        amount=row.amount,
        currency=row.currency,
        received_amount=row.received_amount,
        received_currency=row.received_currency,
        gateway_status=row.gateway_status,
        gateway_id=row.gateway_id,
        created_at=row.created_at,
        paid_at=row.paid_at,
        checked_at=row.checked_at,
        next_check_at=row.next_check_at,
        last_error=row.last_error,
        log=gateway_log.read(row.gateway_log),
        refund=_refund(row.refund) if row.refund is not None else None,
    )


def _refund(row: Refund) -> RefundView:
    return RefundView(
        id=row.id,
        state=row.state,
        amount=row.amount,
        currency=row.currency,
        reason=row.reason.removeprefix("support: "),
        gateway_id=row.gateway_id,
        asked_at=row.asked_at,
        next_try_at=row.next_try_at,
        created_at=row.created_at,
        done_at=row.done_at,
        last_error=row.last_error,
    )
