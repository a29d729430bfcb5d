"""The wake-up call: tells a lane's workers that the outbox has something for them.

Nothing depends on it. When it is lost, the sweep finds the same rows within a second; so it
never raises, never waits long, and many calls become one.

A process that rang a moment ago does not ring again, and a ring needs no job while a delivery says
that it listens. Nothing waits for the sweep because of that: a delivery goes on looking for LINGER
after its beginning and after each entry that it finds; so it looks once more after the quiet of
whoever rang while it said so.
"""

from __future__ import annotations

import logging
from functools import cache

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue

from app import clock
from app.extensions import settings
from app.failpoints import reached

log = logging.getLogger(__name__)

# Every waiting web request pays for this, so it is as short as any Redis call may be.
LONGEST_WAIT = 0.3
# After a failed call nobody tries for a moment: a thousand requests would each wait in vain.
BREATHER = 1.0
# For so long after a ring this process does not ring the same lane again (s).
QUIET = 0.7
# For so long a delivery that listens is heard of, without saying so again (s).
LISTENING = 0.7
# For so long a delivery looks for more before it ends (s); jobs/delivery.py.
LINGER = 2.1
# A lane with this many waiting calls is awake already.
ENOUGH = 2
# A delivery takes entries for twenty seconds, and one entry makes two or three calls to the gateway
# of 10 s each at worst; what runs longer than this hangs.
LONGEST_DELIVERY = 60

DELIVER = "jobs.delivery.deliver"

_silent_until = 0.0
_rang_at: dict[str, float] = {}


def wake(lane: str) -> None:
    """Ask for a delivery of `lane` ("money" or "mail") by its worker, soon. Never raises."""
    now = clock.monotonic()
    if now - _rang_at.get(lane, float("-inf")) < QUIET:
        return
    # Before the ring: what is committed while it is under way is rung for again, not forgotten.
    _rang_at[lane] = now
    ring(lane)


def ring(lane: str) -> None:
    """As wake(), also a moment after the last time."""
    global _silent_until
    if clock.monotonic() < _silent_until:
        return
    try:
        connection = client(settings.jobs_redis_url)
        queue = _queue(settings.jobs_redis_url, lane)
        with connection.pipeline(transaction=False) as pipeline:
            pipeline.set(waking_key(lane), 1, nx=True, ex=1)
            pipeline.llen(queue.key)
            first, waiting = pipeline.execute()
        reached("job:", "announced")
        if first and waiting < ENOUGH:
            with connection.pipeline() as pipeline:
                # Without a pipeline of ours RQ takes a trip more; and a result that is kept for a
                # second costs it fewer words than one that is not.
                queue.enqueue(
                    DELIVER,
                    lane,
                    job_timeout=LONGEST_DELIVERY,
                    result_ttl=1,
                    failure_ttl=3600,
                    pipeline=pipeline,
                )
                pipeline.execute()
            reached("job:", "enqueued")
    except RedisError as exc:
        _silent_until = clock.monotonic() + BREATHER
        log.warning("wake-up call for %s lost: %s", lane, exc)


class Ear:
    """Says that a delivery of `lane` listens: for LISTENING seconds more a call needs no job.

    Never raises: when nothing is heard of it, there is one job more.
    """

    def __init__(self, lane: str) -> None:
        self._key = waking_key(lane)
        self._opened_at: float | None = None

    def open(self) -> None:
        now = clock.monotonic()
        # Half of the time, so that a crowd that comes all the time costs few words.
        if self._opened_at is not None and now - self._opened_at < LISTENING / 2:
            return
        try:
            client(settings.jobs_redis_url).set(self._key, 1, px=int(LISTENING * 1000))
            reached("job:", "listens")
            self._opened_at = now
        except RedisError as exc:
            log.debug("could not say that somebody listens: %s", exc)

    def close(self) -> None:
        """From now on a call is for another delivery."""
        if self._opened_at is None:
            return
        try:
            client(settings.jobs_redis_url).delete(self._key)
            reached("job:", "listens no more")
            self._opened_at = None
        except RedisError as exc:
            log.debug("could not say that nobody listens: %s", exc)


def waking_key(lane: str) -> str:
    return f"fairqueue:waking:{lane}"


@cache
def _queue(url: str, lane: str) -> Queue:
    """Kept, because each new one asks which version of Redis it speaks to."""
    return Queue(lane, connection=client(url))


@cache
def client(url: str) -> Redis:
    """This process's client for short calls to the job queue's Redis: no retries."""
    return Redis.from_url(
        url,
        socket_timeout=LONGEST_WAIT,
        socket_connect_timeout=LONGEST_WAIT,
        retry=Retry(NoBackoff(), 0),
    )
