"""Delivery of the outbox, lane by lane."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, current_app

from app.domain.errors import NotNow
from app.services import outbox
from jobs.context import in_application
from jobs.wake import awake, wake

log = logging.getLogger(__name__)

# How many calls to the outside a lane may have under way. The gateway answers in a second or
# two, so a queue of a thousand payments needs several hands; mail servers mind a crowd.
HANDS = {outbox.MONEY: 8, outbox.MAIL: 2}


@in_application
def deliver(lane: str, most_hands: int = 8) -> int:
    """Deliver what the lane owes now, with `most_hands` at the most; says how many entries."""
    awake(lane)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def hand(_: int) -> int:
        with app.app_context():
            try:
                return outbox.deliver_once(lane)
            except NotNow as refusal:
                # Postgres is away; what is owed is still written there.
                log.warning("the delivery of %s has to wait: %r", lane, refusal)
                return 0

    hands = min(HANDS[lane], most_hands)
    with ThreadPoolExecutor(hands) as pool:
        delivered = sum(pool.map(hand, range(hands)))
    if delivered:
        # A delivery ends after some seconds, done or not; looking once more costs little.
        wake(lane)
    return delivered
