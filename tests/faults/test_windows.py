"""The article's four windows between Redis and Postgres, each with the process dying in it."""

from __future__ import annotations

from time import sleep

from sqlalchemy import func, select

from app.extensions import db
from app.line import inventory
from app.services import audit, catalogue, reconciliation
from app.services.rebuild import rebuild_once
from app.store import claims as store
from app.store.models import Ticket
from tests import factories

LEASE_MS = 200


def epoch_of(event) -> int:
    catalogue.forget_all()
    return catalogue.facts_by_id(event.id).epoch


def take(event_id: int, epoch: int, fan_id: int, request_id: str, quantity: int, lease_ms: int):
    wanted = inventory.Wanted(event_id, epoch, fan_id, request_id, quantity)
    return inventory.take([wanted], lease_ms)[0]


def offered(event) -> set[int]:
    free, _, _ = inventory.look(event.id, epoch_of(event), 1, event.capacity + 1)
    return set(free)


def sold(event) -> int:
    return db.session.scalar(
        select(func.count()).where(Ticket.event_id == event.id, Ticket.claim_id.is_not(None))
    )


def reconcile_until_nothing_differs() -> int:
    healed = reconciliation.reconcile_once()
    assert reconciliation.differences() == []
    assert audit.audit().violations == []
    return healed


def test_window_1_check_and_decrement(app, race):
    """Checking and taking are one step: many who ask at once never get the same number."""
    event = factories.an_event(capacity=10)
    event_id, epoch = event.id, epoch_of(event)
    answers = race(40, lambda i: take(event_id, epoch, i, f"request {i}", 1, 10_000))
    numbers = [a.numbers[0] for a in answers if isinstance(a, inventory.Taken)]
    assert sorted(numbers) == list(range(1, 11))
    assert sum(isinstance(a, inventory.Fewer) for a in answers) == 30


def test_window_2_redis_decrement_and_postgres_insert(app):
    """Redis gave the numbers out and the process died before Postgres heard of it: they come
    back by themselves, and the same fan can claim again."""
    event = factories.an_event(capacity=3, line=False)
    buyer = factories.a_buyer(event)
    factories.write_line(event)
    take(event.id, epoch_of(event), buyer.fan_id, "died", 2, LEASE_MS)
    assert offered(event) == {3}
    assert reconciliation.reconcile_once() == 0, "the lease still runs"
    sleep(LEASE_MS / 1000)
    assert reconcile_until_nothing_differs() == 2
    assert offered(event) == {1, 2, 3}
    assert buyer.claim(quantity=3)


def test_window_3_postgres_insert_and_redis_decrement(app):
    """Postgres has the claim and the process died before Redis heard of it: the tickets are
    sold once, and Redis learns it."""
    event = factories.an_event(capacity=3, line=False)
    buyer = factories.a_buyer(event)
    factories.write_line(event)
    taken = take(event.id, epoch_of(event), buyer.fan_id, "died", 2, LEASE_MS)
    answer = store.claim_tickets(
        {
            "event_id": event.id,
            "place_id": buyer.pass_token.place_id,
            "turn": 0,
            "pass_until": buyer.pass_token.pass_until,
            "fan_id": buyer.fan_id,
            "email": buyer.email,
            "form_key": "died",
            "reference": "FQ-TEST-TEST-00",
            "name": "Ada Obi",
            "phone": "",
            "quantity": 2,
            "numbers": taken.numbers,
        }
    )
    assert answer.outcome == "claimed"
    sleep(LEASE_MS / 1000)
    assert reconcile_until_nothing_differs() == 3, "two tickets and the place"
    assert offered(event) == {3}
    assert buyer.claim(2, "died") == "FQ-TEST-TEST-00", "the page finds its claim by the form key"
    assert factories.a_buyer(event).claim(1)
    assert sold(event) == 3


def test_window_3_the_other_way_a_number_offered_that_is_taken_is_never_sold_twice(app):
    event = factories.an_event(capacity=3)
    factories.a_claim(event, quantity=3, state="EXPIRED")
    factories.a_claim(event, quantity=2)
    factories.a_buyer(event).claim(1)
    assert sold(event) == 3
    reconcile_until_nothing_differs()
    assert offered(event) == set()


def test_window_4_redis_restart(app, race, line_redis):
    """Redis comes back empty in the middle of the sale: it is not taken for a full house, claims
    go on through Postgres, and the rebuilt copy knows what was sold meanwhile."""
    event = factories.an_event(capacity=20)
    for _ in range(5):
        factories.a_buyer(event).claim(2)
    line_redis.flushall()
    buyers = [factories.a_buyer(event) for _ in range(8)]
    race(8, lambda i: buyers[i].claim(1))
    assert sold(event) == 18
    assert rebuild_once(event.id)
    assert len(offered(event)) == 2
    last = [factories.a_buyer(event) for _ in range(6)]
    race(6, lambda i: last[i].claim(1))
    assert sold(event) == 20
    reconcile_until_nothing_differs()
