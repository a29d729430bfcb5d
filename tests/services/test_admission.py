"""Who is let in, when, and what becomes of a pass that runs out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.tokens import PlaceToken
from app.extensions import db
from app.line import inventory
from app.line.keys import keys_of
from app.services import admission, catalogue, journal, line
from tests.factories import a_claim, a_fan, an_admitted_place, an_event, an_id, utc_now

# The bucket of a new copy is empty; at this rate (per minute) it is full at once.
FAST = 6_000_000


def join(event: Any, count: int) -> list[PlaceToken]:
    slug = event.slug
    # Postgres ends a transaction that stands idle while thousands join.
    db.session.commit()
    return [line.join(slug, an_id()) for _ in range(count)]


def states(event: Any, tokens: list[PlaceToken]) -> list[str]:
    catalogue.forget_all()
    line.forget_all()
    return [line.status(event.slug, token).state for token in tokens]


def change(event: Any, assignments: str) -> None:
    db.session.execute(text(f"UPDATE events SET {assignments} WHERE id = {event.id}"))
    db.session.commit()


def taken(event: Any, quantity: int) -> Any:
    """A claim by somebody whose number is far from those that the tests join with."""
    fan = a_fan()
    place = an_admitted_place(event, fan, state="used", number=10_000_000)
    return a_claim(event, quantity, fan, place=place)


def hour_goes_by(event: Any) -> None:
    """In sale time, which is the time that passes run out in."""
    change(event, "paused_ms = paused_ms - 3600000")


def test_the_first_of_the_line_are_admitted_up_to_the_pass_capacity(app: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=3)
    tokens = join(event, 5)
    assert admission.admit_once() == 3
    assert admission.admit_once() == 0
    assert states(event, tokens) == ["admitted"] * 3 + ["waiting"] * 2


def test_no_more_are_inside_than_tickets_are_free(app: Any) -> None:
    event = an_event(capacity=2, admit_per_minute=FAST)
    join(event, 5)
    assert admission.admit_once() == 2
    assert admission.admit_once() == 0


def test_one_seat_left_admits_one(app: Any) -> None:
    event = an_event(capacity=5, admit_per_minute=FAST)
    taken(event, 4)
    inventory.drop_free(event.id, 1, [1, 2, 3, 4])
    tokens = join(event, 10)
    assert admission.admit_once() == 1
    assert states(event, tokens) == ["admitted"] + ["waiting"] * 9


def test_the_rate_is_kept_however_often_it_is_called(app: Any) -> None:
    event = an_event(admit_per_minute=600, pass_capacity=100)
    join(event, 60)
    admitted = 0
    started = monotonic()
    for _ in range(20):
        admitted += admission.admit_once()
        sleep(0.05)
    # Ten a second.
    assert 5 <= admitted <= 10 * (monotonic() - started) + 2


def test_a_bucket_that_nobody_emptied_holds_two_seconds(app: Any, line_redis: Any) -> None:
    event = an_event(admit_per_minute=600, pass_capacity=100)
    join(event, 60)
    line_redis.hset(keys_of(event.id).bucket, "at", 1)
    assert admission.admit_once() == 20


def test_a_slow_rate_admits_one_at_a_time(app: Any, line_redis: Any) -> None:
    event = an_event(admit_per_minute=1)
    join(event, 3)
    assert admission.admit_once() == 0
    for _ in range(20):
        # A beat late by minutes counts as five seconds.
        line_redis.hset(keys_of(event.id).bucket, "at", 1)
        if admission.admit_once():
            break
    assert admission.admit_once() == 0


def test_two_admission_workers_admit_no_more_than_one_would(
    app: Any, race: Callable[..., list[Any]], line_redis: Any
) -> None:
    event = an_event(admit_per_minute=600, pass_capacity=100)
    join(event, 80)
    line_redis.hset(keys_of(event.id).bucket, "at", 1)
    started = monotonic()
    admitted = race(8, lambda _: admission.admit_once())
    # Two seconds of rate were in the bucket; what else came in came by time alone.
    assert 20 <= sum(admitted) <= 21 + 10 * (monotonic() - started)
    assert line_redis.zcard(keys_of(event.id).passes) == sum(admitted)


def test_two_admission_workers_never_exceed_the_room(
    app: Any, race: Callable[..., list[Any]], line_redis: Any
) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=7)
    join(event, 50)
    assert sum(race(8, lambda _: admission.admit_once())) == 7


def test_a_batch_of_thousands_is_admitted_in_order(app: Any, line_redis: Any) -> None:
    event = an_event(capacity=5000, admit_per_minute=FAST, pass_capacity=4000)
    join(event, 2500)
    assert [admission.admit_once() for _ in range(4)] == [1000, 1000, 500, 0]
    assert journal.journal_once() == 5000


@pytest.mark.parametrize(
    "values",
    [
        {"state": "published"},
        {"state": "paused"},
        {"sale_starts_at": utc_now() + timedelta(hours=1)},
    ],
    ids=["published", "paused", "armed"],
)
def test_nobody_is_admitted_while_the_sale_is_not_open(app: Any, values: dict[str, Any]) -> None:
    event = an_event(admit_per_minute=FAST, **values)
    join(event, 3)
    sleep(0.05)
    assert admission.admit_once() == 0


def test_passes_run_out_in_sale_time_and_the_place_is_over(app: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    tokens = join(event, 2)
    admission.admit_once()
    hour_goes_by(event)
    assert states(event, tokens) == ["overdue", "waiting"], "no beat has looked yet"
    assert line.current_pass(event.slug, tokens[0]) is None
    assert admission.admit_once() == 1
    assert states(event, tokens) == ["expired", "admitted"]
    journal.journal_once()
    assert states(event, tokens) == ["expired", "admitted"]


def test_a_pause_keeps_every_pass(app: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=1, pass_seconds=2)
    (token,) = join(event, 1)
    admission.admit_once()
    change(event, "state = 'paused', paused_at = now(), pause_reason = 'The doors are stuck.'")
    sleep(2.5)
    assert admission.admit_once() == 0
    (state,) = states(event, [token])
    assert state == "paused"
    assert line.current_pass(event.slug, token) is not None
    change(
        event,
        "state = 'on_sale', paused_at = NULL, pause_reason = '', paused_ms = paused_ms +"
        " (extract(epoch FROM now() - paused_at) * 1000)::bigint",
    )
    admission.admit_once()
    assert states(event, [token]) == ["admitted"]
    sleep(2.1)
    admission.admit_once()
    assert states(event, [token]) == ["expired"]


def test_a_pass_that_runs_out_while_nothing_is_free_puts_the_place_back(app: Any) -> None:
    event = an_event(capacity=2, admit_per_minute=FAST, pass_capacity=2)
    tokens = join(event, 4)
    assert admission.admit_once() == 2
    claim = taken(event, 2)
    inventory.drop_free(event.id, 1, [1, 2])
    hour_goes_by(event)
    assert admission.admit_once() == 0
    assert states(event, tokens) == ["none_free"] * 4
    first = line.status(event.slug, tokens[0])
    assert (first.number, first.ahead) == (tokens[0].number, 0)

    # A hold runs out: the same fans are first again, for another turn.
    db.session.execute(text(f"UPDATE tickets SET claim_id = NULL WHERE claim_id = {claim.id}"))
    db.session.execute(text(f"UPDATE claims SET state = 'EXPIRED' WHERE id = {claim.id}"))
    db.session.commit()
    inventory.add_free(event.id, 1, [1, 2])
    assert admission.admit_once() == 2
    catalogue.forget_all()
    passed = line.current_pass(event.slug, tokens[0])
    assert passed is not None
    assert passed.turn == 1
    journal.journal_once()
    rows = db.session.execute(text("SELECT state, turn FROM places ORDER BY number")).all()
    assert [tuple(row) for row in rows if row[0] != "used"] == [
        ("admitted", 1),
        ("admitted", 1),
        ("waiting", 0),
        ("waiting", 0),
    ]


def test_admission_rebuilds_a_copy_that_is_lost(app: Any, line_redis: Any) -> None:
    event = an_event(admit_per_minute=FAST)
    line_redis.flushall()
    assert admission.admit_once() == 0
    assert line_redis.get(keys_of(event.id).epoch).startswith("2:")


def test_an_event_whose_copy_was_never_written_gets_one(app: Any) -> None:
    event = an_event(line=False)
    admission.admit_once()
    assert line.join(event.slug, an_id()).number == 1
