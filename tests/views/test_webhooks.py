"""The gateway speaks."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from ipaddress import ip_network

import pytest
from sqlalchemy import func, select, text

from app import extensions
from app.extensions import db, settings
from app.factory import create_app
from app.gateway import client as gateway
from app.line import client as line
from app.services import inbox
from app.store.models import InboxEntry
from tests import factories
from tests.conftest import FreshContextClient

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


# -- where it comes from


@pytest.fixture
def behind_a_proxy(app, settings):
    """The site behind one proxy, for the gateway's addresses only."""
    site = create_app(
        replace(
            settings,
            trusted_proxies=1,
            gateway_networks=(ip_network("192.0.2.0/28"), ip_network("2001:db8::/64")),
        )
    )
    site.test_client_class = FreshContextClient
    yield site.test_client()
    with site.app_context():
        db.engine.dispose()
    extensions.settings.bind(settings, None)
    line.bind(settings)
    gateway.bind(settings)


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("192.0.2.7", 200),
        ("2001:db8::7", 200),
        # The last one is what our own proxy saw; what is before it anybody may have written.
        ("198.51.100.1, 192.0.2.7", 200),
        ("192.0.2.7, 198.51.100.1", 403),
        ("198.51.100.1", 403),
        ("", 403),
        (None, 403),
    ],
)
def test_with_a_list_only_the_gateways_addresses_may_speak(behind_a_proxy, forwarded, status):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = tell(behind_a_proxy, BODY, signature(BODY), **headers)
    assert answer.status_code == status
    assert stored() == (status == 200)
    assert tell(behind_a_proxy, BODY, "0" * 128, **headers).status_code == (401, 403)[status == 403]


def test_without_a_proxy_nobody_says_for_himself_where_he_comes_from(client, monkeypatch):
    networks = (ip_network("192.0.2.0/28"),)
    monkeypatch.setattr(settings, "gateway_networks", networks)
    answer = tell(client, BODY, signature(BODY), **{"X-Forwarded-For": "192.0.2.7"})
    assert answer.status_code == 403
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert tell(client, BODY, signature(BODY)).status_code == 200


# -- once more, and late


def success(payment, **changes):
    data = {
        "id": 4242,
        "status": "success",
        "reference": payment.reference,
        "amount": payment.amount,
        "currency": "NGN",
        "paid_at": "2026-01-01T10:00:00.000Z",
    }
    return json.dumps({"event": "charge.success", "data": data | changes}).encode()


def hear_all():
    for entry in db.session.scalars(select(InboxEntry.id)).all():
        inbox.handle(entry)


def money():
    db.session.rollback()
    return {
        "claims": db.session.execute(text("SELECT state, quantity FROM claims")).all(),
        "sold": db.session.scalar(text("SELECT count(*) FROM tickets WHERE code IS NOT NULL")),
        "payments": db.session.execute(text("SELECT state, counts FROM payments")).all(),
        "refunds": db.session.scalar(text("SELECT count(*) FROM refunds")),
        "mails": db.session.scalar(text("SELECT count(*) FROM outbox WHERE kind LIKE 'send%'")),
    }


def test_a_message_that_is_sent_again_in_any_dress_changes_nothing(client):
    payment = factories.a_payment(
        factories.a_claim(factories.an_event(), quantity=2), state="PENDING"
    )
    first = success(payment)
    assert tell(client, first, signature(first)).status_code == 200
    hear_all()
    after = money()
    assert after["sold"] == 2
    for body in (
        first,
        first.replace(b": ", b":"),
        success(payment, paid_at="2001-01-01T00:00:00.000Z"),
        success(payment, paid_at="2099-01-01T00:00:00.000Z"),
        success(payment, paid_at=None),
    ):
        assert tell(client, body, signature(body)).status_code == 200
        hear_all()
    assert money() == after


@pytest.mark.parametrize("paid_at", ["2001-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z", None])
def test_what_a_message_says_of_its_age_opens_no_claim_that_is_over(client, paid_at):
    event = factories.an_event(capacity=2)
    claim = factories.a_claim(event, quantity=2)
    payment = factories.a_payment(claim, state="PENDING")
    db.session.execute(text("UPDATE tickets SET claim_id = NULL"))
    db.session.execute(text("UPDATE claims SET state = 'EXPIRED', ended_at = now()"))
    db.session.commit()
    factories.a_claim(event, quantity=2)
    body = success(payment, paid_at=paid_at)
    assert tell(client, body, signature(body)).status_code == 200
    hear_all()
    found = money()
    assert ("EXPIRED", 2) in found["claims"]
    assert (found["sold"], found["refunds"]) == (0, 1)


@pytest.mark.parametrize("paid_at", ["2001-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z", None])
def test_what_a_message_says_of_its_age_keeps_no_living_claim_from_its_tickets(client, paid_at):
    payment = factories.a_payment(factories.a_claim(factories.an_event()), state="PENDING")
    body = success(payment, paid_at=paid_at)
    assert tell(client, body, signature(body)).status_code == 200
    hear_all()
    assert money()["claims"][0].state == "CONFIRMED"
