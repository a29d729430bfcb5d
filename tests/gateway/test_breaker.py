"""When the gateway is down, one call at a time finds out, and the others do not wait for it."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from app.gateway import client
from app.gateway.breaker import Breaker
from app.gateway.results import Missing, TryLater


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self) -> float:
            return self.now

    return Clock()


def test_five_calls_without_an_answer_open_it(clock):
    breaker = Breaker(clock)
    for _ in range(4):
        breaker.silent()
        assert breaker.refuses_for() == 0
    breaker.silent()
    assert breaker.refuses_for() == 2


def test_an_answer_in_between_keeps_it_closed(clock):
    breaker = Breaker(clock)
    for _ in range(20):
        breaker.silent()
        breaker.silent()
        breaker.answered()
    assert breaker.refuses_for() == 0


def test_one_call_per_pause_looks_whether_the_gateway_is_back(clock):
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.silent()
    clock.now += 2
    assert breaker.refuses_for() == 0, "this one looks"
    assert breaker.refuses_for() == 2, "the others wait"
    breaker.answered()
    assert breaker.refuses_for() == 0


def test_the_pause_doubles_up_to_half_a_minute(clock):
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.silent()
    pauses = []
    for _ in range(6):
        pauses.append(breaker.refuses_for())
        clock.now += pauses[-1]
        assert breaker.refuses_for() == 0
        breaker.silent()
    assert pauses == [2, 4, 8, 16, 30, 30]


def test_a_gateway_that_is_down_is_left_alone(app, settings):
    calls: list[str] = []
    status = 502

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        body = {"status": False, "message": "Transaction reference not found."}
        return httpx.Response(status, json=body)

    client.bind(dataclasses.replace(settings, gateway_timeout=0.5), httpx.MockTransport(answer))
    try:
        results = [client.verify("R") for _ in range(8)]
        assert len(calls) == 5
        assert all(isinstance(result, TryLater) for result in results)
        assert 0 < results[-1].after <= 2
        assert results[-1].untouched
        client.bind(settings, httpx.MockTransport(answer))
        status = 404
        assert client.verify("R") == Missing()
    finally:
        client.bind(settings)


def test_a_gateway_that_turns_us_away_is_not_down(app, settings):
    client.bind(settings, httpx.MockTransport(lambda request: httpx.Response(429)))
    try:
        results = [client.verify("R") for _ in range(8)]
    finally:
        client.bind(settings)
    assert all(result.why.startswith("429") for result in results)
