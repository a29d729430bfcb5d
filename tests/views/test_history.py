"""The plain history of a place."""

from __future__ import annotations

import re

from app.extensions import db
from app.services import catalogue, events, journal, place_history
from app.services import staff as members
from app.store.models import Organisation
from tests import factories
from tests.views.browsing import admit, join


def words(html: str) -> list[str]:
    items = re.findall(r"<li><time[^>]*>[^<]*</time>(.*?)</li>", html, re.DOTALL)
    return [" ".join(item.split()) for item in items]


def test_it_tells_what_happened_in_order(app, client):
    event = factories.an_event()
    join(client, event)
    path = f"/events/{event.slug}/line/history"
    assert "Look again in a moment" in client.get(path).text
    person = factories.a_staff_member(
        organisation=db.session.get(Organisation, event.organisation_id)
    )
    staff = members.by_email(person.email)
    journal.journal_once()
    events.pause(staff, event.slug, "on_sale", "We go on at eight.")
    events.resume(staff, event.slug, "paused")
    catalogue.forget_all()
    admit(event)
    journal.journal_once()
    place_history.forget_all()
    html = client.get(path).text
    assert words(html) == [
        "You joined the line and got number 1.",
        "The sale was paused: We go on at eight.",
        "The sale went on.",
        "It was your turn.",
    ]
    assert re.search(r"P\d+-1-[0-9A-Z]{2}", html)
