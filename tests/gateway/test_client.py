"""Every answer of the gateway becomes one typed result, and every call is as Paystack describes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from sqlalchemy import text

from app.domain.payments import Answer
from app.extensions import db
from app.gateway import client
from app.gateway.results import (
    Accepted,
    DuplicateReference,
    Missing,
    RefundAnswer,
    RefundPage,
    Refused,
    TryLater,
)
from tests.money import DESCRIPTION


def initialize(reference: str = "FQ-7K3M-9QXD-R2-1", **changes):
    order = {
        "email": "ada@example.com",
        "amount": 500_000,
        "currency": "NGN",
        "reference": reference,
        "callback_url": "http://localhost/claims/FQ-7K3M-9QXD-R2/return",
        "channels": ["card", "bank"],
        "metadata": {"claim": "FQ-7K3M-9QXD-R2"},
    }
    return client.initialize(**order | changes)


def test_every_operation_conforms_to_the_published_description(bank):
    if not DESCRIPTION.exists():
        pytest.skip("Paystack's description does not lie beside this repository.")
    assert isinstance(initialize("R-1"), Accepted)
    assert isinstance(initialize("R-1"), DuplicateReference)
    assert isinstance(initialize("R-2", email="nobody"), Refused)
    assert isinstance(client.verify("R-1"), Answer)
    assert isinstance(client.verify("R-9"), Missing)
    bank.act("R-1", "pay")
    assert isinstance(client.verify("R-1"), Answer)
    made = client.refund(reference="R-1", amount=500_000, currency="NGN", note="n")
    assert isinstance(made, RefundAnswer)
    assert isinstance(client.fetch_refund(made.gateway_id), RefundAnswer)
    assert isinstance(client.fetch_refund(1), Missing)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert isinstance(client.refunds(since=since, page=1), RefundPage)
    assert len(bank.transport.calls) == 10


def test_initialize_names_the_address_to_pay_at(bank):
    result = initialize()
    assert isinstance(result, Accepted)
    assert httpx.get(result.authorization_url).status_code == 200
    charge = bank.charge("FQ-7K3M-9QXD-R2-1")
    assert (charge.amount, charge.currency, charge.email) == (500_000, "NGN", "ada@example.com")
    assert charge.channels == ["card", "bank"]


def test_a_reference_is_used_once(bank):
    initialize()
    assert initialize() == DuplicateReference()


def test_verify_tells_amount_currency_and_the_gateways_own_log(bank):
    initialize()
    assert client.verify("FQ-7K3M-9QXD-R2-1").status == "abandoned"
    bank.act("FQ-7K3M-9QXD-R2-1", "decline")
    bank.act("FQ-7K3M-9QXD-R2-1", "pay")
    answer = client.verify("FQ-7K3M-9QXD-R2-1")
    assert (answer.status, answer.amount, answer.currency) == ("success", 500_000, "NGN")
    assert abs(answer.paid_at - datetime.now(UTC)) < timedelta(seconds=10)
    assert [line["message"] for line in answer.log["history"]][1] == "Error: Declined"


def test_a_reference_that_the_gateway_never_heard_of(bank):
    assert client.verify("FQ-0000-0000-00-1") == Missing()


@pytest.mark.parametrize("fault", ["401", "403", "408", "500", "502", "garbage"])
def test_a_bad_day_of_the_gateway_is_no_answer(bank, fault):
    bank.order(initialize=[fault], verify=[fault], refund=[fault], refunds=[fault])
    since = datetime.now(UTC)
    assert isinstance(initialize(), TryLater)
    assert isinstance(client.verify("FQ-7K3M-9QXD-R2-1"), TryLater)
    assert isinstance(client.refund(reference="x", amount=1, currency="NGN", note=""), TryLater)
    assert isinstance(client.refunds(since=since, page=1), TryLater)


@pytest.mark.parametrize(
    "fault", ["timeout_before", "timeout_after", "reset_before", "reset_after"]
)
def test_a_broken_connection_is_no_answer(bank, fault):
    bank.order(initialize=[fault])
    assert isinstance(initialize(), TryLater)
    happened = bank.charge("FQ-7K3M-9QXD-R2-1") is not None
    assert happened == fault.endswith("after")


def test_a_limit_names_its_wait(bank):
    bank.order(verify=["429"])
    result = client.verify("x")
    assert isinstance(result, TryLater)
    assert result.after == 7


def test_retry_after_is_read_in_both_its_forms():
    assert client.retry_after("12") == 12
    assert client.retry_after("999999") == client.LONGEST_RETRY_AFTER
    assert client.retry_after("-5") == 0
    soon = datetime.now(UTC) + timedelta(seconds=60)
    assert 50 < client.retry_after(format_datetime(soon, usegmt=True)) <= 60
    for nonsense in (None, "", "soon", "nan", "inf-1"):
        assert client.retry_after(nonsense) == 0


def fake(app, settings, answer):
    """The gateway answers whatever `answer(request)` makes."""
    client.bind(dataclasses.replace(settings, gateway_timeout=0.5), httpx.MockTransport(answer))


NONSENSE = [
    "null",
    "[]",
    "{}",
    '{"status": true}',
    '{"status": true, "data": []}',
    '{"status": true, "data": {"reference": "other"}}',
    '{"status": true, "data": {"reference": "R", "status": "success", "amount": "5", "id": 1}}',
    '{"status": true, "data": {"reference": "R", "status": "success", "amount": 0, "id": 1,'
    ' "currency": "NGN"}}',
    '{"status": true, "data": {"reference": "R", "status": "success", "amount": 5, "id": 1,'
    ' "currency": "NGN", "paid_at": "yesterday"}}',
    '{"status": true, "data": {"reference": "R", "authorization_url": "javascript:alert(1)"}}',
    "[" * 100_000,
    '{"status": true, "data": {"reference": "R", "status": "\\u0000", "amount": 5, "id": 1,'
    ' "currency": "NGN"}}',
]


@pytest.mark.parametrize("body", NONSENSE)
def test_an_answer_that_makes_no_sense_is_no_answer(app, settings, body):
    fake(app, settings, lambda request: httpx.Response(200, text=body))
    try:
        assert isinstance(client.verify("R"), TryLater)
        assert isinstance(initialize("R"), TryLater)
    finally:
        client.bind(settings)


def test_an_endless_answer_is_cut_off(app, settings):
    huge = b"x" * (client.LARGEST_BODY + 1)
    fake(app, settings, lambda request: httpx.Response(200, content=huge))
    try:
        result = client.verify("R")
        assert isinstance(result, TryLater)
        assert result.why == "ReadError: the answer is too large"
    finally:
        client.bind(settings)


def test_odd_words_of_the_gateway_fit_into_a_row_and_a_page(app, settings):
    words = {"status": False, "code": "x", "message": "a\0b" * 400, "type": "validation_error"}
    fake(app, settings, lambda request: httpx.Response(400, json=words))
    try:
        result = initialize("R")
    finally:
        client.bind(settings)
    assert isinstance(result, Refused)
    assert "\0" not in result.why
    assert len(result.why) <= 300


def test_nobody_calls_the_gateway_inside_a_transaction(bank):
    db.session.execute(text("SELECT 1"))
    with pytest.raises(client.InTransaction):
        client.verify("R-1")
    db.session.rollback()
    assert client.verify("R-1") == Missing()
    assert len(bank.transport.calls) == 1
