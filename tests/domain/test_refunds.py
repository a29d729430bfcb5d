"""What to do next about money that goes back, and what the fan is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import refunds as rules
from app.domain.payments import Reason
from app.domain.refunds import Step

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ASKED = NOW - timedelta(minutes=1)
LONG_AGO = NOW - timedelta(minutes=2)


@pytest.mark.parametrize(
    ("state", "gateway_id", "attempts", "asked_at", "step"),
    [
        ("owed", None, 0, None, Step.ASK),
        ("owed", None, 1, ASKED, Step.WAIT),
        ("owed", None, 1, LONG_AGO, Step.LOOK),
        ("owed", None, 1, None, Step.LOOK),
        ("pending", 7, 1, None, Step.FETCH),
        ("processing", 7, 1, None, Step.FETCH),
        ("failed", 7, 1, None, Step.LOOK),
        ("failed", 7, 2, ASKED, Step.WAIT),
        ("needs-attention", 7, 1, None, Step.FETCH),
        ("needs-attention", None, 1, None, Step.LOOK_ONLY),
        ("processed", 7, 1, None, Step.NOTHING),
        ("settled", None, 3, None, Step.NOTHING),
    ],
)
def test_the_one_thing_to_do_next(state, gateway_id, attempts, asked_at, step):
    found = rules.step(
        state=state, gateway_id=gateway_id, attempts=attempts, asked_at=asked_at, now=NOW
    )
    assert found is step


def test_a_refund_is_looked_after_less_and_less_until_it_is_done():
    def wait(age: timedelta, state: str = "pending") -> timedelta | None:
        found = rules.next_try(state=state, created_at=NOW - age, now=NOW)
        return None if found is None else found - NOW

    assert wait(timedelta(0)) == timedelta(minutes=1)
    assert wait(timedelta(hours=1)) == timedelta(minutes=12)
    assert wait(timedelta(days=30)) == timedelta(hours=6)
    assert wait(timedelta(0), "processed") is None


def test_the_moment_of_payment_decides_the_words():
    assert rules.why(Reason.NONE_LEFT, in_time=True).startswith("You paid in time")
    assert rules.why(Reason.NONE_LEFT, in_time=False).startswith("Your payment came after")


def test_every_reason_has_its_words():
    reasons = [value for name, value in vars(Reason).items() if not name.startswith("_")]
    words = {rules.why(reason, in_time=False) for reason in reasons}
    assert len(words) == len(reasons)
    assert "organiser" in rules.why("support: the fan fell ill", in_time=False)
