from __future__ import annotations

import threading
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
    wake._rang_at.clear()
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


def test_a_call_while_a_delivery_listens_needs_no_job(connection: Any) -> None:
    ear = wake.Ear("money")
    ear.open()
    wake.ring("money")
    assert waiting(connection, "money") == 0
    ear.close()
    wake.ring("money")
    assert waiting(connection, "money") == 1


def test_a_delivery_that_died_is_soon_not_heard_of(connection: Any) -> None:
    wake.Ear("money").open()
    time.sleep(wake.LISTENING + 0.1)
    wake.ring("money")
    assert waiting(connection, "money") == 1


def test_who_listens_all_the_time_says_so_now_and_then(connection: Any) -> None:
    ear = wake.Ear("money")
    before = connection.info("stats")["total_commands_processed"]
    for _ in range(50):
        ear.open()
    # INFO itself is one.
    assert connection.info("stats")["total_commands_processed"] - before <= 4


def test_calls_do_not_pile_up_while_no_worker_runs(connection: Any) -> None:
    for _ in range(6):
        wake.ring("money")
        connection.delete(wake.waking_key("money"))
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
    ear = wake.Ear("money")
    ear.open()
    ear.close()


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


def test_what_comes_while_a_process_is_quiet_is_found_by_the_delivery_it_rang_for(app: Any) -> None:
    """A delivery goes on looking for longer than anybody may be quiet who heard it listen."""
    from app.services import outbox
    from app.store.db import transaction

    assert wake.LINGER - delivery.LOOK_SELDOM >= wake.LISTENING + wake.QUIET
    sent: list[int] = []
    outbox.handlers()["test"] = lambda payload: sent.append(payload["number"])

    def owe_a_little_later() -> None:
        time.sleep(wake.LISTENING + wake.QUIET - 0.1)
        with app.app_context(), transaction() as session:
            outbox.owe(session, outbox.MONEY, "test", {"number": 1})

    late = threading.Thread(target=owe_a_little_later)
    try:
        late.start()
        assert delivery.deliver("money") == 1
        assert sent == [1]
    finally:
        late.join(5)
        del outbox.handlers()["test"]


def test_a_crowd_costs_a_lane_few_statements(app: Any, monkeypatch: Any) -> None:
    """What came of some entries is written down in the statement that takes others."""
    from app.services import outbox
    from app.store import outbox as store
    from app.store.db import transaction

    exchanges: list[int] = []
    exchange = store.exchange

    def counted(lane: str, ended: Any, *rest: Any) -> Any:
        exchanges.append(len(ended))
        return exchange(lane, ended, *rest)

    monkeypatch.setattr(store, "exchange", counted)
    outbox.handlers()["test"] = lambda _: None
    try:
        with transaction() as session:
            for number in range(40):
                outbox.owe(session, outbox.MONEY, "test", {"number": number})
        assert delivery.deliver("money") == 40
    finally:
        del outbox.handlers()["test"]
    assert sum(exchanges) == 40
    # Half of eight hands are free when the next are taken.
    assert sum(1 for ended in exchanges if ended) <= 10


def test_a_delivery_that_is_to_end_puts_back_what_it_has_not_begun(
    app: Any, monkeypatch: Any
) -> None:
    from app.services import outbox
    from app.store.db import transaction

    begun: list[int] = []

    def slow(payload: Any) -> None:
        begun.append(payload["number"])
        monkeypatch.setattr(delivery, "LONGEST_RUN", 0.0)
        time.sleep(0.5)

    outbox.handlers()["slow"] = slow
    try:
        with transaction() as session:
            for number in range(2):
                outbox.owe(session, outbox.MAIL, "slow", {"number": number})
        assert delivery.deliver("mail", most_hands=1) == 1
        assert begun == [0]
        (entry,) = outbox.take("mail", 2)
        assert (entry.payload["number"], entry.attempts) == (1, 1)
    finally:
        del outbox.handlers()["slow"]


def test_what_a_living_delivery_has_in_hand_is_taken_by_nobody_else(
    app: Any, monkeypatch: Any
) -> None:
    """And what a dead one had comes back as soon as its short time is over."""
    from app.services import outbox
    from app.store.db import transaction

    monkeypatch.setattr(outbox, "HOLD", 0.6)
    monkeypatch.setattr(delivery, "HOLD_EVERY", 0.2)
    taken: list[int] = []

    def slow(_: Any) -> None:
        time.sleep(1.2)
        taken.append(len(outbox.take("money", 1)))

    outbox.handlers()["slow"] = slow
    try:
        with transaction() as session:
            outbox.owe(session, outbox.MONEY, "slow", {})
        assert delivery.deliver("money") == 1
        assert taken == [0]
        with transaction() as session:
            outbox.owe(session, outbox.MONEY, "slow", {})
        (dead,) = outbox.take("money", 1)
        assert outbox.take("money", 1) == []
        time.sleep(0.7)
        assert [entry.id for entry in outbox.take("money", 1)] == [dead.id]
    finally:
        del outbox.handlers()["slow"]
