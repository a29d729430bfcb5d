"""Plans that were made beside few rows do not outlive them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.store.plans import analyze_grown
from jobs import ticks
from tests import factories

_PEOPLE = """
WITH fan AS (
    INSERT INTO fans (email) SELECT 'g' || n || '@example.com' FROM generate_series(1, 2000) n
    RETURNING id
), place AS (
    INSERT INTO places (id, event_id, visitor, number, epoch, joined_at, state, fan_id)
    SELECT 'g' || id, %(event)s, 'g' || id, 1000000 + id, 1, now(), 'used', id FROM fan
    RETURNING *
)
INSERT INTO claims (reference, event_id, fan_id, place_id, form_key, quantity, name, unit_price,
    amount, currency, held_until)
SELECT id, event_id, fan_id, id, id, 1, 'Ada Obi', 1, 1, 'NGN', now() + interval '1 day' FROM place
"""
_READ = """
SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::int
FROM pg_stat_xact_user_tables
"""
_CLAIM = """
SELECT outcome FROM claim_tickets(%s, %s, %s, %s, %s, '', %s, %s, 'Ada Obi', '', 1, NULL)
"""


@pytest.fixture
def grow(owner: psycopg.Connection[Any]) -> Callable[..., None]:
    def execute(statement: str, **parameters: object) -> None:
        owner.execute(statement, parameters)
        # What was written is told to others within a second, else.
        owner.execute("SELECT pg_stat_force_next_flush()")

    return execute


def test_a_table_that_has_grown_is_counted_once(app: Any, grow: Callable[..., None]) -> None:
    # Other tables may be named besides: what earlier tests did to them is told late.
    fans = "INSERT INTO fans (email) SELECT %(of)s || n FROM generate_series(1, %(many)s) n"
    grow(fans, of="first", many=10_000)
    assert list(iter(analyze_grown, None)).count("public.fans") == 1
    grow(fans, of="half as many", many=5_000)
    assert "public.fans" not in iter(analyze_grown, None)
    grow(fans, of="more than as many", many=6_000)
    assert list(iter(analyze_grown, None)).count("public.fans") == 1


def test_a_claim_reads_no_more_beside_many_than_beside_few(
    app: Any, settings: Any, grow: Callable[..., None]
) -> None:
    event = factories.an_event(capacity=20)
    buyers = [factories.a_buyer(event) for _ in range(8)]
    with psycopg.connect(settings.database_url) as connection:

        def rows_read(buyer: factories.Buyer) -> int:
            token = buyer.pass_token
            parameters = [event.id, token.place_id, token.turn, token.pass_until, buyer.fan_id]
            form = f"the form of {buyer.fan_id}"
            found = connection.execute(_CLAIM, [*parameters, form, form]).fetchone()
            read = connection.execute(_READ).fetchone()
            # The next time is counted from nothing.
            connection.execute("SELECT pg_stat_force_next_flush()")
            connection.commit()
            assert found == ("claimed",)
            assert read is not None
            return int(read[0])

        # After the sixth time a connection keeps its plans.
        few = [rows_read(buyer) for buyer in buyers[:7]][-1]
        grow(_PEOPLE, event=event.id)
        assert ticks.analyze() >= 3
        assert rows_read(buyers[7]) <= few


def test_a_table_that_somebody_else_counts_holds_up_no_other(
    app: Any, settings: Any, grow: Callable[..., None]
) -> None:
    grow("INSERT INTO fans (email) SELECT n FROM generate_series(1, 9000) n")
    grow("INSERT INTO inbox (key, kind, body) SELECT n, '', '{}' FROM generate_series(1, 5000) n")
    with psycopg.connect(settings.migrations_database_url) as other:
        other.execute("LOCK fans IN SHARE UPDATE EXCLUSIVE MODE")
        assert ticks.analyze() >= 2
        counted = "SELECT reltuples::int FROM pg_class WHERE relname = %s"
        assert other.execute(counted, ["inbox"]).fetchone() == (5000,)
