"""The one table of beats, and how it is kept in Redis.

rq-scheduler keeps its schedule in Redis, where it can be lost. The truth is this table; the
beat process puts back whatever is missing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from rq import Queue
from rq.job import Job
from rq_scheduler import Scheduler

from app import clock
from app.failpoints import reached

log = logging.getLogger(__name__)

LANE = "beats"
PREFIX = "beat-"
# A tick that runs longer hangs; the next one must not wait for it for ever.
LONGEST_TICK = 30
# Clocks of good machines differ by less (s).
_SLACK = 2


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
    Beat("turns", 5),
    Beat("analyze", 5),
    Beat("payments", 10),
    # The article's 30 s is the bound for healing, not the beat: a lease of 10 s, this beat,
    # and two looks have to fit in.
    Beat("reconcile", 10),
    Beat("samples", 10),
    Beat("marks", 10),
    Beat("forget", 60),
    Beat("thin", 300),
    Beat("drop", 600),
)


class TickScheduler(Scheduler):
    """rq-scheduler, so changed that ticks cannot pile up and two beat processes do not clash.

    rq-scheduler keeps them apart by a lock, which stops all ticks for 11 s when its holder is
    killed. Here whoever moves an entry's time forward enqueues its job, and no lock is needed.
    """

    def get_jobs_to_queue(self, with_times: bool = False) -> Any:
        """The entries that are due, by the clock of this process."""
        return self.get_jobs(int(clock.now().timestamp()), with_times=with_times)

    def enqueue_job(self, job: Job) -> None:
        """Move an entry to its next time, and its job into the lane unless it waits there."""
        every = int(job.meta["interval"])
        due = int(clock.now().timestamp()) + every
        moved = self.connection.zadd(self.scheduled_jobs_key, {job.id: due}, gt=True, ch=True)
        reached("beat:", "moved")
        # While no worker runs, each beat would leave another copy of the same job.
        if moved and not self.waiting(job.id):
            self.get_queue_for_job(job).enqueue_job(job)
            reached("job:", "enqueued")

    def is_gone(self) -> bool:
        """Whether nothing is scheduled at all, as after a loss of Redis."""
        return not self.connection.exists(self.scheduled_jobs_key)

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
            reached("beat:", "taken out")
    return written


def _in_place(scheduler: TickScheduler, beat: Beat) -> bool:
    due = scheduler.connection.zscore(scheduler.scheduled_jobs_key, beat.id)
    if due is None:
        return False
    if due > clock.now().timestamp() + beat.every + _SLACK:
        # Written by a process whose clock was ahead; it would be silent until then.
        return False
    # `data` is there only when the whole job is: a worker that had the job in hand during a
    # wipe leaves a hash with a heartbeat in it and nothing else.
    stored = scheduler.connection.hmget(Job.key_for(beat.id), "data", "description")
    return stored[0] is not None and stored[1] == _description(beat).encode()


def _write(scheduler: TickScheduler, beat: Beat) -> None:
    scheduler.schedule(
        clock.now().replace(tzinfo=None),
        beat.function,
        interval=beat.every,
        id=beat.id,
        timeout=LONGEST_TICK,
        queue_name=LANE,
        description=_description(beat),
    )
    reached("beat:", "put back")


def _description(beat: Beat) -> str:
    # Also tells an entry of an earlier version of the table from one of this version.
    return f"{beat.function} every {beat.every} s"


def scheduler_on(connection: Any) -> TickScheduler:
    """The scheduler of the beats on this connection to Redis."""
    return TickScheduler(queue_name=LANE, connection=connection, interval=1)
