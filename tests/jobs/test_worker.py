from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue

from sandbox import servers

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = "tests.jobs.samples"


class Worker:
    """`python -m jobs.worker mail` in a process of its own."""

    def __init__(self, settings: Any, server: servers.Redis, log: Path) -> None:
        self.server = server
        self.log = log
        environment = {
            **os.environ,
            "FAIRQUEUE_ENV": "development",
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "JOBS_REDIS_URL": server.url,
            "SMTP_URL": settings.smtp_url,
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jobs.worker", "mail"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def give(self, function: str, *arguments: str) -> None:
        with redis.Redis.from_url(self.server.url) as connection:
            Queue("mail", connection=connection).enqueue(f"{SAMPLES}.{function}", *arguments)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def worker(settings: Any, jobs_redis: servers.Redis, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(settings, jobs_redis, tmp_path / "worker.log")
    yield worker
    worker.end()


def seen(path: Path, patience: float = 20) -> bool:
    return wait_until(path.exists, patience)


def wait_until(true: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_worker_survives_a_redis_that_dies_and_comes_back_empty(
    worker: Worker, jobs_redis: servers.Redis, tmp_path: Path
) -> None:
    worker.give("touch", str(tmp_path / "before"))
    assert seen(tmp_path / "before"), worker.log.read_text()
    jobs_redis.kill()
    time.sleep(3)
    jobs_redis.start()
    back_at = time.monotonic()
    worker.give("touch", str(tmp_path / "after"))
    assert seen(tmp_path / "after"), worker.log.read_text()
    # The cap of its waits is 2 s; RQ's own is a minute.
    assert time.monotonic() - back_at < 4
    assert worker.process.poll() is None, "the same process, not a new one"


def test_sigterm_finishes_the_job_in_hand(worker: Worker, tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    worker.give("touch_slowly", str(begun), str(ended))
    worker.give("touch", str(tmp_path / "next"))
    assert seen(begun), worker.log.read_text()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(10) == 0
    assert ended.exists()
    assert not (tmp_path / "next").exists(), "nothing new is taken"


def test_sigterm_ends_an_idle_worker_at_once_also_when_redis_is_dead(
    worker: Worker, jobs_redis: servers.Redis, tmp_path: Path
) -> None:
    worker.give("touch", str(tmp_path / "before"))
    assert seen(tmp_path / "before"), worker.log.read_text()
    jobs_redis.kill()
    time.sleep(0.5)
    worker.process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    worker.process.wait(10)
    assert time.monotonic() - started < 3


def test_a_job_that_fails_does_not_take_its_worker_down(worker: Worker, tmp_path: Path) -> None:
    worker.give("fail")
    worker.give("touch", str(tmp_path / "after"))
    assert seen(tmp_path / "after"), worker.log.read_text()
    assert "on purpose" in worker.log.read_text()


def test_an_unknown_lane_is_refused_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.worker", "everything"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "Usage: python -m jobs.worker beats|money|mail\n"
