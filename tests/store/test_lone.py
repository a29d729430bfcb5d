"""The pool of connections for statements that stand alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from app.domain.errors import Busy
from app.store.bounded import BoundedConnection, Statement
from app.store.lone import Pool

ONE = Statement("one", "SELECT pg_backend_pid()")
END = Statement("end", "SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def pool(postgres: Any) -> Any:
    found = Pool()
    found.bind(lambda: BoundedConnection.connect(postgres.url), 2, 0.2)
    yield found
    found.close()


def backend(pool: Pool) -> int:
    with pool.connection() as connection:
        return int(connection.ask(ONE.asked_with({}))[0][0])


def test_the_connection_used_last_is_used_next(pool: Any) -> None:
    first = backend(pool)
    assert backend(pool) == first
    with pool.connection() as outer:
        other = backend(pool)
        assert other != first == outer.info.backend_pid
    assert backend(pool) == first


def test_who_finds_all_at_work_is_told_so_soon(pool: Any) -> None:
    with pool.connection(), pool.connection():
        began = monotonic()
        with pytest.raises(Busy), pool.connection():
            pass
        assert 0.1 < monotonic() - began < 1
    backend(pool)


def test_a_connection_that_broke_is_given_to_nobody(pool: Any) -> None:
    first = backend(pool)
    with pytest.raises(psycopg.OperationalError), pool.connection() as connection:
        connection.ask(END.asked_with({}))
    assert backend(pool) != first


def test_a_connection_whose_server_went_meanwhile_is_not_used(pool: Any, postgres: Any) -> None:
    first = backend(pool)
    with psycopg.connect(postgres.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [first])
    sleep(0.2)
    assert backend(pool) != first


def test_a_failed_connect_leaves_its_turn_to_the_next(pool: Any, postgres: Any) -> None:
    pool.bind(lambda: BoundedConnection.connect("host=127.0.0.1 port=1"), 1, 0.2)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError), pool.connection():
            pass


def test_a_child_has_connections_of_its_own(pool: Any) -> None:
    first = backend(pool)
    child = os.fork()
    if child == 0:
        os._exit(0 if backend(pool) != first else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert backend(pool) == first


def test_a_pool_that_is_not_bound_says_so() -> None:
    with pytest.raises(RuntimeError), Pool().connection():
        pass


def test_many_threads_share_few_connections(pool: Any) -> None:
    pool._wait = 5
    with ThreadPoolExecutor(8) as threads:
        backends = set(threads.map(lambda _: backend(pool), range(100)))
    assert len(backends) == 2
