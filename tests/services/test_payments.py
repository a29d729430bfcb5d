"""From the button to the tickets: a payment is opened once, fulfilled once, and never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.domain import errors
from app.extensions import db
from app.gateway import client as gateway
from app.services import claims, fulfilment, outbox, payments
from app.store.models import Claim, OutboxEntry, Payment, Refund, Ticket, TimelineEntry
from tests.factories import a_claim, a_fan, a_payment, an_event, utc_now


@pytest.fixture
def claim(app) -> Claim:
    return a_claim(an_event(line=False), quantity=2)


def again(row):
    """The row as it is in Postgres now."""
    db.session.rollback()
    db.session.refresh(row)
    return row


def payments_of(claim: Claim) -> list[Payment]:
    db.session.rollback()
    query = select(Payment).where(Payment.claim_id == claim.id).order_by(Payment.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def refunds() -> list[Refund]:
    db.session.rollback()
    return list(db.session.scalars(select(Refund)))


def mails() -> list[OutboxEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEntry).where(OutboxEntry.lane == "mail")))


def codes(claim: Claim) -> list[str | None]:
    db.session.rollback()
    query = select(Ticket.code).where(Ticket.claim_id == claim.id).order_by(Ticket.number)
    return list(db.session.scalars(query))


def verbs(claim: Claim) -> list[str]:
    db.session.rollback()
    query = select(TimelineEntry.verb).where(TimelineEntry.claim_id == claim.id)
    return list(db.session.scalars(query.order_by(TimelineEntry.id)))


def opened(claim: Claim, deliver) -> Payment:
    """A payment whose checkout is open."""
    payments.pay(claim.reference)
    deliver()
    payment = payments_of(claim)[-1]
    assert payment.state == "PENDING"
    return payment


def ended(claim: Claim, state: str, ago: float = 60) -> None:
    """The claim's hold is over and its tickets are free again."""
    db.session.execute(
        text("UPDATE tickets SET claim_id = NULL WHERE claim_id = :id"), {"id": claim.id}
    )
    claim.state = state
    claim.held_until = utc_now() - timedelta(seconds=ago)
    claim.ended_at = utc_now()
    db.session.commit()


def ask(claim: Claim, deliver) -> None:
    payments.ask(claim.reference, "staff:1")
    deliver()


# -- the straight road


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
    assert charge.callback_url == f"http://localhost/claims/{claim.reference}/return"


def test_pressing_pay_twice_makes_one_payment(bank, claim, deliver, race):
    reference = claim.reference
    db.session.rollback()
    race(4, lambda _: payments.pay(reference))
    deliver()
    assert len(payments_of(claim)) == 1
    assert bank.transport.count("POST", "/transaction/initialize") == 1


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
    assert refunds() == []


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
    assert refunds() == []


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
    assert refunds() == []


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
    (refund,) = refunds()
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
    (refund,) = refunds()
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
    assert refunds() == []


def test_a_success_for_an_expired_claim_with_none_left_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    db.session.execute(text("DELETE FROM tickets WHERE number > 1"))
    db.session.commit()
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "EXPIRED"
    assert codes(claim) == []
    (refund,) = refunds()
    assert (refund.reason, refund.amount) == ("no tickets left", claim.amount)


def test_a_success_for_an_expired_claim_of_a_fan_with_another_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "EXPIRED")
    a_claim(claim.event, fan=claim.fan)
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "EXPIRED"
    assert [refund.reason for refund in refunds()] == ["fan has another claim"]


def test_a_success_for_a_claim_that_was_given_back_goes_back(bank, claim, deliver):
    payment = opened(claim, deliver)
    ended(claim, "RELEASED")
    bank.act(payment.reference, "pay")
    ask(claim, deliver)
    assert again(claim).state == "RELEASED"
    assert [refund.reason for refund in refunds()] == ["claim was given back"]


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
