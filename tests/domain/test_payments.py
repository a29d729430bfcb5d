"""What a payment may become, what a success leads to, how long a hold waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.domain import payments as rules
from app.domain.payments import Outcome, Reason

DEADLINE = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return DEADLINE + timedelta(seconds=seconds)


@dataclass
class Row:
    state: str = "PENDING"
    gateway_status: str | None = None
    checked_at: datetime | None = None


def held(row: Row | None, seconds: float) -> bool:
    rows = [] if row is None else [row]
    return rules.keeps_hold(rows, DEADLINE, at(seconds), grace_s=120, hard_limit_s=1200)


@pytest.mark.parametrize("row", [None, Row(), Row("FAILED"), Row("PENDING", "abandoned", at(-5))])
def test_every_hold_lives_to_its_deadline(row):
    assert held(row, -0.1)


def test_without_a_payment_it_ends_there():
    assert not held(None, 0)


@pytest.mark.parametrize("state", ["FAILED", "SUPERSEDED", "ABANDONED", "SUCCEEDED"])
def test_a_payment_that_is_over_keeps_nothing(state):
    assert not held(Row(state, "ongoing", at(-5)), 0)


@pytest.mark.parametrize("status", ["ongoing", "pending", "processing", "queued", None, "new word"])
def test_a_fan_who_is_paying_keeps_the_hold_to_the_hard_limit(status):
    assert held(Row("PENDING", status, at(-5)), 1199)
    assert not held(Row("PENDING", status, at(-5)), 1200)


def test_a_gateway_that_was_never_heard_keeps_the_hold_to_the_hard_limit():
    assert held(Row("INITIALIZING"), 1199)
    assert not held(Row("INITIALIZING"), 1200)


def test_a_checkout_that_was_left_has_two_minutes_of_grace():
    assert held(Row("PENDING", "abandoned", at(100)), 119)
    assert not held(Row("PENDING", "abandoned", at(100)), 120)


def test_an_old_answer_does_not_end_a_hold():
    assert held(Row("PENDING", "abandoned", at(-300)), 121)
    assert held(Row("PENDING", "abandoned", at(-300)), 1199)


def test_one_payment_in_motion_is_enough():
    rows = [Row("FAILED"), Row("PENDING", "ongoing", at(-1)), Row("SUPERSEDED")]
    assert rules.keeps_hold(rows, DEADLINE, at(60), 120, 1200)


PRICE = (500_000, "NGN")


@pytest.mark.parametrize(
    ("payment_state", "received", "claim_state", "other", "outcome", "reason"),
    [
        ("INITIALIZING", PRICE, "HELD", False, Outcome.CONFIRM, ""),
        ("PENDING", PRICE, "HELD", False, Outcome.CONFIRM, ""),
        ("SUPERSEDED", PRICE, "HELD", False, Outcome.CONFIRM, ""),
        ("FAILED", PRICE, "HELD", False, Outcome.CONFIRM, ""),
        ("ABANDONED", PRICE, "EXPIRED", False, Outcome.RESEAT, ""),
        ("ABANDONED", PRICE, "EXPIRED", True, Outcome.REFUND, Reason.OTHER_CLAIM),
        ("PENDING", PRICE, "RELEASED", False, Outcome.REFUND, Reason.GIVEN_BACK),
        ("PENDING", PRICE, "CONFIRMED", False, Outcome.REFUND, Reason.PAID_TWICE),
        ("PENDING", PRICE, "REFUNDED", False, Outcome.REFUND, Reason.CLAIM_REFUNDED),
        ("SUCCEEDED", PRICE, "CONFIRMED", False, Outcome.NOTHING, ""),
        ("SUCCEEDED", PRICE, "HELD", False, Outcome.NOTHING, ""),
        ("PENDING", (499_999, "NGN"), "HELD", False, Outcome.REFUND, Reason.WRONG_AMOUNT),
        ("PENDING", (500_001, "NGN"), "HELD", False, Outcome.REFUND, Reason.WRONG_AMOUNT),
        ("PENDING", (500_000, "GHS"), "HELD", False, Outcome.REFUND, Reason.WRONG_CURRENCY),
        ("PENDING", (500_000, "GHS"), "EXPIRED", False, Outcome.REFUND, Reason.WRONG_CURRENCY),
    ],
)
def test_what_a_success_leads_to(payment_state, received, claim_state, other, outcome, reason):
    decision = rules.on_success(
        payment_state=payment_state,
        expected=PRICE,
        received=received,
        claim_state=claim_state,
        has_other_claim=other,
    )
    assert decision == rules.Decision(outcome, reason)


@pytest.mark.parametrize(
    ("state", "status", "claim_state", "after"),
    [
        ("PENDING", "failed", "HELD", "FAILED"),
        ("INITIALIZING", "failed", "HELD", "FAILED"),
        ("PENDING", "reversed", "HELD", "FAILED"),
        ("PENDING", "abandoned", "HELD", "PENDING"),
        ("PENDING", "abandoned", "EXPIRED", "ABANDONED"),
        ("INITIALIZING", "abandoned", "HELD", "INITIALIZING"),
        ("PENDING", "ongoing", "EXPIRED", "PENDING"),
        ("FAILED", "ongoing", "HELD", "PENDING"),
        ("FAILED", "abandoned", "HELD", "FAILED"),
        ("SUCCEEDED", "reversed", "REFUNDED", "SUCCEEDED"),
        ("SUCCEEDED", "failed", "CONFIRMED", "SUCCEEDED"),
        ("SUPERSEDED", "ongoing", "HELD", "SUPERSEDED"),
        ("ABANDONED", "failed", "EXPIRED", "ABANDONED"),
    ],
)
def test_what_an_answer_makes_of_a_payment(state, status, claim_state, after):
    assert rules.after_answer(state, status, claim_state) == after


def look(seconds: float, state: str = "PENDING", claim_state: str = "HELD") -> float | None:
    """When the gateway is asked next, in seconds after the deadline of a hold of ten minutes."""
    found = rules.next_check(
        state=state,
        claim_state=claim_state,
        created_at=at(-600),
        held_until=DEADLINE,
        now=at(seconds),
    )
    return None if found is None else (found - DEADLINE).total_seconds()


def test_the_gateway_is_asked_half_a_minute_before_the_deadline():
    assert look(-600) == -570
    assert look(-40) == -30
    assert look(-30) == -20


def test_and_every_ten_seconds_while_the_hold_waits():
    assert look(90) == 100


def test_an_ended_claim_is_watched_less_and_less_for_three_days():
    assert look(60, "ABANDONED", "EXPIRED") == 120
    assert look(1200, "PENDING", "EXPIRED") == 1440
    assert look(71 * 3600, "ABANDONED", "EXPIRED") == 77 * 3600
    assert look(73 * 3600, "ABANDONED", "EXPIRED") is None


@pytest.mark.parametrize("state", ["SUCCEEDED", "INITIALIZING"])
def test_nobody_asks_about_what_is_known_or_not_yet_sent(state):
    assert look(0, state) is None
