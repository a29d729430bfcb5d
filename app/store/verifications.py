"""Verifications, and the places and fans that a proven address binds together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, scoped_session

from app.domain.codes import MINUTES, TRIES
from app.domain.places import LIVE
from app.store.db import one_statement
from app.store.models import Fan, Place, Verification

Db = Session | scoped_session[Session]

# A code lives from the moment its mail was sent; until then nobody can know it.
_alive = and_(
    Verification.proven_at.is_(None),
    func.now()
    < func.coalesce(Verification.sent_at, Verification.created_at) + timedelta(minutes=MINUTES),
)

# A double tap types the same code twice, and the browser keeps only the second answer.
_just_proven = Verification.proven_at > func.now() - timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest code that a place asked for; `alive` says that it may still be typed."""

    id: str
    email: str
    tries: int
    created_at: datetime
    sent_at: datetime | None
    alive: bool


def ensure_place(session: Db, event_id: int, place_id: str, number: int, epoch: int) -> None:
    """Write a place that the journal has not brought yet; the journal fills in the rest."""
    session.execute(
        insert(Place)
        .values(id=place_id, event_id=event_id, number=number, epoch=epoch, joined_at=func.now())
        .on_conflict_do_nothing()
    )


def place(session: Db, event_id: int, place_id: str) -> Place | None:
    """The place as Postgres knows it now, whatever this session read before."""
    return session.scalar(
        select(Place)
        .where(Place.id == place_id, Place.event_id == event_id)
        .execution_options(populate_existing=True)
    )


def fan_email(session: Db, fan_id: int) -> str | None:
    return session.scalar(select(Fan.email).where(Fan.id == fan_id))


def newest(session: Db, place_id: str) -> Asked | None:
    row = session.execute(
        select(
            Verification.id,
            Verification.email,
            Verification.tries,
            Verification.created_at,
            Verification.sent_at,
            _alive.label("alive"),
        )
        .where(Verification.place_id == place_id)
        .order_by(Verification.created_at.desc(), Verification.id.desc())
        .limit(1)
    ).first()
    return Asked(*row) if row else None


def sent_lately(session: Db, place_id: str, email: str, within: timedelta) -> tuple[int, int]:
    """How many codes were asked for by this place, and how many for this address, in this time."""
    since = func.now() - within
    by_place = select(func.count()).where(
        Verification.place_id == place_id, Verification.created_at > since
    )
    by_email = select(func.count()).where(
        Verification.email == email, Verification.created_at > since
    )
    row = session.execute(select(by_place.scalar_subquery(), by_email.scalar_subquery())).one()
    return row[0], row[1]


def add(session: Db, verification_id: str, place_id: str, email: str) -> None:
    session.add(Verification(id=verification_id, place_id=place_id, email=email))


def count_try(session: Db, place_ids: Collection[str]) -> Asked | None:
    """Count a try of the newest code of these places, which are one browser's; None when they
    have none that may be tried.

    Conditional, so that guesses made side by side are each counted. A code that was proven a
    moment ago may be tried too, and is not `alive`.
    """
    newest_id = (
        select(Verification.id)
        .where(Verification.place_id.in_(place_ids))
        .order_by(Verification.created_at.desc(), Verification.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = session.execute(
        update(Verification)
        .where(Verification.id == newest_id, Verification.tries < TRIES, _alive | _just_proven)
        .values(tries=Verification.tries + 1)
        .returning(
            Verification.id,
            Verification.email,
            Verification.tries,
            Verification.created_at,
            Verification.sent_at,
            Verification.proven_at.is_(None),
        )
    ).first()
    return Asked(*row) if row else None


def use_up(session: Db, verification_id: str) -> bool:
    """Mark a code as proven; False if it was already: it counts once."""
    done = session.scalar(
        update(Verification)
        .where(Verification.id == verification_id, Verification.proven_at.is_(None))
        .values(proven_at=func.now())
        .returning(Verification.id)
    )
    return done is not None


def lock_fan(session: Db, email: str, language: str) -> int:
    """The fan with this address, made if there is none, who reads this language from now on; the
    row stays locked, so that two browsers of one fan bind their places one after the other."""
    statement = insert(Fan).values(email=email, language=language)
    return session.scalars(
        statement.on_conflict_do_update(
            index_elements=[Fan.email], set_={"language": statement.excluded.language}
        ).returning(Fan.id)
    ).one()


def lock_places(session: Db, event_id: int, place_id: str, fan_id: int) -> Sequence[Place]:
    """This place and the fan's live places at the event, lowest number first, rows locked."""
    found = session.scalars(
        select(Place)
        .where(
            Place.event_id == event_id,
            (Place.id == place_id) | ((Place.fan_id == fan_id) & Place.state.in_(LIVE)),
        )
        .order_by(Place.number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


def code_sent(verification_id: str, outbox_id: int | None) -> None:
    """The code's mail is with the mail server; the outbox entry is done."""
    one_statement("code_sent", {"verification_id": verification_id, "outbox_id": outbox_id})


def now(session: Db) -> datetime:
    """Postgres' clock, which decides how old a code is."""
    moment: datetime = session.scalars(select(func.clock_timestamp())).one()
    return moment
