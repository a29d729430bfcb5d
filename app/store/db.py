"""How services reach Postgres: one transaction, or one statement; typed errors at the border."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import scoped_session

from app.combining import Asked, Combiner
from app.config import Settings
from app.domain import errors
from app.extensions import db, settings
from app.failpoints import reached
from app.silence import Silence
from app.store.bounded import (
    LONGEST_WAIT,
    BoundedConnection,
    Question,
    Statement,
    somebody_is_there,
)
from app.store.lone import Pool

# What a violated constraint says to the person who met it.
REFUSAL_OF_CONSTRAINT: dict[str, type[errors.Refusal]] = {
    "claims_one_live_per_fan": errors.AlreadyClaimed,
    "claims_place_buys_once": errors.AlreadyClaimed,
    "claims_form_is_sent_once": errors.AlreadyClaimed,
    # The journal and a fan who leaves may write one and the same place at once; next time the
    # journal finds the row and moves it on.
    "places_number_is_given_once": errors.Conflict,
}


@cache
def _address(database_url: str) -> tuple[str, int]:
    """(host or folder of the socket, port) of the server."""
    url = make_url(database_url)
    host = url.host or url.query.get("host") or "localhost"
    return str(host), int(url.port or 5432)


def _is_there() -> bool:
    return somebody_is_there(*_address(settings.database_url))


# After Postgres did not answer, this process asks nothing of it for so long (s): else every
# request would wait out the whole deadline once for each statement, in turn.
_PAUSE_AFTER_SILENCE = 0.5
# For statements that stand alone.
lone = Pool()
_context: Callable[[], AbstractContextManager[Any]] = nullcontext
_silence = Silence(
    _PAUSE_AFTER_SILENCE,
    longest_look=LONGEST_WAIT + 0.5,
    knock=_is_there,
)


def engine_options(settings: Settings) -> dict[str, Any]:
    """SQLAlchemy engine options: a bounded pool of bounded connections."""
    return {
        "creator": connector(settings),
        # Errors name the statement, and not whose row it was about.
        "hide_parameters": True,
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.pool_wait,
        "pool_reset_on_return": "rollback",
        "pool_events": [(_refuse_the_dead, "checkout")],
    }


def connector(settings: Settings) -> Callable[[], BoundedConnection]:
    """What makes a bounded connection to the database of these settings."""
    url = make_url(settings.database_url)
    milliseconds = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.transaction_timeout,
    }
    options = " ".join(f"-c {name}={int(value * 1000)}" for name, value in milliseconds.items())
    arguments = {**url.query, **url.translate_connect_args(username="user", database="dbname")}

    def connect() -> BoundedConnection:
        # A server that stands still lets everybody connect, and then says nothing for 2 s.
        if not somebody_is_there(*_address(settings.database_url)):
            raise psycopg.OperationalError("no server answers at this address")
        return BoundedConnection.connect(
            **arguments,
            connect_timeout=2,
            client_encoding="UTF8",
            application_name="fairqueue",
            options=f"{options} -c timezone=UTC",
        )

    return connect


def bind(settings: Settings, context: Callable[[], AbstractContextManager[Any]]) -> None:
    """Send statements that stand alone to the database of these settings from now on. `context` is
    what sessions and the engine live in: the one that is there, or a new one."""
    global _context
    lone.bind(connector(settings), settings.pool_size, settings.pool_wait)
    _context = context


def _refuse_the_dead(connection: BoundedConnection, *_: object) -> None:
    """Have the pool throw its idle connections away when this one's server has gone since."""
    if connection.has_ended():
        raise sa_exc.InvalidatePoolError


def sqlalchemy_url(database_url: str) -> str:
    return (
        make_url(database_url)
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
    with _context(), translated():
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
            if _lost(exc.orig) or exc.connection_invalidated:
                raise errors.OutcomeUnknown from exc
            raise
        except BaseException:
            session.rollback()
            raise
    reached("commit")


def one_statement(name: str, parameters: Mapping[str, Any], first: str = "") -> Any:
    """Run app/store/sql/<name>.sql by itself: one round trip, all or nothing. The first row, a
    named tuple, or None.

    With `first`, the key of the row that it locks first, it shares trip and commit with what other
    threads of this process ask for at the same time.

    Raises as transaction(); a lost connection is OutcomeUnknown, since the statement may have
    taken effect.
    """
    rows = _beside_others(name, parameters, first) if first else None
    if rows is None:
        rows = all_rows(name, parameters)
    return next(iter(rows), None)


def all_rows(name: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
    """As one_statement(), with every row."""
    question = _prepared(name).asked_with(parameters)
    with _lone_connection() as connection:
        rows = connection.ask(question)
    reached("statement:", name)
    return rows


def together(name: str, parameters: Sequence[Mapping[str, Any]]) -> Sequence[Any] | None:
    """Run app/store/sql/<name>.sql with each of these: one round trip, all of them or none. The
    first row of each.

    None if one was refused: nothing has happened then, and each may be asked by itself to see
    which. Raises StoreUnavailable, Busy, OutcomeUnknown.
    """
    try:
        questions = [_prepared(name).asked_with(each) for each in parameters]
    except (psycopg.DataError, UnicodeEncodeError):
        # No text can hold what one of them says.
        return None
    with _lone_connection() as connection:
        found = connection.ask_together(questions)
    reached("statement:", name)
    return None if found is None else [next(iter(rows), None) for rows in found]


@contextmanager
def _lone_connection() -> Iterator[BoundedConnection]:
    with translated(), lone.connection() as connection:
        try:
            yield connection
        except psycopg.OperationalError as exc:
            if _lost(exc) or connection.closed:
                raise errors.OutcomeUnknown from exc
            raise


def _beside_others(name: str, parameters: Mapping[str, Any], first: str) -> Sequence[Any] | None:
    """The rows, or None if one of those that went out together was refused: all are then asked
    again, each by itself, and only the one that is to blame hears of it."""
    asked = (name, first), _prepared(name).asked_with(parameters)
    if _combiner.is_asking:
        # Who looks whether a silent server is back looks for everybody, and may look for long.
        refuse_if_feared()
    rows: Sequence[Any] | None = _combiner.ask(asked)
    if rows is not None:
        reached("statement:", name)
    return rows


def refuse_if_feared() -> None:
    """Raises StoreUnavailable if Postgres did not answer the last time: for who would have to wait
    for somebody else's question first."""
    if _silence.is_feared:
        raise errors.StoreUnavailable


def _ask_together(asked: list[Asked[tuple[tuple[str, str], Question]]]) -> None:
    # Everybody locks in this order, so that two transactions wait for each other instead of
    # deadlocking.
    asked.sort(key=lambda each: each.question[0])
    with _lone_connection() as connection:
        found = connection.ask_together([each.question[1] for each in asked])
    if found is not None:
        for each, rows in zip(asked, found, strict=True):
            each.answer = rows


_combiner = Combiner(_ask_together)


@cache
def _prepared(name: str) -> Statement:
    return Statement(name, statement(name))


def autocommit_engine() -> Engine:
    return _engine("AUTOCOMMIT")


def _engine(isolation_level: str) -> Engine:
    with _context():
        return db.engine.execution_options(isolation_level=isolation_level)


@contextmanager
def snapshot(seconds: float = 60) -> Iterator[Connection]:
    """One moment of the whole database, to read from for up to `seconds` per statement: for
    those whom nobody waits for. Raises as transaction()."""
    with translated(), _engine("REPEATABLE READ").connect() as connection:
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
    if _silence.refuses():
        raise errors.StoreUnavailable
    try:
        yield
    except sa_exc.TimeoutError as exc:
        raise errors.Busy from exc
    except sa_exc.DBAPIError as exc:
        refusal = _refusal(exc.orig)
        if refusal is None:
            raise
        raise refusal from exc
    except psycopg.Error as exc:
        refusal = _refusal(exc)
        if refusal is None:
            raise
        raise refusal from exc
    finally:
        _silence.looked()


def _refusal(error: BaseException | None) -> errors.Refusal | None:
    """What an error of the driver means to a person; None when it is a fault of ours."""
    match error:
        case psycopg.IntegrityError():
            found = REFUSAL_OF_CONSTRAINT.get(error.diag.constraint_name or "")
            return found() if found else None
        case psycopg.errors.LockNotAvailable() | psycopg.errors.DeadlockDetected():
            return errors.Conflict()
        case psycopg.OperationalError():
            _lost(error)
            return errors.StoreUnavailable()
        case psycopg.InterfaceError() | psycopg.InternalError():
            return errors.StoreUnavailable()
    return None


def _lost(error: BaseException | None) -> bool:
    """Whether the connection broke or was silent, so that nobody knows what the server did."""
    silent = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    if silent:
        _silence.began()
    return silent


def forget_all() -> None:
    """Forget that Postgres was silent (between tests)."""
    _silence.forget()
