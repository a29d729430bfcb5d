"""What differs between the free numbers of Redis and of Postgres."""

from __future__ import annotations

from app.domain.reconciliation import Difference, difference

NOW = 1_000_000


def test_equal_sets_do_not_differ():
    assert not difference({1, 2, 3}, {}, NOW, {1, 2, 3})


def test_a_number_on_lease_is_not_missing():
    assert not difference({1}, {2: NOW + 1}, NOW, {1, 2})


def test_a_number_whose_lease_has_run_out_is_missing_while_postgres_calls_it_free():
    assert difference({1}, {2: NOW}, NOW, {1, 2}) == Difference(missing=frozenset({2}))


def test_a_lease_that_has_run_out_on_a_taken_number_is_litter():
    assert difference({1}, {2: NOW}, NOW, {1}) == Difference(extra=frozenset({2}))


def test_a_number_that_postgres_calls_taken_must_not_be_offered():
    assert difference({1, 2}, {}, NOW, {1}) == Difference(extra=frozenset({2}))


def test_only_what_two_looks_show_counts():
    first = Difference(missing=frozenset({1, 2}), extra=frozenset({7}))
    second = Difference(missing=frozenset({2, 3}), extra=frozenset({8}))
    assert first & second == Difference(missing=frozenset({2}))
