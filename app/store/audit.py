"""The audit's questions to Postgres: one file each, app/store/sql/audit/<rule>.sql, answering
(id, what) for every row that breaks the rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from app.store.db import statement

_FOLDER = Path(__file__).parent / "sql" / "audit"


def rules() -> list[str]:
    """The names of all rules."""
    return sorted(path.stem for path in _FOLDER.glob("*.sql"))


def violations(connection: Connection, rule: str) -> list[tuple[str, str]]:
    """(id, what is wrong) for each row that breaks the rule."""
    rows = connection.execute(text((_FOLDER / f"{rule}.sql").read_text()))
    return [(row.id, row.what) for row in rows]


@dataclass(frozen=True, slots=True)
class Booked:
    """What we say of one payment and of its refund; amounts in the smallest unit."""

    reference: str
    state: str
    gateway_id: int | None
    received_amount: int | None
    received_currency: str | None
    created_at: datetime
    refund_state: str | None
    refund_gateway_id: int | None
    refund_amount: int | None


def books(connection: Connection) -> list[Booked]:
    """All payments, oldest first."""
    return [Booked(*row) for row in connection.execute(text(statement("books")))]
