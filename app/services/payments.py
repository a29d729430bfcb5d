"""Payments: opened by the fan, told to the gateway from the outbox, asked about until settled.

The web request never calls the gateway: `pay` writes a row, and the money lane does the rest.
No call happens inside a transaction; each function that calls closes its transaction first.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from app.domain import claims as claim_rules
from app.domain import errors
from app.domain import payments as rules
from app.domain.references import payment_reference
from app.extensions import settings
from app.gateway import client as gateway
from app.gateway.results import Accepted, DuplicateReference, Missing, Refused, TryLater
from app.services import outbox, refunds
from app.services.fulfilment import fulfil, heard, note, record, schedule
from app.services.links import claim_link
from app.services.outbox import Later
from app.store import payments as store
from app.store.db import transaction
from app.store.models import Claim, Payment

log = logging.getLogger(__name__)

# The beat comes every ten seconds; what it cannot ask now it asks then.
_ASK_AT_ONCE = 500
_ASK_AGAIN_IN = 60.0
# A fan who reloads the page all the time need not make us ask all the time.
_ASKED_JUST_NOW = timedelta(seconds=3)


def pay(reference: str) -> str | None:
    """Open a payment for a held claim, or find the one that is open.

    Returns the address to pay at, or None while the gateway has not named it yet. Pressing the
    button twice makes one payment. Raises ClaimUnknown, or StateGone when the claim can no
    longer be paid.
    """
    with transaction() as session:
        locked = store.lock_claim(session, reference)
        if locked is None:
            raise errors.ClaimUnknown
        claim = locked.claim
        if claim.state != claim_rules.HELD:
            raise errors.StateGone
        for payment in reversed(locked.payments):
            if payment.state in rules.OPEN and payment.amount == claim.amount:
                return payment.authorization_url
        if locked.now >= claim.held_until:
            raise errors.StateGone("The time to pay for these tickets has run out.")
        for payment in locked.payments:
            # The claim has shrunk since: the old amount must not be paid any more.
            if payment.state in rules.OPEN:
                payment.state = rules.SUPERSEDED
        _open(session, claim, len(locked.payments) + 1, "fan")
    settings.wake(outbox.MONEY)
    return None


def _open(session: store.Db, claim: Claim, number: int, actor: str) -> None:
    payment = Payment(
        claim_id=claim.id,
        reference=payment_reference(claim.reference, number),
        amount=claim.amount,
        currency=claim.currency,
    )
    session.add(payment)
    session.flush()
    note(session, claim, "payment started", actor, payment)
    outbox.owe(
        session,
        outbox.MONEY,
        "initialize_payment",
        {"payment_id": payment.id},
        key=f"initialize:{payment.id}",
    )


def initialize(payment_id: int) -> None:
    """Tell the gateway of a payment: the handler of `initialize_payment`. Raises Later.

    Dying anywhere in here is safe: the next try is answered "duplicate reference", and verify
    tells the rest.
    """
    order = _order(payment_id)
    if order is None:
        return
    result = gateway.initialize(
        email=order.email,
        amount=order.amount,
        currency=order.currency,
        reference=order.reference,
        # With its key: a bank's app often comes back in another browser than it left, and the
        # fan who has just paid must not be told that the page is private.
        callback_url=claim_link(order.claim, "return"),
        channels=settings.paystack_channels,
        metadata={"claim": order.claim},
    )
    match result:
        case Accepted():
            _opened(payment_id, result.authorization_url)
        case DuplicateReference():
            _start_again(payment_id, order.reference)
        case Refused():
            _refused(payment_id, result.why)
        case TryLater():
            _not_heard(payment_id, result)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the gateway is told of a payment."""

    claim: str
    email: str
    amount: int
    currency: str
    reference: str


def _order(payment_id: int) -> _Order | None:
    """The order to send, or None when it has been sent or is no longer wanted."""
    with transaction() as session:
        payment = store.with_claim(session, payment_id)
        if payment is None or payment.state != rules.INITIALIZING:
            return None
        claim = payment.claim
        order = _Order(
            claim.reference,
            claim.fan.email,
            payment.amount,
            payment.currency,
            payment.reference,
        )
        if claim.state == claim_rules.HELD:
            return order
    # The hold is over, so nobody shall pay; an earlier try may have reached the gateway all the
    # same, so the payment is watched like any other.
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        if payment.state == rules.INITIALIZING:
            payment.state = rules.ABANDONED
            schedule(locked, payment)
    return None


def _opened(payment_id: int, authorization_url: str) -> None:
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        payment.authorization_url = authorization_url
        payment.last_error = None
        # A webhook may have been faster than this answer.
        if payment.state == rules.INITIALIZING:
            payment.state = rules.PENDING
            schedule(locked, payment)


def _start_again(payment_id: int, reference: str) -> None:
    """An earlier initialize got through, but its answer is lost, and only initialize names the
    address to pay at: unless the charge succeeded, a new reference takes over."""
    answer = gateway.verify(reference)
    if isinstance(answer, TryLater):
        _not_heard(payment_id, answer)
    if isinstance(answer, Missing):
        _not_heard(payment_id, TryLater("a duplicate reference that the gateway does not know"))
    if answer.success:
        fulfil(payment_id, answer)
        return
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        if payment.state != rules.INITIALIZING:
            return
        payment.state = rules.SUPERSEDED
        record(locked, payment, answer)
        if locked.claim.state == claim_rules.HELD:
            _open(session, locked.claim, len(locked.payments) + 1, "system")
    settings.wake(outbox.MONEY)


def _refused(payment_id: int, why: str) -> None:
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        if payment.state == rules.INITIALIZING:
            log.error("the gateway refused %s: %s", payment.reference, why)
            payment.state = rules.FAILED
            payment.last_error = why
            note(session, locked.claim, "payment refused", "gateway", payment, why=why)


def _not_heard(payment_id: int, result: TryLater) -> NoReturn:
    with transaction() as session:
        store.set_error(session, payment_id, result.why)
    raise Later(result.why, result.after)


def verify(payment_id: int) -> None:
    """Ask the gateway about a payment: the handler of `verify_payment`. Raises Later."""
    with transaction() as session:
        payment = store.with_claim(session, payment_id)
        if payment is None:
            return
        reference = payment.reference
    answer = gateway.verify(reference)
    match answer:
        case TryLater():
            _not_heard(payment_id, answer)
        case Missing():
            _missing(payment_id)
        case _:
            fulfil(payment_id, answer)


def _missing(payment_id: int) -> None:
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        heard(locked, payment)
        if payment.state in (rules.ABANDONED, rules.SUPERSEDED):
            # It never reached the gateway, and nothing of ours will send it now.
            payment.next_check_at = None


def ask(reference: str, actor: str) -> int:
    """Owe the gateway a question for each payment of a claim; how many.

    `actor` is fan (the return page: only what is not settled) or staff:<id> (everything).
    Raises ClaimUnknown.
    """
    with transaction() as session:
        locked = store.lock_claim(session, reference)
        if locked is None:
            raise errors.ClaimUnknown
        wanted = [
            payment
            for payment in locked.payments
            if actor != "fan" or _unsettled(payment, locked.now)
        ]
        for payment in wanted:
            ask_about(session, payment)
            if actor != "fan":
                note(session, locked.claim, "gateway asked", actor, payment)
    settings.wake(outbox.MONEY)
    return len(wanted)


def _unsettled(payment: Payment, now: datetime) -> bool:
    just_now = payment.checked_at is not None and payment.checked_at > now - _ASKED_JUST_NOW
    return payment.state != rules.SUCCEEDED and not just_now


def ask_about(session: store.Db, payment: Payment) -> None:
    """Owe the gateway a question about one payment."""
    # The same key as in ask_due_payments.sql: one open question per payment.
    outbox.owe(
        session,
        outbox.MONEY,
        "verify_payment",
        {"payment_id": payment.id},
        key=f"verify:{payment.id}:{payment.attempts}",
    )


def payments_once() -> int:
    """Owe the gateway a question for each payment and refund that is due for one; how many.

    Asks ahead of a hold's deadline, so that the expiry never has to wait for an answer.
    """
    asked = store.ask_due(_ASK_AT_ONCE, _ASK_AGAIN_IN)
    if asked:
        settings.wake(outbox.MONEY)
    return asked + refunds.refunds_once()
