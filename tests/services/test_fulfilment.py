"""From a success to the tickets, once; and where there can be none, the money goes back."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.extensions import db
from app.gateway import client as gateway
from app.services import fulfilment, payments
from app.store.models import Claim
from tests.factories import a_claim, an_event
from tests.money_rows import (
    again,
    ask,
    codes,
    ended,
    mails,
    opened,
    payments_of,
    refunds_made,
    verbs,
)


@pytest.fixture
def claim(app) -> Claim:
    return a_claim(an_event(line=False), quantity=2)


def test_a_success_confirms_the_claim_and_issues_the_tickets(bank, claim, deliver):
    payment = opened(claim, deliver)
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert claim.confirmed_at is not None
    payment = again(payment)
    assert (payment.state, payment.counts, payment.received_amount) == (
        "SUCCEEDED",
        True,
        claim.amount,
    )
    assert payment.paid_at is not None
    assert payment.next_check_at is None
    found = codes(claim)
    assert len(set(found)) == 2
    assert all(code and len(code) == 16 for code in found)
    (mail,) = mails()
    assert (mail.kind, mail.payload) == ("send_tickets", {"claim_id": claim.id})
    assert "confirmed" in verbs(claim)
    assert refunds_made() == []


def test_asking_again_after_the_success_changes_nothing(bank, claim, deliver):
    payment = opened(claim, deliver)
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    before = codes(claim)
    ask(claim, deliver)
    ask(claim, deliver)
    assert codes(claim) == before
    assert verbs(claim).count("confirmed") == 1
    assert len(mails()) == 1
    assert refunds_made() == []


def test_four_hear_of_the_same_success_at_once(bank, claim, deliver, race):
    payment = opened(claim, deliver)
    bank.act(payment.reference, "pay")
    reference, payment_id = payment.reference, payment.id
    db.session.rollback()
    answer = gateway.verify(reference)
    outcomes = race(4, lambda _: fulfilment.fulfil(payment_id, answer))
    assert [out for out in outcomes if out is not None] == []
    assert again(claim).state == "CONFIRMED"
    assert verbs(claim).count("confirmed") == 1
    assert len(mails()) == 1


def test_a_success_while_we_still_say_initializing_confirms(bank, claim, deliver):
    bank.order(initialize=["timeout_after", "webhook_before"])
    payments.pay(claim.reference)
    (payment,) = payments_of(claim)
    deliver()
    assert again(payment).state == "INITIALIZING"
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    deliver(hurry=True)
    assert [row.state for row in payments_of(claim)] == ["SUCCEEDED"]


# -- nothing loses money


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("wrong_amount", "wrong amount"), ("wrong_currency", "wrong currency")],
)
def test_a_wrong_sum_never_confirms_and_goes_back(bank, claim, deliver, fault, reason):
    payment = opened(claim, deliver)
    bank.order(pay=[fault])
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "HELD"
    payment = again(payment)
    assert (payment.state, payment.counts) == ("SUCCEEDED", False)
    charge = bank.charge(payment.reference)
    (refund,) = refunds_made()
    assert (refund.reason, refund.amount, refund.currency) == (
        reason,
        charge.amount,
        charge.currency,
    )
    assert codes(claim) == [None, None]
    assert opened(claim, deliver).reference.endswith("-2"), "the fan may still pay the right sum"


def test_two_payments_succeed_for_one_claim(bank, claim, deliver):
    first = opened(claim, deliver)
    bank.act(first.reference, "decline")
    ask(claim, deliver)
    second = opened(claim, deliver)
    bank.act(first.reference, "pay")
    bank.act(second.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert sorted(row.counts for row in payments_of(claim)) == [False, True]
    (refund,) = refunds_made()
    assert refund.reason == "paid twice"


def test_a_success_for_an_expired_claim_gets_new_tickets(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert claim.ended_at is None
    assert len(codes(claim)) == 2
    assert len(mails()) == 1
    assert refunds_made() == []


def test_a_success_for_an_expired_claim_with_none_left_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    db.session.execute(text("DELETE FROM tickets WHERE number > 1"))
    db.session.commit()
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "EXPIRED"
    assert codes(claim) == []
    (refund,) = refunds_made()
    assert (refund.reason, refund.amount) == ("no tickets left", claim.amount)


def test_a_success_for_an_expired_claim_of_a_fan_with_another_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    a_claim(claim.event, fan=claim.fan)
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "EXPIRED"
    assert [refund.reason for refund in refunds_made()] == ["fan has another claim"]


def test_a_success_for_a_claim_that_was_given_back_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "RELEASED")
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "RELEASED"
    assert [refund.reason for refund in refunds_made()] == ["claim was given back"]


def test_reseated_tickets_leave_the_copy_of_the_free_numbers(bank, deliver, line_redis):
    event = an_event(capacity=3)
    claim = a_claim(event, quantity=2)
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    key = next(key for key in line_redis.keys("*") if key.endswith(":free"))
    line_redis.zadd(key, {"1": 1, "2": 2, "3": 3})
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert line_redis.zrange(key, 0, -1) == ["3"]
