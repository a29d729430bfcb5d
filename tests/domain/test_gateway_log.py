"""The gateway's own log, which may hold anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.gateway_log import MOST_LINES, Line, read

START = 1_782_907_200
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_each_line_has_its_time():
    found = read(
        {
            "start_time": START,
            "time_spent": 65,
            "history": [
                {"type": "action", "message": "Attempted to pay with card", "time": 5},
                {"type": "error", "message": "Error: Declined", "time": 65},
            ],
        }
    )
    assert found is not None
    assert (found.started_at, found.seconds_spent) == (NOON, 65)
    assert found.lines == [
        Line(NOON.replace(second=5), "action", "Attempted to pay with card"),
        Line(NOON.replace(minute=1, second=5), "error", "Error: Declined"),
    ]


@pytest.mark.parametrize("log", [None, {}, [], "log", {"history": None}, {"start_time": "noon"}])
def test_what_says_nothing_is_none(log):
    assert read(log) is None


def test_lines_without_a_start_have_no_time():
    found = read({"history": [{"type": "success", "message": "Paid", "time": 3}]})
    assert found is not None
    assert found.lines == [Line(None, "success", "Paid")]


def test_an_endless_log_is_cut():
    found = read({"history": [{"message": "x" * 5000, "time": n} for n in range(5000)]})
    assert found is not None
    assert len(found.lines) == MOST_LINES
    assert len(found.lines[0].message) == 300


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
LINE = st.dictionaries(st.sampled_from(["type", "message", "time"]), ANYTHING)
LOG = st.fixed_dictionaries(
    {}, optional={"start_time": ANYTHING, "time_spent": ANYTHING, "history": st.lists(LINE)}
)


@given(LOG | ANYTHING)
def test_nothing_makes_it_fail(log):
    read(log)
