"""The kinds of faults: one function each. A function strikes, lasts as long as the fault does, and
returns when it is over: when the process is killed, the server answers again, the program may come
back. What is still wrong from then on is what has to heal."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import redis

from drill.probe import line_answers
from drill.stage import JOBS, Stage, python, wait_until
from sandbox import servers

FROZEN_REDIS = 10.0
FROZEN_POSTGRES = 5.0
# Long enough for everyone to notice, and for the fans to try everything meanwhile.
AWAY = 4.0
POSTGRES_AWAY = 6.0
REFUSING = 8.0
GATEWAY_AWAY = 60.0
MAIL_AWAY = 15.0
WRONG_CLOCK = 300
LONGEST_START = 30.0


@dataclass(frozen=True, slots=True)
class Kind:
    """`server` is what the fault takes away or falsifies: two faults at once never share one.
    `lost`: "redis" or "postgres" when fans lose that server for a while."""

    name: str
    words: str
    strike: Callable[[Stage, random.Random], None]
    server: str
    lost: str = ""


KINDS: dict[str, Kind] = {}

Strike = Callable[[Stage, random.Random], None]


def kind(words: str, server: str, lost: str = "") -> Callable[[Strike], Strike]:
    """Enter a function into the table of kinds, under its own name."""

    def enter(strike: Strike) -> Strike:
        name = strike.__name__
        KINDS[name] = Kind(name, words, strike, server, lost)
        return strike

    return enter


# -- our own programs


@kind("a web worker is killed", "web")
def web_worker(stage: Stage, chance: random.Random) -> None:
    _, *workers = stage.processes("web")
    _kill(chance.choice(workers) if workers else None)


@kind("the whole web server is killed", "web")
def web_server(stage: Stage, chance: random.Random) -> None:
    stage.kill("web")


@kind("a worker of the beats is killed in mid-job", "jobs")
def beats_in_mid_job(stage: Stage, chance: random.Random) -> None:
    _kill_in_mid_job(stage, "beats")


@kind("the worker of the money is killed in mid-job", "jobs")
def money_in_mid_job(stage: Stage, chance: random.Random) -> None:
    _kill_in_mid_job(stage, "money")


@kind("the worker of the mail is killed in mid-job", "jobs")
def mail_in_mid_job(stage: Stage, chance: random.Random) -> None:
    _kill_in_mid_job(stage, "mail")


@kind("the scheduler is killed", "jobs")
def scheduler(stage: Stage, chance: random.Random) -> None:
    stage.kill("beat")


@kind("one program's clock is five minutes off", "jobs")
def wrong_clock(stage: Stage, chance: random.Random) -> None:
    program = chance.choice(("beats-0", "money", "beat", "web"))
    offset = chance.choice((WRONG_CLOCK, -WRONG_CLOCK))
    with stage.restarted_with(program, CLOCK_OFFSET=str(offset)):
        time.sleep(10)


@kind("two of every program", "jobs")
def two_of_each(stage: Stage, chance: random.Random) -> None:
    port = int(stage.environment()["PORT"]) + 7
    commands = [python("-m", "jobs.worker", lane) for lane in ("beats", "money", "mail")]
    commands += [python("-m", "jobs.beat")]
    web = f"--interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 8"
    web += " --workers-kill-timeout 3 --log-level warning wsgi:app"
    commands += [["granian", *web.split()]]
    second = {**stage.run, "url": f"http://localhost:{port}"}
    with stage.beside(commands):
        time.sleep(8)
        # Fans come in by the first; somebody goes to the second as well.
        if not wait_until(lambda: not line_answers(second, stage.slug), LONGEST_START, every=0.5):
            raise AssertionError(f"the second web: {line_answers(second, stage.slug)}")


@kind("nothing is left but the web", "jobs")
def web_alone(stage: Stage, chance: random.Random) -> None:
    with stage.away(*JOBS):
        time.sleep(10)


# -- Redis


@kind("Redis is stopped for 10 s (SIGSTOP)", "redis", lost="redis")
def redis_frozen(stage: Stage, chance: random.Random) -> None:
    with stage.frozen("redis"):
        time.sleep(FROZEN_REDIS)


@kind("Redis is killed and comes back empty", "redis", lost="redis")
def redis_killed(stage: Stage, chance: random.Random) -> None:
    with stage.away("redis"):
        time.sleep(AWAY)
    wait_until(stage.redis_answers, LONGEST_START)


@kind("Redis is emptied (FLUSHALL)", "redis")
def redis_flushed(stage: Stage, chance: random.Random) -> None:
    _ask(stage, "FLUSHALL")


@kind("Redis refuses writes (maxmemory)", "redis", lost="redis")
def redis_full(stage: Stage, chance: random.Random) -> None:
    _ask(stage, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    _ask(stage, "CONFIG", "SET", "maxmemory", "1mb")
    try:
        time.sleep(REFUSING)
    finally:
        _ask(stage, "CONFIG", "SET", "maxmemory", "0")


@kind("the disk under Redis' append-only file is full (ulimit -f)", "redis", lost="redis")
def redis_disk_full(stage: Stage, chance: random.Random) -> None:
    pid = stage.server_pid("redis")
    assert pid is not None, "Redis is away already"
    _ask(stage, "CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
    _ask(stage, "CONFIG", "SET", "appendonly", "yes")
    try:
        wait_until(lambda: not _persistence(stage).get("aof_rewrite_in_progress"), 10)
        # The signal that goes with it (SIGXFSZ) is ignored: Python ignores it, and what Python
        # becomes inherits that. So Redis sees an error of write(2), as on a full disk.
        _limit_files(pid, "65536")
        # Refused, if what the fans write has filled the disk before.
        with contextlib.suppress(redis.ResponseError):
            _ask(stage, "SETEX", "drill:filler", "5", "x" * 200_000)
        full = wait_until(lambda: _persistence(stage).get("aof_last_write_status") == "err", 10)
        assert full, "the disk did not become full"
        time.sleep(REFUSING)
    finally:
        _limit_files(pid, "unlimited")
        wait_until(lambda: _persistence(stage).get("aof_last_write_status") == "ok", 10)
        _ask(stage, "CONFIG", "SET", "appendonly", "no")


@kind("Redis comes back with an old snapshot", "redis")
def redis_old(stage: Stage, chance: random.Random) -> None:
    _ask(stage, "SAVE")
    time.sleep(AWAY)
    before = stage.server_pid("redis")
    stage.kill("redis")
    wait_until(lambda: stage.server_pid("redis") != before and stage.redis_answers(), LONGEST_START)
    (stage.redis_folder / "dump.rdb").unlink(missing_ok=True)


# -- Postgres


@kind("Postgres is shut down at once (SIGQUIT) and started again", "postgres", lost="postgres")
def postgres_killed(stage: Stage, chance: random.Random) -> None:
    # The immediate shutdown: no farewell, and recovery at the next start.
    with stage.away("postgres", by=signal.SIGQUIT):
        time.sleep(POSTGRES_AWAY)
    wait_until(stage.postgres_answers, LONGEST_START)


@kind("Postgres is stopped for 5 s (SIGSTOP)", "postgres", lost="postgres")
def postgres_frozen(stage: Stage, chance: random.Random) -> None:
    with stage.frozen("postgres"):
        time.sleep(FROZEN_POSTGRES)


@kind("every connection to Postgres is cut", "postgres")
def connections_cut(stage: Stage, chance: random.Random) -> None:
    with stage.database() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'fairqueue'"
        )


# -- the outside


@kind("the gateway is away for 60 s", "gateway")
def gateway_away(stage: Stage, chance: random.Random) -> None:
    with stage.away("gateway"):
        time.sleep(GATEWAY_AWAY)


@kind("the mail server is away for 15 s", "mail")
def mail_away(stage: Stage, chance: random.Random) -> None:
    with stage.away("mailbox"):
        time.sleep(MAIL_AWAY)


def _kill(process: psutil.Process | None) -> None:
    if process is not None:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _kill_in_mid_job(stage: Stage, lane: str) -> None:
    """SIGKILL to a worker of the lane at a moment when RQ says that it has a job in hand; after
    5 s without such a moment, at any."""
    in_hand: list[int] = []

    def busy() -> bool:
        for key in stage.jobs_redis.scan_iter(match=f"rq:worker:{lane}-*", count=1000):
            if stage.jobs_redis.hget(key, "state") == "busy":
                # jobs/worker.py names its workers after their processes.
                in_hand.append(int(key.removeprefix(f"rq:worker:{lane}-").partition("-")[0]))
                return True
        return False

    with contextlib.suppress(redis.RedisError, psutil.NoSuchProcess):
        if wait_until(busy, 5, every=0.002):
            _kill(psutil.Process(in_hand[0]))
            return
    stage.kill("beats-0" if lane == "beats" else lane)


def _limit_files(pid: int, size: str) -> None:
    """What `ulimit -f` does, for a process that runs already: only its own user may do it."""
    command = ["prlimit", f"--pid={pid}", f"--fsize={size}:unlimited"]
    subprocess.run(servers.unprivileged(command), check=True, capture_output=True)


def _ask(stage: Stage, *command: str) -> None:
    """One command; a server that is silent hears it when it wakes up."""
    with contextlib.suppress(redis.TimeoutError):
        stage.line_redis.execute_command(*command)


def _persistence(stage: Stage) -> dict[str, object]:
    with contextlib.suppress(redis.RedisError):
        return dict(stage.line_redis.info("persistence"))
    return {}
