"""What was tried that a sale needs, and what came of it: one row for each thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, scoped_session

from app.store.db import one_statement

BEATS = "beats"
GATEWAY = "gateway"
MAIL = "mail"

AnySession = Session | scoped_session[Session]


@dataclass(frozen=True, slots=True)
class Check:
    """The latest try. `answered_at` and `ok` belong to the latest answer, which may be that of an
    earlier try than the one at `asked_at`."""

    name: str
    asked_at: datetime | None
    answered_at: datetime | None
    ok: bool | None
    trouble: str
    took_ms: int | None


def beat() -> None:
    """Write down that the beats go."""
    one_statement("check_beat", {})


def asked(session: AnySession, names: Sequence[str]) -> None:
    """Write down that these are to be tried now."""
    session.execute(
        text(
            "INSERT INTO checks (name, asked_at) SELECT unnest(CAST(:names AS text[])), now()"
            " ON CONFLICT (name) DO UPDATE SET asked_at = excluded.asked_at"
        ),
        {"names": list(names)},
    )


def answered(name: str, ok: bool, trouble: str, took_ms: int) -> None:
    """Write down what came of a try."""
    parameters = {"name": name, "ok": ok, "trouble": trouble[:500], "took_ms": took_ms}
    one_statement("check_answered", parameters)


def all_of(connection: Connection) -> Mapping[str, Check]:
    rows = connection.execute(
        text("SELECT name, asked_at, answered_at, ok, trouble, took_ms FROM checks")
    )
    return {row.name: Check(*row) for row in rows}
