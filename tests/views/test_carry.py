"""A place that is carried to another device."""

from __future__ import annotations

import re

from app.extensions import db, settings
from app.store.models import Carry
from tests import factories
from tests.views.browsing import cookie, heading, join, place_of, prove


def link_of(client, event) -> str:
    """The path of a new link."""
    html = client.post(f"/events/{event.slug}/line/carry").text
    address = re.search(r'id="link" value="([^"]+)"', html)[1]
    assert address.startswith(settings.public_url)
    assert "<svg" in html
    return address.removeprefix(settings.public_url)


def test_another_device_goes_on_with_the_same_number_once(app, client):
    event = factories.an_event()
    join(app.test_client(), event)
    mine = join(client, event)
    link = link_of(client, event)
    phone, stranger = app.test_client(), app.test_client()
    page = phone.get(link)
    assert heading(page.text) == "Go on with number 2 on this device?"
    assert place_of(phone, event) is None, "looking uses nothing up: chat programs look too"
    stranger.get(link)
    assert phone.post(link).location == f"/events/{event.slug}/line"
    assert place_of(phone, event).place_id == mine.place_id
    assert "2</dd>" in phone.get(f"/events/{event.slug}/line").text
    # A second press, or one whose answer was lost, is the same press.
    assert phone.post(link).status_code == 303
    used = stranger.post(link)
    assert used.status_code == 410
    assert "Nothing is lost" in used.text
    assert place_of(stranger, event) is None
    assert app.test_client().get(link).status_code == 410


def test_a_new_link_ends_the_one_before(app, client):
    event = factories.an_event()
    join(client, event)
    first, second = link_of(client, event), link_of(client, event)
    assert app.test_client().get(first).status_code == 410
    assert app.test_client().get(second).status_code == 200


def test_the_proof_of_the_address_does_not_go_along(app, client):
    event = factories.an_event()
    join(client, event)
    prove(client, event)
    phone = app.test_client()
    link = link_of(client, event)
    phone.get(link)
    phone.post(link)
    assert cookie(phone, "fq_fan") is None
    assert "Prove your address" in phone.get(f"/events/{event.slug}/verify").text


def test_a_browser_with_a_place_of_its_own_is_told_what_happens(app, client):
    event = factories.an_event()
    join(client, event)
    phone = app.test_client()
    join(phone, event)
    assert "This browser holds number 2" in phone.get(link_of(client, event)).text


def test_the_device_that_made_the_link_is_led_back(client):
    event = factories.an_event()
    join(client, event)
    answer = client.get(link_of(client, event))
    assert answer.location == f"/events/{event.slug}/line"


def test_forged_and_foreign_links_open_nothing(app, client):
    event, other = factories.an_event(), factories.an_event()
    join(client, event)
    link = link_of(client, event)
    phone = app.test_client()
    path, query = link.split("?")
    for wrong in (
        path[:-1] + ("A" if path[-1] != "A" else "B") + "?" + query,
        link.replace(event.slug, other.slug),
    ):
        for answer in (phone.get(wrong), phone.post(wrong)):
            assert answer.status_code in (400, 404), wrong
    assert place_of(phone, other) is None


def test_a_link_runs_out(app, client):
    event = factories.an_event()
    join(client, event)
    link = link_of(client, event)
    db.session.query(Carry).update({"expires_at": factories.utc_now()})
    db.session.commit()
    answer = app.test_client().get(link)
    assert answer.status_code == 410
    assert "the place is where it was" in answer.text


def test_links_without_end_are_not_made(client, monkeypatch):
    monkeypatch.setattr("app.services.carrying._MOST", 2)
    event = factories.an_event()
    join(client, event)
    link_of(client, event)
    link_of(client, event)
    answer = client.post(f"/events/{event.slug}/line/carry")
    assert answer.status_code == 429
    assert "Your place is safe" in answer.text


def test_a_place_that_was_left_is_not_carried(client):
    event = factories.an_event()
    join(client, event)
    client.post(f"/events/{event.slug}/line/leave")
    assert client.post(f"/events/{event.slug}/line/carry").status_code == 403
