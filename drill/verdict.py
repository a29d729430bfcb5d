"""What must hold always, and what did not.

Some of it is asked every second while everything breaks (`Monitor`), the rest when it is over.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg

from drill.book import Book, Story
from drill.stage import Stage
from drill.till import Till

EVERY = 1.0

# True at every single moment, whatever is away: one row for each thing that is not so.
_ALWAYS = {
    "more tickets than exist": """
        SELECT e.slug, sum(c.quantity) FROM claims c JOIN events e ON e.id = c.event_id
        WHERE c.state IN ('HELD', 'CONFIRMED') GROUP BY e.id
        HAVING sum(c.quantity) > e.capacity""",
    "a ticket row too many or too few": """
        SELECT e.slug, count(t.number) FROM events e LEFT JOIN tickets t ON t.event_id = e.id
        WHERE e.state <> 'draft' GROUP BY e.id HAVING count(t.number) <> e.capacity""",
    "two live claims of one fan": """
        SELECT event_id, fan_id FROM claims WHERE state IN ('HELD', 'CONFIRMED')
        GROUP BY event_id, fan_id HAVING count(*) > 1""",
    "a claim without its tickets": """
        SELECT c.reference, count(t.number) FROM claims c LEFT JOIN tickets t ON t.claim_id = c.id
        WHERE c.state IN ('HELD', 'CONFIRMED') GROUP BY c.id
        HAVING count(t.number) <> c.quantity""",
    "a number given twice": """
        SELECT event_id, number FROM places GROUP BY event_id, number HAVING count(*) > 1""",
}


@dataclass(slots=True)
class Monitor:
    """Asks Postgres every second, while it can be asked, whether what must always hold does."""

    stage: Stage
    found: list[str] = field(default_factory=list)
    looks: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(10)

    def look(self) -> None:
        with self.stage.database() as connection:
            for what, query in _ALWAYS.items():
                for row in connection.execute(query).fetchall():
                    said = f"{what}: {tuple(row)}"
                    if said not in self.found:
                        self.found.append(said)
        self.looks += 1

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            # Away just now, which is what this drill is about.
            with contextlib.suppress(psycopg.Error):
                self.look()


@dataclass(frozen=True, slots=True)
class Place:
    """A place as Postgres has it; times in seconds since 1970. `admission_known` is False where
    the fan's claim was written before the journal had told of the admission."""

    number: int
    state: str
    turn: int
    admitted_at: float | None
    admission_known: bool
    ended_at: float | None = None


def places(till: Till, event_id: int) -> dict[str, Place]:
    rows = till.rows(
        "SELECT id, number, state, turn, extract(EPOCH FROM admitted_at)::float AS admitted_at,"
        " admitted_at IS DISTINCT FROM ended_at OR admitted_at IS NULL AS admission_known,"
        " extract(EPOCH FROM ended_at)::float AS ended_at"
        " FROM places WHERE event_id = %(event)s",
        {"event": event_id},
    )
    return {row.id: Place(*row[1:]) for row in rows}


def lost_places(book: Book, known: dict[str, Place]) -> list[str]:
    """Fans who were given a number and have no place of that number."""
    found = []
    for story in book.stories:
        if story.number is None:
            continue
        place = known.get(story.place_id)
        if place is None:
            found.append(f"{story.fan} has number {story.number} and no place ({story.outcome})")
        elif place.number != story.number:
            found.append(f"{story.fan} has number {story.number}, its place {place.number}")
    return found


def inversions(book: Book, known: dict[str, Place], asleep: Iterable[str]) -> list[str]:
    """Fans who were admitted before somebody who had joined earlier and was still asking.

    The rule: A passed B over if B's number is lower, B's browser had it before A was admitted,
    B was admitted later than A or not at all, and B went on asking after A's admission. Numbers
    are compared as they are: those of a later life of the line are higher. A is admitted when the
    journal says so or when A's page first said so, whichever is earlier: an admission that a lost
    Redis forgot was still one. A place that came back from a turn in which nothing was free
    (turn > 0) has had its turn. Who is asleep does not ask. Nobody can tell when B was admitted
    if B's claim was written before the journal was: only that it was before.
    """
    sleeping = set(asleep)
    waits: list[tuple[int, float, float, float, Story]] = []
    turns: list[tuple[float, int, Story]] = []
    for story in book.stories:
        place = known.get(story.place_id)
        if place is None or story.number is None or story.joined_at is None or place.turn:
            continue
        admitted = _admitted(story, place)
        if admitted is not None:
            turns.append((admitted, story.number, story))
        if story.fan not in sleeping and place.admission_known:
            asked_until = story.ended_at or time.time()
            ended = place.ended_at or asked_until
            left = admitted if admitted is not None else min(ended, asked_until)
            waits.append((story.number, story.joined_at, left, asked_until, story))
    found = []
    for at, number, story in turns:
        for other, joined, left, asked_until, passed in waits:
            if other < number and joined < at < left and asked_until > at:
                found.append(
                    f"{story.fan} ({number}) went before {passed.fan} ({other}), at {at:.1f};"
                    f" {_told(passed, known[passed.place_id])}"
                )
    return found


def _told(story: Story, place: Place) -> str:
    """What the fan was told and what Postgres knows, for who has to find out why."""
    states = ", ".join(f"{state} at {at:.1f}" for state, at in story.states)
    return f"joined at {story.joined_at:.1f}, heard {states}, outcome {story.outcome}; {place}"


def _admitted(story: Story, place: Place) -> float | None:
    seen = next((at for state, at in story.states if state == "admitted"), None)
    moments = [at for at in (seen, place.admitted_at) if at is not None]
    return min(moments) if moments else None


def settle(till: Till, patience: float) -> list[str]:
    """Wait until each charge is a ticket or a refund that is done: what is not by then."""
    deadline = time.monotonic() + patience
    while True:
        for refund in till.ledger()["refunds"]:
            if refund["status"] == "needs-attention":
                till.move_refund(refund["id"], "processed")
        differences = till.differences()
        (row,) = till.rows(
            "SELECT count(*) AS undone FROM refunds WHERE state NOT IN ('processed', 'settled')"
        )
        if not differences and not row.undone:
            return []
        if time.monotonic() > deadline:
            return differences or [f"{row.undone} refunds are still under way"]
        time.sleep(1)
