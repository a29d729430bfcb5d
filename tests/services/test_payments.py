"""From the button to the gateway: a payment is opened once, and never lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain import errors
from app.extensions import db
from app.services import claims, outbox, payments
from app.store.models import Claim
from tests.factories import a_claim, a_fan, a_payment, an_event, utc_now
from tests.money_rows import (
    again,
    ask,
    ended,
    opened,
    payments_of,
    refunds_made,
)


@pytest.fixture
def claim(app) -> Claim:
    return a_claim(an_event(line=False), quantity=2)


def test_the_payment_is_written_before_the_gateway_hears_of_it(bank, claim):
    assert payments.pay(claim.reference) is None
    (payment,) = payments_of(claim)
    assert payment.state == "INITIALIZING"
    assert payment.reference == f"{claim.reference}-1"
    assert (payment.amount, payment.currency) == (claim.amount, "NGN")
    assert bank.transport.calls == []


def test_the_gateway_names_the_address_to_pay_at(bank, claim, deliver):
    payment = opened(claim, deliver)
    assert payments.pay(claim.reference) == payment.authorization_url
    charge = bank.charge(payment.reference)
    assert charge.amount == claim.amount
    assert charge.callback_url.startswith(f"http://localhost/claims/{claim.reference}/return?key=")


def test_who_comes_back_in_another_browser_sees_the_claim(app, bank, claim, deliver):
    payment = opened(claim, deliver)
    way_back = bank.charge(payment.reference).callback_url.removeprefix("http://localhost")
    answer = app.test_client().get(f"{way_back}&trxref=x&reference=x", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, f"/claims/{claim.reference}/return")
    assert not answer.request.args


def test_pressing_pay_twice_makes_one_payment(bank, claim, deliver, race):
    reference = claim.reference
    db.session.rollback()
    race(4, lambda _: payments.pay(reference))
    deliver()
    assert len(payments_of(claim)) == 1
    assert bank.transport.count("POST", "/transaction/initialize") == 1


# -- who may pay


def test_nobody_pays_for_a_claim_that_does_not_exist(app):
    with pytest.raises(errors.ClaimUnknown):
        payments.pay("FQ-0000-0000-00")
    with pytest.raises(errors.ClaimUnknown):
        payments.ask("FQ-0000-0000-00", "fan")


@pytest.mark.parametrize("state", ["RELEASED", "EXPIRED"])
def test_nobody_pays_for_a_claim_that_is_over(claim, state):
    ended(claim, state)
    with pytest.raises(errors.StateGone):
        payments.pay(claim.reference)
    assert payments_of(claim) == []


def test_no_new_payment_is_opened_after_the_deadline(claim):
    claim.held_until = utc_now() - timedelta(seconds=1)
    db.session.commit()
    with pytest.raises(errors.StateGone):
        payments.pay(claim.reference)


def test_an_open_payment_may_be_finished_after_the_deadline(bank, claim, deliver):
    payment = opened(claim, deliver)
    claim.held_until = utc_now() - timedelta(seconds=1)
    db.session.commit()
    assert payments.pay(claim.reference) == payment.authorization_url


def test_a_claim_that_was_released_in_the_meantime_is_not_sent_to_the_gateway(bank, claim, deliver):
    payments.pay(claim.reference)
    ended(claim, "RELEASED")
    deliver()
    assert payments_of(claim)[0].state == "ABANDONED"
    assert bank.transport.calls == []


# -- declined, lost, duplicate


def test_declined_then_a_new_payment_with_a_new_reference_for_the_same_claim(bank, claim, deliver):
    first = opened(claim, deliver)
    bank.act(first.reference, "decline")
    ask(claim, deliver)
    assert again(first).state == "FAILED"
    second = opened(claim, deliver)
    assert second.reference == f"{claim.reference}-2"
    bank.act(second.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert [row.counts for row in payments_of(claim)] == [False, True]


def test_declined_and_then_a_good_card_on_the_same_checkout(bank, claim, deliver):
    payment = opened(claim, deliver)
    bank.act(payment.reference, "decline")
    ask(claim, deliver)
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert refunds_made() == []


def test_the_answer_to_initialize_was_lost_so_a_new_reference_takes_over(bank, claim, deliver):
    bank.order(initialize=["timeout_after"])
    payments.pay(claim.reference)
    deliver()
    (first,) = payments_of(claim)
    assert first.state == "INITIALIZING"
    assert "ReadTimeout" in (first.last_error or "")
    deliver(hurry=True)
    first, second = payments_of(claim)
    assert (first.state, second.state) == ("SUPERSEDED", "PENDING")
    assert second.reference == f"{claim.reference}-2"
    assert payments.pay(claim.reference) == second.authorization_url


def test_the_answer_was_lost_and_verify_fails_too(bank, claim, deliver):
    bank.order(initialize=["reset_after"], verify=["500"])
    payments.pay(claim.reference)
    deliver()
    deliver(hurry=True)
    (first,) = payments_of(claim)
    assert first.state == "INITIALIZING"
    deliver(hurry=True)
    assert [row.state for row in payments_of(claim)] == ["SUPERSEDED", "PENDING"]


def test_the_answer_was_lost_and_the_charge_succeeded(bank, claim, deliver):
    bank.order(initialize=["reset_after"])
    payments.pay(claim.reference)
    deliver()
    bank.act(f"{claim.reference}-1", "pay")
    deliver(hurry=True)
    assert again(claim).state == "CONFIRMED"
    assert [row.state for row in payments_of(claim)] == ["SUCCEEDED"]


def test_a_late_success_on_a_superseded_reference_still_counts(bank, claim, deliver):
    bank.order(initialize=["timeout_after"])
    payments.pay(claim.reference)
    deliver()
    deliver(hurry=True)
    bank.act(f"{claim.reference}-1", "pay")
    ask(claim, deliver)
    assert again(claim).state == "CONFIRMED"
    assert [row.counts for row in payments_of(claim)] == [True, False]


def test_the_gateway_never_heard_of_it_so_it_is_told_again(bank, claim, deliver):
    bank.order(initialize=["timeout_before", "500", "429", "garbage"])
    payments.pay(claim.reference)
    for _ in range(3):
        deliver(hurry=True)
        assert payments_of(claim)[0].state == "INITIALIZING"
    deliver(hurry=True)
    deliver(hurry=True)
    assert payments_of(claim)[-1].state == "PENDING"


def test_a_final_refusal_ends_the_payment_and_the_fan_may_try_again(bank, app, deliver, caplog):
    claim = a_claim(an_event(line=False), fan=a_fan("no-address"))
    payments.pay(claim.reference)
    deliver()
    (first,) = payments_of(claim)
    assert first.state == "FAILED"
    assert "Invalid Email" in (first.last_error or "")
    assert again(claim).state == "HELD"
    payments.pay(claim.reference)
    assert len(payments_of(claim)) == 2


def test_a_worker_that_dies_after_the_call_loses_nothing(bank, claim, deliver, monkeypatch):
    class Killed(BaseException):
        """As if the process had ended here: no line after it runs."""

    def die(*_: object) -> None:
        raise Killed

    payments.pay(claim.reference)
    monkeypatch.setattr(payments, "_opened", die)
    with pytest.raises(Killed):
        deliver()
    monkeypatch.undo()
    assert deliver() == 0, "the dead worker's time is not over"
    db.session.execute(text("UPDATE outbox SET taken_until = now() - interval '1 second'"))
    db.session.commit()
    deliver()
    assert [row.state for row in payments_of(claim)] == ["SUPERSEDED", "PENDING"]


# -- asking ahead


def due_checks() -> int:
    found = db.session.scalar(
        text("SELECT count(*) FROM outbox WHERE kind = 'verify_payment' AND done_at IS NULL")
    )
    db.session.rollback()
    return int(found or 0)


def test_the_beat_asks_about_what_is_due_and_only_once(bank, claim, deliver):
    payment = opened(claim, deliver)
    assert payments.payments_once() == 0
    payment.next_check_at = utc_now() - timedelta(seconds=1)
    db.session.commit()
    assert payments.payments_once() == 1
    assert payments.payments_once() == 0
    payment.next_check_at = utc_now() - timedelta(seconds=1)
    db.session.commit()
    payments.payments_once()
    payments.ask(claim.reference, "fan")
    assert due_checks() == 1, "one open question per payment"
    deliver()
    assert again(payment).gateway_status == "abandoned"
    assert payment.checked_at is not None


def test_a_gateway_that_is_down_is_asked_again(bank, claim, deliver):
    payment = opened(claim, deliver)
    bank.order(verify=["502", "timeout_before"])
    payments.ask(claim.reference, "fan")
    deliver()
    deliver(hurry=True)
    assert again(payment).checked_at is None
    assert "ReadTimeout" in (payment.last_error or "")
    deliver(hurry=True)
    assert again(payment).gateway_status == "abandoned"
    assert payment.last_error is None


def test_a_fan_who_reloads_does_not_make_us_ask_all_the_time(bank, claim, deliver):
    opened(claim, deliver)
    assert payments.ask(claim.reference, "fan") == 1
    deliver()
    assert payments.ask(claim.reference, "fan") == 0


def test_the_expiry_reads_what_the_beat_recorded(bank, claim, deliver):
    payment = opened(claim, deliver)
    bank.act(payment.reference, "start")
    ask(claim, deliver)
    claim.held_until = utc_now() - timedelta(seconds=60)
    db.session.commit()
    assert claims.expire_once() == 0, "the gateway says: ongoing"
    bank.act(payment.reference, "leave")
    ask(claim, deliver)
    assert claims.expire_once() == 0, "two minutes of grace"
    claim.held_until = utc_now() - timedelta(seconds=121)
    db.session.commit()
    assert claims.expire_once() == 1
    assert again(claim).state == "EXPIRED"


def test_an_abandoned_payment_of_an_ended_claim_stays_watched(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    ask(claim, deliver)
    assert again(payment).state == "ABANDONED"
    assert payment.next_check_at is not None


def test_a_payment_that_never_reached_the_gateway_is_let_go(bank, claim, deliver):
    payment = a_payment(claim, state="ABANDONED", next_check_at=utc_now())
    ended(claim, "RELEASED")
    payments.payments_once()
    deliver()
    assert again(payment).next_check_at is None


# -- never inside a transaction


def test_no_connection_is_in_a_transaction_during_a_call_to_the_gateway(
    bank, claim, deliver, settings
):
    import psycopg

    seen: list[int] = []

    def look() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'fairqueue' AND state LIKE 'idle in transaction%'"
            ).fetchone()
        assert row is not None
        seen.append(row[0])

    bank.transport.before = look
    bank.order(initialize=["reset_after"], verify=["500"])
    payments.pay(claim.reference)
    deliver()
    deliver(hurry=True)
    deliver(hurry=True)
    bank.act(f"{claim.reference}-2", "pay")
    ask(claim, deliver)
    assert len(seen) >= 5
    assert set(seen) == {0}
    assert outbox.due_lanes_once() == ["mail"]
