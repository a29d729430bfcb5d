"""Reconciliation finds what differs, heals it once, and leaves alone what is right."""

from __future__ import annotations

import threading
from time import monotonic, sleep

import pytest
from sqlalchemy import select

from app.domain import errors
from app.extensions import db
from app.line import inventory
from app.services import catalogue, claims, journal, line, reconciliation
from app.store.models import TimelineEntry
from tests import factories


@pytest.fixture
def event(app):
    return factories.an_event(capacity=50)


def epoch_of(event) -> int:
    return catalogue.facts_by_id(event.id).epoch


def a_waiting_fan(event) -> str:
    token = line.join(event.slug, factories.an_id(), None)
    journal.journal_once()
    return token.place_id


def test_nothing_is_healed_when_nothing_is_broken(event):
    for _ in range(5):
        a_waiting_fan(event)
    started = monotonic()
    assert reconciliation.reconcile_once() == 0
    assert monotonic() - started < 1, "no second look without a difference"


def test_numbers_that_redis_lost_are_offered_again_and_counted(event):
    inventory.drop_free(event.id, epoch_of(event), [7, 8])
    assert reconciliation.reconcile_once() == 2
    note = db.session.scalar(select(TimelineEntry).where(TimelineEntry.verb == "healed"))
    assert note.detail == {"tickets": 2, "places": 0}


def test_numbers_that_are_taken_are_no_longer_offered(event):
    reference = factories.a_buyer(event, state="admitted").claim(3)
    inventory.add_free(event.id, epoch_of(event), [1, 2, 3])
    reconciliation.reconcile_once()
    free, _, _ = inventory.look(event.id, epoch_of(event), 1, 51)
    assert set(free) == set(range(4, 51))
    assert claims.look(reference).state == "HELD"


def test_a_place_that_redis_lost_is_put_back_at_its_number(event, line_redis):
    places = [a_waiting_fan(event) for _ in range(3)]
    key = f"fq:{{{event.id}}}:line"
    line_redis.zrem(key, places[1])
    assert reconciliation.reconcile_once() == 1
    assert line_redis.zrange(key, 0, -1) == places


def test_a_place_that_nobody_holds_is_taken_out(event, line_redis):
    key = f"fq:{{{event.id}}}:line"
    line_redis.zadd(key, {"phantom": 1})
    assert reconciliation.reconcile_once() == 1
    assert line_redis.zcard(key) == 0


def test_a_copy_that_is_not_valid_is_left_to_the_rebuild(event, line_redis):
    line_redis.flushall()
    assert reconciliation.reconcile_once() == 0


def test_two_reconciliations_side_by_side_heal_each_difference_once(event, race):
    inventory.drop_free(event.id, epoch_of(event), list(range(1, 21)))
    assert sum(race(3, lambda i: reconciliation.reconcile_once())) == 20


def test_reconciliation_every_100_ms_under_claims_heals_nothing(app):
    """The hottest sale: claims, give-backs, joins and admissions, and nothing was broken."""
    event = factories.an_event(capacity=400, line=False)
    buyers = [factories.a_buyer(event) for _ in range(240)]
    factories.write_line(event)
    healed: list[int] = []
    over = threading.Event()

    def reconcile() -> None:
        with app.app_context():
            while not over.is_set():
                healed.append(reconciliation.reconcile_once())
                sleep(0.1)

    def buy(mine: list[factories.Buyer]) -> None:
        with app.app_context():
            for number, buyer in enumerate(mine):
                try:
                    reference = buyer.claim(1 + number % 3)
                except (errors.NotNow, errors.FewerLeft, errors.NoneLeft, errors.NoneFreeNow):
                    continue
                if number % 2:
                    claims.release(reference, "fan")
                line.join(event.slug, factories.an_id(), None)
                journal.journal_once()
                # The sale must outlast some passes, however quick claims are.
                sleep(0.06)

    watchers = [threading.Thread(target=reconcile) for _ in range(2)]
    sellers = [threading.Thread(target=buy, args=(buyers[i::6],)) for i in range(6)]
    for thread in watchers + sellers:
        thread.start()
    for thread in sellers:
        thread.join()
    over.set()
    for thread in watchers:
        thread.join()
    assert sum(healed) == 0
    assert len(healed) >= 5
    assert reconciliation.differences() == []
