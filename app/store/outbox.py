"""Queries of the outbox: what we owe the outside world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, scoped_session

from app.store.db import all_rows, one_statement
from app.store.models import OutboxEntry

AnySession = Session | scoped_session[Any]


@dataclass(slots=True)
class Taken:
    """An entry that is ours until `taken_until`; `attempts` counts this one. `facts` is what
    sql/functions/outbox_facts.sql says to it."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    taken_until: datetime
    facts: dict[str, Any] | None


def add(
    session: AnySession,
    lane: str,
    kind: str,
    payload: Mapping[str, Any],
    key: str | None,
    delay: float,
) -> None:
    """Insert an entry, due in `delay` seconds; one with the same key already there stays alone."""
    session.execute(
        insert(OutboxEntry)
        .values(
            lane=lane,
            kind=kind,
            payload=dict(payload),
            key=key,
            due_at=func.now() + timedelta(seconds=delay),
        )
        .on_conflict_do_nothing(index_elements=[OutboxEntry.key])
    )


def due_lanes() -> list[str]:
    """The lanes with an entry that is due and not in anybody's hands."""
    return [row.lane for row in all_rows("due_lanes", {})]


def exchange(
    lane: str,
    ended: Sequence[tuple[Taken | None, str, Mapping[str, Any]]],
    seconds: float,
    most: int,
) -> tuple[list[Taken], set[int | None]]:
    """Call exchange_outbox(), whose header lists the endings: write down how entries ended (entry,
    `end`, what belongs to it), and take up to `most` of the lane, those that have been due longest,
    for so many seconds. (Those taken, the numbers of those refused as not ordinary); committed at
    once."""
    endings = [
        {
            **values,
            "end": end,
            "entry": entry.id if entry else None,
            "token": entry.taken_until if entry else None,
        }
        for entry, end, values in ended
    ]
    parameters = {
        "endings": json.dumps(endings, default=datetime.isoformat),
        "lane": lane,
        "seconds": seconds,
        "most": most,
    }
    rows = all_rows("exchange_outbox", parameters)
    taken = [Taken(*row[:-1]) for row in rows if not row.refused]
    refused = {row.id for row in rows if row.refused}
    return sorted(taken, key=lambda entry: entry.id), refused


def hold(entries: Sequence[Taken], seconds: float) -> None:
    """Keep entries that are in hand for so many seconds more."""
    tokens = {entry.id: entry.taken_until for entry in entries}
    parameters = {"ids": list(tokens), "tokens": list(tokens.values()), "seconds": seconds}
    now_until = dict(tuple(row) for row in all_rows("hold_outbox", parameters))
    for entry in entries:
        entry.taken_until = now_until.get(entry.id, entry.taken_until)


def facts(kind: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a taken entry brings with it, for who has taken none."""
    row = one_statement("outbox_facts", {"kind": kind, "payload": json.dumps(dict(payload))})
    found: dict[str, Any] | None = row.facts
    return found
