"""Statements that stand alone: asked over libpq as they are, within a deadline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from app.domain import errors
from app.store import bounded, db
from app.store.bounded import BoundedConnection, Statement

FILES = sorted(Path(bounded.__file__).parent.glob("sql/*.sql"))


@pytest.fixture
def connection(postgres: Any) -> Any:
    with BoundedConnection.connect(postgres.url, autocommit=True) as found:
        yield found


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "Ada 'Obi' \\ \" { } é ☂"),
        ("text", ""),
        ("text", None),
        ("int", -7),
        ("bigint", 2**53),
        ("float", 1.5e-7),
        ("boolean", True),
        ("boolean", False),
        ("timestamptz", datetime(2026, 3, 29, 0, 30, 0, 123456, tzinfo=UTC)),
        ("int[]", [3, 1, 2]),
        ("int[]", []),
        ("int[]", None),
        ("text[]", ["a,b", 'say "x"', "back\\slash", "NULL", "", None]),
        ("timestamptz[]", [datetime(2026, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_value_arrives_as_it_was_sent(connection: Any, kind: str, value: Any) -> None:
    connection.execute("SET timezone = 'UTC'")
    echo = Statement("echo", f"SELECT CAST(:value AS {kind}) v")
    (row,) = connection.ask(echo.asked_with({"value": value}))
    assert row.v == value


def test_what_no_text_can_hold_is_refused_and_not_cut_off(connection: Any) -> None:
    echo = Statement("echo", "SELECT CAST(:value AS text)")
    with pytest.raises(psycopg.DataError):
        connection.ask(echo.asked_with({"value": "a\0b"}))
    with pytest.raises(UnicodeEncodeError):
        connection.ask(echo.asked_with({"value": "\ud800"}))
    assert connection.ask(echo.asked_with({"value": "well"})) == [("well",)]


def test_more_than_a_socket_takes_at_once_is_sent_whole(connection: Any) -> None:
    long = "x" * 20_000_000
    echo = Statement("echo", "SELECT length(CAST(:value AS text)), CAST(:value AS text)")
    assert connection.ask(echo.asked_with({"value": long})) == [(len(long), long)]


def test_an_error_has_its_class_and_the_connection_goes_on(connection: Any) -> None:
    divide = Statement("divide", "SELECT 1 / CAST(:by AS int)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.ask(divide.asked_with({"by": 0}))
    assert connection.ask(divide.asked_with({"by": 1})) == [(1,)]
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.ask(Statement("wrong", "SELEKT").asked_with({}))


def test_what_psycopg_forgets_is_prepared_again(connection: Any) -> None:
    echo = Statement("echo", "SELECT CAST(:value AS text)")
    assert connection.ask(echo.asked_with({"value": "one"})) == [("one",)]
    connection.prepare_threshold = 0
    connection.autocommit = False
    connection.execute("SELECT 1")
    connection.rollback()
    connection.autocommit = True
    connection.execute("SELECT 1")
    assert connection.execute("SELECT name FROM pg_prepared_statements").fetchall() != [("echo",)]
    assert connection.ask(echo.asked_with({"value": "two"})) == [("two",)]


def test_who_is_not_answered_in_time_gives_up_and_closes(connection: Any) -> None:
    connection.longest_wait = 0.2
    started = monotonic()
    with pytest.raises(psycopg.OperationalError, match="in time") as silent:
        connection.ask(Statement("sleep", "SELECT pg_sleep(:seconds)").asked_with({"seconds": 5}))
    assert monotonic() - started < 1
    assert (connection.closed, silent.value.sqlstate) == (True, None)


def test_a_backend_that_ends_in_mid_statement_leaves_the_outcome_unknown(
    app: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    def end_it() -> None:
        with psycopg.connect(settings.database_url) as other:
            deadline = monotonic() + 5
            while not other.execute(ending).fetchall() and monotonic() < deadline:
                sleep(0.01)

    statement = Statement("sleep", "SELECT pg_sleep(2)")
    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(db, "_prepared", lambda _: statement)
        done = pool.submit(end_it)
        with pytest.raises(errors.OutcomeUnknown):
            db.one_statement("sleep", {})
        done.result()
    # Nobody is given that connection any more. (What its end sounded like is a matter of timing.)
    db.forget_all()
    assert db.one_statement("claim_page", {"reference": "none"}) is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_server_finds_out_the_types_of_every_statement_in_a_file(app: Any, file: Path) -> None:
    found = Statement(file.stem, file.read_text())
    with db.lone.connection() as connection:
        connection.pgconn.send_prepare(b"try", found.text)
        connection._answer()
        connection.execute("DEALLOCATE try")
        connection.rollback()
