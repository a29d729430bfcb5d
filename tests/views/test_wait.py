"""The waiting page and its fragment."""

from __future__ import annotations

from datetime import timedelta
from time import sleep

from app.domain.tokens import PassToken
from app.extensions import db, settings
from app.services import admission, catalogue
from app.store.models import Event
from tests import factories
from tests.views.browsing import admit, cookie, heading, hold, join, place_of, prove, status

KEYS = {
    "state",
    "number",
    "ahead",
    "eta_seconds",
    "next_poll_seconds",
    "message",
    "updated_at",
}


def change(event: Event, **values):
    for name, value in values.items():
        setattr(event, name, value)
    db.session.commit()
    catalogue.forget(event.slug)


def test_the_page_says_the_state_and_the_number(app, client):
    event = factories.an_event()
    join(app.test_client(), event)
    join(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "Almost there"
    assert '<dd class="big">2</dd>' in html
    assert "Updated at" in html


def test_programs_get_json_with_exactly_the_agreed_fields(client):
    event = factories.an_event()
    join(client, event)
    found = status(client, event)
    assert set(found) == KEYS
    assert found["state"] == "waiting"
    assert found["number"] == 1
    assert found["ahead"] == 0
    assert 2 <= found["next_poll_seconds"] <= 30


def test_a_browser_asks_again_after_the_servers_own_delay(client):
    event = factories.an_event()
    join(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert 'hx-trigger="every ' in html
    assert '<noscript><meta http-equiv="refresh" content="' in html
    assert "load delay" not in html


def test_the_fragment_is_small_and_is_no_page(client):
    event = factories.an_event()
    join(client, event)
    answer = client.get(f"/events/{event.slug}/line/status", headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith("<section")
    assert "<html" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_before_the_sale_the_page_says_when_it_starts(client):
    event = factories.an_event(sale_starts_at=factories.utc_now() + timedelta(hours=2))
    join(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "The sale has not started yet"
    assert status(client, event)["state"] == "before"


def test_a_pause_shows_its_reason(client):
    event = factories.an_event()
    join(client, event)
    now = factories.utc_now()
    change(event, state="paused", paused_at=now, pause_reason="We go on at eight.")
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "The sale is paused"
    assert "We go on at eight." in html


def test_the_organisers_message_shows_with_its_time(client):
    event = factories.an_event(
        message="Bring a coat.", message_at=factories.utc_now(), time_zone="Africa/Lagos"
    )
    join(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert "Bring a coat." in html
    assert "The organiser," in html
    assert status(client, event)["message"] == "Bring a coat."


def test_at_the_turn_there_is_a_deadline_one_button_and_a_pass(client):
    event = factories.an_event()
    join(client, event)
    admit(event)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "It is your turn"
    assert "Choose by" in html
    assert f'href="/events/{event.slug}/claim"' in html
    carried = PassToken.read(cookie(client, f"fq_pass_{event.id}"), settings.secret_key)
    assert carried.place_id == place_of(client, event).place_id


def test_a_missed_turn_says_so_and_offers_to_join_again(client):
    event = factories.an_event(pass_seconds=1)
    join(client, event)
    admit(event)
    sleep(1.2)
    admission.admit_once()
    answer = client.get(f"/events/{event.slug}/line")
    assert heading(answer.text) == "Your turn has run out"
    assert "Join the line again" in answer.text
    assert "hx-trigger" not in answer.text
    assert "http-equiv" not in answer.text


def test_sold_out_and_none_left_for_now_are_different_words(client):
    event = factories.an_event(capacity=1)
    join(client, event)
    claim = factories.a_claim(event)
    factories.write_line(event)
    catalogue.forget(event.slug)
    assert heading(client.get(f"/events/{event.slug}/line").text) == "None left for now"
    claim.state = "CONFIRMED"
    db.session.commit()
    catalogue.forget(event.slug)
    assert heading(client.get(f"/events/{event.slug}/line").text) == "Sold out"
    assert status(client, event)["state"] == "sold_out"


def test_a_closed_sale_ends_the_polling(client):
    event = factories.an_event()
    join(client, event)
    change(event, state="closed")
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "The sale is over"
    assert "hx-trigger" not in html


def test_a_proven_address_is_not_asked_for_again(client):
    event = factories.an_event()
    join(client, event)
    assert "Use the time" in client.get(f"/events/{event.slug}/line").text
    prove(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert "We also write to your" in html
    assert "Use the time" not in html


def test_a_stranger_has_no_place(client):
    event = factories.an_event()
    answer = client.get(f"/events/{event.slug}/line")
    assert answer.status_code == 403
    assert "Join the line" in answer.text


def test_a_stranger_is_not_asked_to_join_a_closed_sale(client):
    event = factories.an_event(state="closed")
    answer = client.get(f"/events/{event.slug}/line")
    assert answer.status_code == 403
    assert "Join the line" not in answer.text
    assert "Back to the event" in answer.text


def test_a_stranger_who_asks_for_json_gets_json(client):
    event = factories.an_event()
    answer = client.get(f"/events/{event.slug}/line/status", headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json["error"] == "NoPlace"


def test_a_poll_that_cannot_succeed_takes_the_browser_to_the_whole_page(client):
    event = factories.an_event()
    answer = client.get(f"/events/{event.slug}/line/status", headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert answer.headers["HX-Refresh"] == "true"


def test_without_redis_the_place_is_safe(client, line_redis):
    event = factories.an_event()
    token = join(client, event)
    line_redis.flushall()
    answer = client.get(f"/events/{event.slug}/line")
    assert answer.status_code == 200
    assert "Your place is safe" in answer.text
    assert place_of(client, event) == token


def test_a_turn_while_others_hold_every_ticket_says_so(client):
    event = factories.an_event(capacity=1)
    join(client, event)
    admit(event)
    factories.a_claim(event)
    catalogue.forget(event.slug)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "It is your turn"
    assert "Choose by" in html
    assert "held by others right now" in html
    assert "you get your place in the line back" in html
    assert "the next person is let in" not in html
    assert "0 tickets" not in html


def test_a_live_claim_is_led_to_and_offers_no_new_place(client):
    event = factories.an_event()
    reference = hold(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "You have claimed tickets"
    assert f'href="/claims/{reference}"' in html
    assert "Join the line again" not in html


def test_who_gave_the_tickets_back_may_join_again_at_the_end(app, client):
    event = factories.an_event()
    reference = hold(client, event)
    join(app.test_client(), event)
    client.post(f"/claims/{reference}/release")
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "Your claim has ended"
    assert "Join the line again" in html
    assert join(client, event).number == 3
    assert status(client, event)["state"] == "waiting"


def test_a_closed_sale_offers_nobody_to_join_again(client):
    event = factories.an_event()
    reference = hold(client, event)
    client.post(f"/claims/{reference}/release")
    change(event, state="closed")
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "Your claim has ended"
    assert "Join the line again" not in html
    assert "join again" not in html
