"""The audit's questions to Postgres: one file each, app/store/sql/audit/<rule>.sql, answering
(id, what) for every row that breaks the rule."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

_FOLDER = Path(__file__).parent / "sql" / "audit"


def rules() -> list[str]:
    """The names of all rules."""
    return sorted(path.stem for path in _FOLDER.glob("*.sql"))


def violations(connection: Connection, rule: str) -> list[tuple[str, str]]:
    """(id, what is wrong) for each row that breaks the rule."""
    rows = connection.execute(text((_FOLDER / f"{rule}.sql").read_text()))
    return [(row.id, row.what) for row in rows]
