"""How services reach Postgres: one transaction, or one statement; typed errors at the border."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout
from sqlalchemy import Connection, Row, text
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import scoped_session

from app.config import Settings
from app.domain import errors
from app.extensions import db

# What a violated constraint says to the person who met it.
REFUSAL_OF_CONSTRAINT: dict[str, type[errors.Refusal]] = {
    "claims_one_live_per_fan": errors.AlreadyClaimed,
    "claims_place_buys_once": errors.AlreadyClaimed,
    "claims_form_is_sent_once": errors.AlreadyClaimed,
}


# After Postgres did not answer, this process asks nothing of it for so long (s): else every
# request would wait out the whole deadline once for each statement, in turn.
_PAUSE_AFTER_SILENCE = 0.5
_silence = {"until": 0.0}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits no longer than `longest_wait` seconds for the server.

    A stopped Postgres backend defeats statement_timeout, keepalives and tcp_user_timeout,
    so the client itself has to give up; what the server did is then unknown.
    """

    longest_wait = 2.5

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.longest_wait)
        except _WaitTimeout as exc:
            self.close()
            raise psycopg.OperationalError("the server did not answer in time") from exc


def engine_options(settings: Settings) -> dict[str, Any]:
    """SQLAlchemy engine options: a bounded pool of bounded connections."""
    url = make_url(settings.database_url)
    milliseconds = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.transaction_timeout,
    }
    options = " ".join(f"-c {name}={int(value * 1000)}" for name, value in milliseconds.items())
    arguments = {**url.query, **url.translate_connect_args(username="user", database="dbname")}

    def connect() -> psycopg.Connection[Any]:
        return BoundedConnection.connect(
            **arguments,
            connect_timeout=2,
            application_name="fairqueue",
            options=f"{options} -c timezone=UTC",
        )

    return {
        "creator": connect,
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.pool_wait,
        "pool_reset_on_return": "rollback",
    }


def sqlalchemy_url(settings: Settings) -> str:
    return (
        make_url(settings.database_url)
        .set(drivername="postgresql+psycopg")
        .render_as_string(hide_password=False)
    )


@contextmanager
def transaction() -> Iterator[scoped_session[Any]]:
    """One transaction: commits at the end, rolls back on any exception.

    Raises StoreUnavailable, Busy, Conflict, OutcomeUnknown, or the refusal that belongs to
    the violated constraint.
    """
    session = db.session
    with translated():
        try:
            yield session
        except BaseException:
            session.rollback()
            raise
        try:
            session.commit()
        except sa_exc.OperationalError as exc:
            session.rollback()
            # Postgres may have committed before the connection went away.
            if _lost(exc):
                raise errors.OutcomeUnknown from exc
            raise
        except BaseException:
            session.rollback()
            raise


def one_statement(name: str, parameters: Mapping[str, Any]) -> Row[Any] | None:
    """Run app/store/sql/<name>.sql by itself, in autocommit: one round trip. First row or None.

    Raises as transaction(); a lost connection is OutcomeUnknown, since the statement may have
    taken effect.
    """
    with translated(), autocommit_engine().connect() as connection:
        try:
            return connection.execute(text(statement(name)), parameters).first()
        except sa_exc.OperationalError as exc:
            if _lost(exc):
                raise errors.OutcomeUnknown from exc
            raise


def autocommit_engine() -> Engine:
    return db.engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def snapshot(seconds: float = 60) -> Iterator[Connection]:
    """One moment of the whole database, to read from for up to `seconds` per statement: for
    those whom nobody waits for. Raises as transaction()."""
    engine = db.engine.execution_options(isolation_level="REPEATABLE READ")
    with translated(), engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.longest_wait = seconds
        try:
            connection.execute(text(f"SET LOCAL statement_timeout = '{int(seconds * 1000)}'"))
            yield connection
        finally:
            driver.longest_wait = BoundedConnection.longest_wait


@cache
def statement(name: str) -> str:
    """The text of app/store/sql/<name>.sql."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text()


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into domain errors; refuse at once while Postgres is known silent."""
    if monotonic() < _silence["until"]:
        raise errors.StoreUnavailable
    try:
        yield
    except sa_exc.TimeoutError as exc:
        raise errors.Busy from exc
    except sa_exc.IntegrityError as exc:
        name = getattr(getattr(exc.orig, "diag", None), "constraint_name", None)
        refusal = REFUSAL_OF_CONSTRAINT.get(name or "")
        if refusal is None:
            raise
        raise refusal from exc
    except sa_exc.OperationalError as exc:
        if isinstance(exc.orig, (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)):
            raise errors.Conflict from exc
        _lost(exc)
        raise errors.StoreUnavailable from exc
    except (sa_exc.InterfaceError, sa_exc.InternalError) as exc:
        raise errors.StoreUnavailable from exc


def _lost(exc: sa_exc.DBAPIError) -> bool:
    """Whether the connection broke or was silent, so that nobody knows what the server did."""
    silent = isinstance(exc.orig, psycopg.OperationalError) and exc.orig.sqlstate is None
    if silent:
        _silence["until"] = monotonic() + _PAUSE_AFTER_SILENCE
    return silent or exc.connection_invalidated


def forget_all() -> None:
    """Forget that Postgres was silent (between tests)."""
    _silence["until"] = 0.0
