"""Queries on staff and their organisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, scoped_session

from app.domain.errors import StaffExists
from app.store.db import REFUSAL_OF_CONSTRAINT
from app.store.models import Organisation, Staff, StaffSession

Db = Session | scoped_session[Session]

REFUSAL_OF_CONSTRAINT["staff_email_key"] = StaffExists


def by_email(session: Db, email: str) -> tuple[Staff, Organisation] | None:
    row = session.execute(_members().where(Staff.email == email)).first()
    return None if row is None else (row[0], row[1])


def set_password(session: Db, staff_id: int, password_hash: str) -> None:
    session.execute(update(Staff).where(Staff.id == staff_id).values(password_hash=password_hash))


def by_id(session: Db, staff_id: int) -> tuple[Staff, Organisation] | None:
    row = session.execute(_members().where(Staff.id == staff_id)).first()
    return None if row is None else (row[0], row[1])


def colleague(session: Db, organisation_id: int, staff_id: int) -> Staff | None:
    """Somebody of this organisation."""
    return session.scalar(
        select(Staff).where(Staff.id == staff_id, Staff.organisation_id == organisation_id)
    )


def everybody(session: Db, organisation_id: int) -> Sequence[Any]:
    """An organisation's people by name: id, name, email, role, disabled_at, totp_since, and when
    each was last seen."""
    return session.execute(
        select(
            Staff.id,
            Staff.name,
            Staff.email,
            Staff.role,
            Staff.disabled_at,
            Staff.totp_since,
            func.max(StaffSession.seen_at),
        )
        .outerjoin(StaffSession, StaffSession.staff_id == Staff.id)
        .where(Staff.organisation_id == organisation_id)
        .group_by(Staff.id)
        .order_by(Staff.name, Staff.id)
    ).all()


def set_disabled(session: Db, staff_id: int, disabled: bool) -> bool:
    """Whether that changed anything."""
    was = Staff.disabled_at.is_(None) if disabled else Staff.disabled_at.is_not(None)
    return _changed(session, staff_id, was, disabled_at=func.now() if disabled else None)


def set_role(session: Db, staff_id: int, seen: str, role: str) -> bool:
    """Whether the role still was as seen."""
    return _changed(session, staff_id, Staff.role == seen, role=role)


def _changed(session: Db, staff_id: int, was: Any, **values: Any) -> bool:
    row = session.execute(
        update(Staff).where(Staff.id == staff_id, was).values(**values).returning(Staff.id)
    ).first()
    return row is not None


def names(session: Db, organisation_id: int) -> dict[int, str]:
    """The names of an organisation's staff, by id."""
    rows = session.execute(
        select(Staff.id, Staff.name).where(Staff.organisation_id == organisation_id)
    )
    return {row.id: row.name for row in rows}


def organisation(session: Db, name: str) -> Organisation:
    """The organisation of this name, made if there is none."""
    found = session.scalar(
        select(Organisation).where(Organisation.name == name).order_by(Organisation.id).limit(1)
    )
    if found is None:
        found = Organisation(name=name)
        session.add(found)
        session.flush()
    return found


def add(
    session: Db, organisation_id: int, email: str, name: str, role: str, password_hash: str
) -> Staff:
    """Raises StaffExists when somebody has this address (at the flush)."""
    member = Staff(
        organisation_id=organisation_id,
        email=email,
        name=name,
        role=role,
        password_hash=password_hash,
    )
    session.add(member)
    session.flush()
    return member


def _members() -> Select[Staff, Organisation]:
    return select(Staff, Organisation).join(Organisation, Organisation.id == Staff.organisation_id)
