"""Payments as fans make them, each through the services and the stand-in gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select, text

from app.extensions import db
from app.services import claims, payments, refunds
from app.store.models import Claim, Event, Refund
from tests.factories import a_claim
from tests.money import Bank

# Longer than the hold and the hard limit together.
LONG_OVER = timedelta(hours=1)


class Stories:
    """What becomes of claims on an event; every method ends with the money lane empty."""

    def __init__(self, event: Event, bank: Bank, deliver: Callable[..., int]) -> None:
        self.event, self.bank, self.deliver = event, bank, deliver

    def opened(self, quantity: int = 1) -> Claim:
        """The fan has pressed Pay and is shown the checkout."""
        claim = a_claim(self.event, quantity)
        payments.pay(claim.reference)
        self.deliver()
        return claim

    def did(self, claim: Claim, action: str, number: int = 1) -> Claim:
        """The fan did something at the checkout of this payment, and we asked about it."""
        self.bank.act(f"{claim.reference}-{number}", action)
        return self.asked(claim)

    def asked(self, claim: Claim) -> Claim:
        payments.ask(claim.reference, "staff:7")
        self.deliver()
        return self.fresh(claim)

    def paid(self, quantity: int = 1) -> Claim:
        return self.did(self.opened(quantity), "pay")

    def declined(self) -> Claim:
        return self.did(self.opened(), "decline")

    def wrong(self, fault: str) -> Claim:
        """What came in is not what was asked for: wrong_amount or wrong_currency."""
        claim = self.opened()
        self.bank.order(pay=[fault])
        return self.did(claim, "pay")

    def expired(self) -> Claim:
        """The checkout was opened, and the hold ran out to its hard limit."""
        claim = self.opened()
        db.session.execute(
            text("UPDATE claims SET held_until = held_until - :ago WHERE id = :id"),
            {"ago": LONG_OVER, "id": claim.id},
        )
        db.session.commit()
        assert claims.expire_once() == 1
        return self.fresh(claim)

    def refunded(self, claim: Claim, becomes: str = "processed") -> Refund:
        """Support refunds the claim, and the gateway says what became of that."""
        refunds.refund_claim(claim.reference, "staff:7", "the fan fell ill")
        self.deliver()
        refund = self.refund_of(claim)
        if becomes != "pending":
            self.bank.desk.move_refund(refund.gateway_id, becomes)
            db.session.rollback()
            refunds.advance(refund.id)
        return self.refund_of(claim)

    def refund_of(self, claim: Claim) -> Refund:
        db.session.rollback()
        query = select(Refund).where(Refund.payment.has(claim_id=claim.id))
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    def fresh(self, claim: Claim) -> Claim:
        db.session.rollback()
        db.session.refresh(claim)
        return claim

    def everything(self) -> None:
        """One of each: paid, declined, refunded, wrong, late with and without a seat, open."""
        self.paid(2)
        self.paid()
        self.declined()
        for state in ("pending", "processed", "failed", "needs-attention"):
            self.refunded(self.paid(), state)
        self.settled()
        self.wrong("wrong_amount")
        self.wrong("wrong_currency")
        self.did(self.expired(), "pay")
        self.twice()
        given_back = self.opened()
        claims.release(given_back.reference, "fan")
        self.did(given_back, "pay")
        self.opened()
        self.expired()

    def settled(self) -> Refund:
        refund = self.refunded(self.paid(), "needs-attention")
        db.session.rollback()
        refunds.settle(refund.id, "staff:7", "cash at the door", "needs-attention")
        return refund

    def twice(self) -> None:
        """Declined, tried again with a good card, and the first checkout is paid as well."""
        claim = self.declined()
        payments.pay(claim.reference)
        self.deliver()
        self.did(claim, "pay", 2)
        self.did(claim, "pay", 1)
