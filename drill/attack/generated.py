"""A hundred thousand requests made by chance, over every address and method, as everybody there is:
no fault of ours, nothing of the inside, nothing that was sent in where a browser would run it.

    python -m drill.attack --only generated [--seed 7]
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from drill.attack.addresses import GOING, Address
from drill.attack.cast import a_network
from drill.attack.company import Company
from drill.attack.inputs import Sent, generated
from drill.attack.leaks import secrets_of, wrong_with
from drill.attack.raw import Line, Reply
from drill.attack.routes import all_of
from drill.attack.site import Row, Site

REQUESTS = 100_000
PROCESSES = 3
# After so many requests each role is looked after: some may have ended what they had.
_LOOK_AFTER = 200
_TOLD_OF = 5_000
_KEPT = 10
# Answers that come from behind the doors: pages, forms that were read and refused, conflicts.
INSIDE = frozenset({200, 204, 303, 409, 410, 422})
_LEAD_TO_LOG_IN = frozenset({"arrivals.reset", "arrivals.accept"})


@dataclass(slots=True)
class Tally:
    """What came back: by (role, status), how often from behind the door of each endpoint, and what
    was wrong."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    faults: int = 0

    def note(self, sent: Sent, reply: Reply, fault: str | None, url: str) -> None:
        """Count an answer, and tell at once of one that is wrong."""
        self.statuses[sent.role, reply.status] += 1
        # Who is not logged in is led there, but so is who has just chosen a password.
        refused = reply.header("location").startswith("/staff/login")
        if reply.status in INSIDE and (not refused or sent.endpoint in _LEAD_TO_LOG_IN):
            self.inside[sent.endpoint] += 1
        if fault:
            self.faults += 1
            if len(self.wrong) < _KEPT:
                self.wrong.append(f"{fault}: {sent.curl(url)}")
                print(f"  {self.wrong[-1]}", flush=True)

    def add(self, other: Tally) -> None:
        self.statuses += other.statuses
        self.inside += other.inside
        self.faults += other.faults
        self.wrong += other.wrong


def attack(site: Site, scale: float) -> list[Row]:
    """100,000 requests by a few processes."""
    count = max(300, int(REQUESTS * scale))
    found, began = Tally(), time.monotonic()
    addresses = all_of(site)
    parts = 1 if count < 2_000 else PROCESSES
    work = partial(_work, site.run, site.data_dir, site.seed, addresses, count // parts)
    with ProcessPoolExecutor(parts) as pool:
        for tally in pool.map(work, range(parts)):
            found.add(tally)
    print(f"  {found.statuses.total() / (time.monotonic() - began):.0f} requests a second")
    return _rows(found, addresses, site.seed)


def _rows(found: Tally, addresses: list[Address], seed: int) -> list[Row]:
    total = found.statuses.total()
    by_status = Counter[int]()
    for (_, status), times in found.statuses.items():
        by_status[status] += times
    behind = found.inside.total()
    never = sorted({one.endpoint for one in addresses} - found.inside.keys() - GOING)
    told = ", ".join(f"{status} {times:,}" for status, times in sorted(by_status.items()))
    return [
        Row(
            f"requests made by chance (seed {seed}), over all addresses, as"
            f" {len({role for role, _ in found.statuses})} roles",
            total,
            f"{found.faults} wrong: {found.wrong[0][:300]}" if found.faults else told,
            not found.faults,
        ),
        Row(
            "of these, answered from behind the doors: read, shown, or refused for what was typed",
            behind,
            f"{behind / total:.0%}, of {len(found.inside)} endpoints"
            + (f"; never {', '.join(never)}" if never else ""),
            behind > total * 0.4 and (total < 90_000 or not never),
        ),
    ]


def _work(
    run: Any, data_dir: Path, seed: int, addresses: list[Address], count: int, part: int
) -> Tally:
    """One process: so many requests, with a company of its own."""
    site, found = Site(run, data_dir), Tally()
    line, secrets = Line(urlsplit(run["url"]).port or 80), secrets_of(site.settings)
    company = Company(site)
    try:
        for number in range(count):
            if number % _LOOK_AFTER == 0 and number:
                company.renew()
            if number % _TOLD_OF == 0 and number:
                print(f"  process {part}: {number:,} requests, {found.faults} wrong", flush=True)
            random = Random(f"{seed}.{part}.{number}")
            role = company.roles[random.choice(sorted(company.roles))]
            sent = generated(random, addresses, role)
            reply = line.ask(sent.raw(site.host, a_network()), head=sent.method == "HEAD")
            found.note(sent, reply, judged(sent, reply, secrets), run["url"])
    finally:
        line.close()
        site.close()
    return found


def judged(sent: Sent, reply: Reply, secrets: Iterable[str]) -> str | None:
    """What is wrong with the answer."""
    if not reply.status:
        return "no answer"
    return wrong_with(reply.status, reply.headers, reply.text, secrets, said_by(sent))


def said_by(sent: Sent) -> str:
    """All that the request said itself."""
    body = (sent.body or b"").decode(errors="replace")
    return " ".join(map(unquote_plus, (sent.path, body, *(value for _, value in sent.headers))))
