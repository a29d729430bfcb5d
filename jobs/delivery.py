"""Delivery of the outbox, lane by lane.

One thread takes what is due, several entries in one statement, and hands them to others, each of
which calls the outside; the same statement writes down what came of those before. So a crowd of
fans costs the lane few questions, and a slow gateway holds up nothing but the hands that wait for
it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from time import sleep

from flask import Flask, current_app

from app import clock
from app.domain.errors import NotNow
from app.services import outbox
from jobs import ending
from jobs.context import in_application
from jobs.wake import LINGER, Ear, ring

log = logging.getLogger(__name__)

# How many calls to the outside a lane may have under way. The gateway answers in a second or
# two, so a queue of a thousand payments needs several hands; mail servers mind a crowd.
HANDS = {outbox.MONEY: 8, outbox.MAIL: 2}
# So many entries are taken for each hand. A call to the gateway may take ten seconds, in which
# another worker could have begun the next one; a mail takes none.
FOR_EACH = {outbox.MONEY: 1, outbox.MAIL: 4}
# How often a lane that may get more is looked at (s): what a fan waits for, at the most. And how
# often one in which nothing was found lately.
LOOK_EVERY = 0.3
LOOK_SELDOM = 0.6
# How often what is in hand is held on to (s), well before its time is over.
HOLD_EVERY = 2.0
# A delivery ends after so long (s), done or not, and the next one goes on: RQ is to see that its
# worker lives. The slowest call may begin just then.
LONGEST_RUN = 20.0


@in_application
def deliver(lane: str, most_hands: int = 8) -> int:
    """Deliver what the lane owes now, with `most_hands` at the most; says how many entries."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    hands = min(HANDS[lane], most_hands)
    with ThreadPoolExecutor(hands) as pool:
        return _Delivery(app, lane, pool, hands * FOR_EACH[lane]).run()


class _Delivery:
    """One delivery of one lane, which has up to `room` entries in hand."""

    def __init__(self, app: Flask, lane: str, pool: ThreadPoolExecutor, room: int) -> None:
        self.app, self.lane, self.pool, self.room = app, lane, pool, room
        self.ear = Ear(lane)
        self.in_hand: dict[Future[outbox.Ending], outbox.Taken] = {}
        self.ended: list[outbox.Ended] = []
        self.started = self.found_at = self.held_at = clock.monotonic()
        self.delivered = 0
        self.leaving = False

    def run(self) -> int:
        self.ear.open()
        while self.in_hand or self.ended or clock.monotonic() - self.found_at < LINGER:
            if ending.asked() or clock.monotonic() - self.started > LONGEST_RUN:
                self._leave_to_the_next()
                break
            room = self.room - len(self.in_hand)
            looked_at = clock.monotonic()
            found = self._exchange(room)
            if found:
                self.found_at = looked_at
            if found == room:
                # There is more than these hands can hold: another worker is to be woken for it.
                self.ear.close()
                self._wait_for_room()
            else:
                if found:
                    self.ear.open()
                self._wait_for_news(looked_at)
        while self.in_hand or self.ended:
            wait(self.in_hand, LOOK_EVERY)
            self._collect()
            self._exchange(0)
        return self.delivered

    def _exchange(self, most: int) -> int:
        """Write down what came to its end, and take up to `most` more; how many those are."""
        ended, self.ended = self.ended, []
        try:
            found = outbox.exchange(self.lane, ended, most)
        except NotNow as refusal:
            # Postgres is away; what is owed is still written there, and comes back by itself.
            log.warning("the delivery of %s has to wait: %r", self.lane, refusal)
            return 0
        self.delivered += found.done
        for entry in found.taken:
            self._give(entry, partial(outbox.handle, entry))
        for one in found.unusual:
            self._give(one.entry, partial(outbox.resort, one))
        return len(found.taken)

    def _give(self, entry: outbox.Taken, work: Callable[[], outbox.Ending]) -> None:
        """Give an entry to the next free hand."""

        def in_context() -> outbox.Ending:
            if self.leaving:
                return outbox.BACK
            with self.app.app_context():
                return work()

        self.in_hand[self.pool.submit(in_context)] = entry

    def _wait_for_room(self) -> None:
        """Wait until half of the room is free: so the next are several, and no hand is idle."""
        deadline = clock.monotonic() + LOOK_EVERY
        while len(self.in_hand) > self.room // 2 and clock.monotonic() < deadline:
            wait(self.in_hand, LOOK_EVERY, FIRST_COMPLETED)
            self._collect()
        self._collect()

    def _wait_for_news(self, looked_at: float) -> None:
        """Wait until it is time to look again."""
        lately = clock.monotonic() - self.found_at < 2 * LOOK_EVERY
        every = LOOK_EVERY if lately or self.in_hand else LOOK_SELDOM
        sleep(max(0.0, looked_at + every - clock.monotonic()))
        self._collect()

    def _collect(self) -> None:
        for done in [future for future in self.in_hand if future.done()]:
            self.ended.append(outbox.Ended(self.in_hand.pop(done), done.result()))
        if self.in_hand and clock.monotonic() - self.held_at > HOLD_EVERY:
            with self.app.app_context():
                outbox.hold(list(self.in_hand.values()))
            self.held_at = clock.monotonic()

    def _leave_to_the_next(self) -> None:
        """What no hand has begun is put back, and another delivery goes on."""
        self.leaving = True
        self.ear.close()
        ring(self.lane)
