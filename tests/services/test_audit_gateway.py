"""The audit compares our books with the gateway's and names each difference."""

from __future__ import annotations

import json

import pytest

from app.extensions import db
from app.services import audit, audit_gateway, payments
from app.services.audit_gateway import RULES
from app.store.models import Payment
from tests import factories

CHARGE, REFUND = RULES


@pytest.fixture(autouse=True)
def short_looks(monkeypatch):
    monkeypatch.setattr(audit_gateway, "BETWEEN_LOOKS_S", 0.01)


@pytest.fixture
def paid(app, bank, deliver) -> Payment:
    """A payment that went its straight road."""
    claim = factories.a_claim(factories.an_event(line=False), quantity=2)
    payments.pay(claim.reference)
    deliver()
    payment = db.session.query(Payment).one()
    bank.act(payment.reference, "pay")
    payments.ask(claim.reference, "staff:1")
    deliver()
    db.session.refresh(payment)
    assert payment.state == "SUCCEEDED"
    return payment


def broken() -> list[tuple[str, str]]:
    db.session.commit()
    return [(found.rule, found.id) for found in audit_gateway.mismatches()]


def refund_at_the_gateway(bank, payment: Payment, amount: int) -> None:
    charge = bank.charge(payment.reference)
    bank.ledger.refund(charge, amount, ("", ""), moves_in=3600, becomes="processed")


def test_books_that_agree_break_no_rule(paid):
    assert broken() == []


def test_a_charge_that_we_never_heard_of_is_found(paid):
    paid.counts, paid.state = False, "FAILED"
    assert broken() == [(CHARGE, f"payment {paid.reference}")]


def test_a_success_that_the_gateway_does_not_know_is_found(paid, bank):
    bank.ledger.forget()
    assert broken() == [(CHARGE, f"payment {paid.reference}")]


def test_another_amount_than_was_charged_is_found(paid):
    paid.received_amount -= 1
    assert broken() == [(CHARGE, f"payment {paid.reference}")]


def test_a_refund_that_we_do_not_owe_is_found(paid, bank):
    refund_at_the_gateway(bank, paid, paid.amount)
    assert broken() == [(REFUND, f"payment {paid.reference}")]


def test_a_charge_that_was_refunded_twice_is_found(paid, bank):
    for _ in range(2):
        refund_at_the_gateway(bank, paid, paid.amount // 2)
    assert broken() == [(REFUND, f"payment {paid.reference}")]


def test_a_refund_done_here_and_not_there_is_found(paid):
    from app.store.models import Refund

    db.session.add(
        Refund(
            payment_id=paid.id,
            amount=paid.amount,
            currency="NGN",
            reason="planted",
            state="processed",
        )
    )
    assert broken() == [(REFUND, f"payment {paid.reference}")]


def test_a_gateway_that_is_away_is_said_and_is_no_violation(paid, bank):
    db.session.commit()
    bank.order(verify=["500"])
    report = audit.audit(ask_gateway=True)
    assert not [found for found in report.violations if found.rule in RULES]
    assert [line.split(":")[0] for line in report.unchecked if line.startswith("gateway")] == RULES


def test_the_command_asks_the_gateway_only_when_told_to(paid, app):
    db.session.commit()
    runner = app.test_cli_runner()
    plain = json.loads(runner.invoke(args=["audit", "--json"]).output)
    asked = json.loads(runner.invoke(args=["audit", "--json", "--gateway"]).output)
    assert set(asked["rules"]) - set(plain["rules"]) == set(RULES)
