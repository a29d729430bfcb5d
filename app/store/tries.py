"""Tries of staff, counted where they are the only truth: in Postgres."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, scoped_session

from app.domain.tries import Limits
from app.store.db import one_statement
from app.store.models import StaffTry

Db = Session | scoped_session[Session]


def count(kind: str, account: str, network: str, email: str, limits: Limits) -> int:
    """Count one, unless there were too many: 0, or in how many seconds the next is allowed."""
    row = one_statement(
        "count_try",
        {
            "kind": kind,
            "account": account,
            "network": network,
            "email": email,
            "pair": list(limits.pair),
            "of_network": list(limits.of_network),
            "of_account": list(limits.of_account),
        },
    )
    return int(row.waits)


def forget(session: Db, kind: str, account: str, network: str) -> None:
    """What was tried there has succeeded."""
    session.execute(
        delete(StaffTry).where(
            StaffTry.kind == kind, StaffTry.account == account, StaffTry.network == network
        )
    )


def touch(session: Db, kind: str, account: str, network: str) -> None:
    """Say of the newest of these tries that it was made this moment."""
    newest = select(func.max(StaffTry.id)).where(
        StaffTry.kind == kind, StaffTry.account == account, StaffTry.network == network
    )
    session.execute(
        update(StaffTry)
        .where(StaffTry.id == newest.scalar_subquery())
        .values(at=func.now())
        .execution_options(synchronize_session=False)
    )
