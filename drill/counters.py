"""Round trips to Postgres and Redis, counted at the servers.

Postgres: every statement in the server's own log (log_statement = all), one line each; BEGIN and
COMMIT are statements too. Redis: the reads of the server (`total_reads_processed` of INFO), for a
client's commands come in one read, whether it sends one, a pipeline or a script; INFO commandstats
says which commands they were. Commands that scripts call inside the server are no round trips.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import psycopg
import redis

from drill import asked_by
from sandbox import leftovers

_PREFIX = "fq-trips %p %r "
_STATEMENT = re.compile(
    rb"^fq-trips (\d+) \S+\((\d+)\) LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)",
    re.MULTILINE,
)
_COMMENT = re.compile(rb"--.*")
# Processes that work by themselves, whatever the site is asked.
WORKERS = ("beats-0", "beats-1", "money", "mail", "beat")


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips in some time. `statements` says how often each began so, and `commands` are
    those that INFO commandstats names, the ones that scripts called included. `by_program` is what
    each program of the product asked, (Postgres, Redis), where that was wanted."""

    postgres: float
    redis: float
    seconds: float
    statements: Mapping[str, float] = field(default_factory=dict)
    commands: Mapping[str, float] = field(default_factory=dict)
    by_program: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def less(self, idle: Trips) -> Trips:
        """Without what happens anyway in the same time."""
        share = self.seconds / idle.seconds
        postgres = self.postgres - idle.postgres * share
        redis = self.redis - idle.redis * share
        programs = {}
        if self.by_program:
            # Beats come late while a crowd is there. What a program leaves undone then must not be
            # taken off what another does.
            for name, found in self.by_program.items():
                anyway = idle.by_program.get(name, (0.0, 0.0))
                programs[name] = (
                    max(0.0, found[0] - anyway[0] * share),
                    max(0.0, found[1] - anyway[1] * share),
                )
            postgres = sum(own for own, _ in programs.values())
            redis = sum(own for _, own in programs.values())
        return Trips(
            postgres,
            redis,
            self.seconds,
            _less(self.statements, idle.statements, share),
            _less(self.commands, idle.commands, share),
            programs,
        )

    def each(self, count: int) -> tuple[float, float]:
        """(Postgres, Redis) per request, no less than none."""
        return (
            round(max(0.0, self.postgres / count), 2) + 0.0,
            round(max(0.0, self.redis / count), 2) + 0.0,
        )


class Counters:
    """The counters of one running product, which lies in `folder`."""

    def __init__(self, run: Mapping[str, Any], folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log" / "postgres.log"
        self.database = psycopg.connect(run["database_url"], autocommit=True)
        self.redis = redis.Redis.from_url(run["redis_url"])
        self._by_port: Counter[str] = Counter()

    def close(self) -> None:
        self.database.close()
        self.redis.close()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Postgres writes every statement into its log meanwhile. It is slower then, so nothing
        else is measured."""
        self._tell("log_statement = 'all'", f"log_line_prefix = '{_PREFIX}'")
        try:
            yield
        finally:
            self._tell("log_statement = DEFAULT", "log_line_prefix = DEFAULT")

    def _tell(self, *settings: str) -> None:
        for setting in settings:
            self.database.execute(f"ALTER SYSTEM SET {setting}")
        self.database.execute("SELECT pg_reload_conf()")
        # Every backend reads the new settings before its next statement, once it has the signal.
        time.sleep(0.3)

    @contextmanager
    def counting_by_program(self) -> Iterator[list[Trips]]:
        """As counting(), and who asked: slower, since Redis tells of each command."""
        found: list[Trips] = []
        names = (*WORKERS, "web")
        with self.counting() as counted, asked_by.watching(self.redis) as lines:
            programs = asked_by.programs_by_port(self.folder, names)
            yield found
            programs |= asked_by.programs_by_port(self.folder, names)
        redis = asked_by.trips(lines, programs)
        postgres: Counter[str] = Counter()
        for port, count in self._by_port.items():
            postgres[programs.get(port, asked_by.UNKNOWN)] += count
        both = {name: (postgres[name], redis[name]) for name in {*postgres, *redis}}
        found.append(replace(counted[0], by_program=both))

    @contextmanager
    def counting(self) -> Iterator[list[Trips]]:
        """Count what happens meanwhile, in `logging()`; the list holds the count afterwards."""
        found: list[Trips] = []
        own = self.database.info.backend_pid
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            self._marked(log)
            before, started = self._asked(), time.monotonic()
            yield found
            after, seconds = self._asked(), time.monotonic() - started
            logged = _STATEMENT.findall(self._marked(log))
        logged = [(port, text) for pid, port, text in logged if int(pid) != own]
        statements = Counter(_words(text) for _, text in logged)
        self._by_port = Counter(port.decode() for port, _ in logged)
        commands = {
            name: after[name] - before.get(name, 0)
            for name in sorted(after)
            if name.startswith("cmdstat_") and after[name] > before.get(name, 0)
        }
        found.append(
            Trips(
                postgres=statements.total(),
                # The second of our own two questions is among them.
                redis=after["reads"] - before["reads"] - 1,
                seconds=seconds,
                statements=dict(statements.most_common()),
                commands={name.removeprefix("cmdstat_"): n for name, n in commands.items()},
            )
        )

    def _marked(self, log: BinaryIO) -> bytes:
        """What the log says from where it was read to, up to a line of our own."""
        mark = f"mark {time.monotonic_ns()}".encode()
        self.database.execute(b"SELECT '" + mark + b"'")
        text, deadline = b"", time.monotonic() + 10
        while mark not in text:
            assert time.monotonic() < deadline, "Postgres does not log its statements"
            time.sleep(0.02)
            text += log.read()
            if self.log.stat().st_ino != os.fstat(log.fileno()).st_ino:
                # The supervisor has put a full log aside; the rest is in a new one.
                text += log.read() + self.log.read_bytes()
        return text.partition(mark)[0]

    def _asked(self) -> dict[str, int]:
        everything = self.redis.info("all")
        counts = {
            name: facts["calls"]
            for name, facts in everything.items()
            if name.startswith("cmdstat_")
        }
        return counts | {"reads": everything["total_reads_processed"]}

    @contextmanager
    def workers_at_rest(self) -> Iterator[None]:
        """The workers stand still, so that only what a request itself does is counted."""
        resting = [process for name in WORKERS for process in leftovers.of_run(self.folder, name)]
        assert resting, "the product's workers were not found"
        for process in resting:
            process.suspend()
        try:
            yield
        finally:
            for process in resting:
                process.resume()

    def web_workers(self) -> list[psutil.Process]:
        """The processes that answer requests: the children of Granian's first one."""
        found = leftovers.of_run(self.folder, "web")
        ids = {process.pid for process in found}
        return [process for process in found if process.ppid() in ids]


def _less(counts: Mapping[str, float], idle: Mapping[str, float], share: float) -> dict[str, float]:
    own = {name: round(n - idle.get(name, 0) * share, 1) for name, n in counts.items()}
    return dict(sorted(own.items(), key=lambda pair: -pair[1]))


def _words(statement: bytes) -> str:
    """How a statement begins, without its comments."""
    return " ".join(_COMMENT.sub(b"", statement).decode().split())[:70]
