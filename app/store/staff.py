"""Queries on staff and their organisations."""

from __future__ import annotations

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, scoped_session

from app.domain.errors import StaffExists
from app.store.db import REFUSAL_OF_CONSTRAINT
from app.store.models import Organisation, Staff

Db = Session | scoped_session[Session]

REFUSAL_OF_CONSTRAINT["staff_email_key"] = StaffExists


def by_email(session: Db, email: str) -> tuple[Staff, Organisation] | None:
    row = session.execute(_members().where(Staff.email == email)).first()
    return None if row is None else (row[0], row[1])


def set_password(session: Db, staff_id: int, password_hash: str) -> None:
    session.execute(update(Staff).where(Staff.id == staff_id).values(password_hash=password_hash))


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
