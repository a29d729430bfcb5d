"""Which role opens which page: every route of staff, with every role."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.views.staff import ALLOWED, BEFORE_LOG_IN
from tests import factories
from tests.views.desk import Desk

ROLES = ("organiser", "support", "admin")
# After these the desk is logged out.
GOING = ("staff.log_out", "account.log_out_everywhere")
PREFIXES = ("/staff", "/organiser", "/support")


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(method, path, endpoint) of every page of staff, its parameters filled in with nonsense."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in ALLOWED:
            path = rule.rule.replace("<slug>", "no-such").replace("<reference>", "FQ-0")
            path = re.sub(r"<int:\w+>", "0", path)
            path = re.sub(r"<\w+>", "nothing", path)
            found += [
                (method, path, rule.endpoint) for method in sorted(rule.methods & {"GET", "POST"})
            ]
    assert len(found) > 20
    return found


def test_every_address_of_staff_belongs_to_the_table_of_roles(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIXES):
            assert rule.endpoint.split(".")[0] in ALLOWED, rule
        else:
            assert rule.endpoint.split(".")[0] not in ALLOWED, rule


def test_nobody_who_is_not_logged_in_opens_any_page(app, client):
    for method, path, endpoint in routes(app):
        answer = client.open(path, method=method)
        if endpoint == "staff.code_form":
            assert answer.location == "/staff/login", path
        elif endpoint in BEFORE_LOG_IN:
            assert answer.status_code in (200, 403, 404), path
        else:
            assert answer.status_code == 303, path
            assert answer.location.startswith("/staff/login"), path


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_own_pages_and_no_others(app, role):
    for method, path, endpoint in routes(app):
        if endpoint in BEFORE_LOG_IN:
            continue
        desk = Desk(app, role) if endpoint in GOING else _desk(app, role)
        status = desk.client.open(path, method=method, data=_token(desk)).status_code
        if role in ALLOWED[endpoint.split(".")[0]]:
            assert status != 403, (role, method, path)
            assert status < 500, (role, method, path)
        else:
            assert status == 403, (role, method, path)


@pytest.mark.parametrize("role", ROLES)
def test_no_form_of_staff_is_accepted_without_its_token(app, role):
    desk = _desk(app, role)
    for method, path, endpoint in routes(app):
        if method == "POST":
            for token in ({}, {"form_token": ""}, {"form_token": "x" * 22}):
                answer = desk.client.post(path, data=token)
                assert answer.status_code == 403, (endpoint, token)


_desks: dict[str, Desk] = {}


@pytest.fixture(autouse=True)
def _forget_desks():
    yield
    _desks.clear()


def _desk(app: Flask, role: str) -> Desk:
    if role not in _desks:
        _desks[role] = Desk(app, role)
    return _desks[role]


def _token(desk: Desk) -> dict[str, str]:
    with desk.client.session_transaction() as session:
        session.setdefault("form", "a token of this session")
        return {"form_token": session["form"]}


def test_the_pages_of_one_role_show_no_way_to_those_of_another(app):
    support = Desk(app, "support").get("/support/").text
    organiser = Desk(app, "organiser").get("/organiser/").text
    admin = Desk(app, "admin").get("/organiser/").text
    assert 'href="/organiser/"' not in support
    assert 'href="/support/"' not in organiser
    assert 'href="/support/"' in admin


def test_an_admin_sees_the_own_organisation_only(app):
    elsewhere = factories.an_event(line=False)
    admin = Desk(app, "admin")
    assert elsewhere.title not in admin.get("/organiser/").text
    assert admin.get(f"/organiser/events/{elsewhere.slug}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/organiser/events/a%00b",
        "/organiser/events/%F0%9F%8E%AB",
        "/organiser/events/a%00b/live",
        "/support/claims/a%00b",
        "/support/claims/%27%3B--",
    ],
)
def test_an_odd_address_is_404(app, path):
    assert Desk(app, "admin").get(path).status_code == 404
