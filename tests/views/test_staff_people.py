"""Invitations, forgotten passwords and the people, in a browser."""

from __future__ import annotations

import re

from app.services import mail, outbox
from tests import factories
from tests.views.desk import PASSWORD, Desk, hidden_fields, log_in

PEOPLE = "/staff/people/"


def mailed(monkeypatch):
    links = []
    monkeypatch.setattr(
        mail,
        "send",
        lambda *args, **values: links.append(re.sub("^http://[^/]*", "", values["link"])),
    )
    outbox.deliver_once(outbox.MAIL)
    return links[-1] if links else None


def fill(client, path, **fields):
    html, action = client.get(path).text, path.partition("?")[0]
    return client.post(action, data=hidden_fields(html, action) | fields)


def test_an_admin_invites_somebody_who_logs_in_then(app, client, monkeypatch):
    admin = Desk(app, "admin")
    wrong = admin.send(PEOPLE, f"{PEOPLE}invite", email="x", role="support")
    assert wrong.status_code == 422
    assert 'value="x"' in wrong.text
    sent = admin.send(PEOPLE, f"{PEOPLE}invite", email="bisi@example.com", role="support")
    assert sent.status_code == 303
    assert "bisi@example.com" in admin.get(PEOPLE).text
    link = mailed(monkeypatch)
    short = fill(client, link, name="Bisi", password="short")
    assert short.status_code == 422
    assert 'value="Bisi"' in short.text
    assert fill(client, link, name="Bisi", password="a long password").location == "/staff/login"
    assert "Your log-in is made" in client.get("/staff/login").text
    assert log_in(client, "bisi@example.com", "a long password").location == "/support/"
    assert client.get(link).status_code == 410
    assert client.get("/staff/invitation/nothing").status_code == 404


def test_a_forgotten_password_is_chosen_anew(app, client, monkeypatch):
    email = factories.a_staff_member("support").email
    answers = [
        fill(client, "/staff/forgotten", email=one).text.replace(one, "")
        for one in (email, "nobody@example.com")
    ]
    assert "is on its way" in answers[0]
    assert answers[0] == answers[1]
    link = mailed(monkeypatch)
    assert fill(client, link, password="short").status_code == 422
    assert fill(client, link, password="a long password").status_code == 303
    assert log_in(client, email, "a long password").status_code == 303
    assert client.get(link).status_code == 410


def test_asking_for_many_mails_is_429(app, client):
    statuses = [
        fill(client, "/staff/forgotten", email="a@example.com").status_code for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]


def test_an_admin_disables_and_enables_and_ends_sessions(app):
    admin = Desk(app, "admin")
    other = Desk(app, "support", admin.organisation)
    other_id = other.id
    admin.send(PEOPLE, f"{PEOPLE}{other_id}/role", role="organiser")
    assert other.get("/organiser/").status_code == 200
    admin.send(PEOPLE, f"{PEOPLE}{other_id}/log-out")
    assert other.get("/organiser/").status_code == 303
    admin.send(PEOPLE, f"{PEOPLE}{other_id}/disable")
    assert log_in(other.client, other.email).status_code == 422
    admin.send(PEOPLE, f"{PEOPLE}{other_id}/enable")
    assert log_in(other.client, other.email).status_code == 303


def test_a_number_that_no_row_can_have_is_nobody(app):
    desk = Desk(app, "admin")
    token = hidden_fields(desk.get(PEOPLE).text, f"{PEOPLE}invite")
    for number in (2**31, 2**63 - 1, 2**63, 10**40):
        answer = desk.client.post(f"{PEOPLE}{number}/disable", data=token)
        assert answer.status_code == 404, number
    token |= {"password": PASSWORD}
    for number in (2**63 - 1, 2**63):
        answer = desk.client.post(f"/staff/account/sessions/{number}/end", data=token)
        assert answer.status_code in (303, 404), number
