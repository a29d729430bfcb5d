from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rq import Queue

from jobs import beat
from jobs.beat import BeatLoop, Fallback
from jobs.schedule import BEATS, LANE, scheduler_on
from sandbox import servers


class Counted:
    """Work for a fallback that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.raises = False

    def __call__(self) -> None:
        self.calls += 1
        if self.raises:
            raise RuntimeError("on purpose")


def loop_on(connection: Any, work: Callable[[], None]) -> tuple[BeatLoop, Fallback]:
    fallback = Fallback({"work": work})
    return BeatLoop(scheduler_on(connection), fallback), fallback


def beat_for(loop: BeatLoop, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
    """Step for some seconds, or until something is true; says how long that took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds and not until():
        loop.step()
        time.sleep(0.05)
    return time.monotonic() - started


def take_everything(connection: Any) -> None:
    # Not RQ's own empty(): it would delete the jobs, which the schedule still names.
    connection.delete(Queue(LANE, connection=connection).key)


def test_while_ticks_are_taken_the_beat_process_does_no_work_itself(connection: Any) -> None:
    work = Counted()
    loop, fallback = loop_on(connection, work)
    deadline = time.monotonic() + 3.6
    while time.monotonic() < deadline:
        loop.step()
        take_everything(connection)
        time.sleep(0.05)
    fallback.end(1)
    assert work.calls == 0


def test_when_redis_is_silent_for_three_seconds_the_beat_process_works_itself(
    connection: Any, jobs_redis: servers.Redis
) -> None:
    work = Counted()
    loop, fallback = loop_on(connection, work)
    beat_for(loop, 0.3)
    jobs_redis.freeze()
    try:
        took = beat_for(loop, 8, until=lambda: work.calls > 0)
        assert 2.5 < took < 5
        beat_for(loop, 2.5)
        assert work.calls >= 3, "it goes on as long as the silence does"
    finally:
        jobs_redis.thaw()
        fallback.end(1)


def test_a_dead_and_empty_redis_gets_its_schedule_back_and_the_fallback_rests(
    connection: Any, jobs_redis: servers.Redis, monkeypatch: Any
) -> None:
    monkeypatch.setattr(beat, "SILENCE", 0.5)
    work = Counted()
    loop, fallback = loop_on(connection, work)
    jobs_redis.kill()
    beat_for(loop, 5, until=lambda: work.calls > 0)
    assert work.calls > 0
    jobs_redis.start()
    loop._put_back_at = 0.0
    beat_for(loop, 5, until=lambda: connection.zcard("rq:scheduler:scheduled_jobs") == len(BEATS))
    assert not fallback.needed
    fallback.end(1)


def test_a_wiped_redis_has_its_schedule_back_within_a_second(connection: Any) -> None:
    loop, fallback = loop_on(connection, Counted())
    loop.step()
    connection.flushall()

    def back() -> bool:
        return bool(connection.zcard("rq:scheduler:scheduled_jobs") == len(BEATS))

    assert beat_for(loop, 7, until=back) < 1
    fallback.end(1)


def test_one_beat_that_is_missing_is_back_within_five_seconds(connection: Any) -> None:
    loop, fallback = loop_on(connection, Counted())
    loop.step()
    connection.zrem("rq:scheduler:scheduled_jobs", BEATS[0].id)

    def back() -> bool:
        return bool(connection.zcard("rq:scheduler:scheduled_jobs") == len(BEATS))

    assert beat_for(loop, 7, until=back) < 5.5
    fallback.end(1)


def test_when_no_worker_takes_a_tick_the_beat_process_works_itself(
    connection: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(beat, "SILENCE", 1.0)
    work = Counted()
    loop, fallback = loop_on(connection, work)
    beat_for(loop, 5, until=lambda: work.calls > 0)
    assert work.calls > 0

    def worked() -> bool:
        # A worker takes ticks all the time; taking them once may fall between two looks.
        take_everything(connection)
        return not fallback.needed

    beat_for(loop, 3, until=worked)
    assert not fallback.needed
    fallback.end(1)


def test_work_that_fails_in_the_beat_process_is_tried_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(Fallback, "EVERY", 0.02)
    work = Counted()
    work.raises = True
    fallback = Fallback({"work": work})
    fallback.start()
    deadline = time.monotonic() + 5
    while work.calls < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    fallback.end(1)
    assert work.calls >= 3


def test_the_end_waits_for_the_work_in_hand() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.3)
        ended.set()

    fallback = Fallback({"work": work})
    fallback.start()
    assert begun.wait(5)
    fallback.end(5)
    assert ended.is_set()


def test_money_mail_payments_and_expiry_do_not_wait_for_redis() -> None:
    assert sorted(beat.fallback_work()) == ["expiry", "mail", "money", "payments"]
