"""What is looked at while the noon lasts: the line, the tickets, and the memory of each process."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from app.line.keys import keys_of
from drill.till import Till
from sandbox import leftovers

MEMORY_EVERY = 10.0

_TICKETS = """
SELECT coalesce(sum(quantity) FILTER (WHERE state = 'CONFIRMED'), 0)::int AS sold,
    coalesce(sum(quantity) FILTER (WHERE state = 'HELD'), 0)::int AS held
FROM claims WHERE event_id = %(event)s
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One moment: seconds since the first fan, people waiting and inside, tickets held and sold."""

    at: float
    waiting: int
    inside: int
    held: int
    sold: int

    def as_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(slots=True)
class Peak:
    """The most memory that a process of a program ever had, in bytes. PSS counts what processes
    share once in all, RSS counts it for each of them."""

    processes: int = 0
    largest_pss: int = 0
    largest_rss: int = 0
    all_pss: int = 0


@dataclass
class Watch:
    """Looks once a second, and at the memory now and then. `processor_time` is what the client
    processes took, in seconds, known when they have ended."""

    till: Till
    event: int
    data_dir: Path
    began: float
    looks: list[Look] = field(default_factory=list)
    memory: dict[str, Peak] = field(default_factory=dict)
    processor_time: float = 0.0

    def __post_init__(self) -> None:
        self._redis = redis.Redis.from_url(self.till.run["redis_url"])
        self._weighed = float("-inf")

    def look(self) -> Look:
        keys = keys_of(self.event)
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zcard(keys.line)
            pipeline.zcard(keys.passes)
            waiting, inside = pipeline.execute()
        (tickets,) = self.till.rows(_TICKETS, {"event": self.event})
        found = Look(time.time() - self.began, waiting, inside, tickets.held, tickets.sold)
        self.looks.append(found)
        if time.monotonic() - self._weighed > MEMORY_EVERY:
            self.weigh()
            self._weighed = time.monotonic()
        return found

    def weigh(self) -> None:
        now: dict[str, list[Any]] = {}
        for process in leftovers.of_run(self.data_dir):
            with contextlib.suppress(psutil.Error, OSError):
                now.setdefault(self._program(process), []).append(process.memory_full_info())
        for program, found in now.items():
            peak = self.memory.setdefault(program, Peak())
            peak.processes = max(peak.processes, len(found))
            peak.largest_pss = max(peak.largest_pss, *(memory.pss for memory in found))
            peak.largest_rss = max(peak.largest_rss, *(memory.rss for memory in found))
            peak.all_pss = max(peak.all_pss, sum(memory.pss for memory in found))

    def _program(self, process: psutil.Process) -> str:
        for server in leftovers.SERVERS:
            if Path(process.cwd()) == self.data_dir / server:
                return server
        name: str = process.environ().get(leftovers.PROGRAM, "supervisor")
        return name.rstrip("-0123456789")

    def close(self) -> None:
        self._redis.close()
