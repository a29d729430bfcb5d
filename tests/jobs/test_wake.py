from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rq import Queue

from jobs import delivery, wake
from sandbox import servers


@pytest.fixture(autouse=True)
def on_this_redis(monkeypatch: Any, jobs_redis: servers.Redis) -> Iterator[None]:
    monkeypatch.setattr(wake, "settings", SimpleNamespace(jobs_redis_url=jobs_redis.url))
    monkeypatch.setattr(wake, "_silent_until", 0.0)
    yield
    wake.client(jobs_redis.url).connection_pool.disconnect()


def waiting(connection: Any, lane: str) -> int:
    return Queue(lane, connection=connection).count


def test_many_calls_become_one(connection: Any) -> None:
    for _ in range(50):
        wake.wake("money")
    assert waiting(connection, "money") == 1


def test_lanes_do_not_share_their_calls(connection: Any) -> None:
    wake.wake("money")
    wake.wake("mail")
    assert (waiting(connection, "money"), waiting(connection, "mail")) == (1, 1)


def test_a_call_that_comes_while_a_delivery_runs_is_not_lost(connection: Any) -> None:
    wake.wake("money")
    Queue("money", connection=connection).empty()
    wake.awake("money")
    wake.wake("money")
    assert waiting(connection, "money") == 1


def test_calls_do_not_pile_up_while_no_worker_runs(connection: Any) -> None:
    for _ in range(6):
        wake.wake("money")
        wake.awake("money")
    assert waiting(connection, "money") == wake.ENOUGH


def test_a_frozen_redis_costs_little_and_raises_nothing(jobs_redis: servers.Redis) -> None:
    jobs_redis.freeze()
    try:
        started = time.monotonic()
        for _ in range(100):
            wake.wake("money")
        assert time.monotonic() - started < 2
    finally:
        jobs_redis.thaw()


def test_a_dead_redis_raises_nothing(jobs_redis: servers.Redis) -> None:
    jobs_redis.kill()
    wake.wake("money")
    wake.awake("money")


def test_a_delivery_takes_each_entry_once(app: Any) -> None:
    from app.services import outbox
    from app.store.db import transaction

    sent: list[int] = []
    outbox.handlers()["test"] = lambda payload: sent.append(payload["number"])
    try:
        with transaction() as session:
            for number in range(20):
                outbox.owe(session, outbox.MONEY, "test", {"number": number})
        assert delivery.deliver("money") == 20
        assert sorted(sent) == list(range(20))
        assert delivery.deliver("money") == 0
    finally:
        del outbox.handlers()["test"]
