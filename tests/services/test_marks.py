"""Marks: many places of somebody are marked, and fair ones are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.networks import network_mark
from app.extensions import db
from app.services import journal, line, marks, personal, rebuild
from tests import factories


def joins(event: Any, count: int, network: str) -> list[Any]:
    return [line.join(event.slug, factories.an_id(), network=network) for _ in range(count)]


def marked(event: Any) -> dict[str, tuple[str, int]]:
    """{place: (rule, how many together)}"""
    rows = db.session.execute(
        text("SELECT place_id, rule, together FROM marks WHERE event_id = :id"), {"id": event.id}
    ).all()
    db.session.rollback()
    return {row.place_id: (row.rule, row.together) for row in rows}


def of_network(event: Any, network: str, seconds: list[float], **values: Any) -> list[str]:
    """Rows of places that joined so many seconds after each other's first."""
    first = factories.utc_now() - timedelta(hours=1)
    return [
        factories.a_place(
            event, network=network, joined_at=first + timedelta(seconds=at), **values
        ).id
        for at in seconds
    ]


def test_two_hundred_joins_of_one_network_are_marked_and_twenty_fair_ones_are_not(app):
    event = factories.an_event()
    bots = joins(event, 200, "203.0.113.9")
    for n in range(20):
        joins(event, 1, f"198.51.100.{n % 7}")
    journal.journal_once()
    assert marks.mark_once() == 200
    assert marked(event) == {token.place_id: ("network", 200) for token in bots}
    assert marks.mark_once() == 0, "again it changes nothing"


def test_marked_places_stay_in_line_and_marks_outlive_redis(app, line_redis):
    event = factories.an_event(mark_joins=2)
    token = joins(event, 2, "203.0.113.9")[1]
    journal.journal_once()
    marks.mark_once()
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    assert len(marked(event)) == 2
    assert line.status(event.slug, token).number == 2


def test_only_joins_within_a_minute_count_together(app):
    event = factories.an_event(mark_joins=3)
    # Two and two, never three within a minute; then three, of which the last two are a pair more.
    of_network(event, "slow", [0, 50, 100, 150])
    fast = of_network(event, "fast", [200, 220, 260])
    of_network(event, "fast", [500])
    marks.mark_once()
    assert marked(event) == dict.fromkeys(fast, ("network", 3))


def test_ended_places_count_but_are_not_marked(app):
    event = factories.an_event(mark_joins=3)
    of_network(event, "a", [0], state="left")
    live = of_network(event, "a", [1, 2])
    marks.mark_once()
    assert marked(event) == dict.fromkeys(live, ("network", 3))


def test_a_mark_says_how_many_there_are_by_now(app):
    event = factories.an_event(mark_joins=2)
    first = of_network(event, "a", [0, 1])
    marks.mark_once()
    last = of_network(event, "a", [2])
    assert marks.mark_once() == 3
    assert marked(event) == dict.fromkeys(first + last, ("network", 3))


def test_places_of_one_mailbox_in_variants_are_marked(app):
    event = factories.an_event(mark_joins=1000)
    one = ["ada.lovelace@gmail.com", "adalovelace+2@gmail.com", "a.dalovelace+x@googlemail.com"]
    # Dots count elsewhere, and a couple may share a mailbox.
    other = ["b.ola@example.com", "bola@example.com", "bola+wife@example.com"]
    ids = {
        email: factories.a_place(event, fan_id=factories.a_fan(email).id).id
        for email in one + other
    }
    marks.mark_once()
    assert marked(event) == {ids[email]: ("mailbox", 3) for email in one}


@pytest.mark.parametrize("overrides", [{"mark_joins": 0}, {"state": "closed"}])
def test_nothing_is_marked_where_the_organiser_wants_none_or_the_sale_is_over(app, overrides):
    event = factories.an_event(**({"mark_joins": 2} | overrides))
    of_network(event, "a", [0, 1, 2])
    for n in range(3):
        factories.a_place(event, fan_id=factories.a_fan(f"eve+{n}{event.id}@example.com").id)
    marks.mark_once()
    assert marked(event) == {}


def test_a_cleared_place_is_not_marked_again_for_the_same_reason(app):
    event = factories.an_event(mark_joins=2)
    of_network(event, "a", [0, 1])
    marks.mark_once()
    db.session.execute(text("UPDATE marks SET cleared_at = now()"))
    db.session.commit()
    of_network(event, "a", [2])
    assert marks.mark_once() == 1
    assert sorted(marked(event).values()) == [("network", 2), ("network", 2), ("network", 3)]


def test_rows_name_networks_by_a_keyed_hash_that_no_two_events_share():
    mark = network_mark(1, "203.0.113.9", "secret")
    assert len(mark) == 16
    assert mark != network_mark(2, "203.0.113.9", "secret")
    assert mark != network_mark(1, "203.0.113.9", "another secret")
    assert network_mark(1, "", "secret") == ""


def test_networks_are_forgotten_when_the_sale_is_over(app):
    over, on = factories.an_event(state="closed"), factories.an_event()
    for event in (over, on):
        of_network(event, "a", [0])
    assert personal.forget_once() == 1
    assert personal.forget_once() == 0
    rows = db.session.execute(
        text(
            "SELECT p.network, l.networks_kept FROM places p JOIN lines l USING (event_id)"
            " ORDER BY p.event_id"
        )
    ).all()
    db.session.rollback()
    assert [tuple(row) for row in rows] == [(None, False), ("a", True)]
