from __future__ import annotations

import logging
from typing import Any

import pytest

from app.domain.errors import StoreUnavailable
from jobs import ticks
from jobs.schedule import BEATS


# Whatever earlier tests have written is something to count (tests/store/test_plans.py).
@pytest.mark.parametrize("name", [beat.name for beat in BEATS if beat.name != "analyze"])
def test_a_tick_on_an_empty_shop_does_nothing_twice(app: Any, name: str) -> None:
    tick = getattr(ticks, name)
    assert tick() == 0
    assert tick() == 0


def test_the_outbox_tick_wakes_the_lanes_that_owe_something(app: Any, monkeypatch: Any) -> None:
    from app.services import outbox
    from app.store.db import transaction

    woken: list[str] = []
    monkeypatch.setattr(ticks, "wake", woken.append)
    with transaction() as session:
        outbox.owe(session, outbox.MAIL, "send_code", {"verification_id": "x"})
        outbox.owe(session, outbox.MAIL, "send_code", {"verification_id": "y"})
        outbox.owe(session, outbox.MONEY, "verify_payment", {"payment_id": 1}, delay=60)
    ticks.outbox()
    assert woken == ["mail"]


def test_a_tick_waits_for_a_server_that_is_away(app: Any, caplog: Any) -> None:
    @ticks.tick
    def away() -> int:
        raise StoreUnavailable

    with caplog.at_level(logging.WARNING):
        assert away() == 0
    assert "away has to wait" in caplog.text


def test_a_tick_that_is_wrong_says_so(app: Any) -> None:
    @ticks.tick
    def wrong() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wrong()
