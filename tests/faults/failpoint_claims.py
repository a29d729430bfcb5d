"""Use cases of claims: taken, given back, run out, and compared with Redis."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread
from typing import Any

import psycopg

from app.domain import errors
from app.line import inventory
from app.services import catalogue, claims, reconciliation
from app.store.models import Event
from drill.stage import wait_until
from jobs import ticks
from tests import factories
from tests.faults.failpoint_world import Life, Sale, UseCases, World, a_sale, again, refused

USE_CASES = UseCases()

CLAIMS = "SELECT reference, state, quantity FROM claims ORDER BY id"


def epoch_of(sale: Sale) -> int:
    return catalogue.facts_by_id(sale.id).epoch


def exactly(world: World, sale: Sale, *expected: tuple[str, str, int]) -> None:
    """These claims stand, and nothing else is gone from the stock."""
    assert world.rows(CLAIMS) == list(expected)
    taken = sum(quantity for _, state, quantity in expected if state in ("HELD", "CONFIRMED"))
    query = "SELECT count(*) FROM tickets WHERE event_id = :id AND claim_id IS NULL"
    assert world.rows(query, id=sale.id) == [(sale.capacity - taken,)]


def event_of(sale: Sale) -> Event:
    from app.extensions import db

    event = db.session.get(Event, sale.id)
    assert event is not None
    return event


def with_a_claim(sale: Sale, **values: object) -> str:
    """The reference of a claim that Redis has not heard of."""
    return factories.a_claim(event_of(sale), **values).reference  # type: ignore[arg-type]


@USE_CASES
def a_claim_through_redis(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    yield lambda: buyer.claim(2, "the form")
    exactly(world, sale, (buyer.claim(2, "the form"), "HELD", 2))


def let_go_after_a_refusal(world: World, holder: psycopg.Connection[Any]) -> None:
    """End what this connection holds once a second statement waits for it: the first was refused,
    however slow the machine is."""
    waiting = "SELECT pid, query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    seen: set[Any] = set()

    def another_waits() -> bool:
        seen.update(watcher.execute(waiting).fetchall())
        return len(seen) >= 2

    with psycopg.connect(world.settings.database_url, autocommit=True) as watcher:
        wait_until(another_waits, 30, 0.01)
    holder.rollback()


@USE_CASES
def a_claim_whose_place_somebody_else_holds_up(world: World) -> Life:
    """Postgres refuses it beside others, and takes it by itself."""
    sale = a_sale()
    (buyer,) = sale.buyers

    def held_up() -> None:
        with psycopg.connect(world.settings.database_url) as other:
            other.execute(
                "SELECT FROM places WHERE id = %s FOR UPDATE", [buyer.pass_token.place_id]
            )
            watch = Thread(target=let_go_after_a_refusal, args=(world, other))
            watch.start()
            buyer.claim(2, "the form")
            watch.join()

    yield held_up
    exactly(world, sale, (buyer.claim(2, "the form"), "HELD", 2))


@USE_CASES
def a_claim_without_redis(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    world.line_redis.flushall()
    yield lambda: buyer.claim(2, "the form")
    exactly(world, sale, (buyer.claim(2, "the form"), "HELD", 2))


@USE_CASES
def a_claim_with_numbers_that_are_taken(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    other = with_a_claim(sale, quantity=2)
    yield lambda: buyer.claim(2, "the form")
    exactly(world, sale, (other, "HELD", 2), (buyer.claim(2, "the form"), "HELD", 2))


@USE_CASES
def a_claim_when_redis_knows_only_taken_numbers(world: World) -> Life:
    """After three sets of wrong numbers Postgres picks the tickets itself."""
    sale = a_sale(capacity=8)
    (buyer,) = sale.buyers
    other = with_a_claim(sale, quantity=6)
    yield lambda: buyer.claim(2, "the form")
    exactly(world, sale, (other, "HELD", 6), (buyer.claim(2, "the form"), "HELD", 2))


@USE_CASES
def the_same_form_comes_twice(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    first = buyer.claim(2, "the form")
    yield lambda: buyer.claim(2, "the form")
    assert buyer.claim(2, "the form") == first
    exactly(world, sale, (first, "HELD", 2))


@USE_CASES
def another_form_of_the_same_fan(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    first = buyer.claim(2, "the form")

    def second() -> None:
        with refused(errors.AlreadyClaimed):
            buyer.claim(1, "another form")

    yield second
    second()
    exactly(world, sale, (first, "HELD", 2))


@USE_CASES
def a_claim_without_a_pass(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    world.change("UPDATE places SET pass_until = 1")
    stale = replace(buyer, pass_token=replace(buyer.pass_token, pass_until=1))

    def claim() -> None:
        with refused(errors.NoPass):
            stale.claim(2, "the form")

    yield claim
    claim()
    exactly(world, sale)


@USE_CASES
def a_claim_when_none_is_left(world: World) -> Life:
    sale = a_sale(2, capacity=1)
    first = sale.buyers[0].claim(1, "the form")

    def claim() -> None:
        with refused(errors.NoneLeft):
            sale.buyers[1].claim(1, "another form")

    yield claim
    claim()
    exactly(world, sale, (first, "HELD", 1))


@USE_CASES
def a_claim_is_looked_at(world: World) -> Life:
    sale = a_sale()
    reference = sale.buyers[0].claim(1, "the form")
    yield lambda: claims.look(reference)
    assert claims.look(reference).state == "HELD"


@USE_CASES
def a_claim_is_given_back(world: World) -> Life:
    sale = a_sale()
    reference = sale.buyers[0].claim(2, "the form")
    yield lambda: claims.release(reference, "fan")
    again(lambda: claims.release(reference, "fan"), errors.StateGone)
    exactly(world, sale, (reference, "RELEASED", 2))


@USE_CASES
def holds_run_out(world: World) -> Life:
    sale = a_sale(2)
    references = [buyer.claim(1, f"form {buyer.fan_id}") for buyer in sale.buyers]
    world.change("UPDATE claims SET held_until = :then", then=ago(hours=1))
    yield ticks.expire
    ticks.expire()
    exactly(world, sale, *[(reference, "EXPIRED", 1) for reference in references])


def ago(**time: float) -> object:
    return factories.utc_now() - timedelta(**time)


@USE_CASES
def reconciliation_heals_what_differs(world: World) -> Life:
    """A number too many, one too few, a place that the line lost and one that it invented."""
    sale = a_sale(2)
    first = with_a_claim(sale, quantity=1)
    inventory.drop_free(sale.id, epoch_of(sale), [5])
    lost = sale.buyers[0].pass_token.place_id
    world.line_redis.zrem(f"fq:{{{sale.id}}}:passes", lost)
    world.line_redis.hdel(f"fq:{{{sale.id}}}:places", lost)
    world.line_redis.zadd(f"fq:{{{sale.id}}}:line", {"phantom": 1})
    yield ticks.reconcile
    ticks.reconcile()
    assert reconciliation.differences() == []
    exactly(world, sale, (first, "HELD", 1))
