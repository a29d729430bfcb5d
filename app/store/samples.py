"""How an event stood from moment to moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from app.store.db import one_statement, statement


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of an event; the counts are those of app/store/models.py."""

    at: datetime
    waiting: int
    inside: int
    free: int
    held: int
    sold: int
    joined: int
    admitted: int
    claimed: int
    paid: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """An event of which samples are taken. `live` is False once its sale is over."""

    event_id: int
    epoch: int
    live: bool


@dataclass(frozen=True, slots=True)
class Healed:
    """What one pass of reconciliation put right."""

    at: datetime
    tickets: int
    places: int


def events(connection: Connection) -> list[Sampled]:
    return [Sampled(*row) for row in connection.execute(text(statement("sampled_events")))]


def take(in_line: Mapping[int, tuple[int, int]]) -> int:
    """Write a sample of each event, with its (waiting, inside): how many were new."""
    values = list(in_line.values())
    parameters = {
        "ids": list(in_line),
        "waiting": [waiting for waiting, _ in values],
        "inside": [inside for _, inside in values],
    }
    return int(one_statement("take_samples", parameters)[0])


def thin() -> int:
    """Remove samples that a chart of a long sale does not need: how many."""
    return int(one_statement("thin_samples", {})[0])


def chart(connection: Connection, event_id: int, since: datetime, points: int) -> Sequence[Sample]:
    """At most about `points` samples since then, oldest first."""
    parameters = {"event_id": event_id, "since": since, "points": points}
    return [Sample(*row) for row in connection.execute(text(statement("chart")), parameters)]


def healed(connection: Connection, event_id: int, most: int = 10) -> list[Healed]:
    """What reconciliation put right lately, the latest first."""
    rows = connection.execute(
        text(
            "SELECT at, coalesce((detail->>'tickets')::int, 0),"
            " coalesce((detail->>'places')::int, 0)"
            " FROM timeline WHERE event_id = :event_id AND verb = 'healed' AND actor = 'system'"
            " ORDER BY at DESC LIMIT :most"
        ),
        {"event_id": event_id, "most": most},
    )
    return [Healed(*row) for row in rows]
