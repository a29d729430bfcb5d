"""Queries on the links that staff get by mail. Postgres' clock decides when one is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, scoped_session

from app.store.models import Organisation, Staff, StaffLink

Db = Session | scoped_session[Session]


def add(session: Db, lives: timedelta, **values: Any) -> bool:
    """Make a link, unless it is there already; whether it was made."""
    row = session.execute(
        insert(StaffLink)
        .values(expires_at=func.now() + lives, **values)
        .on_conflict_do_nothing()
        .returning(StaffLink.id)
    ).first()
    return row is not None


def find(session: Db, link_id: str, kind: str) -> Any | None:
    """A link that is there, with the name of its organisation, that of the person it names, and
    whether it still lives: a link of a person who was disabled does not."""
    return session.execute(
        select(
            *StaffLink.__table__.columns,
            Organisation.name.label("organisation"),
            Staff.name.label("name"),
            and_(_open(), Staff.disabled_at.is_(None)).label("alive"),
        )
        .join(Organisation, Organisation.id == StaffLink.organisation_id)
        .join(Staff, Staff.id == StaffLink.staff_id)
        .where(StaffLink.id == link_id, StaffLink.kind == kind)
    ).first()


def use(session: Db, link_id: str, kind: str) -> bool:
    """Use a link up; False when somebody has, or its time is over."""
    row = session.execute(
        update(StaffLink)
        .where(StaffLink.id == link_id, StaffLink.kind == kind, _open())
        .values(ended_at=func.now())
        .returning(StaffLink.id)
    ).first()
    return row is not None


def end(session: Db, kind: str, organisation_id: int, email: str) -> None:
    """End every other link of this kind to this address."""
    session.execute(
        update(StaffLink)
        .where(
            StaffLink.kind == kind,
            StaffLink.organisation_id == organisation_id,
            StaffLink.email == email,
            StaffLink.ended_at.is_(None),
        )
        .values(ended_at=func.now())
    )


def invitations(session: Db, organisation_id: int) -> Sequence[StaffLink]:
    """Those that wait for an answer, the newest first."""
    return session.scalars(
        select(StaffLink)
        .where(
            StaffLink.organisation_id == organisation_id, StaffLink.kind == "invitation", _open()
        )
        .order_by(StaffLink.created_at.desc(), StaffLink.id)
    ).all()


def _open() -> Any:
    return and_(StaffLink.ended_at.is_(None), StaffLink.expires_at > func.now())
