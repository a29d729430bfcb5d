"""The claim form."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select

from app import services
from app.domain import errors
from app.domain.tokens import PassToken
from app.extensions import db, settings
from app.services import catalogue
from app.store.models import Claim, Ticket
from tests import factories
from tests.views.browsing import (
    admit,
    as_buyer,
    as_fan,
    claim,
    heading,
    hidden,
    join,
    prove,
    reach_the_form,
)


@pytest.fixture
def event(app):
    return factories.an_event()


def address(event):
    return f"/events/{event.slug}/claim"


def claims():
    return db.session.scalar(select(func.count(Claim.id)))


def change(event, **values):
    for name, value in values.items():
        setattr(event, name, value)
    db.session.commit()
    catalogue.forget(event.slug)


def test_a_fan_claims_two_tickets_and_sees_the_claim(client, event):
    reach_the_form(client, event)
    form = client.get(address(event))
    assert heading(form.text) == "Choose your tickets"
    assert 'value="ada@example.com"' in form.text
    assert "2 tickets</span> <span>NGN\N{NO-BREAK SPACE}10,000.00</span>" in form.text
    answer = claim(client, event, form_key=hidden(form.text, "form_key"))
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 200
    assert heading(page.text) == "2 tickets are held for you"
    held = select(func.count()).select_from(Ticket).where(Ticket.claim_id.is_not(None))
    assert db.session.scalar(held) == 2


@pytest.mark.parametrize("quantity", ["0", "-1", "99", "abc", "", "1.5", "٢", "9" * 5000])
def test_an_odd_quantity_is_422_and_nothing_is_taken(client, event, quantity):
    reach_the_form(client, event)
    answer = claim(client, event, quantity=quantity, name="Ada Obi", phone="0803 123 4567")
    assert answer.status_code == 422
    assert "You may have 1 to 4 tickets." in answer.text
    assert 'value="Ada Obi"' in answer.text
    assert 'value="0803 123 4567"' in answer.text
    assert claims() == 0


def test_a_form_that_was_refused_keeps_its_key(client, event):
    reach_the_form(client, event)
    key = hidden(client.get(address(event)).text, "form_key")
    answer = claim(client, event, quantity="0", form_key=key)
    assert hidden(answer.text, "form_key") == key


def test_another_address_than_the_proven_one_is_422(client, event):
    reach_the_form(client, event)
    answer = claim(client, event, email="bob@example.com")
    assert answer.status_code == 422
    assert "Tickets go to the address that you proved" in answer.text
    assert 'value="bob@example.com"' in answer.text
    assert claims() == 0


def test_a_name_is_needed_and_markup_in_it_stays_text(client, event):
    reach_the_form(client, event)
    answer = claim(client, event, name=" ")
    assert answer.status_code == 422
    assert "Please tell us your name." in answer.text
    answer = claim(client, event, name="<script>alert(1)</script>")
    page = client.get(answer.location).text
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in unescape(page)


def test_two_submits_of_one_form_are_one_claim(client, event):
    reach_the_form(client, event)
    key = hidden(client.get(address(event)).text, "form_key")
    first, second = (claim(client, event, form_key=key) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert claims() == 1


def test_two_submits_at_once_are_one_claim(app, event, race):
    buyer = factories.a_buyer(event)

    def send(_):
        browser = app.test_client()
        as_buyer(browser, buyer)
        return claim(browser, event, email=buyer.email, form_key="one-form-for-both-requests")

    answers = race(4, send)
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert claims() == 1


def test_a_second_claim_is_409_with_a_link_to_the_first(client, event):
    reach_the_form(client, event)
    first = claim(client, event)
    second = claim(client, event)
    assert second.status_code == 409
    assert heading(second.text) == "You already have a claim"
    assert f'href="{first.location}"' in second.text
    assert claims() == 1


def test_the_form_of_a_fan_who_has_a_claim_leads_to_it(client, event):
    reach_the_form(client, event)
    first = claim(client, event)
    again = client.get(address(event))
    assert again.status_code == 303
    assert again.location == first.location


def test_without_a_form_key_a_form_still_counts(client, event):
    reach_the_form(client, event)
    assert claim(client, event).status_code == 303


@pytest.mark.parametrize("key", ["short", "x" * 500, "'; DROP TABLE claims; --", "a b" * 10])
def test_an_odd_form_key_is_replaced(client, event, key):
    reach_the_form(client, event)
    assert claim(client, event, form_key=key).status_code == 303
    assert db.session.scalar(select(Claim.form_key)) != key


def test_a_forged_pass_is_403_with_a_way_back_to_the_line(client, event):
    join(client, event)
    prove(client, event)
    token = PassToken(event.id, 1, "x" * 16, 1, 0, 9_999_999_999_999)
    client.set_cookie(f"fq_pass_{event.id}", token.sign("another secret key altogether"))
    for answer in (client.get(address(event)), claim(client, event)):
        assert answer.status_code == 403
        assert heading(answer.text) == "It is not your turn"
        assert f'href="/events/{event.slug}/line"' in answer.text
    assert claims() == 0


def test_a_forged_pass_is_403_even_at_ones_own_turn(client, event):
    reach_the_form(client, event)
    client.set_cookie(f"fq_pass_{event.id}", "forged.signature")
    for answer in (client.get(address(event)), claim(client, event)):
        assert answer.status_code == 403
        assert heading(answer.text) == "It is not your turn"
        assert f'href="/events/{event.slug}/line"' in answer.text
    assert claims() == 0
    # The waiting page hands out the true one again.
    client.get(f"/events/{event.slug}/line")
    assert claim(client, event).status_code == 303


def test_who_is_late_and_unproven_hears_about_the_pass(client, event):
    past = int((factories.utc_now() - timedelta(minutes=2)).timestamp() * 1000)
    buyer = factories.a_buyer(event, state="expired", pass_until=past)
    as_buyer(client, buyer)
    client.delete_cookie("fq_fan")
    for answer in (client.get(address(event)), claim(client, event)):
        assert answer.status_code == 403
        assert heading(answer.text) == "It is not your turn"


def test_the_pass_of_somebody_else_does_not_help(app, client, event):
    other = app.test_client()
    reach_the_form(other, event, "other@example.com")
    join(client, event)
    prove(client, event, "bob@example.com")
    stolen = other.get_cookie(f"fq_pass_{event.id}").value
    client.set_cookie(f"fq_pass_{event.id}", stolen)
    assert claim(client, event, email="bob@example.com").status_code == 403
    assert claims() == 0


def test_an_expired_pass_is_403_with_a_way_back_to_the_line(client, event):
    past = int((factories.utc_now() - timedelta(minutes=2)).timestamp() * 1000)
    buyer = factories.a_buyer(event, state="expired", pass_until=past)
    as_buyer(client, buyer)
    for answer in (client.get(address(event)), claim(client, event, email=buyer.email)):
        assert answer.status_code == 403
        assert "Back to the line" in answer.text
    assert claims() == 0


def test_who_waits_has_no_pass(client, event):
    join(client, event)
    prove(client, event)
    assert client.get(address(event)).status_code == 403
    assert claim(client, event).status_code == 403


def test_a_stranger_is_sent_to_the_line(client, event):
    assert client.get(address(event)).status_code == 403
    assert claim(client, event).status_code == 403


def test_the_pass_is_found_even_if_the_waiting_page_never_gave_its_cookie(client, event):
    join(client, event)
    prove(client, event)
    admit(event)
    assert client.get_cookie(f"fq_pass_{event.id}") is None
    assert client.get(address(event)).status_code == 200
    assert claim(client, event).status_code == 303


def test_an_unproven_address_is_asked_for_first(client, event):
    join(client, event)
    admit(event)
    assert client.get(address(event)).location == f"/events/{event.slug}/verify?then=claim"
    answer = claim(client, event)
    assert answer.status_code == 403
    assert heading(answer.text) == "Prove your address first"
    assert f'href="/events/{event.slug}/verify"' in answer.text


def test_being_proven_for_another_event_is_not_enough(client, event):
    join(client, event)
    as_fan(client, factories.a_fan("ada@example.com").id)
    admit(event)
    assert claim(client, event).status_code == 403
    assert claims() == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "paused", "pause_reason": "Rain."}, "The sale is paused"),
        ({"state": "closed"}, "The sale is over"),
        ({"sale_starts_at": timedelta(hours=2)}, "The sale has not started"),
        ({"sale_ends_at": timedelta(minutes=-1)}, "The sale is over"),
    ],
)
def test_when_tickets_are_not_on_sale_the_page_says_why(client, event, values, words):
    buyer = factories.a_buyer(event)
    as_buyer(client, buyer)
    now = factories.utc_now()
    values = {k: now + v if isinstance(v, timedelta) else v for k, v in values.items()}
    if values.get("state") == "paused":
        values["paused_at"] = now
    change(event, **values)
    for answer in (client.get(address(event)), claim(client, event, email=buyer.email)):
        assert answer.status_code == 409
        assert words in answer.text
    assert claims() == 0


def test_none_left_is_410_and_so_is_sold_out_in_other_words(client, app):
    event = factories.an_event(capacity=1)
    buyer = factories.a_buyer(event)
    as_buyer(client, buyer)
    taken = factories.a_claim(event)
    answer = claim(client, event, email=buyer.email, quantity="1")
    assert answer.status_code == 410
    assert heading(answer.text) == "None left"
    taken.state = "CONFIRMED"
    db.session.commit()
    answer = claim(client, event, email=buyer.email, quantity="1")
    assert answer.status_code == 410
    assert heading(answer.text) == "Sold out"
    assert "the line moves again" in answer.text
    assert "Back to the line" in answer.text


def test_fewer_than_wanted_are_offered(client, app):
    event = factories.an_event(capacity=3, line=False)
    factories.a_claim(event)
    factories.write_line(event)
    buyer = factories.a_buyer(event)
    as_buyer(client, buyer)
    answer = claim(client, event, email=buyer.email, quantity="4")
    assert answer.status_code == 409
    assert "Only 2 tickets are free now." in answer.text
    assert 'value="2" required checked>' in answer.text
    assert 'value="3"' not in answer.text
    assert 'value="3"' not in answer.text
    assert "Up to 2: so many are free now." in answer.text
    assert "Up to 4" not in answer.text
    key = hidden(answer.text, "form_key")
    again = claim(client, event, email=buyer.email, quantity="2", form_key=key)
    assert again.status_code == 303


@pytest.mark.parametrize("refusal", [errors.OutcomeUnknown, errors.StoreUnavailable, errors.Busy])
def test_when_the_outcome_is_not_known_the_same_form_can_be_sent_again(
    client, event, monkeypatch, refusal
):
    reach_the_form(client, event)
    key = hidden(client.get(address(event)).text, "form_key")

    def lost(*_):
        raise refusal

    monkeypatch.setattr(services.claims, "claim", lost)
    answer = claim(client, event, form_key=key, name="Ada Kept")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert hidden(answer.text, "form_key") == key
    assert 'value="Ada Kept"' in answer.text
    assert "this form counts once" in answer.text
    monkeypatch.undo()
    assert claim(client, event, form_key=key).status_code == 303


def test_none_free_this_second_keeps_the_form(client, event, monkeypatch):
    reach_the_form(client, event)

    def none_free(*_):
        raise errors.NoneFreeNow

    monkeypatch.setattr(services.claims, "claim", none_free)
    answer = claim(client, event, name="Ada Kept")
    assert answer.status_code == 409
    assert int(answer.headers["Retry-After"]) > 0
    assert "No ticket is free this second" in answer.text
    assert 'value="Ada Kept"' in answer.text


def test_with_postgres_away_the_form_is_kept(client, event, monkeypatch):
    reach_the_form(client, event)

    def away(*_):
        raise errors.StoreUnavailable

    monkeypatch.setattr(services.claims.store, "claim_together", away)
    answer = claim(client, event, name="Ada Kept")
    assert answer.status_code == 503
    assert 'value="Ada Kept"' in answer.text


def test_without_redis_claiming_works(client, event, line_redis):
    buyer = factories.a_buyer(event)
    as_buyer(client, buyer)
    line_redis.flushall()
    assert claim(client, event, email=buyer.email).status_code == 303


def test_an_unknown_event_is_404(client):
    assert client.get("/events/nothing/claim").status_code == 404
    assert client.post("/events/nothing/claim").status_code == 404


def test_the_secret_key_of_the_tests_is_not_the_forgers(app):
    assert settings.secret_key != "another secret key altogether"


def test_every_number_has_its_price_with_and_without_many_to_choose_from(client):
    for most, shape in ((3, 'type="radio"'), (8, "<select")):
        event = factories.an_event(max_per_fan=most)
        as_buyer(client, factories.a_buyer(event))
        html = client.get(f"/events/{event.slug}/claim").text
        assert shape in html
        assert "NGN\N{NO-BREAK SPACE}15,000.00" in html
