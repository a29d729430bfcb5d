"""The live figures of a sale."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from app.domain import errors
from app.extensions import db
from app.line import verbs
from app.services import dashboard, journal, staff
from app.store.models import Claim, Event, OutboxEntry
from tests import factories


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


def an_event(organiser, **overrides) -> Event:
    return factories.an_event(
        organisation_id=organiser.organisation_id, **{"capacity": 20} | overrides
    )


def join(event, count: int) -> None:
    for _ in range(count):
        verbs.join(event.id, 1, factories.an_id(), factories.an_id())


def a_debt(age: timedelta, **overrides) -> None:
    then = factories.utc_now() - age
    values = {"lane": "mail", "kind": "send_code", "payload": {}, "created_at": then}
    db.session.add(OutboxEntry(**{**values, "due_at": then, **overrides}))
    db.session.commit()


def test_tickets_money_and_claims_are_counted(organiser):
    event = an_event(organiser)
    other = an_event(organiser, line=False)
    factories.a_claim(event, 2)
    for sold in (event, event, other):
        claim = factories.a_claim(sold, 3, state="CONFIRMED", confirmed_at=factories.utc_now())
        factories.a_payment(claim, state="SUCCEEDED", counts=True, received_amount=claim.amount)
    factories.a_payment(claim, state="FAILED")
    old = factories.a_claim(event, 1, state="EXPIRED", ended_at=factories.utc_now())
    db.session.execute(
        update(Claim)
        .where(Claim.id == old.id)
        .values(created_at=func.now() - text("interval '2 minutes'"))
    )
    db.session.commit()
    live = dashboard.live(organiser, event.slug)
    assert (live.event.free, live.event.held, live.event.sold) == (12, 2, 6)
    assert [(row.currency, row.taken) for row in live.sums] == [("NGN", 6 * event.price)]
    assert live.claims_last_minute == 3


def test_who_waits_and_who_is_inside_comes_from_the_line(organiser):
    event = an_event(organiser)
    join(event, 3)
    live = dashboard.live(organiser, event.slug)
    assert (live.waiting, live.inside, live.line_away) == (3, 0, False)


def test_without_redis_the_records_answer_and_say_so(organiser, monkeypatch):
    event = an_event(organiser)
    join(event, 4)
    journal.journal_once()
    factories.an_admitted_place(event, number=101)
    over = factories.an_admitted_place(event, number=102)
    over.pass_until -= 10_000_000
    db.session.commit()

    def away(*args):
        raise errors.LineUnavailable

    monkeypatch.setattr(dashboard.verbs, "snapshot", away)
    live = dashboard.live(organiser, event.slug)
    assert (live.waiting, live.inside, live.line_away) == (4, 1, True)


def test_an_old_redis_counts_as_away(organiser, line_redis):
    event = an_event(organiser)
    line_redis.flushall()
    assert dashboard.live(organiser, event.slug).line_away


def test_a_draft_has_no_line_to_ask(organiser):
    event = an_event(organiser, state="draft")
    live = dashboard.live(organiser, event.slug)
    assert (live.waiting, live.inside, live.line_away) == (0, 0, False)


def test_the_oldest_unhandled_debt_is_shown_by_its_age(organiser):
    event = an_event(organiser, line=False)
    assert dashboard.live(organiser, event.slug).oldest_debt_seconds is None
    a_debt(timedelta(hours=3), done_at=factories.utc_now())
    assert dashboard.live(organiser, event.slug).oldest_debt_seconds is None
    a_debt(timedelta(seconds=10))
    a_debt(timedelta(minutes=2))
    live = dashboard.live(organiser, event.slug)
    assert 120 <= live.oldest_debt_seconds < 130
    assert live.debt_is_late


def test_a_debt_for_later_is_not_late_but_one_that_failed_is(organiser):
    event = an_event(organiser, line=False)
    later = factories.utc_now() + timedelta(minutes=5)
    a_debt(timedelta(minutes=2), due_at=later)
    assert dashboard.live(organiser, event.slug).oldest_debt_seconds is None
    a_debt(timedelta(minutes=1), due_at=later, attempts=3)
    assert 60 <= dashboard.live(organiser, event.slug).oldest_debt_seconds < 70


def test_figures_of_another_organisation_are_unknown(organiser):
    event = factories.an_event(line=False)
    with pytest.raises(errors.EventUnknown):
        dashboard.live(organiser, event.slug)
