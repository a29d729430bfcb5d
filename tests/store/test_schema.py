"""The migrations build what the models say, and the invariants have names."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from app.extensions import db
from app.store.base import Base
from tests import factories


def test_the_migrations_build_what_the_models_say(app):
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_no_constraint_has_a_name_made_by_the_machine(app):
    names = db.session.scalars(
        text(
            "SELECT conname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid"
            " WHERE contype = 'c' AND relnamespace = 'public'::regnamespace"
        )
    ).all()
    assert names
    assert [name for name in names if re.search(r"_check\d*$", name)] == []


def test_locking_statements_live_in_files():
    store = Path(__file__).parents[2] / "app" / "store"
    for path in store.glob("*.py"):
        assert "FOR UPDATE" not in path.read_text().upper().replace("WITH_FOR_UPDATE", ""), path


# what is tried: (statement, the constraint that forbids it)
FORBIDDEN = {
    "a ticket of another event's claim": (
        "UPDATE tickets SET claim_id = (SELECT min(id) FROM claims)"
        " WHERE event_id = (SELECT max(id) FROM events) AND number = 1",
        "tickets_claim_is_of_the_same_event",
    ),
    "a ticket twice": (
        "INSERT INTO tickets (event_id, number) SELECT event_id, number FROM tickets LIMIT 1",
        "tickets_pkey",
    ),
    "a code without a claim": (
        "UPDATE tickets SET code = 'x' WHERE claim_id IS NULL AND number = 100",
        "tickets_code_needs_a_claim",
    ),
    "a claim that comes back to life": (
        "UPDATE claims SET state = 'RELEASED'; UPDATE claims SET state = 'HELD'",
        "claims_state_moves_as_designed",
    ),
    "a claim deleted": ("DELETE FROM claims", "claims_are_never_deleted"),
    "a claim that grows": (
        "UPDATE claims SET quantity = quantity + 1, amount = amount + unit_price",
        "claims_never_grow",
    ),
    "an amount that is not quantity times price": (
        "UPDATE claims SET amount = amount + 1",
        "claims_amount_is_quantity_times_price",
    ),
    "a place that buys twice": (
        "INSERT INTO claims (reference, event_id, fan_id, place_id, form_key, state, quantity,"
        " name, unit_price, amount, currency, held_until) SELECT 'other', event_id, fan_id,"
        " place_id, 'other', 'EXPIRED', 1, 'x', 1, 1, 'NGN', now() FROM claims",
        "claims_place_buys_once",
    ),
    "a second live claim of a fan": (
        "WITH p AS (INSERT INTO places (id, event_id, number, epoch, state, joined_at)"
        " SELECT 'second', event_id, 999, 1, 'used', now() FROM claims RETURNING *)"
        " INSERT INTO claims (reference, event_id, fan_id, place_id, form_key, quantity,"
        " name, unit_price, amount, currency, held_until) SELECT 'other', c.event_id, c.fan_id,"
        " p.id, 'other', 1, 'x', 1, 1, 'NGN', now() FROM claims c, p",
        "claims_one_live_per_fan",
    ),
    "a place bound to a second address": (
        "UPDATE places SET fan_id = (SELECT max(id) FROM fans)",
        "places_address_is_bound_once",
    ),
    "a place that ended and lives again": (
        "UPDATE places SET state = 'waiting'",
        "places_ended_stay_ended",
    ),
    "two counted payments of a claim": (
        "INSERT INTO payments (claim_id, reference, amount, currency, state, counts)"
        " SELECT claim_id, 'other', 1, 'NGN', 'SUCCEEDED', true FROM payments",
        "payments_one_counts_per_claim",
    ),
    "a payment that counts and did not succeed": (
        "UPDATE payments SET state = 'FAILED'",
        "payments_only_a_success_counts",
    ),
    "two refunds of a payment": (
        "INSERT INTO refunds (payment_id, amount, currency, reason)"
        " SELECT p.id, 1, 'NGN', 'x' FROM payments p, generate_series(1, 2)",
        "refunds_one_per_payment",
    ),
    "a pause without a reason": (
        "UPDATE events SET state = 'paused', paused_at = now()",
        "events_paused_says_why",
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_database_itself_forbids(app, owner, what):
    event = factories.an_event(line=False)
    claim = factories.a_claim(event)
    factories.a_payment(claim, state="SUCCEEDED", counts=True)
    factories.an_event(line=False)
    factories.a_fan()
    statement, constraint = FORBIDDEN[what]
    *before, forbidden = statement.split(";")
    for allowed in before:
        owner.execute(allowed)
    with pytest.raises(psycopg.IntegrityError) as refused:
        owner.execute(forbidden)
    assert refused.value.diag.constraint_name == constraint
