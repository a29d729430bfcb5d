"""Everything that staff do is in the trail, with from where, and stays there."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from app.domain import errors
from app.domain.staff import Origin
from app.extensions import db
from app.services import events, readiness, sheets, staff, support, trail
from app.store.models import StaffAction, TimelineEntry
from tests import factories

PASSWORD = "correct horse battery"
THERE = Origin("192.0.2.7", "00000000000000aa")


def somebody(role="admin", organisation="Lagos Live"):
    member = staff.add(organisation, f"{role}@example.com", "Ada Obi", role, PASSWORD)
    return replace(member, origin=THERE)


def own_event(member, **values):
    event = factories.an_event(**values)
    event.organisation_id = member.organisation_id
    db.session.commit()
    return event


def written():
    found = db.session.scalars(select(StaffAction).order_by(StaffAction.id)).all()
    db.session.rollback()
    return found


def last():
    return written()[-1]


def test_an_action_on_an_event_says_who_what_before_after_and_from_where(app):
    member = somebody()
    event = own_event(member, admit_per_minute=60)
    events.change_rate(member, event.slug, 60, 90)
    action = last()
    assert (action.staff_id, action.verb) == (member.id, "changed the rate")
    assert (action.kind, action.subject) == ("event", event.slug)
    assert action.before == {"admit_per_minute": 60}
    assert action.after == {"admit_per_minute": 90}
    assert (action.address, action.request_id) == (THERE.address, THERE.request_id)
    assert action.organisation_id == member.organisation_id


def test_the_timeline_keeps_the_person_and_not_the_address(app):
    member = somebody()
    event = own_event(member)
    events.pause(member, event.slug, "on_sale", "A check.")
    actors = db.session.scalars(select(TimelineEntry.actor)).all()
    assert actors == [f"staff:{member.id}"]
    assert last().before == {"state": "on_sale"}
    assert last().after == {"state": "paused", "reason": "A check."}


def test_what_is_refused_leaves_no_action(app):
    member = somebody()
    event = own_event(member)
    before = len(written())
    with pytest.raises(errors.StateGone):
        events.resume(member, event.slug, "paused")
    assert len(written()) == before


def test_the_acts_of_support_are_of_the_claim(app):
    member = somebody("support")
    claim = factories.a_claim(own_event(member))
    reference = claim.reference
    db.session.rollback()
    support.give_back(member, reference, support.look(member, reference).seen, "by phone")
    action = last()
    assert (action.verb, action.kind, action.subject) == ("released", "claim", reference)
    assert (action.before, action.after["state"]) == ({"state": "HELD"}, "RELEASED")
    assert action.address == THERE.address


def test_money_given_back_says_what_the_claim_was_before(app):
    member = somebody("support")
    claim = factories.a_claim(own_event(member), state="CONFIRMED")
    payment = factories.a_payment(claim, state="SUCCEEDED", counts=True)
    payment.received_amount, payment.received_currency = payment.amount, payment.currency
    db.session.commit()
    reference = claim.reference
    db.session.rollback()
    support.refund(member, reference, support.look(member, reference).seen, "fell ill")
    action = last()
    assert (action.verb, action.kind, action.subject) == ("refund owed", "claim", reference)
    assert action.before == {"state": "CONFIRMED"}
    assert (action.after["state"], action.after["amount"]) == ("REFUNDED", 500_000)


def test_what_fans_and_the_system_do_is_no_action_of_staff(app):
    factories.a_claim(factories.an_event())
    assert written() == []


@pytest.mark.parametrize("name", ["payments", "refunds", "tickets", "samples"])
def test_a_download_is_an_action(app, name):
    member = somebody()
    event = own_event(member)
    getattr(sheets, name)(member, event.slug).close()
    assert (last().verb, last().subject) == (f"downloaded the {name}", event.slug)


def test_trying_mail_and_gateway_is_an_action(app):
    member = somebody()
    event = own_event(member)
    readiness.ask(member, event.slug)
    assert (last().verb, last().staff_id) == ("tried mail and gateway", member.id)


def test_log_ins_are_actions_also_those_that_were_refused(app):
    member = somebody()
    staff.log_in(member.email, PASSWORD, THERE)
    assert (last().verb, last().staff_id, last().address) == ("logged in", member.id, "192.0.2.7")
    with pytest.raises(errors.LogInRefused):
        staff.log_in(member.email, "wrong", THERE)
    assert (last().verb, last().staff_id, last().subject) == ("log-in refused", None, member.email)
    count = len(written())
    with pytest.raises(errors.LogInRefused):
        staff.log_in("nobody@example.com", "wrong", THERE)
    assert len(written()) == count


@pytest.mark.parametrize(
    "statement",
    ["UPDATE staff_actions SET verb = 'x'", "DELETE FROM staff_actions", "TRUNCATE staff_actions"],
)
def test_nothing_that_was_written_can_be_changed_or_deleted(app, owner, statement):
    somebody()
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        owner.execute(statement)
    assert refused.value.diag.constraint_name == "staff_actions_are_never_changed"
    with pytest.raises(ProgrammingError, match="permission denied"):
        db.session.execute(text(statement))
    db.session.rollback()
    assert len(written()) == 1


def test_a_page_filters_and_leads_to_older_ones(app, monkeypatch):
    monkeypatch.setattr(trail, "PAGE", 3)
    member, other = somebody(), somebody("support", "Abuja Stages")
    event = own_event(member, admit_per_minute=1)
    for rate in range(1, 6):
        events.change_rate(member, event.slug, rate, rate + 1)
    first = trail.page(member)
    assert [action.after["admit_per_minute"] for action in first.actions] == [6, 5, 4]
    second = trail.page(member, before=str(first.older))
    assert [action.verb for action in second.actions][-1] == "gave a log-in"
    assert second.older is None
    assert first.verbs == ["changed the rate", "gave a log-in"]
    assert len(trail.page(member, verb="gave a log-in").actions) == 1
    assert len(trail.page(member, who=str(member.id), subject=event.slug).actions) == 3
    assert trail.page(member, who="0").actions == []
    assert {action.subject for action in trail.page(other).actions} == {other.email}
