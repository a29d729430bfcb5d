"""The table of money, row by row, on the running product: HTTP, real jobs, the stand-in gateway.

Each case is a fan at the till; what the fan's page says at the end is part of it. Time is moved
in Postgres, for one claim at a time; nothing of the product is replaced.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.till import Held, Till
from sandbox import leftovers
from tests.product import mail_to, product

SECRET_KEY = "the secret key of the table's own run"
# The stand-in takes a refund on and finishes it by itself after some seconds.
AT_THE_GATEWAY = ("pending", "processed")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def till() -> Iterator[Till]:
    # Not the folder of the run: its servers' sockets want a short path of their own.
    folder = Path(tempfile.mkdtemp(prefix="fq-money-"))
    with product(folder / "var", SECRET_KEY=SECRET_KEY, GATEWAY_TIMEOUT="1") as run:
        found = Till(run | {"data_dir": str(folder / "var")}, SECRET_KEY)
        found.faults(hang=3, latency=0.5, late=3, retry_after=1)
        yield found
        found.close()


@pytest.fixture(scope="module")
def event(till: Till) -> int:
    return till.event(200)


@pytest.fixture
def fan(till: Till, event: int) -> Iterator[Held]:
    yield till.hold(event)
    till.no_faults()


def confirmed(fan: Held, patience: float = 30) -> None:
    fan.wait(lambda: fan.state == "CONFIRMED", patience)
    assert [len(code) for code in fan.tickets()] == [16]
    assert "paid" in fan.page()
    assert sum(row.counts for row in fan.payments()) == 1


def refunded(fan: Held, reason: str, payment: int = -1) -> None:
    """The money goes back without anyone asking; the fan reads it by mail and on the page."""

    def row() -> Any:
        return fan.payments()[payment]

    fan.wait(lambda: row().refund in AT_THE_GATEWAY, 30)
    assert row().reason == reason
    assert not row().counts
    assert mail_to(fan.till.run, fan.email, "goes back to you")
    assert "back to you" in fan.page()
    fan.till.move_refund(row().refund_gateway_id, "processed")
    fan.wait(lambda: row().refund == "processed", 30)
    assert mail_to(fan.till.run, fan.email, "is on its way")


def expired(fan: Held, seconds: float) -> None:
    fan.age(seconds)
    fan.wait(lambda: fan.state == "EXPIRED", 30)


def kill_the_worker_during_a_call(fan: Held) -> None:
    fan.wait(lambda: fan.till.rows(TAKEN, {"id": fan.payments()[-1].id}))
    for process in leftovers.of_run(Path(fan.till.run["data_dir"]), "money"):
        os.kill(process.pid, signal.SIGKILL)
    fan.age(60)


TAKEN = (
    "SELECT FROM outbox WHERE done_at IS NULL AND taken_until > now()"
    " AND payload ->> 'payment_id' = %(id)s::text"
)


# -- crash before, during, after initialize; timeout after its effect


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after"])
def test_a_worker_killed_during_initialize(till, fan, fault):
    till.faults(next={"initialize": [fault]})
    fan.press_pay()
    kill_the_worker_during_a_call(fan)
    fan.wait(lambda: fan.payments()[-1].authorization_url, 40)
    states = [row.state for row in fan.payments()]
    assert states == (["PENDING"] if fault == "timeout_before" else ["SUPERSEDED", "PENDING"])
    fan.at_checkout(fan.payments()[-1].reference, "pay")
    confirmed(fan)


@pytest.mark.parametrize("fault", ["timeout_after", "reset_after", "garbage"])
def test_the_answer_to_initialize_is_lost(till, fan, fault):
    till.faults(next={"initialize": [fault]})
    payment = fan.open_checkout()
    assert payment == f"{fan.reference}-2"
    fan.at_checkout(payment, "pay")
    confirmed(fan)


def test_a_late_success_on_the_lost_reference_still_counts(till, fan):
    till.faults(next={"initialize": ["timeout_after"]})
    fan.open_checkout()
    fan.at_checkout(f"{fan.reference}-1", "pay")
    confirmed(fan)
    assert [row.counts for row in fan.payments()] == [True, False]


# -- success while we still say INITIALIZING; webhook before our commit


def test_the_webhook_is_faster_than_the_answer(till, fan):
    till.faults(next={"initialize": ["webhook_before"]})
    fan.press_pay()
    confirmed(fan)


def test_the_webhook_comes_and_the_answer_never_does(till, fan):
    till.faults(next={"initialize": ["timeout_after", "webhook_before"]})
    fan.press_pay()
    confirmed(fan)
    fan.age(60)
    fan.wait(lambda: [row.state for row in fan.payments()] == ["SUCCEEDED"])


# -- webhook twice, late, lost


@pytest.mark.parametrize("fault", ["webhook_twice", "webhook_late"])
def test_a_webhook_twice_or_late_has_one_effect(till, fan, fault):
    payment = fan.open_checkout()
    till.faults(next={"webhook": [fault]})
    fan.at_checkout(payment, "pay")
    confirmed(fan)


def test_a_lost_webhook_is_made_up_for_by_the_return_page(till, fan):
    payment = fan.open_checkout()
    till.faults(next={"webhook": ["webhook_lost"]})
    fan.at_checkout(payment, "pay")
    assert fan.come_back() == 200
    confirmed(fan)


def test_a_lost_webhook_of_a_fan_who_never_comes_back_is_made_up_for_by_the_beat(till, fan):
    payment = fan.open_checkout()
    till.faults(next={"webhook": ["webhook_lost"]})
    fan.at_checkout(payment, "pay")
    fan.age(60)
    confirmed(fan)


# -- the hold runs out while the fan is paying


def test_a_fan_who_is_paying_keeps_the_hold(till, fan):
    payment = fan.open_checkout()
    fan.at_checkout(payment, "start")
    fan.age(600 + 300)
    fan.wait(lambda: fan.payments()[-1].gateway_status == "ongoing", 30)
    assert fan.state == "HELD"
    assert "Waiting for the payment" in fan.page()
    fan.at_checkout(payment, "pay")
    confirmed(fan)


def test_the_hard_limit_ends_every_hold_and_the_payment_stays_watched(till, fan):
    payment = fan.open_checkout()
    fan.at_checkout(payment, "start")
    expired(fan, 600 + 1201)
    assert fan.payments()[-1].next_check_at is not None
    fan.at_checkout(payment, "pay")
    confirmed(fan)


def test_a_gateway_that_cannot_be_reached_costs_nobody_the_tickets(till, fan):
    fan.open_checkout()
    till.faults(rates={"502": 1.0})
    fan.age(600 + 300)
    fan.wait(lambda: fan.payments()[-1].last_error, 40)
    assert fan.state == "HELD"
    till.no_faults()
    fan.age(30)
    fan.wait(lambda: fan.payments()[-1].gateway_status == "abandoned", 60)
    fan.wait(lambda: fan.state == "EXPIRED", 40)


# -- abandoned at the deadline


def test_a_checkout_that_was_left_has_two_minutes_of_grace(till, fan):
    payment = fan.open_checkout()
    fan.at_checkout(payment, "leave")
    fan.age(600 + 60)
    fan.wait(lambda: fan.payments()[-1].gateway_status == "abandoned", 30)
    assert fan.state == "HELD"
    expired(fan, 65)
    assert fan.tickets() == []
    assert fan.payments()[-1].next_check_at is not None
    fan.age(120)
    fan.wait(lambda: fan.payments()[-1].state == "ABANDONED", 30)


# -- success for a claim that is no longer held


def test_a_success_for_an_expired_claim_gets_new_tickets(till, fan):
    payment = fan.open_checkout()
    expired(fan, 600 + 1201)
    fan.at_checkout(payment, "pay")
    confirmed(fan)
    assert mail_to(till.run, fan.email, "Your tickets")


def test_none_are_left(till):
    event = till.event(1)
    fan = till.hold(event)
    payment = fan.open_checkout()
    expired(fan, 600 + 1201)
    other = till.hold(event)
    fan.at_checkout(payment, "pay")
    refunded(fan, "no tickets left")
    assert fan.state == "EXPIRED"
    assert other.state == "HELD"


def test_the_fan_gave_the_claim_back(till, fan):
    payment = fan.open_checkout()
    assert fan.give_back() == 303
    fan.at_checkout(payment, "pay")
    refunded(fan, "claim was given back")
    assert fan.state == "RELEASED"


def test_the_fan_has_another_claim(till, event, fan):
    payment = fan.open_checkout()
    expired(fan, 600 + 1201)
    other = till.hold(event, email=fan.email)
    fan.at_checkout(payment, "pay")
    refunded(fan, "fan has another claim")
    assert other.state == "HELD"


# -- wrong amount or currency


@pytest.mark.parametrize(
    ("fault", "reason"), [("wrong_amount", "wrong amount"), ("wrong_currency", "wrong currency")]
)
def test_a_wrong_sum_never_confirms(till, fan, fault, reason):
    payment = fan.open_checkout()
    till.faults(next={"pay": [fault]})
    fan.at_checkout(payment, "pay")
    fan.wait(lambda: fan.payments()[-1].refund)
    assert fan.state == "HELD"
    assert fan.payments()[-1].reason == reason
    again = fan.open_checkout()
    fan.at_checkout(again, "pay")
    confirmed(fan)


# -- declined; two payments for one claim


def test_declined_and_tried_again_with_another_card(till, fan):
    first = fan.open_checkout()
    fan.at_checkout(first, "decline")
    fan.come_back()
    fan.wait(lambda: fan.payments()[-1].state == "FAILED")
    assert "did not go through" in fan.page()
    second = fan.open_checkout()
    assert second == f"{fan.reference}-2"
    fan.at_checkout(second, "pay")
    confirmed(fan)


def test_declined_and_then_a_good_card_on_the_same_checkout(till, fan):
    payment = fan.open_checkout()
    fan.at_checkout(payment, "decline")
    fan.come_back()
    fan.wait(lambda: fan.payments()[-1].state == "FAILED")
    fan.at_checkout(payment, "pay")
    confirmed(fan)


def test_two_payments_succeed_for_one_claim(till, fan):
    first = fan.open_checkout()
    fan.at_checkout(first, "decline")
    fan.come_back()
    fan.wait(lambda: fan.payments()[-1].state == "FAILED")
    second = fan.open_checkout()
    fan.at_checkout(first, "pay")
    confirmed(fan)
    fan.at_checkout(second, "pay")
    refunded_row = fan.wait(lambda: [row for row in fan.payments() if row.refund])[0]
    assert (refunded_row.reference, refunded_row.reason) == (second, "paid twice")
    assert fan.state == "CONFIRMED"


def test_abandoned_and_then_a_slow_transfer_after_all(till, fan):
    payment = fan.open_checkout()
    fan.at_checkout(payment, "leave")
    fan.come_back()
    fan.at_checkout(payment, "transfer", takes=2)
    confirmed(fan)


# -- the gateway's bad days


@pytest.mark.parametrize(
    "fault",
    [
        "latency",
        "401",
        "403",
        "408",
        "429",
        "500",
        "502",
        "garbage",
        "reset_before",
        "timeout_before",
    ],
)
def test_a_bad_day_of_the_gateway_is_waited_out(till, fan, fault):
    till.faults(next={"initialize": [fault], "verify": [fault], "webhook": ["webhook_lost"]})
    payment = fan.open_checkout()
    fan.at_checkout(payment, "pay")
    fan.come_back()
    confirmed(fan)


# -- refund


@pytest.mark.parametrize("fault", ["timeout_after", "reset_after", "timeout_before", "500", "429"])
def test_a_refund_is_asked_for_again_only_when_the_list_does_not_name_it(till, fan, fault):
    payment = fan.open_checkout()
    fan.give_back()
    till.faults(next={"refund": [fault]})
    fan.at_checkout(payment, "pay")
    fan.wait(lambda: fan.payments()[-1].asked == 1)
    fan.wait(lambda: fan.payments()[-1].refund_taken is None)
    fan.age(150)
    fan.wait(lambda: fan.payments()[-1].refund in AT_THE_GATEWAY, 60)
    assert fan.payments()[-1].asked == (1 if fault.endswith("after") else 2)
    there = [r for r in till.ledger()["refunds"] if r["reference"] == payment]
    assert len(there) == 1


def test_a_refund_that_fails_is_asked_for_again(till, fan):
    payment = fan.open_checkout()
    fan.give_back()
    fan.at_checkout(payment, "pay")
    fan.wait(lambda: fan.payments()[-1].refund_gateway_id)
    till.move_refund(fan.payments()[-1].refund_gateway_id, "failed")
    fan.wait(lambda: fan.payments()[-1].refund == "failed", 30)
    fan.age(120)
    refunded(fan, "claim was given back")


# -- and under it all


def test_in_the_end_each_charge_is_a_ticket_or_a_refund(till):
    till.no_faults()
    assert till.differences() == []
