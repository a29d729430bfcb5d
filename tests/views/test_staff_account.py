"""One's own log-in: where it is used, and the password."""

from __future__ import annotations

import re

from tests.views.desk import PASSWORD, Desk, hidden_fields, log_in

ACCOUNT = "/staff/account/"
EVERYWHERE = "/staff/account/log-out-everywhere"


def test_somebody_sees_the_own_sessions_and_ends_another_with_the_password(app):
    desk, other = Desk(app, "support"), app.test_client()
    log_in(other, desk.email)
    html = desk.get(ACCOUNT).text
    assert "This browser" in html
    action = re.search(r'formaction="(/staff/account/sessions/\d+/end)"', html)[1]
    wrong = end(desk, action, "wrong")
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    assert other.get("/support/").status_code == 200
    assert end(desk, action).status_code == 303
    assert other.get("/support/").status_code == 303
    assert desk.get("/support/").status_code == 200


def end(desk, action, password=PASSWORD):
    """Fill the password in and press one of the buttons that belong to its form."""
    form = hidden_fields(desk.get(ACCOUNT).text, EVERYWHERE)
    return desk.client.post(action, data=form | {"password": password})


def test_a_stolen_cookie_is_worth_nothing_after_the_log_out(app):
    desk = Desk(app, "support")
    stolen = desk.client.get_cookie("fq_staff").value
    desk.send("/support/", "/staff/logout")
    desk.client.set_cookie("fq_staff", stolen)
    assert desk.get("/support/").status_code == 303


def test_logging_out_everywhere_closes_every_browser(app):
    desk, other = Desk(app, "organiser"), app.test_client()
    log_in(other, desk.email)
    assert end(desk, EVERYWHERE, "").status_code == 422
    assert desk.get("/organiser/").status_code == other.get("/organiser/").status_code == 200
    answer = end(desk, EVERYWHERE)
    assert answer.location == "/staff/login"
    assert desk.get("/organiser/").status_code == other.get("/organiser/").status_code == 303


def test_a_password_is_changed_by_who_knows_the_present_one(app):
    desk = Desk(app, "organiser")
    path = "/staff/account/password"
    wrong = desk.send(ACCOUNT, path, present="wrong", wanted="a much longer one")
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    short = desk.send(ACCOUNT, path, present=PASSWORD, wanted="short")
    assert short.status_code == 422
    assert desk.send(ACCOUNT, path, present=PASSWORD, wanted="a longer one").status_code == 303
    assert log_in(app.test_client(), desk.email, "a longer one").status_code == 303


def test_the_sixth_wrong_password_is_429_and_says_how_long(app):
    desk, client = Desk(app, "organiser"), app.test_client()
    for _ in range(5):
        assert log_in(client, desk.email, "wrong").status_code == 422
    answer = log_in(client, desk.email, "wrong")
    assert answer.status_code == 429
    assert "try again in 15 minutes" in answer.text
    assert f'value="{desk.email}"' in answer.text
