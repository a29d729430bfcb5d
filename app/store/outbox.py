"""Queries of the outbox: what we owe the outside world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, scoped_session

from app.store.db import one_statement
from app.store.models import OutboxEntry

AnySession = Session | scoped_session[Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that is ours until `taken_until`; `attempts` counts this one."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    taken_until: datetime


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


def take(lane: str, seconds: float) -> Taken | None:
    """Take the lane's entry that has been due longest, for so many seconds; committed at once."""
    row = one_statement("take_outbox", {"lane": lane, "seconds": seconds})
    if row is None:
        return None
    return Taken(row.id, row.kind, row.payload, row.attempts, row.taken_until)


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
