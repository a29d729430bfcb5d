"""Servers of this run's own, one application, and a clean slate for every test that asks for it.

A test that names no fixture starts nothing. `app` gives an application context on an empty
database and an empty Redis; `client` a browser without JavaScript.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox import servers

# The stand-in gateway: `bank` and `deliver`.
pytest_plugins = ["tests.money"]

# Functions that forget what a process remembers between requests. Redis and Postgres are emptied
# beside them, so what a process still knew would be about events of an earlier test.
FORGETTERS = [
    ("app.services.catalogue", "forget_all"),
    ("app.services.heads", "forget_all"),
    ("app.services.line", "forget_all"),
    ("app.services.mail", "forget_all"),
    ("app.services.place_history", "forget_all"),
    ("app.line.client", "forget_all"),
    ("app.store.db", "forget_all"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first: the process that begins such a file last would work on while the others
    have nothing left to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder of this run, gone at its end. Short, because paths of sockets must be."""
    path = Path(tempfile.mkdtemp(prefix="fairqueue-tests-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[servers.Postgres]:
    server = servers.start_postgres(folder / "postgres")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(folder: Path) -> Iterator[servers.Redis]:
    server = servers.start_redis(folder / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def settings(postgres: servers.Postgres, redis_server: servers.Redis) -> Any:
    """The settings of the tests' application, read the way the product reads its own."""
    from app.config import load

    return load(
        {
            "FAIRQUEUE_ENV": "development",
            "SECRET_KEY": "the tests' own secret key, 32 chars",
            "PUBLIC_URL": "http://localhost",
            "DATABASE_URL": postgres.application_url,
            "MIGRATIONS_DATABASE_URL": postgres.url,
            "REDIS_URL": redis_server.url_of(0),
            "JOBS_REDIS_URL": redis_server.url_of(1),
            # Nobody listens there: a test that forgets its stand-in fails at once.
            "PAYSTACK_URL": "http://127.0.0.1:1",
            "PAYSTACK_SECRET_KEY": "sk_test_of_the_tests_only",
            "SMTP_URL": "smtp://127.0.0.1:1",
            # A test keeps its session open while its threads work; on a busy machine that is long.
            "TRANSACTION_TIMEOUT": "60",
            "LEASE": "61",
            # Races run many threads in this one process; each holds a connection while it waits.
            "POOL_SIZE": "64",
            "POOL_WAIT": "10",
            "CLAIMS_AT_ONCE": "200",
        }
    )


class FreshContextClient(FlaskClient):
    """A client whose requests do not share the test's application context.

    Flask reuses a context that is already there, and with it `g` and the database session: a
    log-in would leak from one request into the next, and no session would ever be closed.

    As every browser does, it says that our own pages ask (app/views/guard.py).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return Context().run(super().open, *args, **kwargs)


@pytest.fixture(scope="session")
def application(settings: Any) -> Iterator[Flask]:
    """The one application of this process, on a migrated database.

    `fairqueue_template` is left beside it, for tests that want a database of their own.
    """
    from flask_migrate import upgrade

    from app.extensions import db
    from app.factory import create_app
    from app.services import staff
    from app.store.db import lone
    from tests.factories import CHEAP

    # A quarter of a second of processor time for each password is the product's business.
    staff.PasswordHasher = partial(staff.PasswordHasher, **CHEAP)  # type: ignore[misc]
    app = create_app(settings)
    app.testing = True
    app.test_client_class = FreshContextClient
    with app.app_context():
        upgrade(str(Path(app.root_path).parent / "migrations"))
        db.engine.dispose()
    maintenance = settings.migrations_database_url.rpartition("/")[0] + "/postgres"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fairqueue_template TEMPLATE fairqueue")
    yield app
    with app.app_context():
        db.engine.dispose()
    lone.close()


# Rows are deleted: TRUNCATE makes new files for a table and each of its indexes, which costs a
# hundred times as much, and each connection then plans its statements anew. What a test has left
# large is truncated nevertheless, because deleted rows are still passed over.
_LARGE = 1 << 20
EMPTY_TABLES = f"""
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT oid::regclass AS name, pg_relation_size(oid) AS bytes FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'alembic_version' ORDER BY oid
    LOOP
        -- Who still has a transaction open in it is found out here.
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', item.name);
        IF item.bytes > {_LARGE} THEN
            EXECUTE format('TRUNCATE %s CASCADE', item.name);
        ELSE
            EXECUTE format('DELETE FROM %s', item.name);
        END IF;
    END LOOP;
    FOR item IN
        SELECT format('%I.%I', schemaname, sequencename)::regclass AS name FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP
        PERFORM setval(item.name, 1, false);
    END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def sweeper(application: Flask, settings: Any) -> Iterator[psycopg.Connection[Any]]:
    """The connection that empties the tables: a new one would cost ten times what it does."""
    # The trail of staff refuses to be emptied by a trigger; in a replica there are none.
    options = "-c lock_timeout=5000 -c session_replication_role=replica"
    url = settings.migrations_database_url
    with psycopg.connect(url, options=options, autocommit=True) as connection:
        yield connection


@pytest.fixture
def clean(sweeper: psycopg.Connection[Any], redis_server: servers.Redis) -> None:
    """Every table and every key is gone, and so is what this process remembered of them."""
    import redis

    sweeper.execute(EMPTY_TABLES)
    with redis.Redis.from_url(redis_server.url) as keys:
        keys.flushall()
    forget_everything()


def forget_everything() -> None:
    """What this process remembers between requests is gone."""
    for module, name in FORGETTERS:
        # A module that was never imported remembers nothing.
        if forget := getattr(sys.modules.get(module), name, None):
            forget()


@pytest.fixture
def app(application: Flask, clean: None) -> Iterator[Flask]:
    """The application, its context pushed, on an empty database and an empty Redis."""
    from app.extensions import db

    with application.app_context():
        yield application
        db.session.remove()


@pytest.fixture
def owner(app: Flask, settings: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection, in autocommit, of the tables' owner: the product itself may do less."""
    with psycopg.connect(settings.migrations_database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def dear_hashes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed as the product does it, and not as cheaply as elsewhere in the tests."""
    from argon2 import PasswordHasher

    from app.services import staff

    monkeypatch.setattr(staff, "PasswordHasher", PasswordHasher)
    staff._hasher.cache_clear()
    yield
    staff._hasher.cache_clear()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript. `app.test_client()` makes another."""
    return app.test_client()


@pytest.fixture
def line_redis(app: Flask, redis_server: servers.Redis) -> Iterator[Any]:
    """A plain Redis client on the line's database, answering with str."""
    import redis

    with redis.Redis.from_url(redis_server.url, decode_responses=True) as keys:
        yield keys


@pytest.fixture
def race(app: Flask) -> Callable[..., list[Any]]:
    """`race(n, work)`: call work(0) ... work(n - 1) at the same moment, a thread each.

    Every thread has an application context of its own. Returns what each call returned, or the
    exception that it raised, in order. `work` must not touch a row of the test's own session:
    reading what has expired is a query, and a session serves one thread at a time.
    """

    def run(count: int, work: Callable[[int], Any]) -> list[Any]:
        barrier = threading.Barrier(count)

        def one(index: int) -> Any:
            barrier.wait(timeout=30)
            with app.app_context():
                try:
                    return work(index)
                except Exception as exc:  # The caller counts refusals; none may be lost.
                    return exc

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


@pytest.fixture
def mortal_redis(app: Flask, settings: Any, folder: Path) -> Iterator[servers.Redis]:
    """A Redis of the test's own behind the line, to be killed and started again.

    It remembers nothing, but after the command SAVE it comes back as it was then.
    """
    from app.line.client import line_client

    server = servers.start_redis(Path(tempfile.mkdtemp(prefix="redis-", dir=folder)))
    line_client.bind(replace(settings, redis_url=server.url))
    yield server
    line_client.bind(settings)
    server.stop()
