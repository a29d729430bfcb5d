"""`make drill`: the noon itself. Fans in software against the real product, on this machine.

    python -m drill.noon [--fans 2000] [--tickets 200] [--seed 12] [--processes 2] [--write-docs]

Everybody comes within ten seconds around the opening of the sale, and stays until the tickets are
sold, every hold is settled and everybody has heard. Ends with a page in words, drill/out/drill.json
and three pictures; with 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from drill.book import Book
from drill.noon_crowd import Order, client
from drill.noon_judge import Judgement, judge
from drill.noon_page import draw, page, write_docs
from drill.noon_watch import Watch
from drill.product import ROOT, product
from drill.till import Till
from sandbox import leftovers

OUT = ROOT / "drill" / "out"
# Everybody comes within so many seconds; the doors open in the middle of them.
WITHIN = 10.0
OPENS_AFTER = 5.0
# From the order to the first fan: the client processes have to start.
START = 4.0
# All fans share so many connections to the site; who finds none free waits for one.
CONNECTIONS = 256
LONGEST = 1500.0
LONGEST_SETTLING = 300.0
TELL_EVERY = 15.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the noon is compressed. A real sale would have passes of 5 minutes, holds of 10, two
    minutes of grace and a hard limit of 20; nothing is skipped, it only comes sooner."""

    fans: int
    tickets: int
    seed: int
    processes: int
    admit_per_minute: int
    pass_capacity: int
    pass_seconds: int
    hold_seconds: int
    grace_seconds: int
    hard_limit_seconds: int
    near: int

    def environment(self) -> dict[str, str]:
        """The settings of the product that are compressed; the rest is in the event."""
        return {
            "PAYMENT_GRACE": str(self.grace_seconds),
            "HARD_LIMIT": str(self.hard_limit_seconds),
        }

    @staticmethod
    def of(fans: int, tickets: int, seed: int, processes: int) -> Scenario:
        large = tickets >= 1000
        per_minute = max(600, tickets * 3 // 10)
        return Scenario(
            fans=fans,
            tickets=tickets,
            seed=seed,
            processes=processes,
            admit_per_minute=per_minute,
            pass_capacity=max(30, per_minute // 4),
            pass_seconds=45 if large else 20,
            hold_seconds=45 if large else 15,
            grace_seconds=15 if large else 5,
            hard_limit_seconds=120 if large else 60,
            near=max(30, per_minute // 6),
        )


# All fans come from this one machine, which says nothing of them.
_COMPRESSED = """
UPDATE events SET state = 'published', sale_starts_at = now() + %(opens)s * interval '1 second',
    title = 'The noon', max_per_fan = 4, admit_per_minute = %(rate)s,
    pass_capacity = %(capacity)s, pass_seconds = %(pass)s, hold_seconds = %(hold)s,
    mark_joins = 0
WHERE id = %(event)s
RETURNING slug
"""

# What is still on its way when everybody has gone home.
_UNSETTLED = """
SELECT (SELECT count(*) FROM claims WHERE event_id = %(event)s AND state = 'HELD')
    + (SELECT count(*) FROM outbox WHERE done_at IS NULL)
    + (SELECT count(*) FROM refunds WHERE state NOT IN ('processed', 'settled')) AS count
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="drill.noon", description=__doc__)
    parser.add_argument("--fans", type=int, default=2000)
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--processes", type=int, default=2, help="client processes")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results go")
    parser.add_argument("--write-docs", action="store_true", help="fill in docs/performance.md")
    options = parser.parse_args(arguments)
    if options.fans < 2 * options.tickets:
        parser.error("with fewer than two fans for a ticket nobody knows when it is over")
    scenario = Scenario.of(options.fans, options.tickets, options.seed, options.processes)
    with (
        tempfile.TemporaryDirectory(prefix="fq-noon-", ignore_cleanup_errors=True) as folder,
        product(Path(folder) / "var", **scenario.environment()) as run,
        closing(Till(run, "")) as till,
    ):
        found = noon(till, Path(folder) / "var", scenario)
    tell(found, options.out)
    if options.write_docs:
        write_docs(found)
    return 0 if found.holds else 1


def noon(till: Till, data_dir: Path, scenario: Scenario) -> Judgement:
    """The whole of it, on a running product; what came of it."""
    print(f"{scenario.fans:,} fans, {scenario.tickets:,} tickets; the first fan comes soon.")
    began = time.time() + START
    event, slug = publish(till, scenario, began)
    watch = Watch(till, event, data_dir, began)
    try:
        book = let_them_come(watch, slug, scenario)
        gone = time.time()
        settled = settle(till, watch)
        watch.look()
        watch.weigh()
        return judge(till, event, asdict(scenario), book, watch, audit(data_dir), gone, settled)
    finally:
        watch.close()


def publish(till: Till, scenario: Scenario, began: float) -> tuple[int, str]:
    """An event that opens in the middle of the rush; its id and slug, once it can be joined."""
    event = till.event(scenario.tickets)
    facts = {
        "event": event,
        "opens": began - time.time() + OPENS_AFTER,
        "rate": scenario.admit_per_minute,
        "capacity": scenario.pass_capacity,
        "pass": scenario.pass_seconds,
        "hold": scenario.hold_seconds,
    }
    (row,) = till.rows(_COMPRESSED, facts)
    deadline = time.monotonic() + 20
    while till.rows("SELECT epoch FROM lines WHERE event_id = %(event)s", facts)[0].epoch == 0:
        assert time.monotonic() < deadline, "the line was not written"
        time.sleep(0.1)
    return event, str(row.slug)


def let_them_come(watch: Watch, slug: str, scenario: Scenario) -> Book:
    """Start the client processes and look at the line until the last fan has gone."""
    before = sum(getrusage(RUSAGE_CHILDREN)[:2])
    crowds = [_start(watch, slug, scenario, index) for index in range(scenario.processes)]
    book = Book()
    waiting_for = {connection: (0, 0, 0) for _, connection in crowds}
    counts = dict(waiting_for)
    told = time.monotonic()
    while waiting_for:
        look = watch.look()
        for connection in list(waiting_for):
            while connection in waiting_for and connection.poll():
                said = connection.recv()
                if isinstance(said, Book):
                    book.merge(said)
                    del waiting_for[connection]
                else:
                    counts[connection] = said
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            joined, ended, odd = map(sum, zip(*counts.values(), strict=True))
            print(
                f"  {look.at:4.0f} s: {joined:,} joined, {look.waiting:,} waiting,"
                f" {look.inside:,} inside, {look.held:,} held, {look.sold:,} sold,"
                f" {ended:,} gone home, {odd:,} refused or wrong",
                flush=True,
            )
        time.sleep(1)
    for process, _ in crowds:
        process.join(10)
    watch.processor_time = sum(getrusage(RUSAGE_CHILDREN)[:2]) - before
    return book


def _start(
    watch: Watch, slug: str, scenario: Scenario, index: int
) -> tuple[SpawnProcess, Connection]:
    """One client process, and where it tells what its fans do."""
    context = multiprocessing.get_context("spawn")
    order = Order(
        run=watch.till.run,
        slug=slug,
        fans=len(range(index, scenario.fans, scenario.processes)),
        seed=scenario.seed * 1000 + index,
        begins_at=watch.began,
        within=WITHIN,
        ends_at=watch.began + LONGEST,
        site={
            "near": scenario.near,
            "pass_seconds": float(scenario.pass_seconds),
            "most": CONNECTIONS // scenario.processes,
        },
    )
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=client, args=(order, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def settle(till: Till, watch: Watch) -> bool:
    """Wait until no hold, no refund and no debt to the outside is open."""
    deadline = time.monotonic() + LONGEST_SETTLING
    while time.monotonic() < deadline:
        watch.look()
        (open_still,) = till.rows(_UNSETTLED, {"event": watch.event})
        if open_still.count == 0:
            # The journal and the expiry have a beat of seconds at most.
            time.sleep(3)
            return True
        time.sleep(1)
    return False


def audit(data_dir: Path) -> Mapping[str, Any]:
    """What `flask --app wsgi audit --json --gateway` says of this run."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "audit", "--json", "--gateway"]
    environment = leftovers.of_run(data_dir, "web")[0].environ()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def tell(found: Judgement, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "drill.json").write_text(json.dumps(found.as_json(), indent=2) + "\n")
    for name, picture in draw(found).items():
        (out / name).write_text(picture)
    print()
    print(page(found))
    print(f"\n{out / 'drill.json'} has all of it; the pictures are beside it.")


if __name__ == "__main__":
    sys.exit(main())
