"""`make money`: a thousand purchases while the gateway has its worst day, then both books.

    python -m drill.money [--purchases 1000] [--faults 0.2] [--seed 7] [--at-once 32]

Starts a FairQueue of its own, with every fault of the stand-in switched on at the given rate.
Ends with 1 if a single charge is not exactly one of: a confirmed ticket, a refund.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from drill.product import product
from drill.till import Held, Till

SECRET_KEY = "the secret key of the money drill only"
# What fans do at the checkout, and how often.
HABITS = {
    "pay": 50,
    "pay and never come back": 15,
    "declined, same checkout": 10,
    "declined, starts again": 10,
    "slow transfer": 5,
    "leave": 5,
    "give back, then pay": 5,
}
# A fan whose sum was wrong is asked to pay again; after that many times they have had enough.
MOST_TRIES = 4
# The hold of ten minutes, its hard limit, and five minutes of a healthy gateway.
LONGEST = 2100.0


@dataclass
class Results:
    habits: Counter[str] = field(default_factory=Counter)
    to_the_checkout: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="drill.money", description=__doc__)
    parser.add_argument("--purchases", type=int, default=1000)
    parser.add_argument("--faults", type=float, default=0.2, help="how often each thing goes wrong")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--at-once", type=int, default=32, help="fans at the till")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fq-drill-", ignore_cleanup_errors=True) as folder:
        environment = {"SECRET_KEY": SECRET_KEY, "GATEWAY_TIMEOUT": "2"}
        with product(Path(folder) / "var", **environment) as run:
            till = Till(run, SECRET_KEY)
            try:
                return drill(till, options)
            finally:
                till.close()


def drill(till: Till, options: argparse.Namespace) -> int:
    families = ("api", "pay", "webhook", "early", "refund")
    rates = dict.fromkeys(families, options.faults)
    till.faults(rates=rates, seed=options.seed, hang=3, latency=1, late=4, retry_after=2)
    event = till.event(options.purchases)
    chance = random.Random(options.seed)
    habits = chance.choices(list(HABITS), list(HABITS.values()), k=options.purchases)
    results = Results()
    started = time.monotonic()
    print(
        f"{options.purchases} purchases, {options.at_once} at once, faults at {options.faults:.0%}"
    )
    with ThreadPoolExecutor(options.at_once) as pool:
        for number, _ in enumerate(pool.map(lambda h: purchase(till, event, h, results), habits)):
            if (number + 1) % 100 == 0:
                print(f"  {number + 1} fans have left the till after {_since(started)}")
    settled = wait_for_certainty(till, started)
    report(till, results, settled, time.monotonic() - started)
    return 1 if till.differences() or not settled else 0


def purchase(till: Till, event: int, habit: str, results: Results) -> None:
    """One fan, from the held tickets to the last click."""
    fan = till.hold(event)
    results.habits[habit] += 1
    try:
        for _ in range(MOST_TRIES):
            if not one_try(fan, habit, results):
                return
            habit = "pay"
    except (AssertionError, httpx.HTTPError, StopIteration) as trouble:
        # The fan gives up and goes; what was charged must be right all the same.
        results.troubles.append(f"{fan.reference}: {trouble!r}"[:300])


def one_try(fan: Held, habit: str, results: Results) -> bool:
    """Whether the fan has to pay (again)."""
    pressed = time.monotonic()
    if fan.press_pay() == 409:
        return False
    payment = fan.checkout_of(patience=300)
    if payment is None:
        # The charge was made before we heard of the address: nothing is left to pay.
        return False
    results.to_the_checkout.append(time.monotonic() - pressed)
    act(fan, payment, habit)
    if habit in ("leave", "pay and never come back", "give back, then pay"):
        return False
    fan.come_back()
    return fan.heard_of(payment, patience=300) and fan.state == "HELD"


def act(fan: Held, payment: str, habit: str) -> None:
    if habit.startswith("declined"):
        fan.at_checkout(payment, "decline")
        if habit == "declined, starts again":
            return
    elif habit == "slow transfer":
        fan.at_checkout(payment, "transfer", takes=5)
        return
    elif habit == "leave":
        fan.at_checkout(payment, "leave")
        return
    elif habit == "give back, then pay":
        fan.give_back()
    fan.at_checkout(payment, "pay")


def wait_for_certainty(till: Till, started: float) -> bool:
    """Until each charge is a ticket or a refund that is done; helps refunds that need a person."""
    while time.monotonic() - started < LONGEST:
        for refund in till.ledger()["refunds"]:
            if refund["status"] == "needs-attention":
                till.move_refund(refund["id"], "processed")
        undone = till.rows(
            "SELECT count(*) FROM refunds WHERE state NOT IN ('processed', 'settled')"
        )[0][0]
        unknown = len(till.differences())
        if undone == unknown == 0:
            return True
        print(
            f"  {unknown} charges not certain, {undone} refunds under way after {_since(started)}"
        )
        time.sleep(10)
    return False


CERTAINTY = """
SELECT extract(EPOCH FROM coalesce(c.confirmed_at, r.created_at) - p.paid_at)::float AS seconds
FROM payments p JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id
WHERE p.state = 'SUCCEEDED' AND (p.counts OR r.id IS NOT NULL)
ORDER BY 1
"""


def report(till: Till, results: Results, settled: bool, took: float) -> None:
    books = till.ledger()
    paid = [charge for charge in books["transactions"] if charge["paid_at"]]
    counts = till.rows(
        "SELECT count(*) FILTER (WHERE p.counts) AS tickets,"
        " count(r.id) AS refunds, count(*) FILTER (WHERE p.state = 'SUCCEEDED') AS succeeded"
        " FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id"
    )[0]
    waits = [max(0.0, row.seconds) for row in till.rows(CERTAINTY)]
    differences = till.differences()
    print(f"\nDone in {took:.0f} s.")
    for habit, count in results.habits.most_common():
        print(f"  {count:5} {habit}")
    for trouble in results.troubles[:10]:
        print(f"  gave up: {trouble}")
    print("\n                        gateway   FairQueue")
    print(f"charges that succeeded  {len(paid):7}   {counts.succeeded:9}")
    print(f"  confirmed claims                {counts.tickets:9}")
    processed = sum(refund["status"] == "processed" for refund in books["refunds"])
    print(f"  refunds               {processed:7}   {counts.refunds:9}")
    print(f"differences             {len(differences):7}")
    for difference in differences[:20]:
        print(f"  {difference}")
    if waits:
        print(
            f"\nFrom the charge to certainty: half within {waits[len(waits) // 2]:.1f} s,"
            f" 99 % within {waits[int(len(waits) * 0.99)]:.1f} s, the slowest {waits[-1]:.1f} s."
        )
    if results.to_the_checkout:
        found = sorted(results.to_the_checkout)
        print(
            f"From Pay to the checkout: half within {found[len(found) // 2]:.1f} s,"
            f" 99 % within {found[int(len(found) * 0.99)]:.1f} s, the slowest {found[-1]:.1f} s."
        )
    if not settled:
        print("Not everything came to an end in time.")


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
