"""The second factor in a browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp

from tests import factories
from tests.views.desk import Desk, hidden_fields, log_in

CODE = "/staff/account/code"


def set_up(desk):
    """Turn it on as a person would: what the app is, and the recovery codes."""
    html = desk.get(CODE).text
    assert "<svg" in html
    phone = pyotp.TOTP(re.search(r'secret">(\w{32})<', html)[1])
    answer = desk.send(CODE, CODE, code=phone.at(factories.utc_now() - timedelta(seconds=30)))
    assert answer.status_code == 200
    return phone, re.findall(r"<li[^>]*>((?:\w{5}-){4}\w{5})<", answer.text)


def finish(client, code):
    form = hidden_fields(client.get("/staff/code").text, "/staff/code")
    return client.post("/staff/code", data=form | {"code": code})


def test_who_turned_it_on_needs_password_and_code(app):
    desk = Desk(app, "support")
    phone, codes = set_up(desk)
    assert len(codes) == 10
    client = app.test_client()
    answer = log_in(client, desk.email, next="/support/claims/x")
    assert answer.location.startswith("/staff/code?next=")
    assert client.get("/support/").status_code == 303
    wrong = finish(client, "abcdef")
    assert wrong.status_code == 422
    assert "This code is wrong" in wrong.text
    assert client.get("/support/").status_code == 303
    assert finish(client, phone.now()).location == "/support/"
    assert client.get("/support/").status_code == 200


def test_a_recovery_code_opens_as_well(app):
    desk = Desk(app, "support")
    _, codes = set_up(desk)
    log_in(desk.client, desk.email)
    assert finish(desk.client, codes[0]).location == "/support/"
    assert "9 recovery codes are left" in desk.get("/staff/account/").text


def test_the_page_for_the_code_opens_after_the_password_only(client):
    assert client.get("/staff/code").location == "/staff/login"


def test_it_is_turned_off_and_codes_are_made_anew_on_the_page_of_the_log_in(app):
    desk = Desk(app, "support")
    phone, codes = set_up(desk)
    page = "/staff/account/"
    form = hidden_fields(desk.get(page).text, f"{CODE}/recovery-codes")
    wrong = desk.client.post(f"{CODE}/recovery-codes", data=form | {"code": "x"})
    assert wrong.status_code == 422
    anew = desk.client.post(f"{CODE}/recovery-codes", data=form | {"code": codes[0]})
    assert anew.status_code == 200
    assert codes[1] not in anew.text
    off = desk.client.post(f"{CODE}/off", data=form | {"code": phone.now()})
    assert off.status_code == 303
    assert log_in(app.test_client(), desk.email).location == "/support/"


def test_where_it_is_required_nothing_else_opens_before_it_is_on(app):
    admin = Desk(app, "admin")
    people = "/staff/people/"
    admin.send(people, f"{people}second-factor")
    support = Desk(app, "support", admin.organisation)
    for path in ("/support/", "/staff/account/", "/staff/people/"):
        assert support.get(path).status_code in (303, 403)
    assert support.get("/support/").location == CODE
    fragment = support.get("/support/?q=x", headers={"HX-Request": "true"})
    assert fragment.status_code == 401
    assert "asks everybody for a code" in support.get(CODE).text
    set_up(support)
    assert support.get("/support/").status_code == 200
    assert f"{CODE}/off" not in support.get("/staff/account/").text


def test_an_admin_takes_a_lost_code_away(app):
    admin = Desk(app, "admin")
    other = Desk(app, "support", admin.organisation)
    set_up(other)
    people = "/staff/people/"
    admin.send(people, f"{people}{other.id}/take-code-away")
    assert log_in(app.test_client(), other.email).location == "/support/"
