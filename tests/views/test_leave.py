"""Leaving the line."""

from __future__ import annotations

from app.extensions import db
from app.services import catalogue, journal
from tests import factories
from tests.views.browsing import heading, join, status


def test_leaving_gives_the_place_up(client):
    event = factories.an_event()
    join(client, event)
    answer = client.post(f"/events/{event.slug}/line/leave", follow_redirects=True)
    assert heading(answer.text) == "You left the line"
    assert status(client, event)["state"] == "left"


def test_who_left_and_joins_again_starts_at_the_end(app, client):
    event = factories.an_event()
    first = join(client, event)
    join(app.test_client(), event)
    client.post(f"/events/{event.slug}/line/leave")
    again = join(client, event)
    assert again.place_id != first.place_id
    assert again.number == 3


def test_leaving_is_asked_for_once_and_says_its_cost(client):
    event = factories.an_event()
    join(client, event)
    html = client.get(f"/events/{event.slug}/line").text
    assert "<summary>Leave the line</summary>" in html
    assert "you start at the end" in html


def test_a_stranger_cannot_leave(client):
    event = factories.an_event()
    assert client.post(f"/events/{event.slug}/line/leave").status_code == 403


def test_leaving_needs_a_post(client):
    event = factories.an_event()
    join(client, event)
    answer = client.get(f"/events/{event.slug}/line/leave")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert status(client, event)["state"] == "waiting"


def test_who_left_a_sale_that_is_closed_is_not_asked_to_join_again(client):
    event = factories.an_event()
    join(client, event)
    client.post(f"/events/{event.slug}/line/leave")
    assert "Join the line again" in client.get(f"/events/{event.slug}/line").text
    event.state = "closed"
    db.session.commit()
    journal.journal_once()
    catalogue.forget(event.slug)
    html = client.get(f"/events/{event.slug}/line").text
    assert heading(html) == "You left the line"
    assert "Join the line again" not in html
