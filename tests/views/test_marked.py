"""Marked places: staff's list and decision, and what the fan sees and says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import text

from app.extensions import db
from app.line import verbs
from app.services import journal, line, marks
from app.store import marks as store
from tests import factories
from tests.views.browsing import heading, join, prove, reach_the_form, status
from tests.views.desk import Desk


@pytest.fixture
def desk(app):
    return Desk(app, "organiser")


@pytest.fixture
def event(desk):
    return factories.an_event(organisation=desk.organisation, mark_joins=3)


@pytest.fixture
def pages(event):
    return f"/organiser/events/{event.slug}/marked", f"/events/{event.slug}/line"


@pytest.fixture
def marked(client, event):
    """Three marked places, the first of which this client holds."""
    join(client, event)
    for _ in range(2):
        line.join(event.slug, factories.an_id(), network="127.0.0.1")
    journal.journal_once()
    assert marks.mark_once() == 3
    db.session.rollback()


def decide(desk: Desk, page: str, do: str, number: int | None, reason: str = "Of one hand.") -> Any:
    """Follow the link of a place, or of the group, and press a button."""
    wanted = f"number={number}&" if number else "rule="
    links = re.findall(r'href="([^"]+/decide\?[^"]+)"', desk.get(page).text.replace("&amp;", "&"))
    (ask,) = [link for link in links if wanted in link][:1]
    db.session.rollback()
    return desk.send(ask, f"{page}/decide", do=do, reason=reason)


def test_the_list_says_why_and_the_event_says_how_many(desk, event, marked, pages):
    html = desk.get(f"/organiser/events/{event.slug}").text
    assert "Marked places: 3" in html
    html = desk.get(pages[0]).text
    assert "3 places joined from one network within 60 seconds." in html
    assert html.count("no address proven") == 3
    assert "Decide about all 3" in html


def test_a_fan_is_told_nothing_of_a_mark_that_changes_nothing(client, event, marked, pages):
    assert "mark" not in client.get(f"{pages[1]}/status").text
    assert status(client, event)["state"] == "waiting"


def test_removing_asks_the_fan_first_who_appeals_once(desk, client, event, marked, pages):
    answer = decide(desk, pages[0], "remove", None)
    assert answer.location == pages[0]
    assert "3 places are suspended; their fans may appeal." in desk.get(pages[0]).text
    html = client.get(pages[1]).text
    assert heading(html) == "Your place is being looked at"
    assert "Of one hand." in html
    assert "/line/appeal" in html
    form = client.get(f"{pages[1]}/appeal")
    assert heading(form.text) == "Your place should stay"
    empty = client.post(f"{pages[1]}/appeal", data={"appeal": ""})
    assert empty.status_code == 422
    assert "Please say in a few sentences" in empty.text
    sent = client.post(f"{pages[1]}/appeal", data={"appeal": "I queue with <b>my class</b>."})
    assert sent.location == pages[1]
    assert "You have appealed at" in client.get(pages[1]).text
    client.post(f"{pages[1]}/appeal", data={"appeal": "Once more."})
    html = desk.get(pages[0]).text
    assert "I queue with &lt;b&gt;my class&lt;/b&gt;." in html
    assert "Once more." not in html
    assert "One has appealed and waits for your answer." in html
    assert "1 appeal" in desk.get(f"/organiser/events/{event.slug}").text


def test_the_answer_to_an_appeal_is_read_by_the_fan_who_may_join_at_the_end(
    desk, client, event, marked, pages
):
    decide(desk, pages[0], "remove", 1)
    client.post(f"{pages[1]}/appeal", data={"appeal": "I queue with my class."})
    decide(desk, pages[0], "remove", 1, "No such class.")
    html = client.get(pages[1]).text
    assert heading(html) == "Your place was removed"
    assert "No such class." in html
    assert "Join the line again" in html
    assert client.get(f"{pages[1]}/appeal").location == pages[1]
    assert join(client, event).number == 4


def test_a_cleared_place_stands_in_line_again(desk, client, event, marked, pages):
    decide(desk, pages[0], "remove", 1)
    assert status(client, event)["state"] == "suspended"
    decide(desk, pages[0], "clear", 1, "A school.")
    found = status(client, event)
    assert (found["state"], found["number"], found["ahead"]) == ("waiting", 1, 0)
    assert "2 are undecided." in desk.get(pages[0]).text


def test_without_a_reason_nothing_is_done(desk, client, event, marked, pages):
    answer = decide(desk, pages[0], "remove", 1, " ")
    assert answer.status_code == 422
    assert "Please say why: the fan reads it." in answer.text
    assert status(client, event)["state"] == "waiting"


@pytest.mark.parametrize("query", ["number=99", "number=x", "rule=a&shared=b", "number=1&seen=x"])
def test_what_is_not_in_the_list_cannot_be_decided(desk, event, marked, pages, query):
    assert desk.get(f"{pages[0]}/decide?{query}").status_code == 409


def test_who_is_not_suspended_has_nothing_to_appeal(client, event, pages):
    join(client, event)
    assert client.get(f"{pages[1]}/appeal").location == pages[1]
    assert client.post(f"{pages[1]}/appeal", data={"appeal": "x"}).location == pages[1]
    assert status(client, event)["state"] == "waiting"


def test_support_reads_what_became_of_a_place(app, desk, client, event, marked, pages):
    prove(client, event)
    decide(desk, pages[0], "remove", 1)
    client.post(f"{pages[1]}/appeal", data={"appeal": "I queue with my class."})
    support = Desk(app, "support", desk.organisation)
    html = support.get("/support/?q=ada@example.com").text
    assert "Suspended: the organiser wants it to go" in html
    assert "3 places joined from one network within 60 seconds." in html
    assert "I queue with my class." in html


def test_support_sees_the_mark_of_a_place_with_a_claim(app, desk):
    event = factories.an_event(organisation=desk.organisation)
    claim = factories.a_claim(event)
    db.session.execute(
        text(
            "INSERT INTO marks (place_id, rule, event_id, shared, together)"
            " VALUES (:place, 'mailbox', :event, 'x', 4)"
        ),
        {"place": claim.place_id, "event": event.id},
    )
    db.session.commit()
    support = Desk(app, "support", desk.organisation)
    html = support.get(f"/support/claims/{claim.reference}").text
    assert "4 places have proven addresses of one mailbox." in html


def test_a_suspended_fan_with_a_pass_gets_no_ticket(client, event):
    reach_the_form(client, event)
    form = f"/events/{event.slug}/claim"
    html = client.get(form).text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', html))
    journal.journal_once()
    place = db.session.scalar(text("SELECT id FROM places WHERE number = 1"))
    event_id = event.id
    db.session.rollback()
    store.decide(event_id, [place], True, "Of one hand.", 60.0, "system")
    # Postgres knows, and Redis has not heard yet.
    answer = client.post(form, data=fields | {"quantity": "1", "name": "Ada"})
    assert answer.status_code == 403
    assert heading(answer.text) == "Your place is being looked at"
    verbs.end_place(event_id, 1, place)
    assert status(client, event)["state"] == "suspended"
