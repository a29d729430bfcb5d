"""Finding a claim by what a fan can say, and the three things support may do about it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from app.domain import errors
from app.domain.references import place_reference
from app.extensions import db
from app.services import claims, staff, support
from app.store.models import Claim, OutboxEntry, Place, Ticket, TimelineEntry
from tests import factories


@pytest.fixture
def agent(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("support").email)


@pytest.fixture
def stranger(app) -> staff.StaffMember:
    """A support agent of another organisation."""
    elsewhere = factories.an_organisation("Abuja Stages")
    return staff.by_email(factories.a_staff_member("support", elsewhere).email)


@pytest.fixture
def event(agent):
    return factories.an_event(organisation_id=agent.organisation_id, capacity=10)


def a_paid_claim(event, **overrides) -> Claim:
    claim = factories.a_claim(
        event, 2, state="CONFIRMED", confirmed_at=factories.utc_now(), **overrides
    )
    factories.a_payment(claim, reference=f"{claim.reference}-1", state="SUCCEEDED", counts=True)
    for ticket in db.session.scalars(select(Ticket).where(Ticket.claim_id == claim.id)):
        ticket.code = factories.an_id()
    db.session.commit()
    return claim


def references(found: support.Results) -> list[str]:
    return [claim.reference for claim in found.claims]


# Searching


def test_a_claim_is_found_by_each_thing_a_fan_can_say(agent, event):
    claim = a_paid_claim(event, fan=factories.a_fan("ada@example.com"))
    a_paid_claim(event)
    code = db.session.scalars(select(Ticket.code).where(Ticket.claim_id == claim.id)).first()
    said = [
        "ada@example.com",
        " Ada@Example.COM ",
        claim.reference,
        claim.reference.lower().replace("-", " "),
        claim.reference.removeprefix("FQ-").replace("-", ""),
        f"{claim.reference}-1",
        f"{claim.reference}-1".lower().replace("-", " "),
        code,
        f" {code} ",
    ]
    for text in said:
        found = support.find(agent, text)
        assert references(found) == [claim.reference], text
        assert found.one_claim == claim.reference


@pytest.mark.parametrize(
    "text", ["", "  ", "nobody@example.com", "FQ-0000-0000-00", "x" * 5000, "\0", "%", "'; --"]
)
def test_what_means_nothing_finds_nothing(agent, event, text):
    a_paid_claim(event)
    found = support.find(agent, text)
    assert (found.claims, found.places, found.one_claim) == ([], [], None)


def test_an_address_finds_all_claims_of_the_fan_the_newest_first(agent, event):
    fan = factories.a_fan("ada@example.com")
    other = factories.an_event(organisation_id=agent.organisation_id, line=False)
    first = factories.a_claim(event, fan=fan)
    second = factories.a_claim(other, fan=fan)
    found = support.find(agent, "ada@example.com")
    assert references(found) == [second.reference, first.reference]
    assert found.one_claim is None


def test_an_address_finds_places_from_which_nothing_was_bought(agent, event):
    fan = factories.a_fan("ada@example.com")
    factories.a_place(event, number=77, fan_id=fan.id)
    found = support.find(agent, "ada@example.com")
    assert [(place.number, place.state) for place in found.places] == [(77, "waiting")]


def test_a_place_is_found_by_its_reference_before_and_after_it_was_used(agent, event):
    waiting = factories.a_place(event, number=1204)
    found = support.find(agent, place_reference(event.id, 1204).lower())
    assert [(place.id, place.email) for place in found.places] == [(waiting.id, None)]
    claim = factories.a_claim(event)
    number = db.session.scalar(select(Place.number).where(Place.id == claim.place_id))
    assert support.find(agent, place_reference(event.id, number)).one_claim == claim.reference


def test_one_mistake_is_forgiven_and_said(agent, event):
    claim = factories.a_claim(
        event, fan=factories.a_fan("ada@example.com"), phone="+234 803 123 4567"
    )
    for text in (
        "ada@exmple.com",
        "ada",
        "obi",
        "0803-1234567",
        claim.reference[:-1] + ("0" if claim.reference[-1] != "0" else "1"),
    ):
        found = support.find(agent, text)
        assert references(found) == [claim.reference], text
        assert found.near
        assert found.one_claim is None, "what is only near is never opened by itself"


def test_what_is_exactly_there_is_not_mixed_with_what_is_near(agent, event):
    exact = factories.a_claim(event, fan=factories.a_fan("ada@example.com"))
    factories.a_claim(event, fan=factories.a_fan("adah@example.com"))
    found = support.find(agent, "ada@example.com")
    assert (references(found), found.near) == ([exact.reference], False)


def test_places_are_found_by_the_beginning_of_their_address(agent, event):
    factories.a_place(event, number=77, fan_id=factories.a_fan("ngozi@example.com").id)
    found = support.find(agent, "ngoz")
    assert [(place.number, place.email) for place in found.places] == [(77, "ngozi@example.com")]


def test_nothing_of_another_organisation_is_found(agent, stranger, event):
    claim = a_paid_claim(event, fan=factories.a_fan("ada@example.com"))
    factories.a_place(event, fan_id=factories.a_fan("obi@example.com").id)
    code = db.session.scalars(select(Ticket.code).where(Ticket.claim_id == claim.id)).first()
    said = ("ada@example.com", "obi@example.com", claim.reference, f"{claim.reference}-1", code)
    for text in said:
        found = support.find(stranger, text)
        assert (found.claims, found.places) == ([], [])


# Looking


def test_the_case_tells_the_whole_story_in_order_and_by_whom(agent, event):
    reference = factories.a_buyer(event).claim(quantity=2)
    case = support.look(agent, reference)
    support.give_back(agent, reference, case.seen, "The fan asked for it.")
    case = support.look(agent, reference)
    assert {(entry.verb, entry.who) for entry in case.timeline} == {
        ("joined", "the fan"),
        ("proved the address", "the fan"),
        ("admitted", "the system"),
        ("claimed", "the fan"),
        ("released", agent.name),
    }
    assert case.timeline[-1].detail["reason"] == "The fan asked for it."
    moments = [entry.at for entry in case.timeline]
    assert moments == sorted(moments)


def test_a_case_of_another_organisation_is_unknown(agent, stranger, event):
    claim = factories.a_claim(event)
    with pytest.raises(errors.ClaimUnknown):
        support.look(stranger, claim.reference)
    with pytest.raises(errors.ClaimUnknown):
        support.look(agent, "FQ-0000-0000-00")


# Giving a hold back


def test_a_hold_given_back_puts_its_tickets_on_sale_again(agent, event):
    reference = factories.a_buyer(event).claim(quantity=2)
    support.give_back(agent, reference, support.look(agent, reference).seen, "Asked for.")
    assert claims.look(reference).state == "RELEASED"
    free = select(func.count()).where(Ticket.claim_id.is_(None))
    assert db.session.scalar(free) == 10
    line = db.session.scalar(select(TimelineEntry).where(TimelineEntry.verb == "released"))
    assert line.actor == f"staff:{agent.id}"
    assert line.detail == {"reason": "Asked for.", "state": ["HELD", "RELEASED"]}


def test_a_paid_claim_is_never_given_back_however_old_the_page_is(agent, event):
    claim = factories.a_claim(event)
    seen = support.look(agent, claim.reference).seen
    db.session.execute(update(Claim).values(state="CONFIRMED", confirmed_at=func.now()))
    db.session.commit()
    for shown in (seen, support.look(agent, claim.reference).seen):
        with pytest.raises(errors.StateGone):
            support.give_back(agent, claim.reference, shown, "The fan asked for it.")
    assert claims.look(claim.reference).state == "CONFIRMED"


def test_a_hold_is_not_given_back_without_a_reason(agent, event):
    claim = factories.a_claim(event)
    with pytest.raises(errors.Invalid) as refusal:
        support.give_back(agent, claim.reference, support.look(agent, claim.reference).seen, " ")
    assert set(refusal.value.fields) == {"reason"}
    assert claims.look(claim.reference).state == "HELD"


def test_a_hold_whose_fan_has_begun_to_pay_meanwhile_is_not_given_back(agent, event):
    claim = factories.a_claim(event)
    seen = support.look(agent, claim.reference).seen
    factories.a_payment(claim)
    with pytest.raises(errors.StateGone):
        support.give_back(agent, claim.reference, seen, "")
    assert claims.look(claim.reference).state == "HELD"


# Sending the tickets again


def mails() -> list[OutboxEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEntry).where(OutboxEntry.kind == "send_tickets")))


def test_tickets_sent_again_are_a_new_debt_and_one_for_each_form(agent, event):
    claim = a_paid_claim(event)
    seen = support.look(agent, claim.reference).seen
    for key in ("first-form", "first-form", "second-form"):
        support.send_tickets_again(agent, claim.reference, seen, key, "lost")
    assert [(mail.lane, mail.payload) for mail in mails()] == [
        ("mail", {"claim_id": claim.id}),
        ("mail", {"claim_id": claim.id}),
    ]
    lines = select(func.count()).where(TimelineEntry.verb == support.SENT_AGAIN)
    assert db.session.scalar(lines) == 2
    assert len(support.look(agent, claim.reference).mails) == 2


def test_a_button_pressed_twice_at_once_sends_once(agent, event, race):
    reference = a_paid_claim(event).reference
    seen = support.look(agent, reference).seen
    race(4, lambda n: support.send_tickets_again(agent, reference, seen, "the-form", "lost"))
    assert len(mails()) == 1


def test_tickets_of_a_claim_that_is_not_paid_any_more_are_not_sent(agent, event):
    claim = a_paid_claim(event)
    seen = support.look(agent, claim.reference).seen
    db.session.execute(update(Claim).values(state="REFUNDED"))
    db.session.commit()
    with pytest.raises(errors.StateGone):
        support.send_tickets_again(agent, claim.reference, seen, "the-form", "lost")
    assert mails() == []


@pytest.mark.parametrize("key", ["", "short", "x" * 41, "spaces are odd", "a:b:c:d:e:f"])
def test_a_form_without_a_proper_key_sends_nothing(agent, event, key):
    claim = a_paid_claim(event)
    seen = support.look(agent, claim.reference).seen
    with pytest.raises(errors.StateGone):
        support.send_tickets_again(agent, claim.reference, seen, key, "lost")
    assert mails() == []


# Asking the gateway


def test_asking_the_gateway_owes_a_question_and_names_who_asked(agent, event):
    claim = factories.a_claim(event)
    factories.a_payment(claim, state="PENDING")
    support.ask_gateway(agent, claim.reference, support.look(agent, claim.reference).seen)
    owed = db.session.scalar(select(OutboxEntry.kind))
    assert owed == "verify_payment"
    actors = db.session.scalars(select(TimelineEntry.actor)).all()
    assert f"staff:{agent.id}" in actors


def test_the_gateway_is_not_asked_when_the_payment_has_moved_on(agent, event):
    claim = factories.a_claim(event)
    payment = factories.a_payment(claim, state="PENDING")
    seen = support.look(agent, claim.reference).seen
    payment.state = "FAILED"
    db.session.commit()
    with pytest.raises(errors.StateGone):
        support.ask_gateway(agent, claim.reference, seen)


# Another organisation


def test_no_action_reaches_another_organisation(agent, stranger, event):
    claim = a_paid_claim(event)
    seen = support.look(agent, claim.reference).seen
    for action in (
        lambda: support.give_back(stranger, claim.reference, seen, ""),
        lambda: support.send_tickets_again(stranger, claim.reference, seen, "the-form", "lost"),
        lambda: support.ask_gateway(stranger, claim.reference, seen),
    ):
        with pytest.raises(errors.ClaimUnknown):
            action()
    assert mails() == []
