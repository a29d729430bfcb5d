"""Marks on places, and what staff decide of them (sql/functions/marks.sql, removals.sql)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

from app.store.db import all_rows, one_statement, statement

Db = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class MarkedPlace:
    """One place with one of its marks. `group`, `suspended` and `appeals` count the places of all
    that share it; `reason`, `due_at` and the appeal are those of a suspended one."""

    rule: str
    shared: str
    together: int
    number: int
    state: str
    joined_at: datetime
    email: str | None
    reason: str | None
    due_at: datetime | None
    appeal: str | None
    appealed_at: datetime | None
    group: int
    suspended: int
    appeals: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one place (see decide_places())."""

    outcome: str
    place_id: str
    visitor: str | None
    number: int
    turn: int


def mark(seconds: int, addresses: int) -> int:
    """Call mark_places(): how many marks changed."""
    return int(one_statement("mark_places", {"seconds": seconds, "addresses": addresses}).changed)


def open_ones(db: Db, event_id: int, each: int, most: int) -> list[MarkedPlace]:
    """The first `each` places of each group, those with an appeal first; groups in which somebody
    has appealed come first, then the largest."""
    parameters = {"event_id": event_id, "each": each, "most": most}
    rows = db.execute(text(statement("marked_places")), parameters)
    return [MarkedPlace(*row) for row in rows]


def counts(db: Db, event_id: int) -> tuple[int, int]:
    """(how many places are marked, in how many somebody has appealed and waits)."""
    row = db.execute(text(statement("marked_counts")), {"event_id": event_id}).one()
    return row[0], row[1]


def chosen(
    db: Db, event_id: int, rule: str, shared: str, number: int | None, until: datetime
) -> list[str]:
    """The places of a group, or the one with this number, that were marked by then."""
    parameters = {
        "event_id": event_id,
        "rule": rule,
        "shared": shared,
        "number": number,
        "until": until,
    }
    rows = db.execute(text(statement("chosen_places")), parameters)
    return list(rows.scalars())


def decide(
    event_id: int, places: Sequence[str], remove: bool, reason: str, seconds: float, actor: str
) -> list[Decided]:
    """Call decide_places()."""
    parameters = {
        "event_id": event_id,
        "places": list(places),
        "remove": remove,
        "reason": reason,
        "seconds": seconds,
        "actor": actor,
    }
    return [Decided(*row) for row in all_rows("decide_places", parameters)]


def of_places(db: Db, place_ids: Sequence[str]) -> Sequence[Any]:
    """The marks and the last removal of each of these places (see sql/place_marks.sql)."""
    return db.execute(text(statement("place_marks")), {"ids": list(place_ids)}).all()


def lapse() -> int:
    """Call lapse_removals(): how many places are removed now."""
    return int(one_statement("lapse_removals", {}).gone)


def appeal(event_id: int, place_id: str, words: str) -> str:
    """Call appeal(): "appealed", "before" or "none"."""
    parameters = {"event_id": event_id, "place_id": place_id, "words": words}
    return str(one_statement("appeal", parameters).outcome)
