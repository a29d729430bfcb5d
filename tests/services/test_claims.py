"""Claiming, giving back and running out, on real Postgres and Redis."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.domain import errors
from app.extensions import db
from app.line import inventory
from app.services import catalogue, claims
from app.store import claims as store
from app.store.models import Claim, Event, Place, Ticket, TimelineEntry
from tests import factories


def free_in_redis(event) -> set[int]:
    facts = catalogue.facts_by_id(event.id)
    return set(inventory.look(event.id, facts.epoch, 0, 10_000)[0])


def held_numbers(reference: str) -> list[int]:
    return [ticket.number for ticket in claims.look(reference).tickets]


def test_a_claim_holds_the_lowest_free_tickets_until_a_deadline(app):
    event = factories.an_event(capacity=5)
    reference = factories.a_buyer(event).claim(quantity=2)
    view = claims.look(reference)
    assert (view.state, held_numbers(reference)) == ("HELD", [1, 2])
    assert view.amount == 2 * event.price
    assert view.held_until - view.created_at == timedelta(seconds=event.hold_seconds)
    assert free_in_redis(event) == {3, 4, 5}


def test_the_place_is_used_and_the_timeline_says_so(app):
    event = factories.an_event()
    buyer = factories.a_buyer(event)
    reference = buyer.claim()
    assert db.session.get(Place, buyer.pass_token.place_id).state == "used"
    assert [line.verb for line in claims.look(reference).timeline] == ["claimed"]


def test_the_same_form_sent_twice_makes_one_claim(app):
    event = factories.an_event(capacity=5)
    buyer = factories.a_buyer(event)
    assert buyer.claim(2, "the-form") == buyer.claim(2, "the-form")
    assert db.session.scalar(select(func.count()).select_from(Claim)) == 1
    assert free_in_redis(event) == {3, 4, 5}


def test_the_same_form_sent_twice_at_once_makes_one_claim(app, race):
    event = factories.an_event(capacity=50)
    buyer = factories.a_buyer(event)
    answers = race(8, lambda i: buyer.claim(2, "the-form"))
    assert len(set(map(str, answers))) == 1, answers
    assert db.session.scalar(select(func.count()).select_from(Claim)) == 1


def test_one_form_with_two_quantities_at_once_holds_what_it_says(app, race):
    event = factories.an_event(capacity=60)
    for _ in range(6):
        buyer = factories.a_buyer(event)
        answers = race(6, lambda i, buyer=buyer: buyer.claim(4 if i == 0 else 1, buyer.email))
        reference = next(answer for answer in answers if isinstance(answer, str))
        view = claims.look(reference)
        assert len(view.tickets) == view.quantity


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3]])
def test_the_database_takes_exactly_what_is_wanted(app, numbers):
    buyer = factories.a_buyer(factories.an_event(line=False))
    answer = store.claim_tickets(
        {
            "event_id": buyer.event_id,
            "place_id": buyer.pass_token.place_id,
            "turn": 0,
            "pass_until": buyer.pass_token.pass_until,
            "fan_id": buyer.fan_id,
            "email": buyer.email,
            "form_key": "form",
            "reference": "FQ-TEST-TEST-00",
            "name": "Ada Obi",
            "phone": "",
            "quantity": 2,
            "numbers": numbers,
        }
    )
    assert answer.outcome == "fewer"
    assert db.session.scalar(select(func.count(Claim.id))) == 0


def test_another_form_for_the_same_place_is_refused_with_the_first_claim(app):
    event = factories.an_event(capacity=5)
    buyer = factories.a_buyer(event)
    reference = buyer.claim()
    with pytest.raises(errors.AlreadyClaimed) as refusal:
        buyer.claim(form_key="another form")
    assert refusal.value.reference == reference
    assert free_in_redis(event) == {2, 3, 4, 5}


def test_a_fan_with_a_live_claim_cannot_claim_from_another_place(app):
    event = factories.an_event()
    fan = factories.a_fan()
    reference = factories.a_buyer(event, fan).claim()
    with pytest.raises(errors.AlreadyClaimed) as refusal:
        factories.a_buyer(event, fan).claim()
    assert refusal.value.reference == reference


def test_a_place_buys_once_even_after_giving_back(app):
    event = factories.an_event()
    buyer = factories.a_buyer(event)
    reference = buyer.claim()
    claims.release(reference, "fan")
    with pytest.raises(errors.AlreadyClaimed):
        buyer.claim()


def test_giving_back_puts_the_tickets_on_sale_again(app):
    event = factories.an_event(capacity=3)
    reference = factories.a_buyer(event).claim(quantity=2)
    claims.release(reference, "fan")
    assert claims.look(reference).state == "RELEASED"
    assert held_numbers(reference) == []
    assert free_in_redis(event) == {1, 2, 3}


def test_what_is_no_longer_held_cannot_be_given_back(app):
    reference = factories.a_buyer(factories.an_event()).claim()
    claims.release(reference, "fan")
    with pytest.raises(errors.StateGone):
        claims.release(reference, "fan")


def test_fewer_left_than_wanted_says_how_many_and_takes_none(app):
    event = factories.an_event(capacity=3)
    factories.a_buyer(event).claim(quantity=2)
    with pytest.raises(errors.FewerLeft) as refusal:
        factories.a_buyer(event).claim(quantity=2)
    assert refusal.value.left == 1
    assert free_in_redis(event) == {3}


def test_none_left_while_others_hold_them(app):
    event = factories.an_event(capacity=2)
    factories.a_buyer(event).claim(quantity=2)
    with pytest.raises(errors.NoneLeft) as refusal:
        factories.a_buyer(event).claim()
    assert type(refusal.value) is errors.NoneLeft


def test_sold_out_is_said_only_when_nothing_is_held(app):
    event = factories.an_event(capacity=2)
    factories.a_claim(event, quantity=2, state="CONFIRMED")
    factories.write_line(event)
    with pytest.raises(errors.SoldOut):
        factories.a_buyer(event).claim()


def test_none_free_this_second_is_not_sold_out(app):
    event = factories.an_event(capacity=2)
    facts = catalogue.facts_by_id(event.id)
    inventory.drop_free(event.id, facts.epoch, [1, 2])
    with pytest.raises(errors.NoneFreeNow):
        factories.a_buyer(event).claim()


def test_a_hold_that_runs_out_reopens_the_sale_by_itself(app):
    event = factories.an_event(capacity=2)
    reference = factories.a_buyer(event).claim(quantity=2)
    let_the_hold_run_out(reference)
    assert claims.expire_once() == 1
    assert claims.look(reference).state == "EXPIRED"
    assert factories.a_buyer(event).claim(quantity=2)


def test_expiry_twice_and_side_by_side_ends_each_hold_once(app, race):
    event = factories.an_event()
    references = [factories.a_buyer(event).claim() for _ in range(20)]
    for reference in references:
        let_the_hold_run_out(reference)
    assert sum(race(4, lambda i: claims.expire_once())) == 20
    assert claims.expire_once() == 0
    ended = select(func.count()).where(TimelineEntry.verb == "expired")
    assert db.session.scalar(ended) == 20


def test_a_pass_that_ran_out_claims_nothing(app):
    event = factories.an_event()
    buyer = factories.a_buyer(event, pass_until=1_000_000)
    with pytest.raises(errors.NoPass):
        buyer.claim()
    assert free_in_redis(event) == set(range(1, 101))


def test_a_pass_of_an_earlier_turn_claims_nothing(app):
    event = factories.an_event()
    buyer = factories.a_buyer(event)
    db.session.execute(update(Place).values(turn=1, state="waiting"))
    db.session.commit()
    with pytest.raises(errors.NoPass):
        buyer.claim()


def test_an_address_that_is_not_proven_claims_nothing(app):
    event = factories.an_event()
    stranger = factories.a_fan()
    buyer = factories.a_buyer(event)
    with pytest.raises(errors.NotProven):
        claims.claim(
            catalogue.facts_by_id(event.id),
            buyer.pass_token,
            stranger.id,
            buyer.form(),
            "form",
        )


@pytest.mark.parametrize("state", ["published", "paused", "closed"])
def test_the_database_itself_stops_a_sale_that_is_not_on(app, state):
    event = factories.an_event()
    buyer = factories.a_buyer(event)
    catalogue.facts_by_id(event.id)
    values = {"state": state}
    if state == "paused":
        values |= {"paused_at": factories.utc_now(), "pause_reason": "Doors."}
    db.session.execute(update(Event).values(values))
    db.session.commit()
    with pytest.raises(errors.NotOnSale):
        buyer.claim()
    assert free_in_redis(event) == set(range(1, 101))


def test_before_the_start_and_after_the_end_nothing_is_sold(app):
    later = factories.an_event(sale_starts_at=factories.utc_now() + timedelta(hours=1))
    over = factories.an_event(sale_ends_at=factories.utc_now() - timedelta(seconds=1))
    for event, phase in ((later, "before"), (over, "closed")):
        with pytest.raises(errors.NotOnSale) as refusal:
            factories.a_buyer(event).claim()
        assert refusal.value.phase == phase


def test_numbers_that_postgres_calls_taken_are_dropped_and_others_taken(app):
    event = factories.an_event(capacity=6)
    factories.a_claim(event, quantity=3)  # Redis does not hear of it.
    reference = factories.a_buyer(event).claim(quantity=2)
    assert held_numbers(reference) == [4, 5]
    assert free_in_redis(event) == {6}


def test_redis_that_is_wholly_wrong_does_not_stop_the_sale(app):
    event = factories.an_event(capacity=10)
    factories.a_claim(event, quantity=9)
    reference = factories.a_buyer(event).claim()
    assert held_numbers(reference) == [10]


def let_the_hold_run_out(reference: str) -> None:
    db.session.execute(
        update(Claim)
        .where(Claim.reference == reference)
        .values(held_until=factories.utc_now() - timedelta(seconds=1))
    )
    db.session.commit()


def test_every_ticket_is_held_by_at_most_one_claim_in_the_end(app, race):
    event = factories.an_event(capacity=40)
    buyers = [factories.a_buyer(event) for _ in range(30)]
    race(30, lambda i: buyers[i].claim(quantity=1 + i % 4))
    taken = select(func.count()).where(Ticket.claim_id.is_not(None))
    wanted = select(func.sum(Claim.quantity))
    assert db.session.scalar(taken) == db.session.scalar(wanted) <= 40
