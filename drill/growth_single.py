"""What `make growth` measures once: the journal's lag, a rebuild, a reconciliation, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from app.line.keys import keys_of
from drill import load
from drill.bench import Bench
from drill.bench_kinds import KINDS, Supplies
from drill.load import NotAMeasurement
from drill.product import ROOT
from drill.stock import Event

_JOIN = next(kind for kind in KINDS if kind.name == "join")
# So many seconds of joining as fast as the site can, and joins prepared for them.
_JOINING_S = 8
_JOINS = 200_000

# Runs in a process of its own, as a beat's worker runs it; prints seconds.
_RECONCILE = """
import json, time
from app.factory import create_app
with create_app().app_context():
    from app.services.reconciliation import reconcile_once
    reconcile_once()
    started = time.perf_counter()
    healed = reconcile_once()
    print(json.dumps([time.perf_counter() - started, healed]))
"""


@dataclass(frozen=True, slots=True)
class Single:
    """`worker_mb`: the memory that belongs to each web worker (PSS). `held_ms`: the longest that
    one script of the reconciliation kept Redis (SLOWLOG)."""

    joins_per_second: float
    journal_lag_s: float
    rebuild_s: float
    reconcile_s: float
    reconcile_held_ms: float
    worker_mb: list[float]


def measure(bench: Bench, supplies: Supplies, people: int) -> Single:
    """Each in turn. Raises NotAMeasurement."""
    per_second, lag = journal_lag(bench, supplies)
    workers = [round(_pss_mb(process), 1) for process in bench.counters.web_workers()]
    rebuilt = rebuild(bench, supplies, people)
    took, held = reconciliation(bench, people)
    return Single(per_second, lag, rebuilt, took, held, workers)


def journal_lag(bench: Bench, supplies: Supplies) -> tuple[float, float]:
    """(joins per second, the most seconds that a join was not in Postgres yet)."""
    event = bench.stock.line(1_000)
    requests = supplies.joins(event, _JOINS)
    with watching(bench, event) as lag:
        found = load.run(bench.site, requests, _JOINING_S, _JOIN.expected, once=True)
    bench.stock.over(event)
    return found.per_second, lag[0]


@contextmanager
def watching(bench: Bench, event: Event) -> Iterator[list[float]]:
    """Compare the last number given with the last one in Postgres, fifty times a second; yields
    [the longest lag in seconds]."""
    worst, over = [0.0], threading.Event()
    given: deque[tuple[float, int]] = deque()
    query = "SELECT journaled_number FROM lines WHERE event_id = %s"

    def watch() -> None:
        with psycopg.connect(bench.run["database_url"], autocommit=True) as database:
            while not over.wait(0.02):
                given.append((time.monotonic(), int(bench.stock.redis.get(seq) or 0)))
                row = database.execute(query, [event.id]).fetchone()
                now, written = time.monotonic(), row[0] if row else 0
                while given and given[0][1] <= written:
                    given.popleft()
                if given:
                    worst[0] = max(worst[0], now - given[0][0])

    seq = keys_of(event.id).seq
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield worst
    finally:
        over.set()
        thread.join(5)


def rebuild(bench: Bench, supplies: Supplies, people: int) -> float:
    """Seconds from FLUSHALL, with so many waiting, until somebody can join again."""
    event = bench.stock.line(people)
    strangers = supplies.joins(event, 1000)
    if _ask(bench, strangers.pop()) != _JOIN.expected:
        raise NotAMeasurement("Nobody could join before the loss.")
    # A moment, so that the journal is in Postgres.
    time.sleep(2)
    bench.stock.redis.flushall()
    started = time.monotonic()
    while _ask(bench, strangers.pop()) != _JOIN.expected:
        if time.monotonic() - started > 60 or not strangers:
            raise NotAMeasurement("The line did not come back.")
    took = time.monotonic() - started
    bench.stock.over(event)
    return took


def _ask(bench: Bench, whole: bytes) -> int:
    with load.connected(bench.site) as ask:
        return ask(whole)


def reconciliation(bench: Bench, tickets: int) -> tuple[float, float]:
    """(seconds, longest ms that Redis was held) of comparing so many tickets."""
    event = bench.stock.line(0, capacity=tickets)
    redis = bench.stock.redis
    redis.config_set("slowlog-log-slower-than", 100)
    redis.config_set("slowlog-max-len", 4096)
    redis.slowlog_reset()
    done = subprocess.run(
        [sys.executable, "-c", _RECONCILE],
        cwd=ROOT,
        env=bench.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        raise NotAMeasurement(f"The reconciliation ended with {done.stderr.strip()[-300:]}")
    took, healed = json.loads(done.stdout.strip().splitlines()[-1])
    if healed:
        raise NotAMeasurement(f"The reconciliation healed {healed} in a line that was right.")
    scripts = [
        entry["duration"] / 1000
        for entry in redis.slowlog_get(4096)
        if entry["command"].startswith((b"EVALSHA", b"EVAL "))
    ]
    bench.stock.over(event)
    return took, max(scripts, default=0.0)


def _pss_mb(process: object) -> float:
    return process.memory_full_info().pss / 1e6  # type: ignore[attr-defined,no-any-return]
