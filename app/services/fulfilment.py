"""The one way to a confirmed claim, whoever heard of the success: webhook, return page, beat or
staff."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from app.domain import claims as claim_rules
from app.domain import errors
from app.domain import payments as rules
from app.domain.payments import Answer, Decision, Outcome, Reason
from app.domain.references import ticket_code
from app.extensions import settings
from app.line import inventory
from app.services import catalogue, outbox
from app.services.outbox import Ending
from app.store import payments as store
from app.store import tickets, timeline
from app.store.db import transaction
from app.store.models import Claim, Payment, Refund
from app.store.payments import Db, Locked


def success(
    payment_id: int,
    answer: Answer,
    quantity: int,
    otherwise: Callable[[], Ending | None],
    inbox_id: int | None = None,
) -> Ending:
    """What is written down of a success that is probably ordinary: the claim is confirmed, and the
    inbox entry that brought the news is handled. Where it is not ordinary nothing of it is
    written, and `otherwise` has to fulfil().

    `quantity` is that of the claim, as far as the caller knows.
    """
    values = {
        "payment_id": payment_id,
        "amount": answer.amount,
        "currency": answer.currency,
        "gateway_id": answer.gateway_id,
        "paid_at": answer.paid_at,
        "log": answer.log or None,
        "codes": [ticket_code() for _ in range(quantity)],
        "inbox_id": inbox_id,
    }
    return Ending("confirmed", values, otherwise, wakes=outbox.MAIL)


def fulfil(payment_id: int, answer: Answer) -> None:
    """Record what the gateway says of a payment and do what follows from it.

    Any answer may come any number of times and in any order. Raises NotNow, Conflict or
    AlreadyClaimed; then nothing happened and it has to be called again.
    """
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        if answer.success:
            seated = _succeed(session, locked, payment, answer)
        else:
            seated = []
            _did_not_succeed(session, locked, payment, answer)
        record(locked, payment, answer)
        event_id = locked.claim.event_id
    settings.wake(outbox.MAIL)
    settings.wake(outbox.MONEY)
    if seated:
        # Dying before this line leaves Redis offering tickets that Postgres will refuse;
        # reconciliation drops them.
        with suppress(errors.LineUnavailable, errors.Unknown):
            inventory.drop_free(event_id, catalogue.facts_by_id(event_id).epoch, seated)


def _succeed(session: Db, locked: Locked, payment: Payment, answer: Answer) -> list[int]:
    """What a success leads to; the numbers of tickets that were taken anew."""
    claim = locked.claim
    decision = rules.on_success(
        payment_state=payment.state,
        expected=(claim.amount, claim.currency),
        received=(answer.amount, answer.currency),
        claim_state=claim.state,
        has_other_claim=(
            claim.state == claim_rules.EXPIRED and store.has_other_live_claim(session, claim)
        ),
    )
    if decision.outcome is Outcome.NOTHING:
        return []
    payment.state = rules.SUCCEEDED
    payment.received_amount = answer.amount
    payment.received_currency = answer.currency
    payment.paid_at = answer.paid_at
    seated: list[int] = []
    if decision.outcome is Outcome.RESEAT:
        seated = tickets.seat(session, claim.id, claim.event_id, claim.quantity) or []
        if not seated:
            decision = Decision(Outcome.REFUND, Reason.NONE_LEFT)
    if decision.outcome is Outcome.REFUND:
        owe_refund(session, locked, payment, decision.reason)
    else:
        _confirm(session, claim, payment, locked.now)
    return seated


def _confirm(session: Db, claim: Claim, payment: Payment, now: datetime) -> None:
    late = claim.state == claim_rules.EXPIRED
    payment.counts = True
    claim.state = claim_rules.CONFIRMED
    claim.confirmed_at = now
    claim.ended_at = None
    session.flush()
    codes = [ticket_code() for _ in range(claim.quantity)]
    numbers = store.issue_codes(session, claim, codes)
    if len(numbers) != claim.quantity:
        raise AssertionError(f"{claim.reference} holds {len(numbers)} of {claim.quantity} tickets")
    note(session, claim, "confirmed", "gateway", payment, numbers=numbers, late=late)
    outbox.owe(
        session,
        outbox.MAIL,
        "send_tickets",
        {"claim_id": claim.id},
        key=f"tickets:{claim.id}",
    )


def owe_refund(
    session: Db,
    locked: Locked,
    payment: Payment,
    reason: str,
    actor: str = "system",
    **detail: object,
) -> None:
    """Owe the fan what a payment brought in, always the whole of it, and tell the fan. `detail` is
    what else the timeline says of it."""
    assert payment.received_amount is not None
    assert payment.received_currency is not None
    refund = Refund(
        payment_id=payment.id,
        amount=payment.received_amount,
        currency=payment.received_currency,
        reason=reason,
        next_try_at=locked.now + rules.SHORTEST_WATCH,
    )
    session.add(refund)
    session.flush()
    note(
        session,
        locked.claim,
        "refund owed",
        actor,
        payment,
        reason=reason,
        amount=refund.amount,
        currency=refund.currency,
        **detail,
    )
    what = {"refund_id": refund.id}
    outbox.owe(session, outbox.MONEY, "send_refund", what, key=f"refund:{refund.id}")
    outbox.owe(
        session,
        outbox.MAIL,
        "send_refund_news",
        {**what, "state": "owed"},
        key=f"refund-news:{refund.id}:owed",
    )


def _did_not_succeed(session: Db, locked: Locked, payment: Payment, answer: Answer) -> None:
    before = payment.state
    payment.state = rules.after_answer(before, answer.status, locked.claim.state)
    if payment.state == rules.FAILED and before != rules.FAILED:
        note(session, locked.claim, "payment failed", "gateway", payment, status=answer.status)


def record(locked: Locked, payment: Payment, answer: Answer) -> None:
    """Write down what the gateway said, and when to ask again."""
    payment.gateway_status = answer.status
    payment.gateway_id = answer.gateway_id
    payment.gateway_log = answer.log or payment.gateway_log
    payment.last_error = None
    heard(locked, payment)


def heard(locked: Locked, payment: Payment) -> None:
    """The gateway has answered, whatever it said: the next question has a new key."""
    payment.checked_at = locked.now
    payment.attempts += 1
    schedule(locked, payment)


def schedule(locked: Locked, payment: Payment) -> None:
    """Set when the gateway is to be asked about the payment again."""
    payment.next_check_at = rules.next_check(
        state=payment.state,
        claim_state=locked.claim.state,
        created_at=payment.created_at,
        held_until=locked.claim.held_until,
        now=locked.now,
    )


def note(
    session: Db, claim: Claim, verb: str, actor: str, payment: Payment, **detail: object
) -> None:
    """Write a line about a payment into the claim's timeline."""
    timeline.note(
        session,
        claim.event_id,
        verb,
        actor,
        claim_id=claim.id,
        detail={"payment": payment.reference, **detail},
    )
