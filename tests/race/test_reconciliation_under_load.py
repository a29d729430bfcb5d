"""Reconciliation every 100 ms in the hottest sale: it changes nothing that is right, and finds
whatever is broken while the sale goes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import text

from app import metrics
from app.domain import errors
from app.domain.payments import Answer
from app.extensions import db
from app.line import inventory
from app.line.keys import keys_of
from app.services import (
    admission,
    catalogue,
    claims,
    fulfilment,
    journal,
    line,
    payments,
    reconciliation,
)
from app.store.models import Claim, Event, Payment, Place
from tests import factories
from tests.factories import utc_now

CAPACITY = 1_500
# Free to the end of a test, since the sale takes the lowest numbers first.
QUIET = range(CAPACITY - 20, CAPACITY + 1)
EVERY = 0.1


class HotSale:
    """Threads that join, are admitted, claim, pay, give back and let holds run out, while two
    others reconcile. `healed` is what those healed, pass by pass; a buyer waits `pause` seconds
    before the next comes."""

    def __init__(self, app: Any, event: Event, buyers: list[factories.Buyer]) -> None:
        self.app, self.event_id, self.slug = app, event.id, event.slug
        self.pause = 0.0
        self.buyers = iter(buyers)
        self.healed: list[int] = []
        self.claimed = self.paid = self.gone = 0
        self.wrong: list[BaseException] = []
        self._over = threading.Event()
        self._choosing = threading.Lock()
        work = [self._buy] * 6 + [self._stand_in_line] * 2
        beats = [self._beat, self._reconcile, self._reconcile]
        self._threads = [threading.Thread(target=self._run, args=(step,)) for step in work + beats]

    def __enter__(self) -> HotSale:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        assert self.wrong == []

    def _run(self, step: Callable[[], None]) -> None:
        try:
            while not self._over.is_set():
                with self.app.app_context(), suppress(errors.NotNow, errors.Conflict):
                    step()
        except BaseException as exc:
            self.wrong.append(exc)

    def _buy(self) -> None:
        with self._choosing:
            buyer = next(self.buyers, None)
        if buyer is None:
            self._over.wait(EVERY)
            return
        self._over.wait(self.pause)
        reference = buyer.claim(1 + buyer.fan_id % 3)
        self.claimed += 1
        chance = random.random()
        if chance < 0.3:
            self._pay(reference)
        elif chance < 0.6:
            claims.release(reference, "fan")
            self.gone += 1
        elif chance < 0.9:
            # Its hold is over, and the next expiry frees its tickets.
            db.session.execute(
                text("UPDATE claims SET held_until = now() WHERE reference = :reference"),
                {"reference": reference},
            )
            db.session.commit()
            self.gone += 1

    def _pay(self, reference: str) -> None:
        payments.pay(reference)
        claim = db.session.query(Claim).filter_by(reference=reference).one()
        payment = db.session.query(Payment).filter_by(claim_id=claim.id).one()
        answer = Answer("success", claim.amount, claim.currency, payment.id, utc_now(), None)
        fulfilment.fulfil(payment.id, answer)
        self.paid += 1

    def _stand_in_line(self) -> None:
        token = line.join(self.slug, factories.an_id())
        if random.random() < 0.3:
            line.leave(self.slug, token)
        sleep(0.005)

    def _beat(self) -> None:
        admission.admit_once()
        journal.journal_once()
        claims.expire_once()
        sleep(0.02)

    def _reconcile(self) -> None:
        self.healed.append(reconciliation.reconcile_once())
        self._over.wait(EVERY)


@pytest.fixture
def sale(app: Any) -> Iterator[HotSale]:
    # Slower than fans join: who came last is not let in before reconciliation comes by.
    event = factories.an_event(
        capacity=CAPACITY, line=False, admit_per_minute=60, pass_capacity=1_000
    )
    buyers = [factories.a_buyer(event) for _ in range(450)]
    factories.write_line(event)
    yield HotSale(app, event, buyers)
    db.session.remove()


def test_nothing_is_healed_where_nothing_is_broken(
    sale: HotSale, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thread among many, on a machine that other tests keep busy, may stand still for a second
    # between its commit and its word to Redis: a true difference, and rightly healed.
    monkeypatch.setattr(reconciliation, "BETWEEN_LOOKS_S", 2.0)
    before = counted()
    with sale:
        deadline = monotonic() + 60
        while (sale.claimed < 350 or len(sale.healed) < 10) and monotonic() < deadline:
            sleep(0.05)
    assert sum(sale.healed) == 0, "something was healed that was right"
    assert counted() == before
    assert len(sale.healed) >= 10
    # What it was to be hot with.
    assert sale.claimed >= 350
    assert sale.paid >= 30
    assert sale.gone >= 60
    assert reconciliation.differences() == []


def counted() -> float:
    return sum(metrics.HEALED.labels(what)._value.get() for what in ("tickets", "places"))


def free_number_is_lost(sale: HotSale, redis: Any) -> Callable[[], bool]:
    key, number = keys_of(sale.event_id).free, QUIET[-1]
    assert redis.zrem(key, number) == 1
    return lambda: redis.zscore(key, number) is not None


def taken_number_is_offered(sale: HotSale, redis: Any) -> Callable[[], bool]:
    # Offered behind all others, so that no claim meets it before reconciliation does.
    # One that is paid for, since others may come back on sale by themselves.
    query = text("SELECT min(number) FROM tickets WHERE code IS NOT NULL")
    wait_until(lambda: db.session.rollback() or db.session.scalar(query))
    number = db.session.scalar(query)
    db.session.rollback()
    key = keys_of(sale.event_id).free
    redis.zadd(key, {number: CAPACITY + 1})
    return lambda: redis.zscore(key, number) != CAPACITY + 1


def lease_runs_out(sale: HotSale, redis: Any) -> Callable[[], bool]:
    """A process died with numbers in its hands; here with the last one."""
    keys, number = keys_of(sale.event_id), QUIET[-2]
    assert redis.zrem(keys.free, number) == 1
    redis.zadd(keys.leases, {number: 1})
    return lambda: redis.zscore(keys.free, number) and redis.zscore(keys.leases, number) is None


def ended_place_is_alive(sale: HotSale, redis: Any) -> Callable[[], bool]:
    """Merged in Postgres, and the call that should have said so was lost."""
    token = line.join(sale.slug, factories.an_id())
    wait_until(lambda: state_of(token.place_id) is not None)
    db.session.execute(
        text("UPDATE places SET state = 'left', ended_at = now() WHERE id = :id"),
        {"id": token.place_id},
    )
    db.session.commit()
    key = keys_of(sale.event_id).places
    return lambda: redis.hget(key, token.place_id) is None


def place_is_lost(sale: HotSale, redis: Any) -> Callable[[], bool]:
    keys, token = keys_of(sale.event_id), line.join(sale.slug, factories.an_id())
    wait_until(lambda: state_of(token.place_id) is not None)
    redis.zrem(keys.line, token.place_id)
    redis.zrem(keys.passes, token.place_id)
    redis.hdel(keys.places, token.place_id)
    return lambda: redis.hget(keys.places, token.place_id) is not None


def state_of(place_id: str) -> str | None:
    db.session.rollback()
    place = db.session.get(Place, place_id)
    return place.state if place else None


def wait_until(true: Callable[[], Any], patience: float = 20) -> None:
    deadline = monotonic() + patience
    while not true():
        assert monotonic() < deadline, "it was not found"
        sleep(0.05)


def test_each_difference_is_found_while_the_sale_goes_on(sale: HotSale, line_redis: Any) -> None:
    sale.pause = 0.1
    planted = (
        free_number_is_lost,
        taken_number_is_offered,
        lease_runs_out,
        ended_place_is_alive,
        place_is_lost,
    )
    # A pass that heals and is then refused its line in the timeline has healed, and says nothing.
    at_first = counted()
    with sale:
        wait_until(lambda: sale.claimed >= 20)
        for plant in planted:
            before, healed = counted(), plant(sale, line_redis)
            wait_until(healed)
            # The pass that healed it may not have counted it yet.
            wait_until(lambda before=before: counted() > before)
    assert counted() - at_first == len(planted), "each of them, and nothing else"
    assert reconciliation.differences() == []


def test_every_kind_of_difference_is_found_at_once(app: Any, line_redis: Any) -> None:
    """Two numbers lost, two that should not be there, one place lost, one of nobody."""
    event = factories.an_event(capacity=50)
    keys, epoch = keys_of(event.id), catalogue.facts_by_id(event.id).epoch
    factories.a_claim(event, quantity=2)
    inventory.drop_free(event.id, epoch, [1, 2, 40, 41])
    line_redis.zadd(keys.free, {1: 1, 2: 2})
    token = line.join(event.slug, factories.an_id())
    journal.journal_once()
    line_redis.zrem(keys.line, token.place_id)
    line_redis.zadd(keys.line, {"nobody": 1})
    assert reconciliation.reconcile_once() == 6
    assert reconciliation.reconcile_once() == 0
