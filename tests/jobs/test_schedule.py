from __future__ import annotations

import importlib
import time
from typing import Any

import pytest
from rq import Queue
from rq.job import Job

from app import clock
from jobs.schedule import BEATS, LANE, put_back, scheduler_on

IDS = sorted(beat.id for beat in BEATS)


def scheduled(connection: Any) -> list[str]:
    return sorted(name.decode() for name in connection.zrange("rq:scheduler:scheduled_jobs", 0, -1))


def waiting(connection: Any) -> list[str]:
    return sorted(Queue(LANE, connection=connection).job_ids)


def test_the_beats_are_those_of_the_design() -> None:
    assert {beat.name: beat.every for beat in BEATS} == {
        "calendar": 1,
        "admit": 1,
        "journal": 1,
        "outbox": 1,
        "expire": 5,
        "turns": 5,
        "analyze": 5,
        "payments": 10,
        "reconcile": 10,
        "samples": 10,
        "marks": 10,
        "thin": 300,
        "drop": 600,
        "forget": 60,
    }


@pytest.mark.parametrize("beat", BEATS, ids=lambda beat: beat.name)
def test_every_beat_names_a_function_that_is_there(beat: Any) -> None:
    module, _, name = beat.function.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_putting_the_schedule_back_twice_leaves_one_entry_per_beat(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    assert put_back(scheduler) == len(BEATS)
    assert put_back(scheduler) == 0
    assert scheduled(connection) == IDS


def test_the_schedule_comes_back_after_a_wipe(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    put_back(scheduler)
    connection.flushall()
    assert put_back(scheduler) == len(BEATS)
    scheduler.enqueue_jobs()
    assert waiting(connection) == IDS


def test_a_job_that_a_wipe_left_half_is_written_whole_again(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    put_back(scheduler)
    beat = BEATS[0]
    connection.delete(Job.key_for(beat.id))
    connection.hset(Job.key_for(beat.id), "last_heartbeat", "2026-01-01T00:00:00.000000Z")
    assert put_back(scheduler) == 1
    assert Job.fetch(beat.id, connection=connection).func_name == beat.function


def test_a_beat_that_left_the_table_leaves_the_schedule(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    connection.zadd("rq:scheduler:scheduled_jobs", {"beat-of-last-year": 1, "somebody-elses": 2})
    put_back(scheduler)
    assert scheduled(connection) == sorted([*IDS, "somebody-elses"])


def test_a_beat_whose_interval_changed_is_written_again(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    put_back(scheduler)
    connection.hset(Job.key_for(BEATS[0].id), "description", "jobs.ticks.calendar every 60 s")
    assert put_back(scheduler) == 1


def test_ticks_do_not_pile_up_while_no_worker_runs(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    put_back(scheduler)
    deadline = time.monotonic() + 3.2
    while time.monotonic() < deadline:
        scheduler.enqueue_jobs()
        time.sleep(0.1)
    assert waiting(connection) == IDS


def test_two_beat_processes_side_by_side_enqueue_each_tick_once(connection: Any) -> None:
    first, second = scheduler_on(connection), scheduler_on(connection)
    put_back(first)
    put_back(second)
    taken: list[str] = []
    queue = Queue(LANE, connection=connection)
    started = time.monotonic()
    while time.monotonic() - started < 3.3:
        first.enqueue_jobs()
        second.enqueue_jobs()
        # A worker that takes everything at once, so that waiting copies hide no second push.
        taken += queue.job_ids
        connection.delete(queue.key)
        time.sleep(0.05)
    # 3.3 s hold three or four seconds' beginnings.
    assert 3 <= taken.count("beat-admit") <= 5
    assert taken.count("beat-reconcile") == 1


def test_an_entry_of_a_process_whose_clock_was_ahead_is_put_back(connection: Any) -> None:
    scheduler = scheduler_on(connection)
    clock.be_off(300)
    try:
        put_back(scheduler)
        scheduler.enqueue_jobs()
        assert put_back(scheduler) == 0, "by its own clock all is in order"
    finally:
        clock.be_off(0)
    connection.delete("rq:queue:beats")
    scheduler.enqueue_jobs()
    assert waiting(connection) == [], "all is silent for five minutes"
    assert put_back(scheduler) == len(BEATS)
    scheduler.enqueue_jobs()
    assert waiting(connection) == IDS
