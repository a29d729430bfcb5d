"""Queries on the sessions of staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, not_, or_, select, update
from sqlalchemy.orm import Session, scoped_session

from app.store.models import Organisation, Staff, StaffSession

Db = Session | scoped_session[Session]

_MINUTE = timedelta(minutes=1)


def add(session: Db, **values: Any) -> int:
    """A new session: its number."""
    return session.execute(
        insert(StaffSession).values(**values).returning(StaffSession.id)
    ).scalar_one()


def is_new_place(session: Db, staff_id: int, network: str, browser: str) -> bool:
    """Whether this person has logged in before, and neither from this network, as a phone's changes
    often, nor with such a browser."""
    own = select(StaffSession.id).where(StaffSession.staff_id == staff_id)
    here = own.where(or_(StaffSession.network == network, StaffSession.browser == browser))
    return session.execute(select(and_(own.exists(), not_(here.exists())))).scalar_one()


def find(connection: Connection, token_hash: str, idle: float, longest: float) -> Any | None:
    """The person whose living session this is: the columns, the organisation's name, the session's
    number, and whether it was last seen more than a minute ago (`stale`)."""
    return connection.execute(
        select(
            *Staff.__table__.columns,
            Organisation.name.label("organisation"),
            Organisation.second_factor_required,
            StaffSession.id.label("session_id"),
            (StaffSession.seen_at < func.now() - _MINUTE).label("stale"),
        )
        .join(Organisation, Organisation.id == Staff.organisation_id)
        .join(StaffSession, StaffSession.staff_id == Staff.id)
        .where(
            StaffSession.token_hash == token_hash, Staff.disabled_at.is_(None), _live(idle, longest)
        )
    ).first()


def touch(session: Db, session_id: int) -> None:
    session.execute(
        update(StaffSession).where(StaffSession.id == session_id).values(seen_at=func.now())
    )


def living(session: Db, staff_id: int, idle: float, longest: float) -> Sequence[StaffSession]:
    """A person's sessions that have not ended, the newest first."""
    return session.scalars(
        select(StaffSession)
        .where(StaffSession.staff_id == staff_id, _live(idle, longest))
        .order_by(StaffSession.created_at.desc(), StaffSession.id.desc())
    ).all()


def end(session: Db, staff_id: int, only: int | None = None, but: int | None = None) -> int:
    """End a person's sessions: all, `only` this one, or all `but` this one. How many it were."""
    query = update(StaffSession).where(
        StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)
    )
    if only is not None:
        query = query.where(StaffSession.id == only)
    if but is not None:
        query = query.where(StaffSession.id != but)
    rows = session.execute(query.values(ended_at=func.now()).returning(StaffSession.id)).all()
    return len(rows)


def _live(idle: float, longest: float) -> Any:
    return and_(
        StaffSession.ended_at.is_(None),
        StaffSession.seen_at > func.now() - timedelta(seconds=idle),
        StaffSession.created_at > func.now() - timedelta(seconds=longest),
    )
