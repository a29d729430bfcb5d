"""Claims in hand are bounded, so that a slow server does not take every thread."""

from __future__ import annotations

import threading
import time

import pytest

from app.domain.errors import Busy
from app.services import slots
from app.services.slots import Slots


def test_beyond_the_bound_one_waits_in_vain_and_the_next_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(slots, "PATIENCE", 0.2)
    some = Slots()

    def refused_after() -> float:
        started = time.monotonic()
        with pytest.raises(Busy), some.one_of(1):
            pass
        return time.monotonic() - started

    with some.one_of(1):
        assert refused_after() >= 0.2
        assert refused_after() < 0.1
    with some.one_of(1):
        assert refused_after() >= 0.2, "a slot has come free since"


def test_whoever_waits_gets_the_slot_that_comes_free():
    some = Slots()
    entered = threading.Event()
    got = []

    def wait_for_one() -> None:
        entered.set()
        with some.one_of(1):
            got.append(True)

    with some.one_of(1):
        waiter = threading.Thread(target=wait_for_one)
        waiter.start()
        assert entered.wait(5)
        assert got == []
    waiter.join(5)
    assert got == [True]


def test_an_exception_lets_go_of_the_slot():
    some = Slots()
    with pytest.raises(ValueError), some.one_of(1):
        raise ValueError
    with some.one_of(1):
        pass
