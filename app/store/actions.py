"""The trail of staff: written once, read by admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from app.store.models import StaffAction

Db = Session | scoped_session[Session]


def add(session: Db, **values: Any) -> None:
    """Write one action into the caller's transaction."""
    session.add(StaffAction(**values))


def latest(
    session: Db, organisation_id: int, filters: Mapping[str, Any], before: int | None, most: int
) -> Sequence[StaffAction]:
    """Up to `most` actions whose columns equal the filters, latest first, from before that id."""
    query = select(StaffAction).where(
        StaffAction.organisation_id == organisation_id,
        *(getattr(StaffAction, name) == value for name, value in filters.items()),
    )
    if before is not None:
        query = query.where(StaffAction.id < before)
    return session.scalars(query.order_by(StaffAction.id.desc()).limit(most)).all()


def verbs(session: Db, organisation_id: int) -> Sequence[str]:
    """What has been done so far, each once."""
    own = StaffAction.organisation_id == organisation_id
    return session.scalars(
        select(StaffAction.verb).where(own).distinct().order_by(StaffAction.verb)
    ).all()
