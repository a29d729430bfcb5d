"""Queries of the outbox: what we owe the outside world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
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


def due_lanes(session: AnySession) -> list[str]:
    """The lanes with an entry that is due and not in anybody's hands."""
    return list(
        session.scalars(
            select(OutboxEntry.lane)
            .where(
                OutboxEntry.done_at.is_(None),
                OutboxEntry.due_at <= func.now(),
                or_(OutboxEntry.taken_until.is_(None), OutboxEntry.taken_until < func.now()),
            )
            .distinct()
            .order_by(OutboxEntry.lane)
        )
    )


def take(lane: str, seconds: float, most: int = 1) -> list[Taken]:
    """Take up to `most` entries of the lane, those that have been due longest, for so many
    seconds; committed at once."""
    rows = all_rows("take_outbox", {"lane": lane, "seconds": seconds, "most": most})
    return sorted((Taken(*row) for row in rows), key=lambda taken: taken.id)


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


def done(taken: Taken) -> None:
    """The debt is paid."""
    one_statement("outbox_done", {"id": taken.id})


def again(taken: Taken, seconds: float, error: str) -> None:
    """Put the entry back, due in `seconds`, unless someone else has taken it since."""
    one_statement(
        "outbox_again",
        {
            "id": taken.id,
            "taken_until": taken.taken_until,
            "seconds": seconds,
            # Postgres keeps neither NUL nor half of a surrogate pair.
            "error": "".join(letter if letter.isprintable() else "?" for letter in error[:500]),
        },
    )
