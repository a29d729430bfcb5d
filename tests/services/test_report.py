"""The fairness report: who came how far, how long they waited, who was passed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.errors import EventUnknown
from app.extensions import db
from app.services import report, staff
from app.store.models import Event, Refund
from tests import factories
from tests.views.desk import Desk


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


@pytest.fixture
def event(organiser) -> Event:
    return factories.an_event(organisation_id=organiser.organisation_id, line=False)


def let_in(event: Event, number: int, waited: int, **overrides):
    """A place that joined after the sale had begun and waited for so many seconds."""
    joined = event.sale_starts_at + timedelta(minutes=1)
    times = {"joined_at": joined, "admitted_at": joined + timedelta(seconds=waited)}
    return factories.an_admitted_place(event, number=number, **times | overrides)


def test_it_counts_who_came_how_far_and_what_came_back(organiser, event):
    factories.a_place(event, number=1)
    factories.a_place(event, number=2, state="left")
    lower = factories.a_place(event, number=3, state="expired")
    factories.a_place(event, number=4, state="merged", merged_into=lower.id)
    now = factories.utc_now()
    for number, state in enumerate(["HELD", "CONFIRMED", "EXPIRED", "RELEASED", "REFUNDED"], 5):
        fan = factories.a_fan()
        place = let_in(event, number, 60, state="used", fan_id=fan.id)
        ended = {"ended_at": now} if state in ("EXPIRED", "RELEASED", "REFUNDED") else {}
        paid = {"confirmed_at": now} if state in ("CONFIRMED", "REFUNDED") else {}
        claim = factories.a_claim(event, 2, fan, place=place, state=state, **ended, **paid)
    payment = factories.a_payment(claim, state="SUCCEEDED", received_amount=1)
    db.session.add(Refund(payment_id=payment.id, amount=1, currency="NGN", reason="x"))
    db.session.commit()
    found = report.report(organiser, event.slug)
    counts = found.counts
    assert (counts.joined, counts.proven, counts.admitted) == (8, 5, 5)
    assert (counts.left_line, counts.missed) == (1, 1)
    assert (counts.claimed, counts.paid, counts.have_tickets) == (5, 2, 1)
    assert (counts.ran_out, counts.given_back, counts.returned_tickets) == (1, 1, 4)
    assert (counts.refunded, counts.refunds) == (1, 1)
    assert not found.over


def test_a_wait_begins_with_the_sale_for_those_who_came_before(organiser, event):
    for number, waited in enumerate([60, 120, 600], 1):
        let_in(event, number, waited)
    early = event.sale_starts_at - timedelta(days=1)
    let_in(event, 4, 0, joined_at=early, admitted_at=event.sale_starts_at + timedelta(seconds=90))
    counts = report.report(organiser, event.slug).counts
    assert (counts.median_wait, counts.longest_wait) == (105, 600)


def test_who_was_let_in_after_a_higher_number_was_passed_over(organiser, event):
    let_in(event, 1, 10)
    let_in(event, 3, 20)
    let_in(event, 2, 30)
    let_in(event, 4, 40)
    # Had its turn before, got its place back, and came in again.
    let_in(event, 5, 50, turn=1)
    assert report.report(organiser, event.slug).counts.passed_over == 1


def test_quarters_of_the_line_go_by_number(organiser, event):
    for number in range(1, 5):
        let_in(event, number, 10)
    for number in range(5, 9):
        factories.a_place(event, number=number)
    found = report.report(organiser, event.slug).quarters
    assert [(one.first, one.last, one.joined, one.admitted) for one in found] == [
        (1, 2, 2, 2),
        (3, 4, 2, 2),
        (5, 6, 2, 0),
        (7, 8, 2, 0),
    ]


def test_a_sale_that_nobody_came_to_has_a_report(app):
    desk = Desk(app, "organiser")
    event = factories.an_event(organisation=desk.organisation, state="closed", line=False)
    page = desk.get(f"/organiser/events/{event.slug}/report").text
    assert "Nobody has been let in yet." in page
    assert "No money has come in." in page
    assert "not over" not in page
    assert (
        f"/organiser/events/{event.slug}/report" in desk.get(f"/organiser/events/{event.slug}").text
    )


def test_another_organisation_is_told_nothing(event):
    other = staff.by_email(factories.a_staff_member("organiser").email)
    with pytest.raises(EventUnknown):
        report.report(other, event.slug)
