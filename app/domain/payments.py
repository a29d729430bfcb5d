"""What a payment may become, what a success leads to, and how long a hold waits for one.

The rules are the table in section "Money" of docs/architecture.md: values in, decision out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from app.domain import claims

INITIALIZING = "INITIALIZING"
PENDING = "PENDING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
ABANDONED = "ABANDONED"
SUPERSEDED = "SUPERSEDED"
OPEN = (INITIALIZING, PENDING)

# The gateway's own words.
SUCCESS = "success"
ABANDONED_THERE = "abandoned"
OVER_THERE = ("failed", "reversed")

# The gateway is asked from this long before a hold's deadline, so that the expiry finds a
# fresh answer and need not wait for one.
LOOK_AHEAD = timedelta(seconds=30)
EACH_IN_TIME = timedelta(seconds=10)
FIRST_LOOK = timedelta(seconds=30)
# A webhook may come three days late; so long the gateway is asked now and then as well.
WATCHED_FOR = timedelta(hours=72)
SHORTEST_WATCH = timedelta(minutes=1)
LONGEST_WATCH = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway says of a transaction: `status` is its word, amounts are in the smallest
    unit, `log` is its own timeline."""

    status: str
    amount: int
    currency: str
    gateway_id: int
    paid_at: datetime | None
    log: dict[str, Any] | None

    @property
    def success(self) -> bool:
        return self.status == SUCCESS


class Recorded(Protocol):
    """What is recorded of a payment, as far as a hold depends on it."""

    @property
    def state(self) -> str: ...
    @property
    def gateway_status(self) -> str | None: ...
    @property
    def checked_at(self) -> datetime | None: ...


class Outcome(Enum):
    """What a success leads to."""

    NOTHING = "known already"
    CONFIRM = "the claim is confirmed"
    RESEAT = "the claim is confirmed if it can have tickets again"
    REFUND = "the money goes back"


class Reason:
    """Why money goes back: the words in `refunds.reason`."""

    WRONG_AMOUNT = "wrong amount"
    WRONG_CURRENCY = "wrong currency"
    PAID_TWICE = "paid twice"
    GIVEN_BACK = "claim was given back"
    NONE_LEFT = "no tickets left"
    OTHER_CLAIM = "fan has another claim"
    CLAIM_REFUNDED = "claim was refunded"


@dataclass(frozen=True, slots=True)
class Decision:
    outcome: Outcome
    reason: str = ""


def on_success(
    *,
    payment_state: str,
    expected: tuple[int, str],
    received: tuple[int, str],
    claim_state: str,
    has_other_claim: bool,
) -> Decision:
    """What a successful charge leads to.

    `expected` and `received` are (amount in the smallest unit, currency). The moment of payment
    plays no part: it decides the words, never the seat.
    """
    if payment_state == SUCCEEDED:
        return Decision(Outcome.NOTHING)
    if received[1] != expected[1]:
        return Decision(Outcome.REFUND, Reason.WRONG_CURRENCY)
    if received[0] != expected[0]:
        return Decision(Outcome.REFUND, Reason.WRONG_AMOUNT)
    if claim_state == claims.HELD:
        return Decision(Outcome.CONFIRM)
    if claim_state == claims.CONFIRMED:
        return Decision(Outcome.REFUND, Reason.PAID_TWICE)
    if claim_state == claims.RELEASED:
        return Decision(Outcome.REFUND, Reason.GIVEN_BACK)
    if claim_state == claims.REFUNDED:
        return Decision(Outcome.REFUND, Reason.CLAIM_REFUNDED)
    if has_other_claim:
        return Decision(Outcome.REFUND, Reason.OTHER_CLAIM)
    return Decision(Outcome.RESEAT)


def after_answer(state: str, status: str, claim_state: str) -> str:
    """The state of a payment after the gateway said anything but success.

    No answer ends a payment for good: a declined card may be followed by a good one on the
    same checkout, and a late success counts whatever we wrote here.
    """
    if state in (SUCCEEDED, SUPERSEDED, ABANDONED):
        return state
    if status in OVER_THERE:
        return FAILED
    if status == ABANDONED_THERE:
        gone = state == PENDING and claim_state != claims.HELD
        return ABANDONED if gone else state
    # In motion there: a payment that had failed is being tried again.
    return PENDING if state == FAILED else state


def keeps_hold(
    payments: Iterable[Recorded],
    held_until: datetime,
    now: datetime,
    grace_s: float,
    hard_limit_s: float,
) -> bool:
    """Whether a claim with these payments is still held at `now`.

    To `held_until` every hold lives. Beyond it a payment keeps it only while the fan may be
    paying: to the hard limit while the gateway says so or has not been heard, for the grace
    after a checkout was left. Reads only what is recorded; nobody is asked.
    """
    if now < held_until:
        return True
    if now >= held_until + timedelta(seconds=hard_limit_s):
        return False
    grace_ends = held_until + timedelta(seconds=grace_s)
    return any(_may_be_paying(payment, now, grace_ends) for payment in payments)


def _may_be_paying(payment: Recorded, now: datetime, grace_ends: datetime) -> bool:
    if payment.state not in OPEN:
        return False
    if payment.gateway_status != ABANDONED_THERE or payment.checked_at is None:
        return True
    # The answer that ends a hold has to be fresh: the fan may have come back since an old one.
    return now < grace_ends or payment.checked_at < grace_ends - LOOK_AHEAD


def next_check(
    *,
    state: str,
    claim_state: str,
    created_at: datetime,
    held_until: datetime,
    now: datetime,
) -> datetime | None:
    """When the gateway is to be asked about a payment again; None means never.

    A payment that is INITIALIZING is asked about by its own outbox entry.
    """
    if state in (SUCCEEDED, INITIALIZING):
        return None
    if claim_state == claims.HELD:
        watch_from = held_until - LOOK_AHEAD
        if now >= watch_from:
            return now + EACH_IN_TIME
        return min(now + max(FIRST_LOOK, (now - created_at) / 2), watch_from)
    if now > created_at + WATCHED_FOR:
        return None
    return now + min(max((now - held_until) / 5, SHORTEST_WATCH), LONGEST_WATCH)
