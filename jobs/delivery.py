"""Delivery of the outbox, lane by lane.

One thread takes what is due, several entries in one statement, and hands them to others, each of
which calls the outside and writes down what came of it. So a crowd of fans costs the lane few
questions, and a slow gateway holds up nothing but the hands that wait for it.
"""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import sleep

from flask import Flask, current_app

from app import clock
from app.domain.errors import NotNow
from app.services import outbox
from jobs import ending
from jobs.context import in_application
from jobs.wake import LINGER, awake, ring

log = logging.getLogger(__name__)

# How many calls to the outside a lane may have under way. The gateway answers in a second or
# two, so a queue of a thousand payments needs several hands; mail servers mind a crowd.
HANDS = {outbox.MONEY: 8, outbox.MAIL: 2}
# How often a lane that may get more is looked at (s): what a fan waits for, at the most.
LOOK_EVERY = 0.1
# When one hand is free, others will be in a moment: taking for all of them is one question (s).
GATHER = 0.01
# How often what is in hand is held on to (s), well before its time is over.
HOLD_EVERY = 2.0
# A call that takes longer than this (s) is not waited for with idle hands: the others go on, for
# this long at the most, which leaves the slowest call time to end before the job has to.
SLOW = 1.0
LONGEST_WITH_SLOW = 25.0


@in_application
def deliver(lane: str, most_hands: int = 8) -> int:
    """Deliver what the lane owes now, with `most_hands` at the most; says how many entries."""
    awake(lane)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    hands = min(HANDS[lane], most_hands)
    with ThreadPoolExecutor(hands) as pool:
        return _Delivery(app, lane, pool, hands).run()


class _Delivery:
    """One delivery of one lane."""

    def __init__(self, app: Flask, lane: str, pool: ThreadPoolExecutor, hands: int) -> None:
        self.app, self.lane, self.pool, self.hands = app, lane, pool, hands
        self.in_hand: dict[Future[bool], tuple[outbox.Taken, float]] = {}
        self.started = self.held_at = clock.monotonic()
        self.delivered = 0

    def run(self) -> int:
        found_at = self.started
        while clock.monotonic() - found_at < LINGER or self.in_hand:
            if self._over():
                # A delivery ends after some seconds, done or not; the next one goes on.
                ring(self.lane)
                break
            looked_at = clock.monotonic()
            free = self.hands - len(self.in_hand)
            taken = self._take(free) if free else []
            if taken:
                found_at = looked_at
            self._wait(LOOK_EVERY if len(taken) < free else None)
        while self.in_hand:
            self._wait(None)
        return self.delivered

    def _over(self) -> bool:
        now = clock.monotonic()
        slow = any(now - since > SLOW for _, since in self.in_hand.values())
        longest = LONGEST_WITH_SLOW if slow else outbox.LONGEST_RUN
        return ending.asked() or now - self.started > longest

    def _take(self, most: int) -> list[outbox.Taken]:
        try:
            found = outbox.take(self.lane, most)
        except NotNow as refusal:
            # Postgres is away; what is owed is still written there.
            log.warning("the delivery of %s has to wait: %r", self.lane, refusal)
            return []
        for entry in found:
            self.in_hand[self.pool.submit(self._deliver, entry)] = (entry, clock.monotonic())
        return found

    def _deliver(self, entry: outbox.Taken) -> bool:
        with self.app.app_context():
            try:
                return outbox.deliver(entry)
            except NotNow as refusal:
                log.warning("outbox %s comes back by itself: %r", entry.id, refusal)
                return False

    def _wait(self, seconds: float | None) -> None:
        """Wait until hands are free, or for so long when there is no more to give them now."""
        if seconds is not None:
            sleep(seconds)
        elif self.in_hand and wait(self.in_hand, LOOK_EVERY, FIRST_COMPLETED).done:
            sleep(GATHER)
        for done in [future for future in self.in_hand if future.done()]:
            del self.in_hand[done]
            self.delivered += done.result()
        if self.in_hand and clock.monotonic() - self.held_at > HOLD_EVERY:
            with self.app.app_context():
                outbox.hold([entry for entry, _ in self.in_hand.values()])
            self.held_at = clock.monotonic()
