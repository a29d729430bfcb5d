"""A server that stops answering holds one thread at a time, however many would like to ask it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import text

from app.domain import errors
from app.domain.line import STANDS
from app.extensions import db
from app.line import verbs
from app.services import claims, line
from app.store import bounded
from app.store import db as store
from app.store.bounded import BoundedConnection, somebody_is_there
from tests import factories
from tests.faults.standstill import stopped

THREADS = 8
# Shorter than any timeout, longer than a refusal without a question.
AT_ONCE = 0.15


def hammer(app: Any, ask: Callable[[], object], seconds: float) -> list[float]:
    """How long each call took that was refused, THREADS of them at any moment."""
    took: list[float] = []
    until = monotonic() + seconds

    def one() -> None:
        with app.app_context():
            while (began := monotonic()) < until:
                with pytest.raises(errors.NotNow):
                    ask()
                took.append(monotonic() - began)
                sleep(0.01)

    threads = [threading.Thread(target=one) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def test_a_silent_redis_holds_one_thread_at_a_time(app, mortal_redis):
    event = factories.an_event()

    def ask() -> object:
        return verbs.join(event.id, 1, "ada", "place")

    with stopped(mortal_redis.pid):
        with pytest.raises(errors.LineUnavailable):
            ask()
        took = hammer(app, ask, seconds=2)
    # It is looked for every half second: a breather of 0.2 s, a timeout of 0.3 s.
    assert 1 <= sum(seconds > AT_ONCE for seconds in took) <= 6
    assert len(took) > 100


def test_a_silent_postgres_holds_one_thread_at_a_time(app, postgres):
    reference = factories.a_claim(factories.an_event()).reference

    def ask() -> object:
        return claims.look(reference)

    ask()
    with stopped(postgres.pid):
        with pytest.raises(errors.NotNow):
            ask()
        took = hammer(app, ask, seconds=4)
    # Somebody knocks every 1.1 s: after a breather of 0.5 s, for 0.6 s.
    assert 1 <= sum(seconds > AT_ONCE for seconds in took) <= 4
    assert max(took) < 1
    assert len(took) > 100
    sleep(0.6)
    assert claims.look(reference).reference == reference


def test_who_gives_up_on_a_silent_postgres_gives_up_for_all_who_wait(app, postgres):
    reference = factories.a_claim(factories.an_event()).reference
    waited: list[float] = []
    db.session.remove()

    def statement() -> object:
        return claims.look(reference)

    def transaction() -> object:
        with store.transaction() as session:
            return session.execute(text("SELECT 1"))

    def ask(after: float, work: Callable[[], object]) -> None:
        sleep(after)
        with app.app_context():
            began = monotonic()
            with pytest.raises(errors.NotNow):
                work()
            waited.append(monotonic() - began)

    # Connections of the pool for all of them, so that nobody only waits for a new one.
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(db.engine.connect())
            held.enter_context(store.lone.connection())
    with app.app_context(), ThreadPoolExecutor(5) as pool, stopped(postgres.pid):
        list(pool.map(ask, (0, 1, 1, 1.8, 1.8), (statement, transaction) * 3))
    first, *others = sorted(waited, reverse=True)
    assert 2 < first < 3
    # They came later, and nobody waited a time of their own.
    assert max(others) < 1.6
    assert min(others) < 0.8
    sleep(0.6)
    assert claims.look(reference).reference == reference


def test_a_long_job_does_not_give_up_because_a_page_did(app, postgres, monkeypatch):
    monkeypatch.setattr(bounded, "LONGEST_WAIT", 0.3)
    monkeypatch.setattr(BoundedConnection, "longest_wait", 0.3)

    def job() -> object:
        with app.app_context(), store.snapshot() as connection:
            return connection.execute(text("SELECT 'done' FROM pg_sleep(1)")).scalar()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(job)
        sleep(0.3)
        with pytest.raises(errors.StoreUnavailable), store.transaction() as session:
            session.execute(text("SELECT pg_sleep(1)"))
        assert done.result() == "done"
    sleep(0.6)


def test_a_server_that_lives_answers_a_knock(postgres):
    assert somebody_is_there("127.0.0.1", postgres.port)
    with stopped(postgres.pid):
        began = monotonic()
        assert not somebody_is_there("127.0.0.1", postgres.port)
        assert monotonic() - began < 1
    assert not somebody_is_there("127.0.0.1", 1)
    assert not somebody_is_there("/nowhere", 5432)


def test_nobody_waits_for_a_line_that_nobody_can_write_anew(app, line_redis, postgres):
    event = factories.an_event()
    slug = event.slug

    def ask() -> object:
        return line.join(slug, factories.an_id())

    ask()
    db.session.rollback()
    line_redis.flushall()
    with stopped(postgres.pid):
        with pytest.raises(errors.NotNow):
            ask()
        took = hammer(app, ask, seconds=4)
    # Each process has a few threads: joins that wait in vain must not keep them from the others.
    assert 1 <= sum(seconds > AT_ONCE for seconds in took) <= 3
    assert max(took) < 3
    sleep(0.6)


def test_without_postgres_the_waiting_page_says_why_the_line_stands(app, client, postgres):
    event = factories.an_event()
    page = f"/events/{event.slug}/line"
    client.post(page, follow_redirects=True)
    json = {"Accept": "application/json"}
    assert client.get(f"{page}/status", headers=json).json["message"] == ""
    with stopped(postgres.pid):
        sleep(1.1)
        said = client.get(f"{page}/status", headers=json).json
    assert said["message"] == STANDS
    assert (said["number"], said["eta_seconds"]) == (1, None)
    sleep(1.6)
    assert client.get(f"{page}/status", headers=json).json["message"] == ""
