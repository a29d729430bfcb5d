"""Logging in and out, and what every page of staff asks for before it opens."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select, update

from app.domain import errors
from app.extensions import db
from app.services import sessions
from app.services import staff as people
from app.store.models import OutboxEntry, Staff
from tests import factories
from tests.views.desk import Desk, hidden_fields, log_in


@pytest.mark.parametrize(
    ("role", "home"),
    [("organiser", "/organiser/"), ("support", "/support/"), ("admin", "/organiser/")],
)
def test_each_role_comes_to_its_own_page(app, client, role, home):
    member = factories.a_staff_member(role)
    answer = log_in(client, member.email.upper() + " ")
    assert answer.status_code == 303
    assert answer.location == home
    page = client.get(home)
    assert page.status_code == 200
    assert member.name in page.text


@pytest.mark.parametrize("password", ["wrong", "", "x" * 5000])
def test_a_wrong_password_is_422_and_the_address_stays_in_the_form(client, password):
    email = factories.a_staff_member().email
    answer = log_in(client, email, password)
    assert answer.status_code == 422
    assert f'value="{email}"' in answer.text
    assert "do not belong together" in answer.text
    assert client.get("/organiser/").status_code == 303


@pytest.mark.parametrize("email", ["a\0b@example.com", "x" * 10_000, "@", "ü@example.com"])
def test_an_odd_address_brings_nothing_down(client, email):
    assert log_in(client, email).status_code in (404, 422)


def test_an_unknown_address_hears_the_same_as_a_wrong_password(client):
    known = log_in(client, factories.a_staff_member().email, "wrong").text
    unknown = log_in(client, "nobody@example.com", "wrong").text

    def words(html: str) -> str:
        return html.split('role="alert"')[1].split("</div>")[0]

    assert words(known) == words(unknown)


def test_an_unknown_address_costs_one_hash_as_a_known_one_does(app, monkeypatch):
    verified = []

    class Counting:
        def verify(self, password_hash, password):
            verified.append(password_hash)
            raise people.Argon2Error

        def hash(self, password):
            return "$argon2id$of-nobody"

    monkeypatch.setattr(people, "_hasher", Counting)
    people._hash_of_nobody.cache_clear()
    email = factories.a_staff_member().email
    for address in (email, "nobody@example.com"):
        with pytest.raises(people.LogInRefused):
            people.log_in(address, "wrong")
    people._hash_of_nobody.cache_clear()
    assert len(verified) == 2
    assert verified[1] == "$argon2id$of-nobody"


def test_an_unknown_address_costs_as_many_statements_and_a_write_as_well(app):
    email = factories.a_staff_member().email
    db.session.rollback()
    asked = {}
    for address in (email, "nobody@example.com"):
        verbs = asked[address] = []

        def note(connection, cursor, statement, *rest, verbs=verbs):
            verbs.append(statement.split()[0])

        event.listen(db.engine, "before_cursor_execute", note)
        with pytest.raises(people.LogInRefused):
            people.log_in(address, "wrong")
        event.remove(db.engine, "before_cursor_execute", note)
    known, unknown = asked.values()
    assert len(known) == len(unknown) > 1
    assert (known[-1], unknown[-1]) == ("INSERT", "UPDATE")


def test_a_disabled_account_cannot_log_in_and_is_logged_out_at_once(app):
    desk = Desk(app, "organiser")
    db.session.execute(update(Staff).values(disabled_at=factories.utc_now()))
    db.session.commit()
    assert desk.get("/organiser/").status_code == 303
    assert log_in(app.test_client(), desk.email).status_code == 422


def test_logging_out_is_a_form_and_closes_the_pages(app):
    desk = Desk(app, "admin")
    assert desk.get("/staff/logout").status_code == 405
    answer = desk.send("/organiser/", "/staff/logout")
    assert (answer.status_code, answer.location) == (303, "/staff/login")
    assert desk.get("/organiser/").status_code == 303


def test_who_is_not_logged_in_comes_back_to_the_page_after_logging_in(client):
    answer = client.get("/organiser/new")
    assert (answer.status_code, answer.location) == (303, "/staff/login?next=/organiser/new")
    member = factories.a_staff_member()
    answer = log_in(client, member.email, next="/organiser/new")
    assert answer.location == "/organiser/new"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/organiser",
        "//evil.example/organiser",
        "/\\evil.example",
        "/organiser\\@evil.example",
        "javascript:alert(1)",
        "/events/x",
        "/staff/logout",
    ],
)
def test_logging_in_leads_nowhere_but_to_pages_of_staff(client, wanted):
    answer = log_in(client, factories.a_staff_member().email, next=wanted)
    assert answer.location == "/organiser/"


def test_a_log_in_form_without_its_token_does_nothing(client):
    member = factories.a_staff_member()
    answer = client.post("/staff/login", data={"email": member.email, "password": "password"})
    assert answer.status_code == 403
    assert client.get("/organiser/").status_code == 303


def test_a_token_from_before_the_log_in_is_worth_nothing_after_it(client):
    member = factories.a_staff_member("admin")
    old = hidden_fields(client.get("/staff/login").text, "/staff/login")["form_token"]
    log_in(client, member.email)
    client.get("/organiser/new")
    assert client.post("/organiser/new", data={"form_token": old}).status_code == 403


def test_a_fragment_for_somebody_logged_out_sends_the_whole_page_to_the_log_in(client):
    event = factories.an_event(line=False)
    answer = client.get(f"/organiser/events/{event.slug}/live", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"


def test_pages_of_fans_touch_no_session_of_staff(app):
    desk = Desk(app, "admin")
    factories.an_event(line=False)
    answer = desk.get("/")
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "Set-Cookie" not in answer.headers


def test_pages_of_staff_are_kept_by_no_cache(app):
    desk = Desk(app, "admin")
    assert desk.get("/organiser/").headers["Cache-Control"] == "no-store"


def test_without_postgres_the_pages_of_staff_ask_for_patience(app, monkeypatch):
    desk = Desk(app, "admin")

    def away(*args):
        raise errors.StoreUnavailable

    monkeypatch.setattr(sessions, "load", away)
    for path in ("/organiser/", "/support/", "/staff/"):
        answer = desk.get(path)
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
    monkeypatch.setattr(people, "log_in", away)
    assert log_in(app.test_client(), desk.email).status_code == 503


def test_a_common_password_opens_nothing_and_a_mail_leads_to_another(client, monkeypatch):
    email = factories.a_staff_member().email
    monkeypatch.setattr(people, "is_common", lambda password: password == "password")
    answer = log_in(client, email)
    assert answer.status_code == 422
    assert "A mail helps you to another" in answer.text
    assert client.get("/organiser/").status_code == 303
    owed = db.session.scalars(select(OutboxEntry.kind)).all()
    assert owed == ["send_reset"]
