"""The one table of beats, and how it is kept in Redis.

rq-scheduler keeps its schedule in Redis, where it can be lost. The truth is this table; the
beat process puts back whatever is missing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rq import Queue
from rq.job import Job
from rq_scheduler import Scheduler

log = logging.getLogger(__name__)

LANE = "beats"
PREFIX = "beat-"
# A tick that runs longer hangs; the next one must not wait for it for ever.
LONGEST_TICK = 30


@dataclass(frozen=True, slots=True)
class Beat:
    """One periodic job. `every` is in seconds; `function` is a function of jobs.ticks."""

    name: str
    every: int

    @property
    def id(self) -> str:
        """Fixed, so that putting a beat back a thousand times leaves one."""
        return PREFIX + self.name

    @property
    def function(self) -> str:
        return f"jobs.ticks.{self.name}"


BEATS = (
    Beat("calendar", 1),
    Beat("admit", 1),
    Beat("journal", 1),
    Beat("outbox", 1),
    Beat("expire", 5),
    Beat("payments", 10),
    # The article's 30 s is the bound for healing, not the beat: a lease of 10 s, this beat,
    # and two looks have to fit in.
    Beat("reconcile", 10),
)


class TickScheduler(Scheduler):
    """rq-scheduler, so changed that ticks cannot pile up and two beat processes do not clash.

    rq-scheduler keeps them apart by a lock, which stops all ticks for 11 s when its holder is
    killed. Here whoever moves an entry's time forward enqueues its job, and no lock is needed.
    """

    def enqueue_job(self, job: Job) -> None:
        """Move an entry to its next time, and its job into the lane unless it waits there."""
        every = int(job.meta["interval"])
        due = int(datetime.now(UTC).timestamp()) + every
        moved = self.connection.zadd(self.scheduled_jobs_key, {job.id: due}, gt=True, ch=True)
        # While no worker runs, each beat would leave another copy of the same job.
        if moved and not self.waiting(job.id):
            self.get_queue_for_job(job).enqueue_job(job)

    def waiting(self, job_id: str) -> bool:
        """Whether a copy of this job waits for a worker."""
        return self.connection.lpos(Queue.redis_queue_namespace_prefix + LANE, job_id) is not None


def put_back(scheduler: TickScheduler) -> int:
    """Put every beat into the schedule that is missing there or differs; take out what is not
    in the table. Says how many entries it wrote. Raises RedisError."""
    written = 0
    for beat in BEATS:
        if not _in_place(scheduler, beat):
            _write(scheduler, beat)
            written += 1
    known = {beat.id for beat in BEATS}
    for raw in scheduler.connection.zrange(scheduler.scheduled_jobs_key, 0, -1):
        name = raw.decode()
        if name.startswith(PREFIX) and name not in known:
            scheduler.cancel(name)
    return written


def _in_place(scheduler: TickScheduler, beat: Beat) -> bool:
    if beat.id not in scheduler:
        return False
    # `data` is there only when the whole job is: a worker that had the job in hand during a
    # wipe leaves a hash with a heartbeat in it and nothing else.
    stored = scheduler.connection.hmget(Job.key_for(beat.id), "data", "description")
    return stored[0] is not None and stored[1] == _description(beat).encode()


def _write(scheduler: TickScheduler, beat: Beat) -> None:
    scheduler.schedule(
        datetime.now(UTC).replace(tzinfo=None),
        beat.function,
        interval=beat.every,
        id=beat.id,
        timeout=LONGEST_TICK,
        queue_name=LANE,
        description=_description(beat),
    )


def _description(beat: Beat) -> str:
    # Also tells an entry of an earlier version of the table from one of this version.
    return f"{beat.function} every {beat.every} s"


def scheduler_on(connection: Any) -> TickScheduler:
    """The scheduler of the beats on this connection to Redis."""
    return TickScheduler(queue_name=LANE, connection=connection, interval=1)
