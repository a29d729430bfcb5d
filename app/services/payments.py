"""Payments: opened by the fan, told to the gateway from the outbox, asked about until settled.

The web request never calls the gateway: `pay` writes a row, and the money lane does the rest.
No call happens inside a transaction; each function that calls closes its transaction first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

from app.domain import claims as claim_rules
from app.domain import errors
from app.domain import payments as rules
from app.domain.said import say
from app.extensions import settings
from app.gateway import client as gateway
from app.gateway.results import Accepted, DuplicateReference, Missing, Refused, TryLater
from app.services import outbox, refunds
from app.services.claims import ClaimView, view_of_page
from app.services.fulfilment import fulfil, heard, note, record, schedule, success
from app.services.links import claim_link
from app.services.outbox import Ending, Later
from app.store import payments as store
from app.store.db import transaction

log = logging.getLogger(__name__)

# The beat comes every ten seconds; what it cannot ask now it asks then.
_ASK_AT_ONCE = 500
_ASK_AGAIN_IN = 60.0
# A fan who reloads the page all the time need not make us ask all the time (s).
_ASKED_JUST_NOW = 3


@dataclass(frozen=True, slots=True)
class Opened:
    """A claim with its first payment, of which the gateway is to hear."""

    event_id: int
    quantity: int
    amount: int
    currency: str
    held_until: datetime
    extended: bool
    name: str
    email: str


def pay(reference: str, fan_id: int | None = None) -> str | None:
    """Open a payment for a held claim, or find the one that is open.

    `fan_id` is None for who came by the claim's signed link. Returns the address to pay at, or
    None while the gateway has not named it yet. Pressing the button twice makes one payment.
    Raises ClaimUnknown, NotYours, or StateGone when the claim can no longer be paid.
    """
    return _pay(reference, fan_id, look=False).address


def pay_first(reference: str, fan_id: int | None = None) -> Opened | None:
    """As pay(), for the first time or when nothing has come of that yet: what the answer says of
    the claim. None when there is more to say, which pay_and_look() knows."""
    page = _pay(reference, fan_id, look=None).page
    if page is None:
        return None
    return Opened(**page | {"held_until": datetime.fromisoformat(page["held_until"])})


def pay_and_look(reference: str, fan_id: int | None = None) -> ClaimView:
    """As pay(), in as many round trips; the claim as it is now."""
    page = _pay(reference, fan_id, look=True).page
    assert page is not None
    return view_of_page(page)


def _pay(reference: str, fan_id: int | None, look: bool | None) -> store.Pressed:
    pressed = store.pay_claim(reference, fan_id, look)
    match pressed.outcome:
        case "unknown":
            raise errors.ClaimUnknown
        case "not_yours":
            raise errors.NotYours
        case "gone":
            raise errors.StateGone
        case "too_late":
            raise errors.StateGone(say("The time to pay for these tickets has run out."))
        case "started":
            settings.wake(outbox.MONEY)
    return pressed


def deliver_initialize(payload: Mapping[str, Any]) -> Ending | None:
    """Tell the gateway of a payment: the handler of `initialize_payment`. Raises Later.

    Dying anywhere in here is safe: the next try is answered "duplicate reference", and verify
    tells the rest.
    """
    facts = outbox.facts_of("initialize_payment", payload)
    payment_id = payload["payment_id"]
    if facts is None or facts["state"] != rules.INITIALIZING:
        return None
    if facts["claim_state"] != claim_rules.HELD:
        _not_wanted(payment_id)
        return None
    result = gateway.initialize(
        email=facts["email"],
        amount=facts["amount"],
        currency=facts["currency"],
        reference=facts["reference"],
        # With its key: a bank's app often comes back in another browser than it left, and the
        # fan who has just paid must not be told that the page is private.
        callback_url=claim_link(facts["claim"], facts["language"], "return"),
        channels=settings.paystack_channels,
        metadata={"claim": facts["claim"]},
    )
    match result:
        case Accepted():
            return _opened(payment_id, facts, result.authorization_url)
        case DuplicateReference():
            _start_again(payment_id, facts["reference"])
        case Refused():
            _refused(payment_id, result.why)
        case TryLater():
            _not_heard(payment_id, result)
    return None


def _not_wanted(payment_id: int) -> None:
    # The hold is over, so nobody shall pay; an earlier try may have reached the gateway all the
    # same, so the payment is watched like any other.
    with transaction() as session:
        locked = store.lock_claim_of(session, payment_id)
        payment = locked.payment(payment_id)
        if payment.state == rules.INITIALIZING:
            payment.state = rules.ABANDONED
            schedule(locked, payment)


def _opened(payment_id: int, facts: Mapping[str, Any], address: str) -> Ending:
    moment = datetime.fromisoformat
    next_check_at = rules.next_check(
        state=rules.PENDING,
        claim_state=facts["claim_state"],
        created_at=moment(facts["created_at"]),
        held_until=moment(facts["held_until"]),
        now=moment(facts["now"]),
    )
    values = {"payment_id": payment_id, "address": address, "next_check_at": next_check_at}
    return Ending("payment_opened", values)


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
            session.flush()
            store.open_payment(session, locked.claim.id, "system")
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
    """Ask the gateway about a payment. Raises Later."""
    outbox.at_once(deliver_verify({"payment_id": payment_id}))


def deliver_verify(payload: Mapping[str, Any]) -> Ending | None:
    """As verify(): the handler of `verify_payment`."""
    facts = outbox.facts_of("verify_payment", payload)
    payment_id = payload["payment_id"]
    if facts is None:
        return None
    answer = gateway.verify(facts["reference"])
    match answer:
        case TryLater():
            _not_heard(payment_id, answer)
        case Missing():
            _missing(payment_id)
        case _ if answer.success:
            return success(
                payment_id, answer, facts["quantity"], partial(fulfil, payment_id, answer)
            )
        case _:
            fulfil(payment_id, answer)
    return None


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
    return _ask(reference, None, actor, look=False).asked or 0


def ask_and_look(reference: str, fan_id: int | None) -> ClaimView:
    """As ask() of a fan, None for who came by the claim's signed link; the claim as it is now.
    Raises ClaimUnknown, NotYours."""
    page = _ask(reference, fan_id, "fan", look=True).page
    assert page is not None
    return view_of_page(page)


def _ask(reference: str, fan_id: int | None, actor: str, look: bool) -> store.Questioned:
    answer = store.ask_gateway(reference, fan_id, actor, just_now=_ASKED_JUST_NOW, look=look)
    match answer.outcome:
        case "unknown":
            raise errors.ClaimUnknown
        case "not_yours":
            raise errors.NotYours
    if answer.asked:
        settings.wake(outbox.MONEY)
    return answer


def payments_once() -> int:
    """Owe the gateway a question for each payment and refund that is due for one; how many.

    Asks ahead of a hold's deadline, so that the expiry never has to wait for an answer.
    """
    asked = store.ask_due(_ASK_AT_ONCE, _ASK_AGAIN_IN)
    if asked:
        settings.wake(outbox.MONEY)
    return asked + refunds.refunds_once()
