"""What to do next about money that goes back.

States are Paystack's own words, plus two of ours: `owed` (not yet with the gateway) and `settled`
(given back by hand; support says so).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from app.domain.payments import Reason
from app.domain.said import say

OWED = "owed"
PENDING = "pending"
PROCESSING = "processing"
PROCESSED = "processed"
FAILED = "failed"
NEEDS_ATTENTION = "needs-attention"
SETTLED = "settled"
DONE = (PROCESSED, SETTLED)
# At the gateway and not given up there: asking for another would pay twice.
ALIVE_THERE = (PENDING, PROCESSING, PROCESSED, NEEDS_ATTENTION)

# After a call without an answer the gateway gets this long to finish what it may have begun;
# only then does its list say whether it has.
UNANSWERED_WAIT = timedelta(minutes=2)
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)


class Step(Enum):
    """The one thing to do now."""

    NOTHING = "it is done"
    WAIT = "an unanswered call is too fresh"
    ASK = "ask the gateway for the refund"
    LOOK = "look for it in the gateway's list, ask if it is not there"
    LOOK_ONLY = "look for it in the gateway's list"
    FETCH = "ask how it stands"


def step(
    *, state: str, gateway_id: int | None, attempts: int, asked_at: datetime | None, now: datetime
) -> Step:
    """What to do about a refund.

    `asked_at` is when the gateway was last asked for it without having answered yet; `attempts`
    counts how often it was asked for. Only the very first asking goes without a look.
    """
    if state in DONE:
        return Step.NOTHING
    if asked_at is not None and now < asked_at + UNANSWERED_WAIT:
        return Step.WAIT
    if gateway_id is not None and state != FAILED:
        return Step.FETCH
    if state == NEEDS_ATTENTION:
        # A person is at it; asking by ourselves could pay twice.
        return Step.LOOK_ONLY
    return Step.ASK if attempts == 0 else Step.LOOK


def next_try(*, state: str, created_at: datetime, now: datetime) -> datetime | None:
    """When to come back to a refund, less and less often; None when it is done."""
    if state in DONE:
        return None
    return now + min(max((now - created_at) / 5, SHORTEST_WAIT), LONGEST_WAIT)


def why(reason: str, in_time: bool) -> str:
    """Why the money goes back, as a sentence to the fan. `in_time`: it was paid before the hold
    ran out, which decides these words and never the seat."""
    if reason == Reason.NONE_LEFT and in_time:
        return say(
            "You paid in time, but the payment service told us too late: "
            "by then your tickets had gone to others in the line."
        )
    return _WHY.get(reason, _BY_THE_ORGANISER)


_WHY = {
    Reason.NONE_LEFT: say(
        "Your payment came after the hold had run out, and no tickets were left."
    ),
    Reason.WRONG_AMOUNT: say("The sum that arrived is not the price of these tickets."),
    Reason.WRONG_CURRENCY: say("The sum that arrived is in another currency than the price."),
    Reason.PAID_TWICE: say("You have paid twice for these tickets; one payment is enough."),
    Reason.GIVEN_BACK: say("Your payment came after you had given the tickets back."),
    Reason.OTHER_CLAIM: say(
        "Your payment came after the hold had run out, and you have tickets by another claim."
    ),
    Reason.CLAIM_REFUNDED: say("These tickets had been refunded before your payment came."),
}
_BY_THE_ORGANISER = say("The organiser gives you your money back, and the tickets are void.")
