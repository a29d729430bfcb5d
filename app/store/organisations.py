"""What an organisation has decided for all of its events. Never commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session, scoped_session

from app.store.models import Organisation

Db = Session | scoped_session[Session]


def refused_domains(session: Db, organisation_id: int) -> list[str] | None:
    """The organisation's list, locked until the transaction ends; None if it has made none."""
    return session.scalar(
        select(Organisation.refused_domains)
        .where(Organisation.id == organisation_id)
        .with_for_update()
    )


def refuse_domains(session: Db, organisation_id: int, domains: Sequence[str]) -> None:
    session.execute(
        update(Organisation)
        .where(Organisation.id == organisation_id)
        .values(refused_domains=list(domains))
    )
