"""A fan's own data is handed out whole, and erased so that the books stay."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain import errors
from app.extensions import db, settings
from app.services import audit, personal
from app.store.models import InboxEntry, OutboxEntry, Refund
from tests import factories

ADDRESS = "ada@example.com"


@pytest.fixture
def bought(app):
    """The claim of a fan who bought for an event that is over, and what came with it."""
    event = factories.an_event(starts_at=factories.utc_now() - timedelta(days=2))
    fan = factories.a_fan(email=ADDRESS)
    claim = factories.a_claim(event, fan=fan, name="Ada Obi", phone="+2348012345678")
    claim.state, claim.confirmed_at = "CONFIRMED", factories.utc_now()
    payment = factories.a_payment(
        claim, state="SUCCEEDED", counts=True, gateway_log={"ip": "192.0.2.9"}
    )
    body = {
        "event": "charge.success",
        "data": {"reference": payment.reference, "amount": 7, "customer": {"email": ADDRESS}},
    }
    db.session.add(
        InboxEntry(key="k", kind="charge.success", body=body, handled_at=claim.created_at)
    )
    payload = {"claim_id": claim.id}
    refused = f"550 no such mailbox {ADDRESS}"
    db.session.add(
        OutboxEntry(lane="mail", kind="send_tickets", payload=payload, last_error=refused)
    )
    db.session.commit()
    return claim


def everything() -> str:
    """All rows of all tables, as text."""
    tables = db.session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ).all()
    rows = [db.session.scalar(text(f"SELECT json_agg(t)::text FROM {name} t")) for name in tables]
    db.session.rollback()
    return "\n".join(row for row in rows if row)


def test_everything_about_an_address_is_handed_out_and_nothing_about_another(bought):
    stranger = factories.a_claim(factories.an_event(), name="Somebody Else")
    held = personal.export(" Ada@Example.com ")
    assert held["claims"][0]["name"] == "Ada Obi"
    assert held["claims"][0]["tickets"]
    assert [len(held[part]) for part in ("codes", "places", "payments", "owed_to_them")] == [1] * 4
    assert held["heard_from_the_gateway"][0]["body"]["data"]["customer"]["email"] == ADDRESS
    told = json.dumps(held)
    assert "Somebody Else" not in told
    assert stranger.reference not in told


def test_after_an_erasure_no_table_knows_the_fan_and_the_books_are_as_before(bought):
    books = text(
        "SELECT state, quantity, amount FROM claims UNION ALL SELECT state, 0, amount FROM payments"
    )
    before = db.session.execute(books).all()
    wrong = [violation.rule for violation in audit.audit().violations]
    personal.erase(ADDRESS)
    db.session.rollback()
    told = everything()
    for own in (ADDRESS, "Ada Obi", "+2348012345678", "192.0.2.9"):
        assert own not in told
    assert db.session.execute(books).all() == before
    assert [violation.rule for violation in audit.audit().violations] == wrong
    with pytest.raises(errors.AddressUnknown):
        personal.erase(ADDRESS)
    assert factories.a_fan(email=ADDRESS).id != bought.fan_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE claims SET state = 'HELD'", "not paid for"),
        ("UPDATE events SET starts_at = now() + interval '1 day'", "an event to come"),
        ("UPDATE payments SET counts = FALSE, state = 'PENDING'", "not settled"),
        ("UPDATE payments SET next_check_at = now()", "not settled"),
        ("UPDATE places SET state = 'waiting'", "stands in a line"),
    ],
)
def test_what_is_under_way_refuses_an_erasure(bought, owner, change, words):
    db.session.rollback()
    owner.execute("SET session_replication_role = replica")
    owner.execute(change)
    with pytest.raises(errors.FanIsBusy, match=words):
        personal.erase(ADDRESS)
    assert ADDRESS in everything()


def test_a_refund_that_is_owed_refuses_an_erasure(bought):
    payment = bought.payments[0]
    db.session.add(Refund(payment_id=payment.id, amount=1, currency="NGN", reason="x"))
    db.session.commit()
    with pytest.raises(errors.FanIsBusy, match="not settled"):
        personal.erase(ADDRESS)


def test_what_was_kept_for_long_enough_is_erased_by_itself(bought, owner, monkeypatch):
    db.session.rollback()
    assert personal.forget_once() == 0
    days = settings.keep_fans_days + 3
    for table, column in (
        ("fans", "created_at"),
        ("verifications", "created_at"),
        ("events", "starts_at"),
        ("inbox", "received_at"),
    ):
        owner.execute(f"UPDATE {table} SET {column} = now() - interval '{days} days'")
    owner.execute(f"UPDATE outbox SET done_at = now() - interval '{days} days'")
    assert personal.forget_once() >= 2
    assert ADDRESS not in everything()
    assert owner.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    assert personal.forget_once() == 0


def test_the_commands_say_what_they_did(app, bought):
    runner = app.test_cli_runner()
    told = runner.invoke(args=["fan", "export", ADDRESS])
    assert json.loads(told.output)["email"] == ADDRESS
    assert runner.invoke(args=["fan", "erase", ADDRESS, "--yes"]).exit_code == 0
    gone = runner.invoke(args=["fan", "export", ADDRESS])
    assert (gone.exit_code, gone.output) == (1, "Error: Nothing is held about this address.\n")
