from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.silence import Silence


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence:
    return Silence(pause=0.5, longest_look=3, now=clock)


def asked_elsewhere(silence: Silence) -> bool:
    """What another thread hears."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(silence.refuses).result()


def test_a_server_that_answers_is_asked(silence):
    assert not silence.refuses()
    silence.looked()
    assert not silence.refuses()


def test_after_a_failure_everyone_is_refused_for_a_moment(silence, clock):
    silence.began()
    clock.time += 0.4
    assert silence.refuses()
    assert asked_elsewhere(silence)


def test_then_one_thread_looks_and_the_others_are_still_refused(silence, clock):
    silence.began()
    clock.time += 0.5
    assert not silence.refuses()
    assert not silence.refuses(), "the one who looks may ask more than once"
    assert asked_elsewhere(silence)
    clock.time += 2.9
    assert asked_elsewhere(silence)


def test_what_the_one_who_looks_finds_counts_for_all(silence, clock):
    silence.began()
    clock.time += 0.5
    assert not silence.refuses()
    silence.began()
    silence.looked()
    assert silence.refuses()
    clock.time += 0.5
    assert not silence.refuses()
    silence.looked()
    assert not asked_elsewhere(silence)


def test_a_call_that_began_before_the_silence_ends_no_silence(silence):
    silence.began()
    silence.looked()
    assert silence.refuses()


def test_one_who_looks_and_never_comes_back_is_followed_by_another(silence, clock):
    silence.began()
    clock.time += 0.5
    assert not asked_elsewhere(silence), "the thread that looks is gone now"
    assert silence.refuses()
    clock.time += 3
    assert not silence.refuses()
