"""The gateway speaks: checked, kept, answered, and handled once."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from app.domain.errors import SignatureWrong
from app.extensions import db
from app.services import inbox, payments
from app.store.models import InboxEntry, OutboxEntry, Refund, TimelineEntry
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature
from tests.factories import a_claim, an_event


@pytest.fixture
def say(settings):
    """`say(event)`: the gateway posts it, well signed."""

    def post(event, key: str = settings.paystack_secret_key) -> bytes:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        inbox.receive(body, signature(body, key))
        return body

    return post


def entries() -> list[InboxEntry]:
    db.session.rollback()
    query = select(InboxEntry).order_by(InboxEntry.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def owed() -> int:
    db.session.rollback()
    return len(list(db.session.scalars(select(OutboxEntry.id))))


@pytest.fixture
def paid(bank, deliver):
    """A claim that has just been paid at the gateway, of which we have not heard."""
    claim = a_claim(an_event(line=False), quantity=2)
    payments.pay(claim.reference)
    deliver()
    bank.act(f"{claim.reference}-1", "pay")
    return claim


def success(bank, claim) -> dict:
    return shapes.charge_event(bank.charge(f"{claim.reference}-1"))


def state(claim) -> str:
    db.session.rollback()
    db.session.refresh(claim)
    return claim.state


def test_a_webhook_is_kept_first_and_handled_by_a_job(bank, paid, say, deliver):
    say(success(bank, paid))
    (entry,) = entries()
    assert entry.kind == "charge.success"
    assert entry.handled_at is None
    assert state(paid) == "HELD"
    deliver()
    assert state(paid) == "CONFIRMED"
    assert entries()[0].handled_at is not None


def test_a_webhook_twice_has_one_effect(bank, paid, say, deliver):
    say(success(bank, paid))
    say(success(bank, paid))
    deliver()
    say(success(bank, paid))
    deliver()
    assert len(entries()) == 1
    confirmations = db.session.scalars(
        select(TimelineEntry).where(TimelineEntry.verb == "confirmed")
    )
    assert len(list(confirmations)) == 1


def test_the_same_event_in_other_bytes_has_one_effect_as_well(bank, paid, say, deliver):
    say(success(bank, paid))
    say(json.dumps(success(bank, paid), indent=1).encode())
    deliver()
    assert len(entries()) == 2
    assert state(paid) == "CONFIRMED"
    assert list(db.session.scalars(select(Refund))) == []


def test_a_good_webhook_needs_no_question(bank, paid, say, deliver):
    before = len(bank.transport.calls)
    say(success(bank, paid))
    deliver()
    assert len(bank.transport.calls) == before


def test_a_webhook_faster_than_the_answer_to_initialize_confirms(bank, say, deliver):
    claim = a_claim(an_event(line=False))
    payments.pay(claim.reference)
    bank.order(initialize=["reset_after"])
    deliver()
    bank.act(f"{claim.reference}-1", "pay")
    say(success(bank, claim))
    deliver()
    assert state(claim) == "CONFIRMED"
    deliver(hurry=True)
    assert state(claim) == "CONFIRMED"


@pytest.mark.parametrize("given", [None, "", "0" * 128, "garbage"])
def test_a_bad_signature_is_refused_and_nothing_is_stored(bank, paid, given):
    before = owed()
    with pytest.raises(SignatureWrong):
        inbox.receive(json.dumps(success(bank, paid)).encode(), given)
    assert entries() == []
    assert owed() == before


def test_a_signature_with_another_key_or_over_other_bytes_is_wrong(bank, paid, say, settings):
    with pytest.raises(SignatureWrong):
        say(success(bank, paid), key="sk_test_of_somebody_else")
    body = json.dumps(success(bank, paid)).encode()
    with pytest.raises(SignatureWrong):
        inbox.receive(body + b"\n", signature(body, settings.paystack_secret_key))
    assert entries() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"null",
        b"[]",
        b'"charge.success"',
        b"{}",
        b'{"event": 7}',
        b'{"event": "x", "data": "\\u0000"}',
        b'{"event": "x", "data": "\\ud800"}',
        b'{"event": "x", "data": NaN}',
        b'{"event": "x", "data": 1e999}',
        b"\xff\xfe",
        b'{"a":' * 5000,
    ],
)
def test_a_signed_message_that_is_no_event_is_kept_and_ignored(app, say, deliver, body):
    say(body)
    (entry,) = entries()
    assert entry.kind == "unreadable"
    assert entry.handled_at is not None
    assert deliver() == 0


@pytest.mark.parametrize("kind", ["transfer.success", "customeridentification.failed", "x"])
def test_other_events_are_kept_and_ignored(app, say, deliver, kind):
    say({"event": kind, "data": {"id": 1}})
    (entry,) = entries()
    assert (entry.kind, entry.handled_at is None) == (kind, False)
    assert deliver() == 0


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"reference": 7}, {"reference": "FQ-0000-0000-00-1"}, {"reference": "\n"}],
)
def test_a_success_of_nothing_that_is_ours_is_put_aside(bank, say, deliver, data, caplog):
    say({"event": "charge.success", "data": data})
    assert deliver() == 1
    assert entries()[0].handled_at is not None
    assert "not ours" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [{"amount": 1}, {"currency": "USD"}, {"status": "failed"}, {"amount": "many"}, {"id": None}],
)
def test_what_is_odd_in_a_webhook_is_checked_in_the_gateways_books(
    bank, paid, say, deliver, changes
):
    event = success(bank, paid)
    event["data"] |= changes
    say(event)
    deliver()
    assert state(paid) == "CONFIRMED", "the books say that all is well"
    assert list(db.session.scalars(select(Refund))) == []


def test_a_wrong_amount_in_the_books_goes_back(bank, deliver, say):
    claim = a_claim(an_event(line=False))
    payments.pay(claim.reference)
    deliver()
    bank.order(pay=["wrong_amount"])
    bank.act(f"{claim.reference}-1", "pay")
    say(success(bank, claim))
    deliver()
    assert state(claim) == "HELD"
    (refund,) = db.session.scalars(select(Refund))
    assert refund.amount == claim.amount // 2


def test_the_inbox_waits_while_the_gateways_books_cannot_be_read(bank, paid, say, deliver):
    event = success(bank, paid)
    event["data"]["amount"] = 1
    bank.order(verify=["500"])
    say(event)
    deliver()
    assert entries()[0].handled_at is None
    deliver(hurry=True)
    assert entries()[0].handled_at is not None
    assert state(paid) == "CONFIRMED"
