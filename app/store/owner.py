"""What only the owner of the tables does: back-ups, and what comes after one."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from app.domain.errors import StoreUnavailable
from app.extensions import settings
from app.failpoints import reached
from app.store.db import sqlalchemy_url

# A life of a line of which the back-up knows nothing may have given numbers and have been lost
# itself, each time a million further on (sql of lines.next_epoch). A hundred losses are not seen.
_LIVES = 100
_NUMBERS = 100_000_000


def _engine() -> Engine:
    return create_engine(sqlalchemy_url(settings.migrations_database_url), poolclass=pool.NullPool)


def version() -> int:
    """The major version of the server. Raises StoreUnavailable."""
    try:
        with _engine().connect() as connection:
            return int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    except OperationalError as exc:
        raise StoreUnavailable from exc


def is_empty() -> bool:
    """Whether the database has no table. Raises StoreUnavailable."""
    look = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    try:
        with _engine().connect() as connection:
            return bool(connection.scalar(look) == 0)
    except OperationalError as exc:
        raise StoreUnavailable from exc


def begin_new_lives() -> None:
    """Let no number that was given since the back-up be given again, and no copy of a line count
    that was written since."""
    with _engine().begin() as connection:
        connection.execute(
            text("UPDATE lines SET epoch = epoch + :lives, number_floor = number_floor + :numbers"),
            {"lives": _LIVES, "numbers": _NUMBERS},
        )
    reached("statement:", "begin_new_lives")
