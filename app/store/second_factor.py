"""Queries on the second factors of staff."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session, scoped_session

from app.store.models import Organisation, RecoveryCode, Staff

Db = Session | scoped_session[Session]


def offer(session: Db, staff_id: int, seed: str) -> str | None:
    """The seed of somebody who has no second factor yet: this one, unless an earlier page was
    given another. None for who has one."""
    session.execute(
        update(Staff).where(Staff.id == staff_id, Staff.totp_seed.is_(None)).values(totp_seed=seed)
    )
    return session.scalar(
        select(Staff.totp_seed).where(Staff.id == staff_id, Staff.totp_since.is_(None))
    )


def seed(session: Db, staff_id: int) -> str | None:
    return session.scalar(select(Staff.totp_seed).where(Staff.id == staff_id))


def database_now(session: Db) -> datetime:
    return session.execute(select(func.now())).scalar_one()


def turn_on(session: Db, staff_id: int, step: int) -> bool:
    """Whether it was off until now."""
    row = session.execute(
        update(Staff)
        .where(Staff.id == staff_id, Staff.totp_since.is_(None), Staff.totp_seed.is_not(None))
        .values(totp_since=func.now(), totp_step=step)
        .returning(Staff.id)
    ).first()
    return row is not None


def turn_off(session: Db, staff_id: int) -> bool:
    """Whether it was on until now. Its recovery codes are gone."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    row = session.execute(
        update(Staff)
        .where(Staff.id == staff_id, Staff.totp_since.is_not(None))
        .values(totp_since=None, totp_seed=None, totp_step=None)
        .returning(Staff.id)
    ).first()
    return row is not None


def use_step(session: Db, staff_id: int, step: int) -> bool:
    """Use up the code of a half minute; False when it, or a later one, was used before."""
    row = session.execute(
        update(Staff)
        .where(
            Staff.id == staff_id,
            Staff.totp_since.is_not(None),
            or_(Staff.totp_step.is_(None), Staff.totp_step < step),
        )
        .values(totp_step=step)
        .returning(Staff.id)
    ).first()
    return row is not None


def use_recovery_code(session: Db, staff_id: int, code_hash: str) -> bool:
    """Use up a recovery code; False when there is none like it."""
    row = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff_id,
            RecoveryCode.code_hash == code_hash,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(RecoveryCode.staff_id)
    ).first()
    return row is not None


def replace_recovery_codes(session: Db, staff_id: int, hashes: Iterable[str]) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    session.execute(
        insert(RecoveryCode), [{"staff_id": staff_id, "code_hash": one} for one in hashes]
    )


def recovery_codes_left(session: Db, staff_id: int) -> int:
    return session.execute(
        select(func.count()).where(
            RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None)
        )
    ).scalar_one()


def require(session: Db, organisation_id: int, required: bool) -> bool:
    """Whether that changed anything."""
    row = session.execute(
        update(Organisation)
        .where(Organisation.id == organisation_id, Organisation.second_factor_required != required)
        .values(second_factor_required=required)
        .returning(Organisation.id)
    ).first()
    return row is not None
