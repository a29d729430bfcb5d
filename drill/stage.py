"""The running product as those who strike it see it: its programs, its servers, its folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from psycopg.rows import namedtuple_row

from drill.product import ROOT
from sandbox import leftovers, orders
from sandbox.orders import Order

# Every program that serves jobs, as supervisord.conf names them.
JOBS = ("beats-0", "beats-1", "money", "mail", "beat")


class Stage:
    """One run of the product. `run` is what its run.json says; `data_dir` its folder; `slug` the
    event that is struck."""

    def __init__(self, run: Mapping[str, Any], data_dir: Path) -> None:
        self.run, self.data_dir = run, data_dir
        self.slug = ""
        self.line_redis = _redis(run["redis_url"])
        self.jobs_redis = _redis(run["jobs_redis_url"])

    def close(self) -> None:
        self.line_redis.close()
        self.jobs_redis.close()

    # -- programs

    def processes(self, program: str) -> list[psutil.Process]:
        """The program's own process first, then its children."""
        found = leftovers.of_run(self.data_dir, program)
        ours = {process.pid for process in found}
        return sorted(found, key=lambda process: _parent(process) in ours)

    def kill(self, program: str, by: int = signal.SIGKILL) -> None:
        """End the program by a signal; supervisor starts it again."""
        for process in self.processes(program)[:1]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(by)

    @contextmanager
    def away(self, *programs: str, by: int = signal.SIGKILL) -> Iterator[None]:
        """End the programs and keep them away for the length of the block."""
        for program in programs:
            orders.give(self.data_dir, program, Order(away=True))
        try:
            for program in programs:
                self.kill(program, by)
            yield
        finally:
            for program in programs:
                orders.withdraw(self.data_dir, program)

    @contextmanager
    def restarted_with(self, program: str, **environment: str) -> Iterator[None]:
        """Have a program run with other settings for the length of the block."""
        orders.give(self.data_dir, program, Order(environment=environment))
        try:
            self.kill(program)
            yield
        finally:
            orders.withdraw(self.data_dir, program)
            self.kill(program)

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """Stop every process of the program (SIGSTOP) for the length of the block."""
        processes = self.processes(program)
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        try:
            yield
        finally:
            for process in reversed(processes):
                with contextlib.suppress(psutil.Error):
                    process.resume()

    @contextmanager
    def beside(self, commands: Sequence[Sequence[str]]) -> Iterator[None]:
        """Run more programs with the environment of this run for the length of the block."""
        environment = self.environment()
        log = (self.data_dir / "log" / "beside.log").open("ab")
        with log:
            started = [
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
                for command in commands
            ]
            try:
                yield
            finally:
                for process in started:
                    process.terminate()
                for process in started:
                    try:
                        process.wait(10)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()

    def environment(self) -> dict[str, str]:
        """What the programs of this run were started with."""
        own = self.processes("web")[0].environ()
        return {name: value for name, value in own.items() if not name.startswith("SUPERVISOR_")}

    # -- servers

    def server_pid(self, server: str) -> int | None:
        """The process of "postgres" or "redis", or None while it is away."""
        with contextlib.suppress(IndexError, psutil.Error):
            found = self.processes(server)[0]
            # While it is away, a Python that waits for it stands in its place.
            return None if "python" in found.name() else found.pid
        return None

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the drill's own, in autocommit, which no cut of ours reaches."""
        with psycopg.connect(
            self.run["database_url"],
            autocommit=True,
            connect_timeout=2,
            application_name="drill",
            row_factory=namedtuple_row,
            options="-c statement_timeout=2000",
        ) as connection:
            yield connection

    @property
    def redis_folder(self) -> Path:
        return self.data_dir / "redis"

    def redis_answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.line_redis.ping())
        return False

    def postgres_answers(self) -> bool:
        with contextlib.suppress(psycopg.Error), self.database() as connection:
            connection.execute("SELECT 1")
            return True
        return False


def _redis(url: str) -> redis.Redis:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.Error:
        return None


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def wait_until(true: Callable[[], bool], patience: float, every: float = 0.05) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
