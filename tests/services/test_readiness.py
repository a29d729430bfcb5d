"""The readiness list: asked for by the outbox, answered by the workers, shown with its time."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest
from sqlalchemy import text

from app.domain import errors
from app.extensions import db
from app.services import events, mail, outbox, readiness, samples, staff
from app.services.readiness import Line
from app.store.models import Event
from tests import factories
from tests.views.desk import Desk


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


@pytest.fixture
def event(organiser) -> Event:
    return factories.an_event(
        organisation_id=organiser.organisation_id,
        state="published",
        capacity=2_000,
        pass_capacity=600,
    )


@pytest.fixture
def sent(monkeypatch) -> list[Any]:
    """The mails that a mail server would have taken."""
    found: list[Any] = []
    monkeypatch.setattr(mail, "_hand_over", found.append)
    return found


def line(organiser, event, name: str) -> Line:
    found = readiness.look(organiser, event.slug)
    return next(one for one in found.lines if one.name == name)


def test_asking_writes_down_what_is_owed_and_calls_nobody(organiser, event, sent):
    assert line(organiser, event, "mail").verdict == "warm"
    readiness.ask(organiser, event.slug)
    assert sent == []
    assert readiness.look(organiser, event.slug).asking
    assert line(organiser, event, "gateway").verdict == "asking"


def test_the_workers_answer_and_the_list_says_when(organiser, event, sent, bank):
    readiness.ask(organiser, event.slug)
    assert outbox.deliver_once("mail") == 1
    assert outbox.deliver_once("money") == 1
    (message,) = sent
    assert message["To"] == organiser.email
    assert event.title in message["Subject"]
    for name in ("mail", "gateway"):
        found = line(organiser, event, name)
        assert found.verdict == "good"
        assert found.at is not None
    assert not readiness.look(organiser, event.slug).asking


def test_a_mail_server_that_refuses_is_named_in_its_own_words_and_asked_once(
    organiser, event, monkeypatch
):
    def refuse(message):
        raise smtplib.SMTPAuthenticationError(535, b"wrong password")

    monkeypatch.setattr(mail, "_hand_over", refuse)
    readiness.ask(organiser, event.slug)
    assert outbox.deliver_once("mail") == 1
    found = line(organiser, event, "mail")
    assert found.verdict == "bad"
    assert "wrong password" in found.trouble
    assert outbox.deliver_once("mail") == 0


def test_a_gateway_that_does_not_take_our_key_is_not_ready(organiser, event, bank):
    bank.order(verify=["401"])
    readiness.ask(organiser, event.slug)
    assert outbox.deliver_once("money") == 1
    found = line(organiser, event, "gateway")
    assert found.verdict == "bad"
    assert found.trouble


def test_nobody_answers_for_a_worker_that_does_not_run(organiser, event):
    readiness.ask(organiser, event.slug)
    db.session.execute(text("UPDATE checks SET asked_at = asked_at - interval '30 seconds'"))
    db.session.commit()
    found = line(organiser, event, "gateway")
    assert found.verdict == "bad"
    assert "No answer" in found.said[0]


def test_the_beats_are_seen_by_what_they_write(organiser, event):
    assert line(organiser, event, "beats").verdict == "bad"
    samples.samples_once()
    assert line(organiser, event, "beats").verdict == "good"


def test_pages_have_to_be_looked_at_again_after_a_change(organiser, event):
    assert line(organiser, event, "pages").verdict == "warm"
    readiness.note_preview(organiser, event.slug)
    assert line(organiser, event, "pages").verdict == "good"
    found = events.look(organiser, event.slug)
    form = events.forms.form_values(found) | {"venue": "Elsewhere"}
    events.edit(organiser, event.slug, events.mark(found), form)
    assert line(organiser, event, "pages").verdict == "warm"


def test_a_line_that_cannot_be_reached_is_not_ready(organiser, event, line_redis):
    assert line(organiser, event, "line").verdict == "good"
    line_redis.flushall()
    assert line(organiser, event, "line").verdict == "bad"


def test_everything_ready_is_said(organiser, event, sent, bank):
    assert not readiness.look(organiser, event.slug).ready
    readiness.ask(organiser, event.slug)
    outbox.deliver_once("mail")
    outbox.deliver_once("money")
    samples.samples_once()
    readiness.note_preview(organiser, event.slug)
    found = readiness.look(organiser, event.slug)
    assert [one.name for one in found.lines if one.verdict != "good"] == []
    assert found.ready


def test_another_organisation_is_told_nothing(event):
    other = staff.by_email(factories.a_staff_member("organiser").email)
    with pytest.raises(errors.EventUnknown):
        readiness.look(other, event.slug)
    with pytest.raises(errors.EventUnknown):
        readiness.ask(other, event.slug)
    with pytest.raises(errors.EventUnknown):
        readiness.note_preview(other, event.slug)


def test_the_page_asks_for_answers_only_while_they_are_on_their_way(app):
    desk = Desk(app, "organiser")
    event = factories.an_event(organisation=desk.organisation, state="draft")
    page = f"/organiser/events/{event.slug}/readiness"
    before = desk.get(page).text
    assert "Not everything is ready yet" in before
    assert "hx-trigger" not in before
    assert desk.send(page, None).status_code == 303
    asked = desk.get(page).text
    assert 'hx-trigger="every 2s' in asked
    assert '<noscript><meta http-equiv="refresh"' in asked
    fragment = desk.get(page, headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith('<div id="readiness"')
    looked = desk.send(f"/organiser/events/{event.slug}/preview", None)
    assert looked.location == page
    assert "Somebody has looked at them" in desk.get(page).text
