"""The inbox: webhooks are checked, kept and answered at once; a job does what follows.

Only events that Paystack publishes for charges and refunds are acted on; every other is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from app.domain.errors import SignatureWrong
from app.extensions import settings
from app.gateway import reading, signature
from app.services import outbox, payments, refunds
from app.services.fulfilment import fulfil, success
from app.services.outbox import Ending
from app.store import inbox as store

log = logging.getLogger(__name__)

CHARGE_SUCCESS = "charge.success"
UNREADABLE = "unreadable"
REFUNDS = ("refund.pending", "refund.processed", "refund.failed")
WANTED = (CHARGE_SUCCESS, *REFUNDS)


def receive(raw_body: bytes, given_signature: str | None) -> None:
    """Keep a webhook; the same bytes are kept once.

    Raises SignatureWrong, and then nothing is stored; StoreUnavailable or OutcomeUnknown, and
    then the gateway has to send it again.
    """
    if not signature.valid(raw_body, given_signature, settings.paystack_secret_key):
        raise SignatureWrong
    kind, body = _read(raw_body)
    key = hashlib.sha256(raw_body).hexdigest()
    if store.keep(key, kind, body, wanted=kind in WANTED):
        settings.wake(outbox.MONEY)


def _read(raw_body: bytes) -> tuple[str, dict[str, Any]]:
    """The event's name and body; what is no event is kept as it came."""
    try:
        body = json.loads(raw_body)
        kind = body["event"]
    except (*reading.UNREADABLE, RecursionError):
        body, kind = None, None
    if not isinstance(kind, str) or len(kind) > 100 or not reading.storable(body):
        return UNREADABLE, {"base64": base64.b64encode(raw_body).decode()}
    return kind, body


def handle(inbox_id: int) -> None:
    """Do what an event asks for, unless that was done."""
    outbox.at_once(deliver({"inbox_id": inbox_id}))


def deliver(payload: Mapping[str, Any]) -> Ending | None:
    """As handle(): the handler of `handle_inbox`. Raises Later."""
    facts = outbox.facts_of("handle_inbox", payload)
    if facts is None:
        return None
    handled = Ending("handled", {"inbox_id": payload["inbox_id"]})
    if facts["kind"] in REFUNDS:
        _refund(facts["body"])
        return handled
    return _charge_success(facts, handled)


def _refund(body: Mapping[str, Any]) -> None:
    data = body.get("data")
    reference = data.get("transaction_reference") if isinstance(data, dict) else None
    if isinstance(reference, str):
        refunds.heard(reference)


def _charge_success(facts: Mapping[str, Any], handled: Ending) -> Ending:
    payment_id, data = facts["payment_id"], facts["body"].get("data")
    if payment_id is None:
        reference = data.get("reference") if isinstance(data, dict) else None
        log.error("the gateway speaks of a payment that is not ours: %r", reference)
        return handled
    try:
        answer = reading.transaction(data)
    except reading.UNREADABLE:
        answer = None
    expected = (facts["amount"], facts["currency"])
    if answer is None or not answer.success or (answer.amount, answer.currency) != expected:
        # It is signed, but it is not what we wait for: before money goes back, the gateway's
        # own books are asked.
        payments.verify(payment_id)
        return handled

    def otherwise() -> Ending:
        fulfil(payment_id, answer)
        return handled

    inbox_id = handled.values["inbox_id"]
    return success(payment_id, answer, facts["quantity"], otherwise, inbox_id)
