"""What we owe is delivered at least once, by one hand at a time."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text

from app.extensions import db
from app.services import outbox
from app.store.models import OutboxEntry


@pytest.fixture
def handler(monkeypatch):
    """A table with one handler that can be told to fail; `seen` lists the payloads it got."""

    class Table:
        def __init__(self) -> None:
            self.seen: list[int] = []
            self.fail: Exception | None = None
            self.during = lambda: None

        def __call__(self, payload) -> None:
            self.seen.append(payload["n"])
            self.during()
            if self.fail:
                raise self.fail

    table = Table()
    monkeypatch.setattr(outbox, "handlers", lambda: {"thing": table})
    return table


def owe(n: int = 1, **options) -> None:
    outbox.owe(db.session, "money", "thing", {"n": n}, **options)
    db.session.commit()


def rows() -> list[OutboxEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEntry).order_by(OutboxEntry.id)))


def test_what_is_owed_is_delivered_once(app, handler):
    owe()
    assert outbox.due_lanes_once() == ["money"]
    assert outbox.deliver_once("money") == 1
    assert outbox.deliver_once("money") == 0
    assert handler.seen == [1]
    assert outbox.due_lanes_once() == []


def test_nothing_is_owed_when_the_transaction_rolls_back(app, handler):
    outbox.owe(db.session, "money", "thing", {"n": 1})
    db.session.rollback()
    assert outbox.deliver_once("money") == 0


def test_a_lane_does_not_touch_another(app, handler):
    owe()
    assert outbox.deliver_once("mail") == 0
    assert handler.seen == []


def test_the_same_key_is_one_debt_for_ever(app, handler):
    owe(1, key="k")
    owe(2, key="k")
    assert outbox.deliver_once("money") == 1
    owe(3, key="k")
    assert outbox.deliver_once("money") == 0


def test_what_is_due_later_waits(app, handler):
    owe(delay=30)
    assert outbox.due_lanes_once() == []
    assert outbox.deliver_once("money") == 0


def test_what_failed_is_owed_still_and_says_why(app, handler, caplog):
    owe()
    handler.fail = ValueError("nobody is there\0")
    assert outbox.deliver_once("money") == 0
    (row,) = rows()
    assert row.done_at is None
    assert row.attempts == 1
    assert row.last_error == "ValueError: nobody is there?"
    assert row.taken_until is None
    assert outbox.deliver_once("money") == 0, "it waits before the next try"
    assert len(handler.seen) == 1


def test_the_other_side_names_the_wait(app, handler):
    owe()
    handler.fail = outbox.Later("429", after=300)
    outbox.deliver_once("money")
    (row,) = rows()
    wait = db.session.scalar(text("SELECT extract(epoch FROM due_at - now()) FROM outbox"))
    assert 290 < wait <= 300
    assert row.last_error == "429"


def test_the_wait_doubles_up_to_a_minute_and_jitters():
    for attempts, longest in ((1, 1), (2, 2), (4, 8), (7, 60), (5000, 60)):
        waits = [outbox.wait(attempts) for _ in range(50)]
        assert longest / 2 <= min(waits)
        assert max(waits) <= longest
        assert len(set(waits)) > 1


def test_an_unknown_kind_stays_owed(app, handler, caplog):
    outbox.owe(db.session, "money", "riddle", {})
    db.session.commit()
    assert outbox.deliver_once("money") == 0
    assert "no handler for riddle" in (rows()[0].last_error or "")


def test_many_workers_deliver_each_entry_once(app, handler, race):
    for n in range(20):
        owe(n)

    def work(_: int) -> int:
        return outbox.deliver_once("money")

    counts = race(4, work)
    assert sum(counts) == 20
    assert sorted(handler.seen) == list(range(20))


def test_an_entry_in_somebodys_hands_is_skipped(app, handler, race):
    owe()
    started, go_on = threading.Event(), threading.Event()

    def during() -> None:
        started.set()
        assert go_on.wait(5)

    def work(index: int) -> int:
        if index == 0:
            return outbox.deliver_once("money")
        assert started.wait(5)
        try:
            return outbox.deliver_once("money")
        finally:
            go_on.set()

    handler.during = during
    assert race(2, work) == [1, 0]
    assert handler.seen == [1]


def test_what_a_dead_worker_held_comes_back_when_its_time_is_over(app, handler):
    class Killed(BaseException):
        """As if the process had ended here: no line after it runs."""

    owe()

    def die() -> None:
        raise Killed

    handler.during = die
    with pytest.raises(Killed):
        outbox.deliver_once("money")
    handler.during = lambda: None
    assert outbox.deliver_once("money") == 0, "the dead worker's time is not over"
    assert outbox.due_lanes_once() == []
    db.session.execute(text("UPDATE outbox SET taken_until = now() - interval '1 second'"))
    db.session.commit()
    assert outbox.due_lanes_once() == ["money"]
    assert outbox.deliver_once("money") == 1
    assert handler.seen == [1, 1]
    assert rows()[0].attempts == 2


def test_a_slow_worker_does_not_let_go_of_what_another_holds(app, handler):
    owe()

    def during() -> None:
        db.session.execute(text("UPDATE outbox SET taken_until = now() + interval '9 seconds'"))
        db.session.commit()

    handler.during = during
    handler.fail = outbox.Later("too slow")
    outbox.deliver_once("money")
    (row,) = rows()
    assert row.taken_until is not None
    assert row.last_error is None


def test_entries_that_end_together_are_written_in_one_statement_and_others_taken(app, handler):
    for n in range(5):
        owe(n)
    first = outbox.exchange("money", [], 3)
    assert [entry.payload["n"] for entry in first.taken] == [0, 1, 2]
    ended = [outbox.Ended(entry, outbox.handle(entry)) for entry in first.taken[:2]]
    ended.append(outbox.Ended(first.taken[2], outbox.BACK))
    second = outbox.exchange("money", ended, 3)
    assert second.done == 2
    assert [entry.payload["n"] for entry in second.taken] == [2, 3, 4]
    assert [row.done_at is not None for row in rows()] == [True, True, False, False, False]


def test_one_that_cannot_be_written_keeps_no_other_from_it(app, handler, caplog):
    for n in range(3):
        owe(n)
    good, bad, fine = outbox.exchange("money", [], 3).taken
    ended = [
        outbox.Ended(good, outbox.DONE),
        outbox.Ended(bad, outbox.Ending("code_sent", {"verification_id": "\0"})),
        outbox.Ended(fine, outbox.Ending("again", {"seconds": 9, "error": "not now"})),
    ]
    assert outbox.exchange("money", ended, 3).done == 1
    found = rows()
    assert [row.done_at is not None for row in found] == [True, False, False]
    assert [row.taken_until for row in found] == [None, None, None]
    assert found[2].last_error == "not now"
    assert found[1].last_error
