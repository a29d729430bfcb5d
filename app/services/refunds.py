"""Money that goes back: asked for once, looked for before it is asked for again, until it is done.

A refund is written in the transaction that made us owe it (fulfilment.owe_refund). Whatever
happens afterwards, `advance` finds the one thing to do next; it may be called at any time, any
number of times, by anyone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from app.domain import claims as claim_rules
from app.domain import errors
from app.domain import refunds as rules
from app.domain.refunds import Step
from app.domain.said import say
from app.extensions import settings
from app.gateway import client as gateway
from app.gateway.results import Missing, RefundAnswer, Refused, TryLater
from app.services import claims, fulfilment, outbox
from app.services.outbox import Later
from app.store import payments as payment_store
from app.store import refunds as store
from app.store import tickets, timeline
from app.store.db import transaction
from app.store.models import Refund

log = logging.getLogger(__name__)

# Longer than every call of one step together can take.
_TAKEN_FOR = 180.0
_ASK_AT_ONCE = 200
_ASK_AGAIN_IN = 60.0
# The gateway's clock and ours may differ.
_CLOCKS_DIFFER = timedelta(days=1)
_MOST_PAGES = 500


@dataclass(frozen=True, slots=True)
class _Job:
    """A refund in hand: what to do, and all that the gateway has to be told."""

    id: int
    step: Step
    taken_until: datetime
    reference: str
    transaction: int
    gateway_id: int | None
    amount: int
    currency: str
    since: datetime


def advance(refund_id: int) -> None:
    """Do the next thing about a refund: the handler of `send_refund`. Raises Later."""
    taken_until = store.take(refund_id, _TAKEN_FOR)
    if taken_until is None:
        return
    job = _job(refund_id, taken_until)
    match job.step:
        case Step.ASK:
            _ask(job)
        case Step.LOOK | Step.LOOK_ONLY:
            _look(job)
        case Step.FETCH:
            _fetch(job)
        case _:
            _come_back(job)


def _job(refund_id: int, taken_until: datetime) -> _Job:
    with transaction() as session:
        refund, now = store.with_payment(session, refund_id)
        payment = refund.payment
        # A charge that succeeded has a number: the answer that said so carried it.
        assert payment.gateway_id is not None
        return _Job(
            refund.id,
            rules.step(
                state=refund.state,
                gateway_id=refund.gateway_id,
                attempts=refund.attempts,
                asked_at=refund.asked_at,
                now=now,
            ),
            taken_until,
            payment.reference,
            payment.gateway_id,
            refund.gateway_id,
            refund.amount,
            refund.currency,
            (payment.paid_at or payment.created_at) - _CLOCKS_DIFFER,
        )


def _ask(job: _Job) -> None:
    if not store.about_to_ask(job.id, job.taken_until, _TAKEN_FOR):
        return
    # Dying from here on leaves `asked_at`: the next step waits, then looks in the list.
    result = gateway.refund(
        reference=job.reference, amount=job.amount, currency=job.currency, note=job.reference
    )
    match result:
        case RefundAnswer():
            _record(job.id, result)
        case Refused():
            log.error("the gateway refused to refund %s: %s", job.reference, result.why)
            _not_done(job.id, result.why, answered=True)
        case TryLater():
            _not_done(job.id, result.why, answered=result.untouched, after=result.after)


def _look(job: _Job) -> None:
    """Look through the gateway's refunds since the payment; ask only if none names it."""
    page = 1
    while True:
        found = gateway.refunds(since=job.since, page=page)
        if isinstance(found, TryLater):
            _not_heard(job, found)
        for refund in found.refunds:
            if refund.transaction == job.transaction and refund.status in rules.ALIVE_THERE:
                _record(job.id, refund)
                return
        if page >= min(found.pages, _MOST_PAGES):
            break
        page += 1
    if job.step is Step.LOOK_ONLY:
        _come_back(job)
    else:
        _ask(job)


def _fetch(job: _Job) -> None:
    assert job.gateway_id is not None
    found = gateway.fetch_refund(job.gateway_id)
    if isinstance(found, Missing):
        found = TryLater("the gateway does not know its own refund")
    if isinstance(found, TryLater):
        _not_heard(job, found)
    _record(job.id, found)


def _record(refund_id: int, answer: RefundAnswer) -> None:
    """Write down how a refund stands at the gateway, and tell the fan at each turn."""
    with transaction() as session:
        locked = store.lock(session, refund_id)
        refund = locked.refund
        refund.asked_at, refund.taken_until, refund.last_error = None, None, None
        if refund.state in rules.DONE:
            if refund.state == rules.SETTLED and answer.status == rules.PROCESSED:
                # Support gave it back by hand, and the gateway has as well: a person must see it.
                _note(session, refund, "refund processed after it was settled", "gateway")
            return
        before, refund.gateway_id = refund.state, answer.gateway_id
        # A word that is new to us means that it is still under way.
        known = answer.status in (*rules.ALIVE_THERE, rules.FAILED)
        refund.state = answer.status if known else rules.PROCESSING
        refund.next_try_at = rules.next_try(
            state=refund.state, created_at=refund.created_at, now=locked.now
        )
        if refund.state == rules.PROCESSED:
            refund.done_at = locked.now
        if refund.state != before:
            _note(session, refund, f"refund {refund.state}", "gateway")
            if refund.state in (rules.PROCESSED, rules.NEEDS_ATTENTION):
                _tell(session, refund)
    settings.wake(outbox.MAIL)


def _not_done(refund_id: int, why: str, *, answered: bool, after: float = 0.0) -> None:
    with transaction() as session:
        locked = store.lock(session, refund_id)
        refund = locked.refund
        refund.last_error, refund.taken_until = why, None
        wait = rules.UNANSWERED_WAIT
        if answered:
            refund.asked_at = None
            wait = max(timedelta(seconds=after), rules.SHORTEST_WAIT)
        refund.next_try_at = locked.now + wait


def _not_heard(job: _Job, result: TryLater) -> NoReturn:
    with transaction() as session:
        refund = store.lock(session, job.id).refund
        refund.last_error, refund.taken_until = result.why, None
    raise Later(result.why, result.after)


def _come_back(job: _Job) -> None:
    with transaction() as session:
        locked = store.lock(session, job.id)
        refund = locked.refund
        refund.taken_until = None
        if job.step is Step.WAIT and refund.asked_at is not None:
            refund.next_try_at = refund.asked_at + rules.UNANSWERED_WAIT
        else:
            refund.next_try_at = rules.next_try(
                state=refund.state, created_at=refund.created_at, now=locked.now
            )


def _tell(session: store.Db, refund: Refund) -> None:
    outbox.owe(
        session,
        outbox.MAIL,
        "send_refund_news",
        {"refund_id": refund.id, "state": refund.state},
        key=f"refund-news:{refund.id}:{refund.state}",
    )


def _note(session: store.Db, refund: Refund, verb: str, actor: str, **detail: object) -> None:
    claim = refund.payment.claim
    timeline.note(
        session,
        claim.event_id,
        verb,
        actor,
        claim_id=claim.id,
        detail={"payment": refund.payment.reference, **detail},
    )


def heard(payment_reference: str) -> None:
    """The gateway spoke of the refund of a payment. Its words may come late and out of order,
    so they only make us ask how it stands."""
    with transaction() as session:
        refund_id = store.id_of_payment(session, payment_reference)
        if refund_id is None:
            log.error("the gateway speaks of a refund that is not ours: %r", payment_reference)
            return
    advance(refund_id)


def refunds_once() -> int:
    """Owe the next step of each refund that is due; how many."""
    due = store.ask_due(_ASK_AT_ONCE, _ASK_AGAIN_IN)
    if due:
        settings.wake(outbox.MONEY)
    return due


def refund_claim(reference: str, actor: str, reason: str) -> None:
    """Give the money of a whole confirmed claim back; its tickets are void and on sale again.

    Raises ClaimUnknown, Invalid without a reason, or StateGone when the claim is not confirmed.
    """
    if not reason.strip():
        raise errors.Invalid({"reason": say("Please say why.")})
    with transaction() as session:
        locked = payment_store.lock_claim(session, reference)
        if locked is None:
            raise errors.ClaimUnknown
        claim = locked.claim
        counted = [payment for payment in locked.payments if payment.counts]
        if claim.state != claim_rules.CONFIRMED or not counted:
            raise errors.StateGone
        claim.state, claim.ended_at = claim_rules.REFUNDED, locked.now
        counted[0].counts = False
        why, moved = f"support: {reason.strip()}", [claim_rules.CONFIRMED, claim_rules.REFUNDED]
        fulfilment.owe_refund(session, locked, counted[0], why, actor, state=moved)
        freed = tickets.free(session, [claim.id])
    settings.wake(outbox.MONEY)
    settings.wake(outbox.MAIL)
    claims.back_on_sale(freed)


def settle(refund_id: int, actor: str, note: str, seen_state: str) -> None:
    """A person gave the money back by another way, and says how.

    Raises Invalid without a note, or StateGone when the refund is no longer as it was seen or is
    on its way at the gateway.
    """
    if not note.strip():
        raise errors.Invalid({"note": say("Please say how it was settled.")})
    with transaction() as session:
        locked = store.lock(session, refund_id)
        refund = locked.refund
        stuck = refund.state in (rules.NEEDS_ATTENTION, rules.FAILED)
        # While a call is unanswered the gateway may be giving it back itself.
        if refund.state != seen_state or not stuck or refund.asked_at is not None:
            raise errors.StateGone
        moved = [refund.state, rules.SETTLED]
        refund.state, refund.done_at, refund.next_try_at = rules.SETTLED, locked.now, None
        _note(session, refund, "refund settled by hand", actor, note=note.strip(), state=moved)
        _tell(session, refund)
    settings.wake(outbox.MAIL)
