"""`make bench`: how much the running product answers, and what each answer costs.

    python -m drill.bench [--rounds 5] [--seconds 3] [--kinds join,claim] [--quick] [--strict]
        [--write-docs]
    python -m drill.bench --journey [--fans 200]     # whole journeys only, statement by statement

Starts a FairQueue of its own on empty servers. Every kind of request is measured by wrk, in turn
with a bare Flask view served in the same way, and every answer must have the right status. Ends
with 1 when that is not so; with --strict also when a bar is not met.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drill import bench_report as report
from drill import load
from drill.bare import TABLE, bare_server
from drill.bench_kinds import KINDS, Kind, Supplies, Supply
from drill.bench_report import Journey, Row
from drill.book import Book
from drill.counters import Counters
from drill.fans import Site as Sale
from drill.fans import crowd
from drill.habits import Habits
from drill.load import Load, NotAMeasurement, RanOut, Site
from drill.product import plain_environment, product
from drill.stock import Stock
from jobs.wake import LINGER

SECRETS = {
    "SECRET_KEY": "the secret key of the benchmark only",
    "PAYSTACK_SECRET_KEY": "sk_test_of_the_benchmark_only",
}
# Strangers of the benchmark all come from one address, and far more a minute than a sale expects.
ENVIRONMENT = {**SECRETS, "JOINS_PER_MINUTE": "1000000", "LOG_LEVEL": "WARNING"}
# Requests of each kind in the pass that counts round trips.
COUNTED = 100
# Fans who go before those whose round trips are counted.
FIRST_FANS = 8
# Every beat but those of the housekeeping comes so often (s), so that any time as long, or twice as
# long, has as many of them.
BEATS_ROUND = 10
WARM_UP_S = 2
# What is laid ready for a run, as a multiple of what the warm-up says that it takes.
SPARE = 1.6
# Prepared for the warm-up, which tells how many the rest will take.
FIRST = {"join": 60_000}
FIRST_OF_OTHERS = 20_000


def first_of(kind: Kind) -> int:
    """How many requests of a kind the warm-up wants at hand."""
    return FIRST.get(kind.name, FIRST_OF_OTHERS)


class Bench:
    """One product and one bare view, side by side, loaded in turn."""

    def __init__(self, stack: ExitStack, folder: Path, **environment: str) -> None:
        self.run = stack.enter_context(product(folder, **ENVIRONMENT, **environment))
        parts = urlsplit(self.run["url"])
        self.site = Site(parts.port or 80, parts.netloc, "/health/live")
        self.stock = Stock(self.run, SECRETS["SECRET_KEY"])
        stack.callback(self.stock.close)
        self.counters = Counters(self.run, folder)
        stack.callback(self.counters.close)
        self.stock.database.execute(f"CREATE TABLE {TABLE} (id text PRIMARY KEY)")
        # What the programs of this product read, for others beside them.
        self.environment = {**plain_environment(), **self._settings(environment)}
        self.bare = stack.enter_context(bare_server(self.environment))
        self._view = [load.request("GET", "/", self.bare.host)] * load.THREADS
        self._insert = [load.request("POST", "/insert", self.bare.host)] * load.THREADS

    def _settings(self, environment: dict[str, str]) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            **environment,
            "FAIRQUEUE_ENV": "development",
            "DATABASE_URL": self.run["database_url"],
            "REDIS_URL": self.run["redis_url"],
            "JOBS_REDIS_URL": self.run["jobs_redis_url"],
            "SMTP_URL": "smtp://127.0.0.1:1",
        }

    def view(self, seconds: int, look: bool = True) -> Load:
        """The bare view under load; `look` as load.run() takes it. So below."""
        return load.run(self.bare, self._view, seconds, 200, look=look)

    def insert(self, seconds: int, look: bool = True) -> Load:
        """The view that does one INSERT under load."""
        return load.run(self.bare, self._insert, seconds, 200, look=look)

    def kind(self, kind: Kind, supply: Supply, seconds: int, count: int, look: bool = True) -> Load:
        """One kind of request under load; `count` is how many are laid ready for it."""
        taken = supply.take(count)
        try:
            found = load.run(self.site, taken, seconds, kind.expected, once=kind.once, look=look)
        except NotAMeasurement as broken:
            raise type(broken)(f"{kind.title}: {broken}") from None
        finally:
            if kind.write:
                self.stock.forget_debts()
        supply.give_back(taken, found.used)
        return found


def measure(
    bench: Bench, rows: Sequence[Row], supplies: Supplies, rounds: int, seconds: int
) -> None:
    """Fill the rows, round by round. Raises NotAMeasurement."""
    bench.view(WARM_UP_S)
    made: dict[str, tuple[Supply, int]] = {}
    # Of a round, as one_round() spends them: a look, the turns, and as many with its jobs beside.
    loaded = 1 + 2 * seconds
    for row in rows:
        first = first_of(row.kind)
        supply = supplies.of(row.kind, first + COUNTED)
        # At rest as in the turns: beside its jobs a kind takes a quarter of what it takes alone.
        with bench.counters.workers_at_rest():
            warm = bench.kind(row.kind, supply, WARM_UP_S, first)
        each = int(warm.per_second * SPARE) + 500
        supply.at_least(loaded * each * rounds + COUNTED)
        made[row.kind.name] = supply, each
    for number in range(rounds):
        for row in rows:
            supply, each = made[row.kind.name]
            try:
                one_round(bench, row, supply, seconds, each)
            except RanOut:
                # Faster than when it was warmed up: once more, with enough of them.
                each *= 3
                supply.at_least(loaded * each * (rounds - number) + COUNTED)
                made[row.kind.name] = supply, each
                one_round(bench, row, supply, seconds, each)
        print(f"  round {number + 1} of {rounds} is done", flush=True)
    count_trips(bench, rows, [supply for supply, _ in made.values()])


def one_round(bench: Bench, row: Row, supply: Supply, seconds: int, each: int) -> None:
    """The bare view and this kind in turns of a second, while the workers stand still: what a
    request costs; a second of it before, in which every answer is looked at. Then what writes once
    more with its jobs beside it. `each` is how many are laid ready for a second. Raises
    NotAMeasurement, and then the row is as before.

    Long runs in turn tell more of the machine than of the two: it is slow for seconds at a time.
    """
    bares, inserts, loads, busy = [], [], [], []
    with bench.counters.workers_at_rest():
        bench.kind(row.kind, supply, 1, each)
        for _ in range(seconds):
            bares.append(bench.view(1, look=False))
            if row.kind.name == "claim":
                inserts.append(bench.insert(1, look=False))
            loads.append(bench.kind(row.kind, supply, 1, each, look=False))
    if row.kind.write:
        busy.append(bench.kind(row.kind, supply, seconds, each * seconds, look=False))
    row.bares += bares
    row.inserts += inserts
    row.loads += loads
    row.busy += busy


def count_trips(bench: Bench, rows: Sequence[Row], supplies: Sequence[Supply]) -> None:
    """Round trips of each kind, one request after the other while the workers stand still."""
    counters = bench.counters
    with counters.logging(), counters.workers_at_rest(), load.connected(bench.site) as ask:
        with counters.counting() as idle:
            time.sleep(1)
        for row, supply in zip(rows, supplies, strict=True):
            requests = (list(supply.take(COUNTED)) * COUNTED)[:COUNTED]
            # The first ones prepare statements and open connections.
            first, rest = requests[: COUNTED // 4], requests[COUNTED // 4 :]
            _ask_all(row.kind, ask, first)
            with counters.counting() as found:
                _ask_all(row.kind, ask, rest)
            row.counted = found[0]
            row.trips = found[0].less(idle[0]).each(len(rest))
    bench.stock.forget_debts()


def _ask_all(kind: Kind, ask: Any, requests: Sequence[bytes]) -> None:
    for whole in requests:
        status = ask(whole)
        if status != kind.expected:
            raise NotAMeasurement(f"{kind.title}: {status} came instead of {kind.expected}.")


def journeys(bench: Bench, fans: int) -> Journey:
    """Whole journeys of `fans` people who come within a second, with every job they cause."""
    event = bench.stock.sale(fans + FIRST_FANS)
    book = Book()

    async def go(count: int) -> None:
        async with Sale(bench.run, event.slug) as site:
            await crowd(site, count, lambda _: Habits(), random.Random(7), book, within=1)

    # The first ones prepare statements and open connections.
    asyncio.run(go(FIRST_FANS))
    _nothing_owed(bench)
    with bench.counters.logging():
        with bench.counters.counting_by_program() as idle:
            time.sleep(2 * BEATS_ROUND)
        with bench.counters.counting_by_program() as found:
            began = time.monotonic()
            asyncio.run(go(fans))
            _nothing_owed(bench)
            time.sleep((began - time.monotonic()) % BEATS_ROUND)
    outcomes = dict(book.outcomes())
    sold = bench.stock.database.execute(
        "SELECT count(*) FROM tickets WHERE event_id = %s AND code IS NOT NULL", [event.id]
    ).fetchone()
    if sold != (fans + FIRST_FANS,):
        raise NotAMeasurement(f"{fans} journeys ended with {sold} tickets: {outcomes}")
    own = found[0].less(idle[0])
    return Journey(fans, *own.each(fans), own)


def _nothing_owed(bench: Bench) -> None:
    deadline = time.monotonic() + 30
    query = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
    # On the connection whose statements are not counted.
    while bench.counters.database.execute(query).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise NotAMeasurement("The workers do not deliver what the journeys left them.")
        time.sleep(0.2)
    # A delivery looks for more for a moment, which belongs to what it costs.
    time.sleep(LINGER + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if not load.present():
        print(load.MISSING, file=sys.stderr)
        return 1
    end_on_sigterm()
    chosen = [kind for kind in KINDS if kind.name in options.kinds]
    rows = [Row(kind) for kind in chosen]
    try:
        with (
            tempfile.TemporaryDirectory(prefix="fq-bench-", ignore_cleanup_errors=True) as folder,
            ExitStack() as stack,
        ):
            print("Starting FairQueue and, beside it, a bare Flask view.", flush=True)
            bench = Bench(stack, Path(folder) / "var")
            # The beats look at each ticket that there is, so journeys come before there are many.
            journey = journeys(bench, options.fans) if options.fans else None
            supplies = Supplies(bench.stock, bench.site, SECRETS["PAYSTACK_SECRET_KEY"])
            if rows:
                measure(bench, rows, supplies, options.rounds, options.seconds)
    except NotAMeasurement as broken:
        print(f"This was no measurement. {broken}", file=sys.stderr)
        return 1
    return _tell(options, rows, journey)


def end_on_sigterm() -> None:
    """Asked to end, end what was started, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drill.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="3 at least, for a median")
    parser.add_argument("--seconds", type=int, default=3, help="turns of a second, in each round")
    parser.add_argument("--kinds", type=lambda text: text.split(","), help="some kinds only")
    parser.add_argument("--fans", type=int, default=200, help="whole journeys; 0 for none")
    parser.add_argument("--journey", action="store_true", help="whole journeys only")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no result")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a bar is not met")
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md")
    options = parser.parse_args(arguments)
    names = [kind.name for kind in KINDS]
    if unknown := set(options.kinds or ()).difference(names):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    options.kinds = [] if options.journey else options.kinds or names
    if options.quick or options.journey:
        options.rounds, options.seconds = 1, 1
    elif options.rounds < 3:
        parser.error("a median wants 3 rounds at least")
    return options


def _tell(options: argparse.Namespace, rows: Sequence[Row], journey: Journey | None) -> int:
    bars = [bar for row in rows for bar in row.bars()]
    if journey is not None:
        bars.append(journey.bar())
    facts = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "kinds": [row.as_json() for row in rows],
        "journey": report.as_dict(journey),
    }
    if options.journey and journey is not None:
        return report.tell("journey", report.trips_table(journey), facts, bars, options)
    return report.tell("bench", report.table(rows, journey), facts, bars, options)


if __name__ == "__main__":
    sys.exit(main())
