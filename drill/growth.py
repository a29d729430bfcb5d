"""`make growth`: what a longer line costs: each join and poll, memory, the journal, a rebuild.

    python -m drill.growth [--sizes 1000,10000,100000,500000] [--rounds 3] [--seconds 2]
        [--strict] [--write-docs]

Starts a FairQueue of its own on empty servers and fills one line after the other. Cost is what a
request costs in bare views measured right beside it, so that a machine that is slower for a
minute does not count as growth. Ends with 1 when an answer was wrong; with --strict also when a
bar is not met.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from drill import bench_report as report
from drill import growth_single as single
from drill import load
from drill.bench import SECRETS, SPARE, Bench, end_on_sigterm, first_of
from drill.bench_kinds import KINDS, NEAR, Kind, Supplies, Supply
from drill.bench_report import Bar
from drill.load import NotAMeasurement
from drill.stock import Event

SIZES = (1_000, 10_000, 100_000, 500_000)
MOST_GROWTH = 1.3
MOST_BYTES = 350
MOST_MEMORY_MB = 150
# A line so long shows what a fan costs.
LONG = 10_000


@dataclass(frozen=True, slots=True)
class Size:
    """One line of so many waiting. Costs are in bare views; `redis_us` is the time that Redis
    itself spends on one script; `written_s` is how long the copy took to appear."""

    waiting: int
    written_s: float
    bytes_each: float
    cost: dict[str, float]
    redis_us: dict[str, float]


def measure(bench: Bench, supplies: Supplies, waiting: int, rounds: int, seconds: int) -> Size:
    """Fill a line, measure, and take it away again. Raises NotAMeasurement."""
    stock = bench.stock
    before = stock.redis.info("memory")["used_memory"]
    started = time.monotonic()
    event = stock.line(waiting)
    written = time.monotonic() - started
    used = stock.redis.info("memory")["used_memory"] - before
    cost, redis_us = {}, {}
    for kind in (kind for kind in KINDS if kind.name in ("far", "near", "join")):
        supply, count = _supply(supplies, event, kind), first_of(kind)
        found: list[float] = []
        stock.redis.config_resetstat()
        for _ in range(rounds):
            supply.at_least(count)
            bare = bench.view(seconds)
            loaded = bench.kind(kind, supply, seconds, count)
            count = int(loaded.per_second * seconds * SPARE) + 2000
            found.append(bare.per_second / loaded.per_second)
        cost[kind.name] = statistics.median(found)
        redis_us[kind.name] = stock.redis.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
    stock.over(event)
    return Size(waiting, written, used / waiting, cost, redis_us)


def _supply(supplies: Supplies, event: Event, kind: Kind) -> Supply:
    if kind.name == "join":
        return Supply(True, lambda count: supplies.joins(event, count), first_of(kind))
    first = event.people * 6 // 10
    numbers = NEAR if kind.name == "near" else range(first, event.people, max(1, first // 1500))
    return Supply(False, lambda _: supplies.polls(event, numbers), 0)


def bars(sizes: Sequence[Size], facts: single.Single) -> list[Bar]:
    """The bars of growth, judged."""
    names = {"far": "a poll far back", "near": "a poll in the first 100", "join": "a join"}
    first, last = sizes[0], sizes[-1]
    found = []
    for name, words in names.items():
        growth = max(size.cost[name] / first.cost[name] for size in sizes)
        found.append(
            Bar(
                f"cost of {words}, {first.waiting:,} to {last.waiting:,} waiting",
                f"<= {MOST_GROWTH:g} times",
                f"{growth:.2f} times",
                growth <= MOST_GROWTH,
            )
        )
    largest = max(facts.worker_mb)
    # What a line needs however short it is would be all that one sees in a short one.
    long = [size for size in sizes if size.waiting >= LONG] or [last]
    most_bytes = max(size.bytes_each for size in long)
    return [
        *found,
        _bar(f"Redis per waiting fan, {LONG:,} and more", most_bytes, MOST_BYTES, "bytes", 0),
        _bar("memory of a web worker", largest, MOST_MEMORY_MB, "MB", 0),
        _bar("journal behind at full join speed", facts.journal_lag_s, 2, "s", 2),
        _bar("join answered after FLUSHALL, 100,000 waiting", facts.rebuild_s, 5, "s", 2),
        _bar("reconciliation of 100,000 tickets", facts.reconcile_s, 1, "s", 2),
        _bar("Redis held by it at a time", facts.reconcile_held_ms, 20, "ms", 1),
    ]


def _bar(what: str, found: float, most: float, unit: str, digits: int) -> Bar:
    return Bar(what, f"<= {most:g} {unit}", f"{found:.{digits}f} {unit}", found <= most)


def table(sizes: Sequence[Size]) -> str:
    lines = [
        "| Waiting | cost of a join | of a poll far back | of one in the first 100"
        " | Redis for a join | for a poll in the first 100 | Redis per fan | copy written in |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        costs = [f"{size.cost[name]:.2f} bare views" for name in ("join", "far", "near")]
        times = [f"{size.redis_us[name]:.0f} µs" for name in ("join", "near")]
        cells = [f"{size.waiting:,}", *costs, *times]
        cells += [f"{size.bytes_each:.0f} bytes", f"{size.written_s:.1f} s"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if not load.present():
        print(load.MISSING, file=sys.stderr)
        return 1
    end_on_sigterm()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="fq-growth-", ignore_cleanup_errors=True) as folder,
            ExitStack() as stack,
        ):
            print("Starting FairQueue and, beside it, a bare Flask view.", flush=True)
            bench = Bench(stack, Path(folder) / "var")
            supplies = Supplies(bench.stock, bench.site, SECRETS["PAYSTACK_SECRET_KEY"], 0)
            bench.stock.over(supplies.line)
            bench.view(1)
            sizes = []
            for waiting in options.sizes:
                size = measure(bench, supplies, waiting, options.rounds, options.seconds)
                print(f"  {waiting:,} waiting: done", flush=True)
                sizes.append(size)
            facts = single.measure(bench, supplies, options.people)
    except NotAMeasurement as broken:
        print(f"This was no measurement. {broken}", file=sys.stderr)
        return 1
    return _tell(options, sizes, facts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drill.growth", description=__doc__)
    parser.add_argument(
        "--sizes", type=lambda text: [int(word) for word in text.split(",")], default=list(SIZES)
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each run")
    parser.add_argument(
        "--people", type=int, default=100_000, help="waiting at the rebuild, and tickets to compare"
    )
    parser.add_argument("--strict", action="store_true", help="end with 1 when a bar is not met")
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md")
    return parser.parse_args(arguments)


def _tell(options: argparse.Namespace, sizes: Sequence[Size], facts: single.Single) -> int:
    found = {"sizes": [asdict(size) for size in sizes], "facts": asdict(facts)}
    return report.tell("growth", table(sizes), found, bars(sizes, facts), options)


if __name__ == "__main__":
    sys.exit(main())
