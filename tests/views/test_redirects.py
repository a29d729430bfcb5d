"""Nobody is led to another site by an address of ours, and no error tells what it should not."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import OperationalError

from app.domain import errors
from app.logs import Discreet
from app.services import catalogue
from tests import factories
from tests.views.browsing import join
from tests.views.desk import PASSWORD, Desk, hidden_fields

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/organiser/",
    "\\\\evil.example/organiser",
    "/\\evil.example",
    "/organiser/\\..\\evil.example",
    "https:/organiser",
    "https:evil.example",
    "javascript:alert(1)//organiser",
    "/\t/evil.example",
    "/organiser\r\nLocation: https://evil.example",
    "///evil.example/organiser",
    "[",
    "http://[",
    "/organiser@evil.example",
)


@pytest.fixture
def logged(caplog, monkeypatch):
    """What is logged, as a program of ours writes it."""
    monkeypatch.setattr(caplog.handler, "formatter", Discreet("%(message)s"))
    return caplog


def stays_here(location):
    parts = urlsplit(location)
    return not parts.scheme and not parts.netloc and re.match(r"/(?![/\\])", location)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_after_logging_in_nobody_lands_on_another_site(app, client, wanted):
    member = factories.a_staff_member("organiser", factories.an_organisation())
    form = hidden_fields(client.get("/staff/login").text, "/staff/login")
    sent = form | {"email": member.email, "password": PASSWORD, "next": wanted}
    answer = client.post("/staff/login", data=sent)
    assert answer.status_code == 303
    assert stays_here(answer.location)
    assert "evil" not in answer.location or answer.location.startswith("/organiser")
    page = app.test_client().get("/staff/login", query_string={"next": wanted}).text
    assert "//evil" not in page


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_after_proving_an_address_nobody_lands_on_another_site(client, wanted):
    event = factories.an_event()
    join(client, event)
    path = f"/events/{event.slug}/verify"
    answer = client.post(path, data={"email": "ada@example.com", "then": wanted})
    assert answer.location == path


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example/events", "/\\evil.example", "///evil.example/%2e"]
)
def test_a_page_at_an_odd_address_links_to_this_site_only(client, path):
    answer = client.get("/", environ_overrides={"PATH_INFO": path})
    assert answer.status_code in (308, 404)
    links = re.findall(r'(?:href|action|content)="(?:\d+; url=)?([^"]*)"', answer.text)
    # The icon is in the page itself.
    links = [link for link in links if not link.startswith("data:image/svg+xml,")]
    assert not [link for link in links if link.startswith(("//", "/\\")) or "://" in link]
    if answer.location:
        assert urlsplit(answer.location).netloc in ("", "localhost")


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("secret detail"),
        OperationalError("SELECT secret detail", {}, Exception("at 10.0.0.7:5432")),
        KeyError("SECRET_KEY"),
    ],
    ids=["fault", "driver", "setting"],
)
def test_a_fault_tells_its_number_and_nothing_else(client, monkeypatch, logged, fault, json):
    def broken(slug):
        raise fault

    monkeypatch.setattr(catalogue, "facts", broken)
    monkeypatch.setattr(client.application, "testing", False)
    monkeypatch.setitem(client.application.config, "PROPAGATE_EXCEPTIONS", False)
    headers = {"Accept": "application/json"} if json else {}
    answer = client.get("/events/any", headers=headers)
    assert answer.status_code == 500
    for word in ("secret", "SELECT", "10.0.0.7", "SECRET_KEY", "Traceback", "Error", ".py"):
        assert word not in answer.text, word
    number = answer.headers["X-Request-Id"]
    assert number in answer.text
    assert f"500 GET public.event request={number}\n" in logged.text
    assert f"request {number} failed" in logged.text


def test_a_refusal_of_what_somebody_may_not_do_is_in_page_and_log_by_one_number(app, logged):
    desk = Desk(app, "support")
    event = factories.an_event()
    for browser, path in (
        (desk.client, "/organiser/events/x/pause"),
        (app.test_client(), f"/events/{event.slug}/claim"),
    ):
        logged.clear()
        answer = browser.post(path)
        assert answer.status_code == 403
        number = answer.headers["X-Request-Id"]
        assert number in answer.text
        assert f" request={number}\n" in logged.text
        assert logged.text.count(number) == 1


def test_programs_are_told_the_number_of_a_refusal(client):
    answer = client.get("/events/nothing", headers={"Accept": "application/json"})
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert answer.json["error"] == errors.EventUnknown.__name__
