"""When a sale is said to stand still, and when that is only patience."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.sale_health import beats_stand, line_stands
from tests.domain.test_events import EVENT, HOUR, NOON

NOW = NOON + HOUR
SALE = replace(EVENT, as_of=NOW, free=10, pass_capacity=50)
JUST = NOW - timedelta(seconds=5)
LONG_AGO = NOW - timedelta(minutes=5)


def test_people_who_wait_beside_free_tickets_and_room_are_an_alarm():
    assert line_stands(SALE, waiting=3, inside=0, sampled_at=JUST, standing_since=LONG_AGO)


@pytest.mark.parametrize(
    ("event", "waiting", "inside", "since"),
    [
        (SALE, 0, 0, LONG_AGO),
        (SALE, 3, 10, LONG_AGO),
        (replace(SALE, pass_capacity=2), 3, 2, LONG_AGO),
        (replace(SALE, free=0), 3, 0, LONG_AGO),
        (SALE, 3, 0, NOW - timedelta(seconds=50)),
        (SALE, 3, 0, None),
        (replace(SALE, admit_per_minute=1), 3, 0, NOW - timedelta(seconds=100)),
        (replace(SALE, sale_starts_at=NOW - timedelta(seconds=50)), 3, 0, LONG_AGO),
        (replace(SALE, state="paused", paused_at=LONG_AGO), 3, 0, LONG_AGO),
        (replace(SALE, state="published"), 3, 0, LONG_AGO),
        (replace(SALE, guard_number=0, guard_until=NOW + timedelta(seconds=9)), 3, 0, LONG_AGO),
    ],
    ids=[
        "nobody waits",
        "as many inside as tickets are free",
        "no room inside",
        "no ticket free",
        "somebody was let in a moment ago",
        "nothing was seen yet",
        "the rate is slow",
        "the sale has only begun",
        "paused",
        "not open yet",
        "the browsers of a lost second come first",
    ],
)
def test_a_line_that_stands_for_a_reason_is_no_alarm(event, waiting, inside, since):
    assert not line_stands(event, waiting, inside, JUST, since)


def test_beats_that_stand_are_said_once_and_not_as_a_standing_line():
    assert beats_stand(SALE, LONG_AGO)
    assert not line_stands(SALE, 3, 0, LONG_AGO, LONG_AGO)


def test_beats_are_not_missed_where_there_is_nothing_to_look_at():
    assert not beats_stand(SALE, None)
    assert not beats_stand(SALE, JUST)
    assert not beats_stand(replace(SALE, state="closed"), LONG_AGO)
    assert not beats_stand(replace(SALE, state="draft"), LONG_AGO)
