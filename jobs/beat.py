"""The beat process: `python -m jobs.beat`. It owns the schedule, and stands in for a dead Redis.

Every 5 s, and as soon as nothing is left of it, it puts the table of beats back into
rq-scheduler. When the job queue's Redis has been silent for 3 s, or no worker has taken a tick for
that long, it runs outbox, payments and expiry itself. Two of these processes side by side do no
harm: whoever moves an entry enqueues it, and every tick is safe to run twice at once.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping

from redis.exceptions import RedisError

from app import clock
from app.config import SettingError
from app.extensions import settings
from jobs import delivery, ending, ticks
from jobs.context import application
from jobs.schedule import BEATS, TickScheduler, put_back, scheduler_on
from jobs.wake import client

log = logging.getLogger("jobs.beat")

PUT_BACK_EVERY = 5.0
SILENCE = 3.0
# The shortest beat is 1 s; looking four times as often keeps it from drifting to 2 s.
LOOK_EVERY = 0.25


class Fallback:
    """Runs the ticks that must not wait for Redis, while they are needed.

    A thread each, so that a gateway that takes its time does not hold up the mail.
    """

    EVERY = 1.0

    def __init__(self, work: Mapping[str, Callable[[], object]]) -> None:
        self._work = work
        self._needed = threading.Event()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def needed(self) -> bool:
        return self._needed.is_set()

    def start(self) -> None:
        if self.needed:
            return
        log.warning("no tick is being taken: running %s here", ", ".join(self._work))
        self._needed.set()
        if not self._threads:
            for name, work in self._work.items():
                thread = threading.Thread(target=self._loop, args=(name, work), daemon=True)
                thread.start()
                self._threads.append(thread)

    def rest(self) -> None:
        if self.needed:
            log.warning("ticks are being taken again")
            self._needed.clear()

    def end(self, patience: float) -> None:
        """Take nothing new; wait for what is in hand for `patience` seconds in all."""
        self._over.set()
        self._needed.set()
        deadline = clock.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - clock.monotonic()))

    def _loop(self, name: str, work: Callable[[], object]) -> None:
        while self._needed.wait() and not self._over.is_set():
            try:
                work()
            except Exception:
                # Whatever failed, the next second tries again; the loop is not the work.
                log.exception("%s failed in the beat process", name)
            self._over.wait(self.EVERY)


class Watch:
    """Tells for how long no tick has been taken."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._waiting: dict[str, float] = {}

    def look(self, scheduler: TickScheduler, now: float) -> None:
        """Note which ticks wait for a worker. Raises RedisError."""
        for beat in BEATS:
            if beat.every == 1 and scheduler.waiting(beat.id):
                self._waiting.setdefault(beat.id, now)
            else:
                self._waiting.pop(beat.id, None)
        self._heard = now

    def silence(self, now: float) -> float:
        """Seconds since Redis spoke, or since every tick of a second has been waiting."""
        everyone = sum(beat.every == 1 for beat in BEATS)
        stuck = min((now - since for since in self._waiting.values()), default=0.0)
        return max(now - self._heard, stuck if len(self._waiting) == everyone else 0.0)


class BeatLoop:
    """One pass per call of `step`; never raises because of Redis."""

    def __init__(self, scheduler: TickScheduler, fallback: Fallback) -> None:
        self._scheduler = scheduler
        self._fallback = fallback
        self._watch = Watch(clock.monotonic())
        self._put_back_at = 0.0

    def step(self) -> None:
        now = clock.monotonic()
        try:
            # Five more seconds without a schedule would be five seconds without a line.
            if now >= self._put_back_at or self._scheduler.is_gone():
                put_back(self._scheduler)
                self._put_back_at = now + PUT_BACK_EVERY
            self._scheduler.enqueue_jobs()
            self._watch.look(self._scheduler, now)
        except RedisError as exc:
            log.debug("the job queue's Redis is away: %s", exc)
        except Exception:
            # A schedule that cannot be read was damaged by someone; the table knows better.
            log.exception("the schedule could not be read")
            self._put_back_at = now + 1.0
        if self._watch.silence(clock.monotonic()) >= SILENCE:
            self._fallback.start()
        else:
            self._fallback.rest()


def fallback_work() -> dict[str, Callable[[], object]]:
    """What cannot wait for Redis: our debts to the outside, and the holds that run out."""
    return {
        # Four kinds of work share this one process's connections to Postgres.
        "money": lambda: delivery.deliver("money", most_hands=3),
        "mail": lambda: delivery.deliver("mail", most_hands=1),
        "payments": ticks.payments,
        "expiry": ticks.expire,
    }


def main() -> int:
    """Beat until SIGTERM or SIGINT."""
    try:
        application()
    except SettingError as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ending.ask)
    ending.leave_in_time()
    fallback = Fallback(fallback_work())
    loop = BeatLoop(scheduler_on(client(settings.jobs_redis_url)), fallback)
    while not ending.asked():
        loop.step()
        time.sleep(LOOK_EVERY)
    fallback.end(patience=ending.LONGEST_END)
    ending.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
