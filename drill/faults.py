"""`make faults`: kill it anywhere, while fans join, wait, claim, pay, abandon and hang up.

    python -m drill.faults [--faults 60] [--seed 7] [--only KIND ...] [--fans 80] [--write-docs]

Starts a FairQueue of its own, strikes it again and again (drill/strikes.py), and measures how long
it takes to be whole. Ends with 1 if anything that must hold did not (drill/verdict.py), or if a
bound was broken. What happened is in drill/out/faults.json.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from drill import outcome, verdict
from drill.heal import Healer, Healing
from drill.plan import Step, plan
from drill.probe import Reserve
from drill.product import product
from drill.stage import Stage, wait_until
from drill.strain import Strain
from drill.strikes import KINDS
from drill.till import Till
from drill.watch import Seen, Watcher

SECRET_KEY = "the secret key of the faults drill only"
# Shorter than in a real sale, so that in ten minutes turns and holds run out as well.
PASS_SECONDS = 120
HOLD_SECONDS = 60
ADMIT_PER_MINUTE = 240
PASS_CAPACITY = 60
TICKETS_PER_FAULT = 150
READY_TO_CLAIM = 4
# A line that is not well by then will not be.
LONGEST_HEALING = 90.0
LONGEST_START = 180.0
BETWEEN_FAULTS = 1.0
# Companions of a gateway that is away are struck this long after one another.
BETWEEN_COMPANIONS = 14.0
LONGEST_SETTLING = 300.0


@dataclass(slots=True)
class Struck:
    """One step of the plan and what came of it; times in seconds since 1970."""

    step: Step
    began: float
    over: float = 0.0
    healing: Healing = field(default_factory=Healing)
    seen: list[Seen] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def until(self) -> float:
        return self.over + (self.healing.took or LONGEST_HEALING)


class Drill:
    """One run of the product under fire."""

    def __init__(self, stage: Stage, options: argparse.Namespace) -> None:
        self.stage, self.options = stage, options
        with contextlib.closing(Till(stage.run, SECRET_KEY)) as till:
            self.event = till.event(max(400, TICKETS_PER_FAULT * options.faults))
            self.slug = stage.slug = self._shape_event(till)
        self.healer = Healer(stage, self.slug, self.event)
        self.strain = Strain(stage.run, self.slug, options.fans, options.seed, PASS_SECONDS)
        # A probe's turn must last longer than a fault, and is over before the pass is.
        good_for = PASS_SECONDS - 30
        self.reserve = Reserve(stage.run, self.slug, READY_TO_CLAIM, good_for)
        self.monitor = verdict.Monitor(stage)
        self.struck: list[Struck] = []

    def _shape_event(self, till: Till) -> str:
        (row,) = till.rows(
            "UPDATE events SET pass_seconds = %(pass)s, hold_seconds = %(hold)s,"
            " admit_per_minute = %(rate)s, pass_capacity = %(inside)s WHERE id = %(event)s"
            " RETURNING slug",
            {
                "event": self.event,
                "pass": PASS_SECONDS,
                "hold": HOLD_SECONDS,
                "rate": ADMIT_PER_MINUTE,
                "inside": PASS_CAPACITY,
            },
        )
        return str(row.slug)

    def run(self) -> outcome.Outcome:
        began = time.time()
        self.warm_up()
        steps = plan(self.options.faults, self.options.seed, self.options.only)
        for number, step in enumerate(steps):
            struck = self.strike(step)
            self.struck.append(struck)
            outcome.tell(number + 1, len(steps), struck, self.strain.book)
            time.sleep(BETWEEN_FAULTS)
        return self.judge(began)

    def warm_up(self) -> None:
        """Until the line moves and everyone is where the faults should meet them."""
        started = time.time()
        self.monitor.start()
        self.strain.start()
        self.reserve.start()
        wait_until(lambda: self.reserve.count() >= READY_TO_CLAIM, 60)
        healing = self.healer.wait(started, LONGEST_START)
        if healing.took is None:
            raise RuntimeError(f"before any fault: {healing.last}")
        print(
            f"{self.options.fans} fans, all is well after {time.time() - started:.0f} s", flush=True
        )

    def strike(self, step: Step) -> Struck:
        """Strike all of a step's faults, wait for their end, and then for all to be well."""
        watchers = [self._watcher(name) for name in step.kinds if KINDS[name].lost and step.alone]
        struck = Struck(step, time.time())
        threads = []
        for number, name in enumerate(step.kinds):
            wait = BETWEEN_COMPANIONS * number if step.kinds[0] == "gateway_away" else 0.0
            chance = random.Random(step.chance + number)
            thread = threading.Thread(target=self._one, args=(name, wait, chance, struck))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        struck.over = time.time()
        struck.seen = [watcher.end() for watcher in watchers]
        struck.healing = self.healer.wait(struck.over, LONGEST_HEALING)
        return struck

    def _watcher(self, name: str) -> Watcher:
        watcher = Watcher(self.stage, self.slug, self.event, self.reserve)
        watcher.begin(KINDS[name].lost, silent=name in ("redis_frozen", "redis_killed"))
        return watcher

    def _one(self, name: str, wait: float, chance: random.Random, struck: Struck) -> None:
        time.sleep(wait)
        try:
            KINDS[name].strike(self.stage, chance)
        except Exception as exc:
            # A fault that could not be struck measures nothing, and must not pass for one healed.
            struck.troubles.append(f"{name} could not be struck: {exc!r}")

    def judge(self, began: float) -> outcome.Outcome:
        """When the last fault has healed: what must hold, on everybody's books."""
        self.reserve.stop()
        self.strain.end(self.options.patience)
        self.monitor.stop()
        broken = list(self.monitor.found)
        with contextlib.suppress(psycopg.Error):
            self.monitor.look()
        # Its connections are made now: no fault has cut them.
        with contextlib.closing(Till(self.stage.run, SECRET_KEY)) as till:
            broken += [f"money: {what}" for what in verdict.settle(till, LONGEST_SETTLING)]
            known = verdict.places(till, self.event)
        wrong = self.healer.audit(ask_gateway=True)
        if wrong:
            # Two looks at a running system may meet it in mid-step; the third must not.
            time.sleep(5)
            wrong = self.healer.audit(ask_gateway=True)
        broken += [f"audit: {wrong}"] if wrong else []
        book = self.strain.book
        broken += [f"place: {what}" for what in verdict.lost_places(book, known)]
        order = verdict.inversions(book, known, self.strain.asleep)
        broken += [f"order: {what}" for what in order]
        broken += [f"{w.fan} ({w.kind}): {w.what}" for w in book.wrong]
        if not self.monitor.looks:
            broken.append("what must always hold was never looked at")
        return outcome.Outcome(
            self.options.seed, self.options.fans, self.struck, book, broken, time.time() - began
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="drill.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fans", type=int, default=80, help="fans at any moment")
    parser.add_argument("--only", nargs="+", choices=sorted(KINDS), default=(), metavar="KIND")
    parser.add_argument("--patience", type=float, default=30, help="for the last fans, in s")
    parser.add_argument("--keep", type=Path, help="a folder for data and logs, kept afterwards")
    parser.add_argument("--out", type=Path, default=outcome.OUT)
    parser.add_argument("--write-docs", action="store_true", help="the table into docs/faults.md")
    options = parser.parse_args(arguments)
    # Else the product would go on without us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with folder(options.keep) as data_dir:
        found = run(data_dir, options)
    found.write(options.out)
    print(found.report())
    if options.write_docs:
        found.write_docs()
    return 1 if found.broken else 0


@contextlib.contextmanager
def folder(kept: Path | None) -> Iterator[Path]:
    """Where the product has its data: a folder that goes away, unless one is named."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute() / "var"
        return
    with tempfile.TemporaryDirectory(prefix="fq-faults-", ignore_cleanup_errors=True) as made:
        yield Path(made) / "var"


def run(folder: Path, options: argparse.Namespace) -> outcome.Outcome:
    with (
        product(folder, SECRET_KEY=SECRET_KEY) as facts,
        contextlib.closing(Stage(facts, folder)) as stage,
    ):
        drill = Drill(stage, options)
        with contextlib.closing(drill.healer):
            return drill.run()


if __name__ == "__main__":
    sys.exit(main())
