"""Joining the line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import extensions
from app.domain.tokens import PlaceToken, VisitorToken, new_id
from app.extensions import settings
from app.services import catalogue, line, rebuild
from tests import factories
from tests.views.browsing import cookie, heading, join, place_of, status


def test_the_first_post_brings_a_visitor_cookie_and_is_posted_again(client):
    event = factories.an_event()
    answer = client.post(f"/events/{event.slug}/line")
    assert answer.status_code == 307
    assert answer.location == f"/events/{event.slug}/line?c=1"
    assert VisitorToken.read(cookie(client, "fq_visitor"), settings.secret_key)
    assert cookie(client, f"fq_place_{event.id}") is None


def test_joining_ends_at_the_waiting_page_with_a_number(client):
    event = factories.an_event()
    client.post(f"/events/{event.slug}/line")
    answer = client.post(f"/events/{event.slug}/line?c=1")
    assert answer.status_code == 303
    assert answer.location == f"/events/{event.slug}/line"
    assert place_of(client, event).number == 1


def test_a_double_tap_makes_one_place(app, client):
    event = factories.an_event()
    first = join(client, event)
    assert join(client, event) == first
    other = app.test_client()
    assert join(other, event).number == first.number + 1


def test_a_browser_that_keeps_no_cookies_is_told_so(app):
    event = factories.an_event()
    browser = app.test_client(use_cookies=False)
    answer = browser.post(f"/events/{event.slug}/line", follow_redirects=True)
    assert answer.status_code == 400
    assert heading(answer.text) == "Your browser keeps no cookies"
    assert "Set-Cookie" not in answer.headers


def test_a_forged_visitor_is_a_stranger(client):
    event = factories.an_event()
    client.set_cookie("fq_visitor", "forged.signature")
    assert client.post(f"/events/{event.slug}/line").status_code == 307


def test_a_forged_place_is_treated_as_a_strangers(app, client):
    event = factories.an_event()
    join(app.test_client(), event)
    forged = PlaceToken(event.id, 1, new_id(), 1).sign("another secret key altogether")
    client.set_cookie(f"fq_place_{event.id}", forged)
    answer = client.get(f"/events/{event.slug}/line")
    assert answer.status_code == 403
    assert heading(answer.text) == "You are not in this line"
    assert "Join the line" in answer.text
    assert join(client, event).number == 2


def test_a_place_of_another_event_opens_nothing(client):
    first, second = factories.an_event(), factories.an_event()
    token = join(client, first)
    client.set_cookie(f"fq_place_{second.id}", token.sign(settings.secret_key))
    assert client.get(f"/events/{second.slug}/line").status_code == 403


def test_a_pass_is_no_place(client):
    event = factories.an_event()
    buyer = factories.a_buyer(event)
    signed = buyer.pass_token.sign(settings.secret_key)
    client.set_cookie(f"fq_place_{event.id}", signed)
    assert client.get(f"/events/{event.slug}/line").status_code == 403


def test_an_unknown_event_cannot_be_joined(client):
    client.set_cookie("fq_visitor", VisitorToken(new_id()).sign(settings.secret_key))
    assert client.post("/events/nothing/line").status_code == 404


def test_a_closed_sale_cannot_be_joined_and_says_so(client):
    event = factories.an_event(state="closed")
    answer = client.post(f"/events/{event.slug}/line", follow_redirects=True)
    assert answer.status_code == 409
    assert "The sale is over" in answer.text
    assert "Back to the line" not in answer.text
    assert "Back to the event" in answer.text


def test_a_paused_sale_can_be_joined(client):
    event = factories.an_event(state="paused")
    join(client, event)
    assert status(client, event)["state"] == "paused"


def test_without_redis_joining_answers_503_with_retry_after(client, line_redis):
    event = factories.an_event()
    client.post(f"/events/{event.slug}/line")
    line_redis.flushall()
    answer = client.post(f"/events/{event.slug}/line")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert heading(answer.text) == "One moment, please"
    assert "place is safe" not in answer.text
    assert "Try again" in answer.text


def test_without_redis_who_has_a_place_hears_that_it_is_safe(client, line_redis):
    event = factories.an_event()
    join(client, event)
    line_redis.flushall()
    answer = client.post(f"/events/{event.slug}/line")
    assert answer.status_code == 503
    assert heading(answer.text) == "Your place is safe"


def test_a_place_that_only_its_browser_remembers_is_still_the_only_one(client, line_redis):
    """Redis was lost before the journal was read; a poll brings the place back, and whose it is."""
    event = factories.an_event()
    first = join(client, event)
    line_redis.flushall()
    catalogue.forget_all()
    line.forget_all()
    assert rebuild.rebuild_once(event.id)
    catalogue.forget_all()
    line.forget_all()
    assert status(client, event)["number"] == first.number
    client.delete_cookie(f"fq_place_{event.id}")
    assert join(client, event).place_id == first.place_id


@pytest.fixture
def three_a_minute(settings):
    extensions.settings.bind(replace(settings, joins_per_minute=3), None)
    yield
    extensions.settings.bind(settings, None)


def test_one_address_gives_only_so_many_new_places_a_minute(app, three_a_minute, line_redis):
    event = factories.an_event()
    first = app.test_client()
    token = join(first, event)
    for _ in range(2):
        join(app.test_client(), event)
    late = app.test_client()
    late.post(f"/events/{event.slug}/line")
    answer = late.post(f"/events/{event.slug}/line?c=1")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert heading(answer.text) == "Please wait a little"
    assert "Set-Cookie" not in answer.headers
    assert line_redis.zcard(f"fq:{{{event.id}}}:line") == 3
    assert join(first, event) == token, "who has a place is never refused"
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "197.210.8.9"
    assert join(elsewhere, event).number == 4
    # The minute is over.
    line_redis.delete(*line_redis.keys("*:joins:127.0.0.1"))
    assert late.post(f"/events/{event.slug}/line?c=1").status_code == 303


def test_a_visitor_who_lost_the_place_cookie_is_not_refused_either(app, three_a_minute):
    event = factories.an_event()
    client = app.test_client()
    token = join(client, event)
    for _ in range(2):
        join(app.test_client(), event)
    client.delete_cookie(f"fq_place_{event.id}")
    assert join(client, event) == token
