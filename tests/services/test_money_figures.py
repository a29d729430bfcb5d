"""The organiser's money: what it counts as, what is in doubt, and whether the gateway answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from app.extensions import db
from app.services import claims, dashboard, gateway_watch, payments, refunds, staff
from app.store.models import Event, OutboxEntry, Payment
from tests import factories
from tests.stories import Stories

PRICE = 500_000


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


@pytest.fixture
def event(organiser) -> Event:
    return factories.an_event(organisation_id=organiser.organisation_id, capacity=40)


@pytest.fixture
def stories(event, bank, deliver) -> Stories:
    return Stories(event, bank, deliver)


@pytest.fixture
def figures(organiser, event):
    """(taken, owed, refunded, in doubt) in the event's own currency."""

    def look() -> tuple[int, int, int, int]:
        db.session.rollback()
        row = dashboard.live(organiser, event.slug).sums[0]
        return row.taken, row.owed, row.refunded, row.in_doubt

    return look


def test_before_anything_is_paid_there_are_noughts(figures, event):
    factories.a_claim(event)
    assert figures() == (0, 0, 0, 0)


def test_a_payment_is_in_doubt_from_the_press_of_the_button_until_it_is_paid(
    figures, stories, event
):
    claim = factories.a_claim(event)
    payments.pay(claim.reference)
    assert figures() == (0, 0, 0, PRICE)
    stories.deliver()
    assert figures() == (0, 0, 0, PRICE)
    stories.did(claim, "pay")
    assert figures() == (PRICE, 0, 0, 0)


def test_a_declined_card_is_certain_and_a_second_try_is_in_doubt_again(figures, stories):
    claim = stories.declined()
    assert figures() == (0, 0, 0, 0)
    stories.did(claim, "start")
    assert figures() == (0, 0, 0, PRICE)


@pytest.mark.parametrize(
    ("becomes", "owed", "back"),
    [
        ("pending", PRICE, 0),
        ("processing", PRICE, 0),
        ("failed", PRICE, 0),
        ("needs-attention", PRICE, 0),
        ("processed", 0, PRICE),
    ],
)
def test_a_refund_is_owed_until_the_money_is_back(figures, stories, becomes, owed, back):
    stories.refunded(stories.paid(), becomes)
    assert figures() == (0, owed, back, 0)


def test_what_was_settled_by_hand_is_refunded(figures, stories):
    stories.settled()
    assert figures() == (0, 0, PRICE, 0)


def test_what_was_received_counts_and_not_what_was_asked_for(figures, stories):
    stories.wrong("wrong_amount")
    assert figures() == (0, PRICE // 2, 0, 0)


def test_each_currency_has_a_row_of_its_own_the_events_first(organiser, event, stories):
    stories.wrong("wrong_currency")
    rows = dashboard.live(organiser, event.slug).sums
    assert [(row.currency, row.owed) for row in rows] == [("NGN", 0), ("USD", PRICE)]


def test_a_success_that_is_neither_ticket_nor_refund_is_not_hidden(organiser, event):
    claim = factories.a_claim(event, state="EXPIRED", ended_at=factories.utc_now())
    factories.a_payment(claim, state="SUCCEEDED", received_amount=7, received_currency="NGN")
    row = dashboard.live(organiser, event.slug).sums[0]
    assert (row.unexplained, row.taken, row.in_doubt) == (7, 0, 0)


def test_the_oldest_doubt_is_named_and_late_only_after_the_usual_time(organiser, event, stories):
    first, _ = stories.opened(), stories.opened()
    found = dashboard.live(organiser, event.slug)
    assert found.doubt is not None
    assert (found.doubt.doubts, found.doubt.oldest_claim) == (2, first.reference)
    assert not found.doubt_is_late
    # Ten minutes of hold, twenty to the hard limit, five to be certain.
    ago = Payment.created_at - timedelta(minutes=36)
    db.session.execute(update(Payment).values(created_at=ago))
    db.session.commit()
    found = dashboard.live(organiser, event.slug)
    assert found.doubt is not None
    assert found.doubt.oldest_claim == first.reference
    assert found.doubt_is_late


# At the end of a sale


def time_goes_by(stories: Stories, **ago: float) -> None:
    """So much time passes, then the beats come and the money lane is worked off."""
    moments = {
        "payments": ("created_at", "next_check_at", "checked_at"),
        "claims": ("created_at", "held_until"),
        "outbox": ("due_at",),
    }
    for table, columns in moments.items():
        earlier = ", ".join(f"{column} = {column} - :ago" for column in columns)
        db.session.execute(text(f"UPDATE {table} SET {earlier}"), {"ago": timedelta(**ago)})
    db.session.commit()
    payments.payments_once()
    stories.deliver()
    claims.expire_once()


def test_at_the_end_of_a_sale_nothing_is_in_doubt_any_more_by_itself(figures, stories, event):
    for action in ("leave", "decline", "start", "pay"):
        stories.bank.act(f"{stories.opened().reference}-1", action)
    given_back = stories.opened()
    claims.release(given_back.reference, "fan")
    never_sent = factories.a_claim(event)
    payments.pay(never_sent.reference)
    assert figures()[3] == 6 * PRICE
    for _ in range(5):
        time_goes_by(stories, minutes=10)
    # One bank still says "ongoing"; every other payment is certain within minutes.
    assert figures() == (PRICE, 0, 0, PRICE)
    for _ in range(8):
        time_goes_by(stories, hours=10)
    assert figures() == (PRICE, 0, 0, 0)


def test_a_gateway_that_is_away_to_the_end_leaves_its_questions_open_until_it_is_back(
    figures, stories, event
):
    claim = factories.a_claim(event)
    payments.pay(claim.reference)
    stories.bank.order(initialize=["timeout_after"], verify=["500"] * 3)
    stories.deliver()
    for _ in range(3):
        time_goes_by(stories, minutes=15)
    assert figures() == (0, 0, 0, PRICE)
    for _ in range(3):
        time_goes_by(stories, minutes=15)
    assert figures() == (0, 0, 0, 0)


def test_a_payment_that_shrinking_put_aside_is_in_doubt_until_the_gateway_has_spoken(
    figures, stories
):
    claim = stories.opened(2)
    stories.bank.act(f"{claim.reference}-1", "start")
    stories.asked(claim)
    db.session.execute(text("UPDATE payments SET state = 'SUPERSEDED'"))
    db.session.commit()
    assert figures() == (0, 0, 0, 2 * PRICE)
    stories.did(claim, "decline")
    assert figures() == (0, 0, 0, 0)


# Whether the gateway answers


def owed() -> OutboxEntry:
    db.session.rollback()
    newest = select(OutboxEntry).where(OutboxEntry.lane == "money").order_by(OutboxEntry.id.desc())
    return db.session.scalars(newest.limit(1)).one()


def test_one_failure_is_ordinary_and_two_say_since_when(stories, event):
    claim = factories.a_claim(event)
    payments.pay(claim.reference)
    stories.bank.order(initialize=["500", "timeout_before"])
    assert gateway_watch.away_since() is None
    stories.deliver(hurry=True)
    assert gateway_watch.away_since() is None
    stories.deliver(hurry=True)
    assert gateway_watch.away_since() == owed().created_at
    stories.deliver(hurry=True)
    assert gateway_watch.away_since() is None


def test_an_answer_since_then_says_that_the_gateway_is_there(stories):
    stuck = stories.refunded(stories.paid(), "pending")
    stories.bank.order(refund_fetch=["500", "500"])
    db.session.execute(text("UPDATE refunds SET next_try_at = now()"))
    db.session.commit()
    refunds.refunds_once()
    stories.deliver(hurry=True)
    stories.deliver(hurry=True)
    db.session.refresh(stuck)
    assert stuck.last_error
    assert gateway_watch.away_since() is not None
    stories.paid()
    assert gateway_watch.away_since() is None


def test_mails_that_fail_say_nothing_about_the_gateway(app):
    db.session.add(
        OutboxEntry(lane="mail", kind="send_code", payload={}, attempts=5, last_error="no route")
    )
    db.session.commit()
    assert gateway_watch.away_since() is None
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 1
