"""Paying: to the gateway and back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.store.models import OutboxEntry, Payment
from tests import factories
from tests.views.browsing import a_claim_of, heading


@pytest.fixture
def claim(client):
    return a_claim_of(client, factories.an_event(), quantity=2)


def payments():
    return db.session.scalar(select(func.count(Payment.id)))


def test_pay_opens_a_payment_and_shows_that_the_gateway_is_asked(client, claim):
    answer = client.post(f"/claims/{claim.reference}/pay")
    assert answer.status_code == 303
    assert answer.location == f"/claims/{claim.reference}"
    assert "We are asking the payment service" in client.get(answer.location).text
    assert payments() == 1
    assert db.session.scalar(select(OutboxEntry.kind)) == "initialize_payment"


def test_pressing_pay_twice_opens_one_payment(client, claim):
    for _ in range(2):
        assert client.post(f"/claims/{claim.reference}/pay").status_code == 303
    assert payments() == 1


def test_with_the_address_known_pay_goes_there(client, claim):
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    answer = client.post(f"/claims/{claim.reference}/pay")
    assert answer.status_code == 303
    assert answer.location == "https://pay.example/x"


def test_with_htmx_pay_answers_a_fragment_that_will_go_there(client, claim):
    answer = client.post(f"/claims/{claim.reference}/pay", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "You will be taken there" in answer.text
    assert f'hx-get="/claims/{claim.reference}/status?go=1"' in answer.text
    assert "<html" not in answer.text


def test_with_htmx_and_the_address_known_the_browser_is_sent_there(client, claim):
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    answer = client.post(f"/claims/{claim.reference}/pay", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "https://pay.example/x"


@pytest.mark.parametrize("state", ["CONFIRMED", "EXPIRED", "RELEASED"])
def test_a_claim_that_is_not_held_cannot_be_paid(client, claim, state):
    claim.state = state
    db.session.commit()
    answer = client.post(f"/claims/{claim.reference}/pay")
    assert answer.status_code == 409
    assert heading(answer.text) == "This has changed"
    assert "Back to the claim" in answer.text
    assert payments() == 0


def test_the_policy_lets_the_pay_form_end_at_the_gateway(client, claim):
    policy = client.get(f"/claims/{claim.reference}").headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:1;" in policy


def test_back_from_the_gateway_we_ask_it_ourselves(client, claim):
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    answer = client.get(f"/claims/{claim.reference}/return?reference=x&trxref=x")
    assert answer.status_code == 200
    assert heading(answer.text) == "Waiting for the payment"
    assert "you need not do anything" in answer.text
    assert "http-equiv" in answer.text
    assert db.session.scalar(select(OutboxEntry.kind)) == "verify_payment"


def test_the_return_address_alone_confirms_nothing(client, claim):
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    client.get(f"/claims/{claim.reference}/return?status=success")
    db.session.refresh(claim)
    assert claim.state == "HELD"


def test_who_comes_back_without_paying_can_still_go_to_the_gateway(client, claim):
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    html = client.get(f"/claims/{claim.reference}/return").text
    assert 'href="https://pay.example/x"' in html


def test_back_after_the_money_was_heard_of_the_tickets_are_there(client, claim):
    claim.state = "CONFIRMED"
    db.session.commit()
    html = client.get(f"/claims/{claim.reference}/return").text
    assert heading(html) == "Your tickets are paid"
