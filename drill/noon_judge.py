"""What a noon has to be, and what it was."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil

from drill.book import Book, share
from drill.noon_watch import Look, Peak, Watch
from drill.till import Till

_SOLD = """
SELECT (SELECT count(*) FROM tickets WHERE event_id = %(event)s) AS tickets,
    (SELECT count(*) FROM tickets t JOIN claims c ON c.id = t.claim_id
        WHERE t.event_id = %(event)s AND c.state = 'CONFIRMED') AS sold,
    (SELECT coalesce(sum(quantity), 0) FROM claims
        WHERE event_id = %(event)s AND state = 'CONFIRMED') AS promised,
    (SELECT max(confirmed_at) FROM claims WHERE event_id = %(event)s) AS last_at,
    (SELECT count(*) FROM claims WHERE event_id = %(event)s) AS claims
"""

# Places that waited while somebody with a higher number was let in for the first time. What a
# place that came back (turn > 0) waited for at first is no longer written anywhere, so only its
# number counts, not its moment. All who are let in by one call have the same moment.
# Where the claim was written before the journal had told of the admission, both moments are the
# same, and nobody can say when that was.
_INVERSIONS = """
WITH seen AS (
    SELECT number, turn, admitted_at, ended_at,
        min(admitted_at) FILTER (WHERE turn = 0) OVER (
            ORDER BY number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later
    FROM places WHERE event_id = %(event)s
)
SELECT count(*) AS count FROM seen
WHERE turn = 0 AND later < coalesce(admitted_at, ended_at, 'infinity')
    AND (admitted_at IS NULL OR admitted_at IS DISTINCT FROM ended_at)
"""

_PLACES = "SELECT id, number, admitted_at, turn FROM places WHERE event_id = %(event)s"
_CLAIMS = "SELECT reference FROM claims WHERE event_id = %(event)s AND state = 'CONFIRMED'"


@dataclass
class Judgement:
    """`must` has what must be 0 (or, of `everything settled`, true); `counts` what there was;
    times are in seconds, memory in bytes."""

    scenario: Mapping[str, Any]
    began_at: str
    machine: str
    must: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    times: dict[str, float | None] = field(default_factory=dict)
    requests: dict[str, dict[str, float | None]] = field(default_factory=dict)
    memory: dict[str, Peak] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not any(self.must.values())

    def as_json(self) -> dict[str, Any]:
        return {"holds": self.holds, **asdict(self)}


def judge(
    till: Till,
    event: int,
    scenario: Mapping[str, Any],
    book: Book,
    watch: Watch,
    audit: Mapping[str, Any],
    gone_at: float,
    settled: bool,
) -> Judgement:
    """Compare what the fans saw with the books of FairQueue and of the gateway."""
    found = Judgement(scenario, _moment(watch.began), machine())
    facts = {"event": event}
    (sold,) = till.rows(_SOLD, facts)
    differences = till.differences()
    # A claim of somebody who closed the page may be confirmed without them; never the reverse.
    confirmed = {row.reference for row in till.rows(_CLAIMS, facts)}
    told = {story.claim for story in book.stories if story.outcome == "bought"}
    places = {row.id: row for row in till.rows(_PLACES, facts)}
    lost = [s for s in book.stories if s.number is not None and not _kept(places, s)]
    found.must = {
        "tickets sold beyond those that exist": max(0, sold.sold - scenario["tickets"])
        + abs(sold.tickets - scenario["tickets"])
        + abs(sold.promised - sold.sold),
        "tickets unsold": scenario["tickets"] - sold.sold,
        "holds, refunds or mails unsettled": 0 if settled else 1,
        "violations found by audit --gateway": len(audit["violations"]),
        "rules that audit could not check": len(audit["unchecked"]),
        "differences to the gateway's ledger": len(differences),
        "places let in before an earlier one": inversions(till, event),
        "fans with a lower number than an earlier fan": book.order_of_joining(),
        "places lost or renumbered": len(lost),
        "fans told of tickets they do not have": len(told - confirmed),
        "fans with tickets who were not told": len(confirmed - told),
        "answers that were wrong": len(book.wrong),
        "requests without an answer": len(book.failures),
        "requests refused": len(book.refusals),
        "fans still asking at the end": book.outcomes()["still asking"],
    }
    found.examples = [
        *(f"{wrong.fan} {wrong.kind}: {wrong.what}" for wrong in book.wrong[:10]),
        *(f"{failure.kind}: {failure.why}" for failure in book.failures[:5]),
        *(f"refused {no.kind}: {no.status} {no.error}" for no in book.refusals[:5]),
        *differences[:5],
        *(f"{v['rule']}: {v['id']} {v['what']}" for v in audit["violations"][:5]),
    ]
    found.outcomes = dict(book.outcomes().most_common())
    found.counts = _counts(book, sold, audit, till)
    found.times = _times(book, places, watch, sold.last_at, gone_at)
    found.requests = _requests(book)
    found.memory, found.looks = watch.memory, watch.looks
    return found


def inversions(till: Till, event: int) -> int:
    """How many places waited while a later one was let in."""
    return int(till.rows(_INVERSIONS, {"event": event})[0].count)


def _kept(places: Mapping[str, Any], story: Any) -> bool:
    place = places.get(story.place_id)
    return place is not None and place.number == story.number


def _counts(book: Book, sold: Any, audit: Mapping[str, Any], till: Till) -> dict[str, int]:
    (mails,) = till.rows("SELECT count(*) FROM outbox WHERE lane = 'mail' AND done_at IS NOT NULL")
    charges = till.ledger()["transactions"]
    return {
        "requests": book.requests,
        "claims": sold.claims,
        "tickets sold": sold.sold,
        "charges": sum(charge["paid_at"] is not None for charge in charges),
        "checkouts": len(charges),
        "mails": mails[0],
        "audit rules": len(audit["rules"]),
        "requests hung up on": sum(book.hung_up.values()),
        "requests repeated on a new connection": sum(book.repeats.values()),
    }


def _times(
    book: Book, places: Mapping[str, Any], watch: Watch, last_at: datetime | None, gone: float
) -> dict[str, float | None]:
    to_number = [s.joined_at - s.came_at for s in book.stories if s.joined_at is not None]
    # Who was put back has another turn on record than the one that was heard of first.
    knowing = [
        s.turn_heard_at - places[s.place_id].admitted_at.timestamp()
        for s in book.stories
        if s.turn_heard_at is not None
        and s.place_id in places
        and places[s.place_id].turn == 0
        and places[s.place_id].admitted_at is not None
    ]
    joined = [s.joined_at for s in book.stories if s.joined_at is not None]
    return {
        "join p50": share(book.took.get("join", []), 0.5),
        "join p99": share(book.took.get("join", []), 0.99),
        "arrival to number p50": share(to_number, 0.5),
        "arrival to number p99": share(to_number, 0.99),
        "until everybody had a number": max(joined, default=watch.began) - watch.began,
        "turn to knowing it p50": share(knowing, 0.5),
        "turn to knowing it p99": share(knowing, 0.99),
        "turn to knowing it, slowest": max(knowing, default=None),
        "to the last ticket": last_at.timestamp() - watch.began if last_at else None,
        "until everybody had gone home": gone - watch.began,
        "until all was settled": time.time() - watch.began,
        "processor time of the fans themselves": watch.processor_time,
    }


def _requests(book: Book) -> dict[str, dict[str, float | None]]:
    return {
        kind: {"count": len(times), "p50": share(times, 0.5), "p99": share(times, 0.99)}
        for kind, times in sorted(book.took.items(), key=lambda item: -len(item[1]))
    }


def machine() -> str:
    gigabytes = psutil.virtual_memory().total / 2**30
    cores = psutil.cpu_count() or 0
    return f"{cores} cores, {gigabytes:.0f} GiB, {platform.system()} {platform.machine()}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
