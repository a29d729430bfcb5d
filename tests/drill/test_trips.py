"""How round trips are told: without what happens anyway, and each fan's share of the rest."""

from __future__ import annotations

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
