"""The gateway speaks."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from sqlalchemy import func, select

from app.extensions import db, settings
from app.store.models import InboxEntry
from tests import factories

BODY = json.dumps({"event": "transfer.success", "data": {"id": 1}}).encode()


def signature(body):
    return hmac.new(settings.paystack_secret_key.encode(), body, hashlib.sha512).hexdigest()


def tell(client, body, signed, **headers):
    return client.post(
        "/webhooks/paystack",
        data=body,
        headers={"X-Paystack-Signature": signed, "Content-Type": "application/json"} | headers,
    )


def stored():
    return db.session.scalar(select(func.count(InboxEntry.id)))


def test_a_signed_message_is_stored_and_answered_200(client):
    assert tell(client, BODY, signature(BODY)).status_code == 200
    assert stored() == 1


def test_the_same_message_twice_is_stored_once(client):
    for _ in range(2):
        assert tell(client, BODY, signature(BODY)).status_code == 200
    assert stored() == 1


@pytest.mark.parametrize("signed", ["", "0" * 128, "nonsense", "é"])
def test_a_wrong_signature_is_401_and_nothing_is_stored(client, signed):
    assert tell(client, BODY, signed).status_code == 401
    assert stored() == 0


def test_no_signature_is_401(client):
    assert client.post("/webhooks/paystack", data=BODY).status_code == 401
    assert stored() == 0


def test_the_signature_covers_the_bytes_as_they_came(client):
    respaced = BODY.replace(b": ", b":")
    assert tell(client, respaced, signature(BODY)).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"event": 5}', b"\xff\xfe", b'{"event": "\\u0000"}']
)
def test_signed_nonsense_is_no_fault_of_ours(client, body):
    assert tell(client, body, signature(body)).status_code == 200


def test_a_form_body_is_read_as_bytes_too(client):
    body = b"event=charge.success&data=1"
    answer = tell(
        client, body, signature(body), **{"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 200


def test_the_gateway_may_come_from_another_site(client):
    answer = tell(client, BODY, signature(BODY), Origin="https://api.paystack.co")
    assert answer.status_code == 200


def test_too_large_a_message_is_refused_before_it_is_read(client):
    body = b"x" * (64 * 1024 + 1)
    assert tell(client, body, signature(body)).status_code == 413
    assert stored() == 0


def test_a_success_confirms_the_claim_through_the_inbox(client):
    from app.services import inbox

    claim = factories.a_claim(factories.an_event(), quantity=2)
    payment = factories.a_payment(claim, state="PENDING")
    body = json.dumps(
        {
            "event": "charge.success",
            "data": {
                "id": 4242,
                "status": "success",
                "reference": payment.reference,
                "amount": payment.amount,
                "currency": "NGN",
                "paid_at": "2026-01-01T10:00:00.000Z",
            },
        }
    ).encode()
    assert tell(client, body, signature(body)).status_code == 200
    inbox.handle(db.session.scalar(select(InboxEntry.id)))
    db.session.refresh(claim)
    assert claim.state == "CONFIRMED"
