"""The audit finds each kind of fault that is planted, and names it; and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from app.line import inventory
from app.services import audit as service
from app.services import catalogue, journal, line
from app.store import audit as store
from tests import factories


@pytest.fixture
def postgres_shell(app, settings) -> Iterator[psycopg.Connection]:
    """A superuser's connection, on which triggers and foreign keys do not fire."""
    with psycopg.connect(settings.migrations_database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
def without_indexes(postgres_shell) -> Iterator[None]:
    """The unique indexes that make some faults impossible are away during the test."""
    names = ("claims_one_live_per_fan", "places_one_live_per_fan")
    definitions = [
        postgres_shell.execute("SELECT pg_get_indexdef(%s::regclass)", [name]).fetchone()[0]
        for name in names
    ]
    for name in names:
        postgres_shell.execute(f"DROP INDEX {name}")
    postgres_shell.execute("ALTER TABLE claims DROP CONSTRAINT claims_place_buys_once")
    yield
    postgres_shell.execute("TRUNCATE claims, places CASCADE")
    for definition in definitions:
        postgres_shell.execute(definition)
    postgres_shell.execute(
        "ALTER TABLE claims ADD CONSTRAINT claims_place_buys_once UNIQUE (place_id)"
    )


def broken_rules() -> set[str]:
    return {violation.rule for violation in service.audit().violations}


@pytest.fixture
def a_sale(app):
    """A sale in which everything has happened once and nothing is wrong."""
    event = factories.an_event(capacity=20, line=False)
    paid = factories.a_claim(event, quantity=2)
    factories.a_payment(
        paid,
        state="SUCCEEDED",
        counts=True,
        received_amount=paid.amount,
        received_currency=paid.currency,
        gateway_status="success",
        paid_at=factories.utc_now(),
    )
    confirm(paid)
    factories.a_claim(event, quantity=1)
    factories.a_claim(event, quantity=1, state="EXPIRED")
    factories.a_place(event)
    factories.write_line(event)
    catalogue.forget_all()
    return event


def confirm(claim) -> None:
    from app.extensions import db
    from app.store.models import Ticket

    claim.state = "CONFIRMED"
    for ticket in db.session.query(Ticket).filter_by(claim_id=claim.id):
        ticket.code = factories.an_id()
    db.session.commit()


def test_a_sale_in_order_breaks_no_rule(a_sale):
    report = service.audit()
    assert report.violations == []
    assert report.unchecked == []


# rule: the statement that plants it
PLANTS = {
    "ticket_rows_equal_capacity": "UPDATE events SET capacity = capacity + 1",
    "taken_ticket_has_live_claim": (
        "UPDATE tickets SET claim_id = (SELECT id FROM claims WHERE state = 'EXPIRED')"
        " WHERE number = 20"
    ),
    "live_claim_has_its_tickets": (
        "UPDATE tickets SET claim_id = NULL"
        " WHERE claim_id = (SELECT id FROM claims WHERE state = 'HELD')"
    ),
    "claim_used_its_place": (
        "UPDATE places SET state = 'left'"
        " WHERE id = (SELECT place_id FROM claims WHERE state = 'HELD')"
    ),
    "confirmed_claim_is_paid": "UPDATE payments SET counts = false, state = 'FAILED'",
    "charge_is_ticket_or_refund": "UPDATE payments SET counts = false",
    "confirmed_ticket_has_code": "UPDATE tickets SET code = NULL",
    "refund_gives_back_what_came_in": (
        "INSERT INTO refunds (payment_id, amount, currency, reason)"
        " SELECT id, 1, currency, 'planted' FROM payments"
    ),
    "refund_is_of_a_success": (
        "WITH failed AS (UPDATE payments SET counts = false, state = 'FAILED' RETURNING *)"
        " INSERT INTO refunds (payment_id, amount, currency, reason)"
        " SELECT id, amount, currency, 'planted' FROM failed"
    ),
    "refunded_claim_has_its_money_back": "UPDATE claims SET state = 'REFUNDED'",
}


@pytest.mark.parametrize("rule", PLANTS)
def test_a_fault_planted_in_postgres_is_found(a_sale, postgres_shell, rule):
    postgres_shell.execute(PLANTS[rule])
    assert rule in broken_rules()


def test_two_live_claims_of_one_fan_are_found(a_sale, postgres_shell, without_indexes):
    postgres_shell.execute(
        "UPDATE claims SET fan_id = (SELECT min(fan_id) FROM claims WHERE state = 'HELD')"
    )
    assert "one_live_claim_per_fan" in broken_rules()


def test_a_place_that_bought_twice_is_found(a_sale, postgres_shell, without_indexes):
    postgres_shell.execute("UPDATE claims SET place_id = (SELECT min(place_id) FROM claims)")
    assert "one_claim_per_place" in broken_rules()


def test_two_live_places_of_one_fan_are_found(a_sale, postgres_shell, without_indexes):
    fan = factories.a_fan()
    for _ in range(2):
        factories.a_place(a_sale, fan_id=fan.id)
    assert "one_live_place_per_fan" in broken_rules()


def test_a_free_ticket_that_redis_does_not_offer_is_found(a_sale):
    inventory.drop_free(a_sale.id, catalogue.facts_by_id(a_sale.id).epoch, [20])
    found = [v for v in service.audit().violations if v.rule == "free_numbers_match_redis"]
    assert [v.id for v in found] == [f"ticket {a_sale.slug} #20"]


def test_a_taken_ticket_that_redis_offers_is_found(a_sale):
    inventory.add_free(a_sale.id, catalogue.facts_by_id(a_sale.id).epoch, [1])
    found = [v for v in service.audit().violations if v.rule == "free_numbers_match_redis"]
    assert [v.id for v in found] == [f"ticket {a_sale.slug} #1"]


def test_a_waiting_place_that_redis_lost_is_found(a_sale, line_redis):
    token = line.join(a_sale.slug, factories.an_id(), None)
    journal.journal_once()
    line_redis.zrem(f"fq:{{{a_sale.id}}}:line", token.place_id)
    assert [v.id for v in service.audit().violations] == [f"place {token.place_id}"]


def test_a_place_in_redis_that_postgres_ended_is_found(a_sale, postgres_shell):
    token = line.join(a_sale.slug, factories.an_id(), None)
    journal.journal_once()
    postgres_shell.execute("UPDATE places SET state = 'left' WHERE id = %s", [token.place_id])
    assert [v.id for v in service.audit().violations] == [f"place {token.place_id}"]


def test_a_refunded_charge_breaks_no_rule(a_sale, postgres_shell):
    claim = factories.a_claim(a_sale, quantity=1)
    payment = factories.a_payment(
        claim, state="SUCCEEDED", received_amount=1, received_currency="NGN"
    )
    postgres_shell.execute(
        "INSERT INTO refunds (payment_id, amount, currency, reason)"
        " VALUES (%s, 1, 'NGN', 'wrong amount')",
        [payment.id],
    )
    assert broken_rules() <= {"free_numbers_match_redis"}


def test_redis_away_is_said_and_is_no_violation(a_sale, line_redis):
    line_redis.flushall()
    report = service.audit()
    assert report.violations == []
    assert len(report.unchecked) == 2


def test_every_rule_has_a_planted_fault():
    elsewhere = {"one_live_claim_per_fan", "one_claim_per_place", "one_live_place_per_fan"}
    assert set(PLANTS) | elsewhere == set(store.rules())


def test_the_command_names_violations_and_exits_with_one(a_sale, app, postgres_shell):
    runner = app.test_cli_runner()
    assert runner.invoke(args=["audit"]).exit_code == 0
    postgres_shell.execute(PLANTS["ticket_rows_equal_capacity"])
    answer = runner.invoke(args=["audit", "--json"])
    assert answer.exit_code == 1
    named = json.loads(answer.output)["violations"]
    assert [v["rule"] for v in named] == ["ticket_rows_equal_capacity"]
