"""What is on sale, and the event."""

from __future__ import annotations

import time
from datetime import timedelta

from app.services import catalogue
from tests import factories
from tests.views.browsing import heading, join


def test_the_event_page_is_the_same_for_everyone_and_sets_no_cookie(app, client):
    event = factories.an_event()
    join(client, event)
    mine = client.get(f"/events/{event.slug}")
    theirs = app.test_client().get(f"/events/{event.slug}")
    assert mine.data == theirs.data
    assert "Set-Cookie" not in mine.headers
    assert "Cookie" not in mine.headers.get("Vary", "")
    assert mine.headers["Cache-Control"].startswith("public")


def test_a_cache_that_has_the_page_gets_304(client):
    event = factories.an_event()
    first = client.get(f"/events/{event.slug}")
    again = client.get(f"/events/{event.slug}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_joining_is_a_form_that_posts(client):
    event = factories.an_event()
    html = client.get(f"/events/{event.slug}").text
    assert f'<form method="post" action="/events/{event.slug}/line">' in html


def test_an_unknown_event_is_404_in_plain_words(client):
    answer = client.get("/events/no-such-event")
    assert answer.status_code == 404
    assert heading(answer.text) == "No such event"


def test_a_draft_is_unknown_to_fans(client):
    event = factories.an_event(state="draft")
    assert client.get(f"/events/{event.slug}").status_code == 404
    assert event.slug not in client.get("/").text


def test_the_list_shows_events_with_price_and_state(client):
    event = factories.an_event(title="Harbour Lights")
    html = client.get("/").text
    assert "Harbour Lights" in html
    assert f"/events/{event.slug}" in html
    assert "NGN\N{NO-BREAK SPACE}5,000.00" in html
    assert "On sale" in html


def test_times_are_in_the_zone_of_the_event(client):
    event = factories.an_event(time_zone="Africa/Lagos")
    event_page = client.get(f"/events/{event.slug}").text
    shown = (event.starts_at + timedelta(hours=1)).strftime("%H:%M WAT")
    assert shown in event_page


def test_before_the_sale_the_page_says_when_it_starts_and_lets_fans_join(client):
    now = factories.utc_now()
    event = factories.an_event(sale_starts_at=now + timedelta(hours=2))
    html = client.get(f"/events/{event.slug}").text
    assert "The sale starts on" in html
    assert "Join the line" in html


def test_a_page_that_is_kept_does_not_outlive_the_moment_at_which_the_sale_starts(client):
    event = factories.an_event(sale_starts_at=factories.utc_now() + timedelta(seconds=2))
    address = f"/events/{event.slug}"
    client.get(address)
    # Nothing is read from Postgres any more, so that only the kept page could become old.
    catalogue._by_slug[event.slug]._max_age = 60.0
    assert "The sale starts on" in client.get(address).text
    deadline = time.monotonic() + 5
    while "The sale starts on" in client.get(address).text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_closed_sale_offers_no_joining(client):
    event = factories.an_event(state="closed")
    html = client.get(f"/events/{event.slug}").text
    assert "The sale is over" in html
    assert "Join the line" not in html


def test_a_paused_sale_says_why(client):
    event = factories.an_event(state="paused", pause_reason="The doors are stuck.")
    html = client.get(f"/events/{event.slug}").text
    assert "The doors are stuck." in html


def test_what_an_organiser_types_cannot_become_markup(client):
    event = factories.an_event(title="<script>alert(1)</script>", description="<b>x</b>")
    html = client.get(f"/events/{event.slug}").text
    assert "<script>alert" not in html
    assert "<b>x</b>" not in html
