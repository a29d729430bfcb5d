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
from app.services.fulfilment import fulfil
from app.store import inbox as store
from app.store import payments as payment_store
from app.store.db import transaction

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
    """Do what an event asks for: the handler of `handle_inbox`."""
    with transaction() as session:
        entry = store.unhandled(session, inbox_id)
        if entry is None:
            return
        kind, body = entry.kind, entry.body
    if kind in REFUNDS:
        _refund(body)
    else:
        _charge_success(body)
    with transaction() as session:
        store.handled(session, inbox_id)


def _refund(body: Mapping[str, Any]) -> None:
    data = body.get("data")
    reference = data.get("transaction_reference") if isinstance(data, dict) else None
    if isinstance(reference, str):
        refunds.heard(reference)


def _charge_success(body: Mapping[str, Any]) -> None:
    data = body.get("data")
    reference = data.get("reference") if isinstance(data, dict) else None
    with transaction() as session:
        payment = (
            payment_store.by_reference(session, reference) if isinstance(reference, str) else None
        )
        if payment is None:
            log.error("the gateway speaks of a payment that is not ours: %r", reference)
            return
        payment_id, expected = payment.id, (payment.amount, payment.currency)
    try:
        answer = reading.transaction(data)
    except reading.UNREADABLE:
        answer = None
    if answer is not None and answer.success and (answer.amount, answer.currency) == expected:
        fulfil(payment_id, answer)
    else:
        # It is signed, but it is not what we wait for: before money goes back, the gateway's
        # own books are asked.
        payments.verify(payment_id)
