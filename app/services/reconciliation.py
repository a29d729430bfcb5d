"""Reconciliation: make the Redis copy equal to Postgres again, and count what was healed.

A difference is acted upon only when two looks a second apart both show it, and then only if
it still holds inside the script that heals it (DESIGN 4). Running this at any time, in any
number of processes, changes nothing that is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import sleep

from sqlalchemy import Connection

from app import metrics
from app.domain import errors
from app.domain.events import EventFacts
from app.domain.places import LIVE, PlaceFacts
from app.domain.reconciliation import Difference, difference
from app.line import inventory, roll
from app.services import catalogue, journal
from app.store import lines, places, tickets, timeline
from app.store.db import autocommit_engine, transaction, translated

# Long enough for anything in flight at the first look to have landed at the second.
BETWEEN_LOOKS_S = 1.0
# Ticket numbers are compared in ranges, so that no look holds Redis for long.
RANGE = 1_000


@dataclass(frozen=True, slots=True)
class Stray:
    """A place that the copy sees otherwise than Postgres, which knows it as `fact` (None: not
    live)."""

    seen: str
    fact: PlaceFacts | None


@dataclass(frozen=True, slots=True)
class Found:
    """What two looks showed for one event. The keys of `ranges` are the lowest numbers."""

    facts: EventFacts
    ranges: dict[int, Difference] = field(default_factory=dict)
    strays: dict[str, Stray] = field(default_factory=dict)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """(id, what is wrong) for each ticket."""
        for part in self.ranges.values():
            for number in sorted(part.missing):
                yield f"ticket {self.facts.slug} #{number}", "is free, but Redis does not offer it"
            for number in sorted(part.extra):
                yield f"ticket {self.facts.slug} #{number}", "is not free, but Redis knows it so"

    def stray_sentences(self) -> Iterator[tuple[str, str]]:
        """(id, what is wrong) for each place."""
        for place_id, stray in sorted(self.strays.items()):
            known = f"{stray.fact.state}:{stray.fact.number}" if stray.fact else "not live"
            yield f"place {place_id}", f"is {known}, but Redis has {stray.seen or 'no such place'}"


def reconcile_once() -> int:
    """Compare every sale's copy with Postgres and heal it; how many differences were healed.

    A copy that is away or not valid is left to the rebuild.
    """
    healed = 0
    for found in differences(skip_lost=True):
        with suppress(errors.LineUnavailable):
            healed += _heal(found)
    return healed


def differences(skip_lost: bool = False) -> list[Found]:
    """What two looks, a second apart, both showed; takes no time when the first shows nothing.

    Raises LineUnavailable unless `skip_lost`, then events without a valid copy are left out.
    """
    first = [found for facts in catalogue.live() if (found := _first_look(facts, skip_lost))]
    if not first:
        return []
    sleep(BETWEEN_LOOKS_S)
    second = [found for before in first if (found := _second_look(before, skip_lost))]
    return [found for found in second if found.ranges or found.strays]


def _first_look(facts: EventFacts, skip_lost: bool) -> Found | None:
    try:
        ranges = {low: _look_at_tickets(facts, low) for low in range(1, facts.capacity + 1, RANGE)}
        found = Found(
            facts, {low: part for low, part in ranges.items() if part}, _look_at_places(facts)
        )
    except errors.LineUnavailable:
        if skip_lost:
            return None
        raise
    return found if found.ranges or found.strays else None


def _second_look(before: Found, skip_lost: bool) -> Found | None:
    facts = before.facts
    try:
        ranges = {low: part & _look_at_tickets(facts, low) for low, part in before.ranges.items()}
        again = _look_at_places(facts) if before.strays else {}
    except errors.LineUnavailable:
        if skip_lost:
            return None
        raise
    both = {key: stray for key, stray in again.items() if before.strays.get(key) == stray}
    return Found(facts, {low: part for low, part in ranges.items() if part}, both)


def _look_at_tickets(facts: EventFacts, low: int) -> Difference:
    # Redis first, Postgres second: the other order sees numbers in flight as missing.
    free, leased, now_ms = inventory.look(facts.id, facts.epoch, low, low + RANGE)
    with translated(), autocommit_engine().connect() as connection:
        known = tickets.free_numbers(connection, facts.id, low, low + RANGE)
    return difference(free, leased, now_ms, known)


def _look_at_places(facts: EventFacts) -> dict[str, Stray]:
    """Places seen otherwise than Postgres knows them, just after the journal was written;
    nothing while someone else is writing it."""
    strays: dict[str, Stray] = {}
    with lines.writer(facts.id) as connection:
        if connection is None:
            return {}
        journal.drain(connection, facts.id)
        known = 0
        for words in places.live_words(connection, facts.id, roll.CHUNK):
            seen = roll.call(facts.id, facts.epoch, list(words)).seen
            known += len(seen)
            if seen == words:
                # Nearly always, and there may be very many: one comparison is all they cost.
                continue
            for place_id in (place_id for place_id in words if seen[place_id] != words[place_id]):
                known -= seen[place_id] == ""
                fact = places.look(connection, facts.id, place_id)
                if fact is not None and fact.state in LIVE:
                    strays[place_id] = Stray(seen[place_id], fact)
        if known != roll.call(facts.id, facts.epoch, []).live:
            strays |= _look_for_phantoms(connection, facts)
    return strays


def _look_for_phantoms(connection: Connection, facts: EventFacts) -> dict[str, Stray]:
    """Places that the copy holds and Postgres does not know as live."""
    members = list(roll.members(facts.id, facts.epoch))
    live = {
        place_id for place_id, state in places.states(connection, members).items() if state in LIVE
    }
    phantoms = [place_id for place_id in members if place_id not in live]
    seen: dict[str, str] = {}
    for start in range(0, len(phantoms), roll.CHUNK):
        chunk = phantoms[start : start + roll.CHUNK]
        seen |= roll.call(facts.id, facts.epoch, chunk).seen
    return {place_id: Stray(word, None) for place_id, word in seen.items()}


def _heal(found: Found) -> int:
    facts = found.facts
    healed = {
        "tickets": sum(
            inventory.heal(facts.id, facts.epoch, part.missing, part.extra)
            for part in found.ranges.values()
        ),
        "places": _heal_places(found) if found.strays else 0,
    }
    for what, count in healed.items():
        metrics.HEALED.labels(what).inc(count)
    if any(healed.values()):
        with transaction() as session:
            timeline.note(session, facts.id, "healed", "system", detail=healed)
    return sum(healed.values())


def _heal_places(found: Found) -> int:
    """Heal what still holds. As the journal's writer with an empty journal we know that no later
    word of a place is on its way, if the script finds it still as both looks saw it."""
    facts = found.facts
    healed = 0
    with lines.writer(facts.id) as connection:
        if connection is None:
            return 0
        journal.drain(connection, facts.id)
        for place_id, stray in found.strays.items():
            fact = places.look(connection, facts.id, place_id)
            live = fact if fact and fact.state in LIVE else None
            if live == stray.fact:
                healed += roll.put(facts.id, facts.epoch, place_id, stray.seen, live)
    return healed
