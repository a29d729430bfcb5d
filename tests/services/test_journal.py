"""From the journal to `places`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.errors import LineUnavailable
from app.extensions import db
from app.line import journal as journal_of_redis
from app.line import verbs
from app.line.keys import keys_of
from app.services import admission, catalogue, journal, line
from tests.factories import a_fan, an_event, an_id

FAST = 6_000_000


def rows(event: Any) -> list[tuple[Any, ...]]:
    found = db.session.execute(
        text("SELECT id, number, turn, state FROM places WHERE event_id = :id ORDER BY number"),
        {"id": event.id},
    ).all()
    db.session.rollback()
    return [tuple(row) for row in found]


def read_again(event: Any) -> None:
    """As if Postgres had written the rows and forgotten how far it had read."""
    db.session.execute(text("UPDATE lines SET journal_id = '0-0'"))
    db.session.commit()


def test_a_join_becomes_a_place(app: Any) -> None:
    event = an_event()
    visitor = an_id()
    token = line.join(event.slug, visitor)
    assert journal.journal_once() == 1
    place = db.session.execute(text("SELECT * FROM places")).mappings().one()
    assert place["id"] == token.place_id
    assert (place["event_id"], place["number"], place["epoch"]) == (event.id, 1, 1)
    assert (place["visitor"], place["state"], place["turn"]) == (visitor, "waiting", 0)
    assert place["joined_at"] is not None


def test_journal_replayed_twice_makes_one_row_each(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    tokens = [line.join(event.slug, an_id()) for _ in range(3)]
    admission.admit_once()
    line.leave(event.slug, tokens[1])
    monkeypatch.setattr(journal_of_redis, "trim", lambda *_: 0)
    assert journal.journal_once() == 5
    once = rows(event)
    read_again(event)
    assert journal.journal_once() == 5
    assert rows(event) == once
    assert [row[3] for row in once] == ["admitted", "left", "waiting"]


def test_after_a_loss_between_commit_and_trim_nothing_is_read_twice(
    app: Any, monkeypatch: pytest.MonkeyPatch, line_redis: Any
) -> None:
    event = an_event()
    line.join(event.slug, an_id())

    def lost(*_: Any) -> int:
        raise LineUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(journal_of_redis, "trim", lost)
        assert journal.journal_once() == 1
    assert journal.journal_once() == 0
    line.join(event.slug, an_id())
    assert journal.journal_once() == 1
    assert line_redis.xlen(keys_of(event.id).journal) == 0, "the trim takes the older ones along"


def test_the_journal_is_trimmed_to_what_postgres_has_and_no_further(
    app: Any, line_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    monkeypatch.setattr(journal, "_BATCH", 10)
    whole = journal._write
    calls = iter(range(100))

    def dies_in_the_second_batch(*args: Any) -> None:
        if next(calls) == 1:
            raise SystemExit
        whole(*args)

    monkeypatch.setattr(journal, "_write", dies_in_the_second_batch)
    for _ in range(25):
        line.join(event.slug, an_id())
    with pytest.raises(SystemExit):
        journal.journal_once()
    assert len(rows(event)) == 10
    assert line_redis.xlen(keys_of(event.id).journal) == 15
    assert journal.journal_once() == 15
    assert len(rows(event)) == 25


def test_a_place_that_ended_in_postgres_stays_ended_and_leaves_redis(app: Any) -> None:
    """The claim wrote the row as used before the journal came by, and its settle was lost."""
    event = an_event(admit_per_minute=FAST)
    token = line.join(event.slug, an_id())
    admission.admit_once()
    db.session.execute(
        text(
            "INSERT INTO places (id, event_id, number, epoch, state, joined_at, ended_at)"
            " VALUES (:id, :event, 1, 1, 'used', now(), now())"
        ),
        {"id": token.place_id, "event": event.id},
    )
    db.session.commit()
    journal.journal_once()
    assert rows(event) == [(token.place_id, 1, 0, "used")]
    assert verbs.status(event.id, 1, token.place_id).state == "unknown"


def test_entries_fill_in_a_row_that_was_written_early(app: Any) -> None:
    event = an_event(admit_per_minute=6_000_000)
    visitor = an_id()
    token = line.join(event.slug, visitor)
    fan = a_fan()
    db.session.execute(
        text(
            "INSERT INTO places (id, event_id, number, epoch, fan_id, joined_at)"
            " VALUES (:id, :event, 1, 1, :fan, now())"
        ),
        {"id": token.place_id, "event": event.id, "fan": fan.id},
    )
    db.session.commit()
    admission.admit_once()
    journal.journal_once()
    place = db.session.execute(text("SELECT * FROM places")).mappings().one()
    assert (place["state"], place["visitor"], place["fan_id"]) == ("admitted", visitor, fan.id)


def test_one_writer_at_a_time(app: Any, race: Callable[..., list[Any]]) -> None:
    event = an_event()
    for _ in range(200):
        line.join(event.slug, an_id())
    assert sum(race(6, lambda _: journal.journal_once())) == 200
    assert len(rows(event)) == 200


def test_one_number_held_by_two_does_not_stop_the_journal(app: Any, line_redis: Any) -> None:
    event = an_event()
    first = line.join(event.slug, an_id())
    journal.journal_once()
    line_redis.decr(keys_of(event.id).seq)
    line.join(event.slug, an_id())
    third = line.join(event.slug, an_id())
    assert journal.journal_once() == 2
    assert [row[0] for row in rows(event)] == [first.place_id, third.place_id]


def test_one_sick_line_does_not_stop_the_others(app: Any, line_redis: Any) -> None:
    sick, well = an_event(), an_event()
    line.join(well.slug, an_id())
    line_redis.delete(keys_of(sick.id).epoch)
    assert journal.journal_once() == 1


def test_the_end_of_a_place_is_known_before_and_after_the_journal(app: Any) -> None:
    event = an_event()
    token = line.join(event.slug, an_id())
    line.leave(event.slug, token)
    assert line.status(event.slug, token).state == "left"
    journal.journal_once()
    catalogue.forget_all()
    assert line.status(event.slug, token).state == "left"


def test_thousands_of_entries(app: Any, line_redis: Any) -> None:
    event = an_event()
    event_id = event.id
    # Postgres ends a transaction that stands idle for so long.
    db.session.commit()
    for _ in range(3500):
        verbs.join(event_id, 1, an_id(), an_id())
    assert journal.journal_once() == 3500
    assert len(rows(event)) == 3500
    assert line_redis.xlen(keys_of(event.id).journal) == 0
