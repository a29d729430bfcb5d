"""Links that carry a place to another browser. Never commits, but for add_now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, scoped_session

from app.store.db import one_statement
from app.store.models import Carry, Place

Db = Connection | Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class CarryFacts:
    """One link; `fan_id` is that of the fan whose proof goes along, if it does."""

    place_id: str
    event_id: int
    number: int
    epoch: int
    fan_id: int | None
    expires_at: datetime
    used_by: str | None
    alive: bool


_SELECT = select(
    Carry.place_id,
    Place.event_id,
    Place.number,
    Place.epoch,
    Carry.fan_id,
    Carry.expires_at,
    Carry.used_by,
    (Carry.used_at.is_(None) & (Carry.expires_at > func.now())).label("alive"),
).join(Place, Place.id == Carry.place_id)


def look(db: Db, carry_id: str) -> CarryFacts | None:
    row = db.execute(_SELECT.where(Carry.id == carry_id)).first()
    return CarryFacts(*row) if row else None


def made_lately(db: Db, place_id: str, within: timedelta) -> int:
    """How many links this place was given in this time."""
    query = select(func.count()).where(
        Carry.place_id == place_id, Carry.created_at > func.now() - within
    )
    return int(db.scalar(query) or 0)


def add(db: Db, carry_id: str, place_id: str, lives: timedelta, fan_id: int | None = None) -> None:
    """Write a link, for so long; one with this id that is there already stays as it is."""
    db.execute(
        insert(Carry)
        .values(id=carry_id, place_id=place_id, fan_id=fan_id, expires_at=func.now() + lives)
        .on_conflict_do_nothing()
    )


def add_now(carry_id: str, place_id: str, lives: timedelta, fan_id: int | None) -> None:
    """As add(), by itself: one round trip."""
    parameters = {
        "id": carry_id,
        "place_id": place_id,
        "fan_id": fan_id,
        "seconds": lives.total_seconds(),
    }
    one_statement("add_carry", parameters)


def end_unused(db: Db, place_id: str) -> None:
    """The links that a fan asked for and did not use are over; those in mails stay."""
    db.execute(
        update(Carry)
        .where(
            Carry.place_id == place_id,
            Carry.fan_id.is_(None),
            Carry.used_at.is_(None),
            Carry.expires_at > func.now(),
        )
        .values(expires_at=func.now())
    )


def use(db: Db, carry_id: str, visitor: str) -> bool:
    """Use a link up; False when it was used, or its time was over."""
    done = db.scalar(
        update(Carry)
        .where(Carry.id == carry_id, Carry.used_at.is_(None), Carry.expires_at > func.now())
        .values(used_at=func.now(), used_by=visitor)
        .returning(Carry.id)
    )
    return done is not None


def database_now(db: Db) -> datetime:
    moment: datetime = db.execute(text("SELECT now()")).scalar_one()
    return moment
