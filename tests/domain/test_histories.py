"""The plain history of a place, from what Postgres knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.domain.histories import Change, Minute, PlaceDates, history

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def a_place(**changes: object) -> PlaceDates:
    values: dict[str, object] = {
        "number": 1000,
        "state": "waiting",
        "turn": 0,
        "joined_at": at(-5),
        "admitted_at": None,
        "ended_at": None,
        "proven_at": None,
    }
    return PlaceDates(**(values | changes))  # type: ignore[arg-type]


def told(place: PlaceDates, changes=(), counts=(), rate=60, now=None) -> list[tuple[str, float]]:
    """(kind, minutes since noon); `counts` are the admissions of each minute from noon on."""
    minutes, top = [], 0
    for index, count in enumerate(counts):
        top += count
        if count:
            minutes.append(Minute(at(index), count, top))
    steps = history(place, changes, minutes, rate, NOON, now or at(len(counts)))
    return [(step.kind, (step.at - NOON).total_seconds() / 60) for step in steps]


def test_joined_started_moved_your_turn() -> None:
    place = a_place(number=150, state="admitted", admitted_at=at(2.5), proven_at=at(-4))
    assert told(place, counts=[60, 60, 60]) == [
        ("joined", -5),
        ("proven", -4),
        ("started", 0),
        ("moved", 1),
        ("moved", 2),
        ("turn", 2.5),
    ]


def test_a_long_wait_is_told_in_a_few_moves_and_the_last_is_the_latest() -> None:
    moves = [minute for kind, minute in told(a_place(), counts=[60] * 15) if kind == "moved"]
    assert len(moves) <= 6
    assert moves[-1] == 15


def test_a_slow_line_says_since_when_and_until_when() -> None:
    counts = [60, 60, 10, 0, 5, 10, 60, 60]
    steps = history(
        a_place(),
        (),
        [Minute(at(n), c, 60 * (n + 1)) for n, c in enumerate(counts) if c],
        60,
        NOON,
        at(9),
    )
    (slow,) = [step for step in steps if step.kind == "slow"]
    assert (slow.at, slow.to["until"]) == (at(2), at(6))


def test_a_pause_is_no_slow_line_and_says_why() -> None:
    changes = [
        Change(at(2), "paused", {"reason": "A check."}),
        Change(at(6), "resumed", {}),
        Change(at(7), "changed the rate", {"admit_per_minute": [60, 30]}),
    ]
    found = told(a_place(), changes, counts=[60, 60, 0, 0, 0, 0, 60, 60, 60])
    assert "slow" not in [kind for kind, _ in found]
    assert [step for step in found if step[0] in ("paused", "resumed", "pace")] == [
        ("paused", 2),
        ("resumed", 6),
        ("pace", 7),
    ]


def test_what_happened_before_joining_or_after_the_turn_belongs_to_others() -> None:
    changes = [Change(at(n), "paused", {"reason": ""}) for n in (-9, 30)]
    place = a_place(number=90, state="expired", admitted_at=at(1.5), ended_at=at(6))
    found = told(place, changes, counts=[60] * 20)
    assert found == [("joined", -5), ("started", 0), ("moved", 1), ("turn", 1.5), ("expired", 6)]
    assert "paused" not in [kind for kind, _ in found]


def test_a_place_that_was_given_back_says_so() -> None:
    place = a_place(turn=1, admitted_at=at(1))
    assert ("returned", 1) in told(place, counts=[60])
