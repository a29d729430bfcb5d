"""The organiser's list and the event's form, as a browser without JavaScript sees them."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.store.models import Event
from tests import factories
from tests.views.desk import Desk, hidden_fields

LATER = factories.utc_now() + timedelta(days=40)
GOOD = {
    "title": "Harmattan Nights",
    "venue": "Lagoon Amphitheatre",
    "description": "Bring a jacket.",
    "time_zone": "Africa/Lagos",
    "starts_at": LATER.strftime("%Y-%m-%dT19:30"),
    "sale_starts_at": (LATER - timedelta(days=30)).strftime("%Y-%m-%dT10:00"),
    "sale_ends_at": (LATER - timedelta(days=1)).strftime("%Y-%m-%dT10:00"),
    "capacity": "1,500",
    "price": "15,000.50",
    "currency": "NGN",
    "max_per_fan": "4",
    "hold_minutes": "10",
    "pass_minutes": "5",
    "admit_per_minute": "60",
    "pass_capacity": "50",
    "proof": "off",
    "mark_joins": "30",
}


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "organiser")


def test_the_list_shows_every_event_of_the_own_organisation_with_its_figures(desk):
    factories.a_claim(
        factories.an_event(line=False, organisation=desk.organisation, title="Ours"), 3
    )
    factories.an_event(line=False, title="Theirs")
    page = desk.get("/organiser/").text
    assert "Ours" in page
    assert "On sale" in page
    assert ">97<" in page
    assert "Theirs" not in page


def test_the_list_opens_without_its_last_stroke_too(desk):
    assert desk.get("/organiser").status_code == 200


def test_without_events_the_list_says_what_to_do(desk):
    assert "Make the first event" in desk.get("/organiser/").text


def test_a_new_event_is_a_draft_that_fans_cannot_see(desk):
    answer = desk.send("/organiser/new", None, **GOOD)
    assert (answer.status_code, answer.location) == (
        303, "/organiser/events/harmattan-nights",
    )  # fmt: skip
    page = desk.get(answer.location).text
    assert "The draft is saved" in page
    assert "Draft" in page
    assert "15,000.50" in page
    assert desk.get("/events/harmattan-nights").status_code == 404


def test_a_form_that_does_not_hold_is_422_says_why_and_keeps_every_value(desk):
    typed = GOOD | {"capacity": "none", "price": "<b>", "sale_ends_at": "tomorrow"}
    answer = desk.send("/organiser/new", None, **typed)
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert "Please write a whole number from 1 to 100,000." in page
    assert "Please write an amount like" in page
    assert 'value="<b>"' not in answer.text
    for value in ("none", "<b>", "Lagoon Amphitheatre", "Bring a jacket."):
        assert value in page
    assert db.session.scalar(select(func.count(Event.id))) == 0


def test_an_address_that_is_taken_is_said_at_its_field(desk):
    factories.an_event(line=False, slug="harmattan-nights")
    answer = desk.send("/organiser/new", None, **GOOD)
    assert answer.status_code == 422
    assert 'id="slug-error"' in answer.text


def test_the_edit_form_shows_times_in_the_events_time_zone(desk):
    desk.send("/organiser/new", None, **GOOD)
    page = desk.get("/organiser/events/harmattan-nights/edit").text
    for name in ("starts_at", "sale_starts_at", "sale_ends_at", "venue"):
        assert f'value="{GOOD[name]}"' in page
    assert 'value="15000.50"' in page


def test_an_edit_is_saved_and_follows_a_new_address(desk):
    desk.send("/organiser/new", None, **GOOD)
    edit = "/organiser/events/harmattan-nights/edit"
    answer = desk.send(edit, None, **GOOD | {"slug": "new-name", "title": "New"})
    assert answer.location == "/organiser/events/new-name"
    assert "The changes are saved" in desk.get(answer.location).text


def test_a_published_event_is_edited_without_what_stands_still(desk):
    event = factories.an_event(line=False, organisation=desk.organisation)
    page = f"/organiser/events/{event.slug}"
    html = desk.get(f"{page}/edit").text
    assert 'name="price"' in html
    assert html.count("disabled") >= 5
    typed = _times(event) | {"title": "New", "venue": "V", "max_per_fan": "2"}
    typed |= {"hold_minutes": "9", "pass_minutes": "4", "price": "1", "slug": "other"}
    typed["proof"] = "heavy"
    typed["mark_joins"] = "12"
    answer = desk.send(f"{page}/edit", None, **typed)
    assert answer.location == page
    db.session.rollback()
    assert (event.title, event.max_per_fan, event.hold_seconds) == ("New", 2, 540)
    assert event.proof == "heavy"
    assert event.mark_joins == 12
    assert event.price == 500_000


def test_an_edit_that_does_not_hold_keeps_what_was_typed(desk):
    event = factories.an_event(line=False, organisation=desk.organisation)
    answer = desk.send(f"/organiser/events/{event.slug}/edit", None, title="", venue="Typed")
    assert answer.status_code == 422
    assert "Please give the event a title" in answer.text
    assert 'value="Typed"' in answer.text


def test_an_edit_of_what_has_changed_meanwhile_is_409_and_changes_nothing(desk):
    event = factories.an_event(line=False, organisation=desk.organisation)
    edit = f"/organiser/events/{event.slug}/edit"
    answer = desk.send(edit, None, seen="0" * 16, title="Mine")
    assert answer.status_code == 409
    assert "nothing was done" in answer.text
    db.session.rollback()
    assert event.title != "Mine"


def test_events_of_another_organisation_are_404_on_every_page(desk):
    event = factories.an_event(line=False)
    page = f"/organiser/events/{event.slug}"
    with desk.client.session_transaction() as session:
        session["form"] = "token"
    for path in ("", "/edit", "/live"):
        assert desk.get(page + path).status_code == 404
    for path in ("/edit", "/publish", "/open", "/pause", "/resume", "/close"):
        data = {"form_token": "token", "seen": event.state, "reason": "Mine now."}
        assert desk.client.post(page + path, data=data).status_code in (404, 409)
    db.session.rollback()
    assert event.state == "on_sale"


def _times(event: Event) -> dict[str, str]:
    shown = "%Y-%m-%dT%H:%M"
    hour = timedelta(hours=1)
    return {
        name: (getattr(event, name) + hour).strftime(shown)
        for name in ("starts_at", "sale_ends_at")
    }


def test_the_form_is_told_in_words_before_it_is_saved(desk):
    headers = {"HX-Request": "true"}
    token = hidden_fields(desk.get("/organiser/new").text, None)
    told = desk.client.post("/organiser/check", data=token | GOOD, headers=headers)
    assert told.status_code == 200
    assert told.text.lstrip().startswith('<section id="summary"')
    assert "tickets at" in told.text
    page = desk.client.post("/organiser/check", data=token | GOOD)
    assert 'value="' + GOOD["title"] + '"' in page.text
    assert "tickets at" in page.text
    assert db.session.scalar(select(func.count(Event.id))) == 0


def test_a_form_that_is_not_right_yet_says_what_is_missing(desk):
    token = hidden_fields(desk.get("/organiser/new").text, None)
    told = desk.client.post("/organiser/check", data=token | GOOD | {"price": "much"})
    assert "told here in words" in told.text
    assert 'href="#price"' in told.text
