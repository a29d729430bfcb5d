"""The curves of a sale and how far its fans came, from counts alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import charts, funnel

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class A:
    """A sample."""

    at: datetime
    waiting: int = 0
    inside: int = 0
    held: int = 0
    sold: int = 0


def points(path: str) -> list[tuple[float, float]]:
    found = re.findall(r"([\d.]+) ([\d.]+)", path)
    return [(float(x), float(y)) for x, y in found]


def curve(chart: charts.Chart | None, name: str) -> charts.Curve:
    assert chart is not None
    return chart.curves[name]


def test_a_curve_goes_from_the_left_edge_to_the_right_and_up_with_the_count():
    samples = [A(NOON + timedelta(seconds=10 * n), waiting=50 * n) for n in range(3)]
    waiting = curve(charts.draw(samples, 100), "waiting")
    assert points(waiting.lines) == [(0, 100), (300, 50), (600, 0)]
    assert (waiting.top, waiting.now) == (100, 100)
    assert points(waiting.areas)[-2:] == [(600, 100), (0, 100)]


def test_sold_and_held_are_measured_against_all_tickets():
    samples = [A(NOON), A(NOON + timedelta(seconds=10), sold=20, held=30)]
    chart = charts.draw(samples, 100)
    assert points(curve(chart, "sold").lines)[-1] == (600, 80)
    assert points(curve(chart, "held").lines)[-1] == (600, 50)


def test_no_line_is_drawn_through_a_time_that_nobody_saw():
    seen = [A(NOON + timedelta(seconds=10 * n), waiting=1) for n in range(10)]
    later = [A(one.at + timedelta(minutes=10), waiting=1) for one in seen]
    assert curve(charts.draw(seen, 10), "waiting").lines.count("M") == 1
    assert curve(charts.draw(seen + later, 10), "waiting").lines.count("M") == 2


def test_one_sample_is_no_chart():
    assert charts.draw([], 10) is None
    assert charts.draw([A(NOON)], 10) is None


def test_the_table_has_few_rows_evenly_spread_and_the_newest():
    samples = [A(NOON + timedelta(seconds=10 * n)) for n in range(240)]
    chart = charts.draw(samples, 10, rows=12)
    assert chart is not None
    assert len(chart.rows) == 12
    assert chart.rows[-1] is samples[-1]
    steps = {later.at - one.at for one, later in zip(chart.rows, chart.rows[1:], strict=False)}
    assert steps == {timedelta(seconds=200)}


@pytest.mark.parametrize(
    ("count", "top"), [(0, 1), (1, 1), (3, 5), (7, 10), (11, 20), (21, 50), (4_999, 5_000)]
)
def test_the_upper_edge_is_a_count_that_is_easily_read(count, top):
    assert charts.round_up(count) == top


COUNTS = st.integers(0, 60_000)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=50))
def test_every_point_is_inside_the_drawing(values):
    samples = [
        A(NOON + timedelta(seconds=10 * n), waiting=waiting, sold=sold)
        for n, (waiting, sold) in enumerate(values)
    ]
    chart = charts.draw(samples, 5_000)
    for name in ("waiting", "inside", "held", "sold"):
        for x, y in points(curve(chart, name).lines):
            assert 0 <= x <= charts.WIDTH
            assert 0 <= y <= charts.HEIGHT


def test_each_step_of_the_funnel_is_told_as_a_part_of_the_one_before():
    joined, admitted, claimed, paid = funnel.steps(200, 100, 80, 40)
    assert (joined.of_before, admitted.of_before, claimed.of_before, paid.of_before) == (
        None,
        0.5,
        0.8,
        0.5,
    )
    assert [step.of_first for step in (joined, admitted, claimed, paid)] == [1, 0.5, 0.4, 0.2]


def test_a_funnel_that_nobody_entered_divides_by_nothing():
    assert [step.of_before for step in funnel.steps(0, 0, 0, 0)] == [None] * 4
    # The journal may come by a moment after the claim.
    assert [step.of_first for step in funnel.steps(0, 0, 1, 0)] == [0, 0, 0, 0]
