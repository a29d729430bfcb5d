"""A worker of one lane: `python -m jobs.worker money`.

RQ's SimpleWorker runs each job in this very process. The usual worker forks for every job, which
here would mean eight times a second a fresh copy of the application, with connections to Postgres
and Redis that two processes must not share. What a fork protects from (a job that takes its
worker down) the supervisor mends within a second, and no job is lost by it: a tick comes again,
an outbox entry comes back.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import time
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker import SimpleWorker

from app.config import SettingError
from app.extensions import settings
from app.failpoints import reached
from jobs import ending
from jobs.context import application
from jobs.schedule import LANE as BEATS

log = logging.getLogger("jobs.worker")

LANES = (BEATS, "money", "mail")


class LaneWorker(SimpleWorker):
    """SimpleWorker with short waits, and without what a lost Redis would leave behind."""

    # RQ's own cap lets a worker sleep for a minute beside a Redis that is back.
    max_connection_wait_time = 2.0
    # One wait for a job; a connection whose other end vanished is noticed after two of them.
    dequeue_timeout = 2
    connection_timeout = 4
    log_result_lifespan = False

    def execute_job(self, job: Job, queue: Queue) -> None:
        """A job has left the lane and is in this process's hands only."""
        reached("job:", "taken")
        super().execute_job(job, queue)
        reached("job:", "done")

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """In one round trip: RQ sends three commands at each, and three of these for each job."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with self.connection.pipeline(transaction=False) as own:
            super().heartbeat(timeout, own)
            own.execute()

    def subscribe(self) -> None:
        """No channel for commands: nobody sends any, and each loss of Redis would leave another
        thread behind."""

    def unsubscribe(self) -> None:
        """See subscribe()."""

    def handle_warm_shutdown_request(self) -> None:
        """SIGTERM or SIGINT has come; called within the signal handler."""
        ending.ask()

    def set_shutdown_requested_date(self) -> None:
        """Nothing: RQ writes this to Redis from within the signal handler, and a Redis that is
        away would raise in the middle of the job in hand."""

    @property
    def asked_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None


def connect(url: str) -> Redis:
    """A bytes client without retries: the loop around it is the retry."""
    return Redis.from_url(url, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


def work(lane: str) -> None:
    """Serve a lane until SIGTERM or SIGINT; the job in hand is finished first, if it can be
    within seconds."""
    ending.leave_in_time()
    connection = connect(settings.jobs_redis_url)
    while not _work_until_redis_goes(lane, connection):
        # RQ's handlers belong to a worker that is over. Nothing is in hand, so the default
        # (end at once) is right until the next one installs its own.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        time.sleep(0.5)


def _work_until_redis_goes(lane: str, connection: Redis) -> bool:
    """Says whether the worker ended because it was asked to."""
    worker = None
    try:
        # A Redis that was emptied has forgotten the rest of what a worker wrote at its birth, so
        # the name says which process it is; the last part keeps it from being an earlier one's.
        name = f"{lane}-{os.getpid()}-{secrets.token_hex(4)}"
        worker = LaneWorker([lane], name=name, connection=connection)
        worker.work(logging_level="WARNING")
    except StopRequested:
        return True
    except RedisError as exc:
        log.warning("the job queue's Redis is away: %s", exc)
    return worker is not None and worker.asked_to_stop


def main() -> int:
    """Serve the lane named on the command line."""
    lane = sys.argv[1] if len(sys.argv) == 2 else ""
    if lane not in LANES:
        print(f"Usage: python -m jobs.worker {'|'.join(LANES)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        application()
    except SettingError as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return 2
    work(lane)
    ending.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
