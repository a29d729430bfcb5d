"""What staff and the calendar change about events. Each change says what it found before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, insert, select, text, update
from sqlalchemy.orm import Session, scoped_session

from app.domain.errors import SlugTaken
from app.store.db import REFUSAL_OF_CONSTRAINT, statement
from app.store.models import Event, Line, TimelineEntry

Db = Session | scoped_session[Session]

REFUSAL_OF_CONSTRAINT["events_slug_key"] = SlugTaken

# So many rows change in well under the time a statement may take, on a busy server too.
_BATCH = 10_000

# How long the present pause has lasted; nothing when there is none.
_PAUSE_MS = func.coalesce(
    cast(func.extract("epoch", func.now() - Event.paused_at) * 1000, BigInteger), 0
)

# Values for change(): Postgres' clock decides when a pause began and how long it was.
PAUSE_BEGINS: Mapping[str, Any] = {"paused_at": func.now()}
PAUSE_ENDS: Mapping[str, Any] = {
    "paused_ms": Event.paused_ms + _PAUSE_MS,
    "paused_at": None,
    "pause_reason": "",
    "pause_next_word_at": None,
}
STARTS_NOW: Mapping[str, Any] = {"sale_starts_at": func.least(Event.sale_starts_at, func.now())}
MESSAGE_NOW: Mapping[str, Any] = {"message_at": func.now()}


@dataclass(frozen=True, slots=True)
class Changed:
    """The event that was changed, as it is afterwards."""

    id: int
    capacity: int
    # Whether the end of the sale has passed, by Postgres' clock.
    over: bool


def create(session: Db, organisation_id: int, values: Mapping[str, Any]) -> int:
    """A new draft: its id. Raises SlugTaken."""
    return session.execute(
        insert(Event).values(organisation_id=organisation_id, **values).returning(Event.id)
    ).scalar_one()


def change(
    session: Db,
    organisation_id: int,
    slug: str,
    seen: Mapping[str, Any],
    states: Sequence[str],
    values: Mapping[str, Any],
) -> Changed | None:
    """Write `values` if the event is in one of `states` and its columns still are as `seen`.

    None if the organisation has no such event, or it has changed since.
    """
    row = session.execute(
        update(Event)
        .where(
            Event.slug == slug,
            Event.organisation_id == organisation_id,
            Event.state.in_(states),
            *(getattr(Event, name) == value for name, value in seen.items()),
        )
        .values(**values)
        .returning(Event.id, Event.capacity, Event.sale_ends_at <= func.now())
        .execution_options(synchronize_session=False)
    ).first()
    return Changed(*row) if row is not None else None


def exists(session: Db, organisation_id: int, slug: str) -> bool:
    return (
        session.scalar(
            select(Event.id).where(Event.slug == slug, Event.organisation_id == organisation_id)
        )
        is not None
    )


def lock(session: Db, organisation_id: int, slug: str) -> Event | None:
    """The event, its row locked until the transaction ends."""
    return session.scalar(
        select(Event)
        .where(Event.slug == slug, Event.organisation_id == organisation_id)
        .with_for_update(of=Event)
        .execution_options(populate_existing=True)
    )


def database_now(session: Db) -> datetime:
    return session.execute(select(func.now())).scalar_one()


def add_line(session: Db, event_id: int) -> None:
    session.execute(insert(Line).values(event_id=event_id))


def add_tickets(session: Db, event_id: int, count: int) -> list[int]:
    """Make `count` tickets, numbered on from the highest there is: their numbers."""
    return _in_batches(session, "add_tickets", event_id, count)


def remove_free_tickets(session: Db, event_id: int, count: int) -> list[int]:
    """Remove `count` free tickets, the highest numbers first: the numbers removed.

    Fewer when fewer are free; tickets being claimed this moment are left alone.
    """
    return _in_batches(session, "remove_free_tickets", event_id, count)


def _in_batches(session: Db, name: str, event_id: int, count: int) -> list[int]:
    numbers: list[int] = []
    while len(numbers) < count:
        size = min(_BATCH, count - len(numbers))
        parameters = {"event_id": event_id, "count": size}
        batch = session.scalars(text(statement(name)), parameters).all()
        numbers += batch
        if len(batch) < size:
            break
    return sorted(numbers)


def keep_calendar(session: Db) -> list[str]:
    """Open what is due to open and close what is due to close: the slugs of both."""
    return list(session.scalars(text(statement("calendar"))))


def latest(connection: Connection, event_id: int, verbs: Sequence[str]) -> datetime | None:
    """When one of these was last done to the event."""
    return connection.scalar(
        select(func.max(TimelineEntry.at)).where(
            TimelineEntry.event_id == event_id, TimelineEntry.verb.in_(verbs)
        )
    )


def happenings(session: Db, event_id: int, limit: int) -> Sequence[TimelineEntry]:
    """The latest that was done to the event itself, latest first; claims have their own."""
    return session.scalars(
        select(TimelineEntry)
        .where(
            TimelineEntry.event_id == event_id,
            TimelineEntry.claim_id.is_(None),
            TimelineEntry.place_id.is_(None),
            # What reconciliation healed is shown by itself.
            TimelineEntry.verb != "healed",
        )
        .order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc())
        .limit(limit)
    ).all()
