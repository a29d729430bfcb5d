"""How round trips are told: without what happens anyway, and each fan's share of the rest."""

from __future__ import annotations

from drill import asked_by
from drill.bench_report import Journey, trips_table
from drill.counters import Trips


def test_what_happens_anyway_is_taken_off_statement_by_statement() -> None:
    idle = Trips(6, 12, seconds=6.0, statements={"beat": 6}, commands={"get": 12})
    found = Trips(33, 14, seconds=3.0, statements={"beat": 3, "claim": 30}, commands={"get": 14})
    own = found.less(idle)
    assert (own.postgres, own.redis) == (30, 8)
    assert own.statements == {"claim": 30.0, "beat": 0.0}
    assert own.commands == {"get": 8.0}


def test_the_table_shows_the_share_of_each_fan() -> None:
    own = Trips(30, 8, 3.0, {"claim": 30.0, "beat": 0.0}, {"get": 8.0})
    shown = trips_table(Journey(20, 1.5, 0.4, own))
    assert "| 1.50 | `claim` |" in shown
    assert "| 0.40 | `get` |" in shown
    assert "beat" not in shown


def test_what_one_program_leaves_undone_is_not_taken_off_another() -> None:
    """Beats come late while a crowd is there."""
    idle = Trips(10, 100, 10.0, by_program={"beats-0": (10, 100)})
    found = Trips(34, 60, 10.0, by_program={"beats-0": (4, 40), "web": (30, 20)})
    own = found.less(idle)
    assert (own.postgres, own.redis) == (30, 20)


def test_a_pipeline_and_a_transaction_are_one_trip_and_what_scripts_call_is_none() -> None:
    at = 1000.0
    lines = [
        (at, "1", False, "SET a 1"),
        (at + 5e-6, "1", False, "LLEN b"),
        (at + 8e-6, "2", False, "MULTI"),
        (at + 1e-3, "2", False, "HSET c"),
        (at + 2e-3, "2", False, "EXEC"),
        (at + 3e-3, "1", False, "EVALSHA 0123"),
        (at + 3e-3, "1", True, "GET d"),
        (at + 4e-3, "3", False, "GET e"),
    ]
    assert asked_by.trips(lines, {"1": "web", "2": "money"}) == {"web": 2, "money": 1, "others": 1}
