"""Use cases of the processes behind the site: the schedule, the lanes, a worker with a job."""

from __future__ import annotations

from time import sleep

import psycopg
from redis import Redis
from rq import Queue

from app.services import outbox, payments
from jobs import delivery, ending, ticks, wake
from jobs.schedule import BEATS, LANE, put_back, scheduler_on
from jobs.worker import LaneWorker
from tests.faults.failpoint_money import bought, held, opened, paid
from tests.faults.failpoint_world import Life, UseCases, World

USE_CASES = UseCases()


def jobs(world: World) -> Redis:
    return wake.client(world.settings.jobs_redis_url)


def one_beat(world: World) -> None:
    """What the beat process does all the time."""
    scheduler = scheduler_on(jobs(world))
    put_back(scheduler)
    scheduler.enqueue_jobs()


def one_worker(world: World, lane: str) -> None:
    """What a worker does until its lane is empty."""
    LaneWorker([lane], connection=jobs(world)).work(burst=True, logging_level="WARNING")


@USE_CASES
def the_schedule_is_put_back(world: World) -> Life:
    # An entry of an earlier version of the table goes.
    jobs(world).zadd("rq:scheduler:scheduled_jobs", {"beat-of-last-year": 2**40})
    yield lambda: one_beat(world)
    put_back(scheduler_on(jobs(world)))
    found = jobs(world).zrange("rq:scheduler:scheduled_jobs", 0, -1)
    assert sorted(found) == sorted(beat.id.encode() for beat in BEATS)
    every_tick_comes(world)


def every_tick_comes(world: World) -> None:
    """A beat that was lost between two lines is back at its next time."""
    waited = 0.0
    queue = Queue(LANE, connection=jobs(world))
    every_second = {beat.id for beat in BEATS if beat.every == 1}
    while not every_second <= set(queue.job_ids):
        assert waited < 3, "a beat does not come"
        sleep(0.1)
        waited += 0.1
        one_beat(world)


@USE_CASES
def a_worker_takes_a_tick(world: World) -> Life:
    scheduler = scheduler_on(jobs(world))
    put_back(scheduler)
    next_job = next(iter(scheduler.get_jobs_to_queue()))
    scheduler.enqueue_job(next_job)
    yield lambda: one_worker(world, LANE)
    jobs(world).delete(Queue(LANE, connection=jobs(world)).key)
    every_tick_comes(world)


@USE_CASES
def a_lane_is_woken(world: World) -> Life:
    """By the page, with the real wake-up call."""
    _, claim = held()
    world.bind(world.settings, wake.wake)
    yield lambda: payments.pay(claim)
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def a_delivery_that_is_to_end_rings_for_the_next(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)

    def deliver() -> None:
        ending.ask()
        delivery.deliver("money", most_hands=1)

    yield deliver
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def a_delivery_wakes_another_lane(world: World) -> Life:
    """The tickets of a success are for the mail lane, which the money lane rings for."""
    _, claim = paid(world)
    world.bind(world.settings, wake.wake)
    yield world.next_of(outbox.MONEY)
    payments.ask(claim, "fan")
    bought(world, claim)


@USE_CASES
def a_claim_is_locked_when_a_lane_writes(world: World) -> Life:
    """One entry that cannot be written now keeps no other from it."""
    (_, free), (_, locked) = opened(), opened()
    for claim in (free, locked):
        world.at_checkout(claim)
        payments.ask(claim, "fan")

    def deliver_while_it_is_locked() -> None:
        with psycopg.connect(world.settings.database_url) as other:
            other.execute("SELECT FROM claims WHERE reference = %s FOR UPDATE", [locked])
            entries = outbox.take(outbox.MONEY, 2)
            ended = [outbox.Ended(entry, outbox.handle(entry)) for entry in entries]
            assert outbox.exchange(outbox.MONEY, ended, 2).done == 1

    yield deliver_while_it_is_locked
    for claim in (free, locked):
        payments.ask(claim, "fan")
        bought(world, claim)


@USE_CASES
def the_outbox_beat(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    yield ticks.outbox
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def a_slow_delivery_holds_on_to_what_it_has(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    entries = outbox.take(outbox.MONEY, 1)
    yield lambda: outbox.hold(entries)
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def one_hand_delivers_a_whole_lane(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    yield lambda: outbox.deliver_once(outbox.MONEY)
    world.pays(claim)
    bought(world, claim)
