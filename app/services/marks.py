"""Marks: places that look as if somebody took many stay in line and are shown to staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from app.domain import marks as rules
from app.domain.events import EventFacts
from app.domain.said import Said
from app.domain.staff import StaffMember
from app.services import events
from app.store import marks as store
from app.store.db import transaction
from app.store.marks import MarkedPlace

# A list is for looking: so many of a group show what it is like, and all are decided together.
SHOWN = 20
_MOST = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Marked places that share something: the first of them, and how many there are, are suspended
    and have appealed."""

    rule: str
    shared: str
    why: Said
    places: list[MarkedPlace]
    count: int
    suspended: int
    appeals: int


@dataclass(frozen=True, slots=True)
class Marked:
    """What is to be decided at an event, as of `seen`."""

    event: EventFacts
    groups: list[Group]
    seen: datetime


def mark_once() -> int:
    """Mark what is suspicious at every sale that is not over; how many marks are new, or count
    more now. Nobody waits for it: neither a join nor a poll knows of marks. Raises
    StoreUnavailable."""
    return store.mark(rules.SECONDS, rules.ADDRESSES)


def look(staff: StaffMember, slug: str) -> Marked:
    """The marked places of an event, in groups. Raises EventUnknown."""
    event = events.look(staff, slug)
    with transaction() as session:
        found = store.open_ones(session, event.id, SHOWN, _MOST)
    return Marked(event, list(_groups(found)), event.as_of)


def counts(event: EventFacts) -> tuple[int, int]:
    """(how many places are marked, how many appeals wait for an answer)."""
    with transaction() as session:
        return store.counts(session, event.id)


def stories(session: store.Db, places: Iterable[tuple[str, str]]) -> dict[str, list[Said]]:
    """What support may tell of these places, given as (id, time zone); of most, nothing."""
    zones = dict(places)
    if not zones:
        # Most searches find claims.
        return {}
    rows = store.of_places(session, list(zones))
    return {
        place_id: list(rules.story(list(own), zones[place_id]))
        for place_id, own in groupby(rows, lambda row: row.id)
    }


def _groups(found: list[MarkedPlace]) -> Iterable[Group]:
    for (rule, shared), rows in groupby(found, lambda one: (one.rule, one.shared)):
        places = list(rows)
        first = places[0]
        why = rules.reason(rule, first.together)
        yield Group(rule, shared, why, places, first.group, first.suspended, first.appeals)
