"""What a stranger may send to any site, and what this one makes of it (docs/security.md)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import select

from app.extensions import db
from app.store.models import Verification
from tests import factories
from tests.views.browsing import join


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/vendor/", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py", "/.git/HEAD",
     "/.env", "/static/.DS_Store", "/wsgi.py", "/var/run.json"],
)  # fmt: skip
def test_no_folder_is_listed_and_no_other_file_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/health/live", "/nothing", "/static/style.css"])
def test_no_other_site_may_read_an_answer_and_none_names_a_version(client, path):
    answer = client.get(path, headers={"Origin": "null"}, buffered=True)
    told = {name.lower() for name, _ in answer.headers}
    assert not {name for name in told if name.startswith("access-control-")}
    assert not told & {"server", "x-powered-by", "x-runtime"}


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/staff/login", "/metrics", "/health/live", "/static/page.js"]
)
def test_every_answer_names_its_type_and_charset(client, path):
    answer = client.get(path, buffered=True)
    assert answer.mimetype
    if answer.mimetype.startswith("text/"):
        assert answer.mimetype_params["charset"].lower() == "utf-8"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_method_that_nothing_here_uses_is_405_and_in_the_log(client, caplog, method):
    with caplog.at_level(logging.WARNING, "fairqueue.requests"):
        answer = client.open("/", method=method, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 405
    assert f"405 {method} none\n" in caplog.text


def test_of_a_field_sent_twice_the_first_counts_and_none_of_the_address(client):
    event = factories.an_event()
    join(client, event)
    path = f"/events/{event.slug}/verify?email=c@example.com"
    twice = {"email": ["a@example.com", "b@example.com"]}
    assert client.post(path, data=twice).status_code == 303
    asked = db.session.scalars(select(Verification.email)).all()
    assert asked == ["a@example.com"]


@pytest.mark.parametrize(
    ("body", "kind"), [(b'{"email": "ada@example.com"}', "application/json"), (b"<e/>", "text/xml")]
)
def test_a_form_in_another_dress_is_an_empty_form(client, body, kind):
    event = factories.an_event()
    join(client, event)
    answer = client.post(f"/events/{event.slug}/verify", data=body, content_type=kind)
    assert answer.status_code == 422
    assert db.session.scalars(select(Verification.email)).all() == []


def test_what_a_fan_or_an_organiser_writes_is_text_wherever_it_is_shown(client):
    """In a page, in a field of it, and in the address of a link."""
    evil = "\"><script>alert(1)</script>'{{ 7*7 }}ねこ O'Hara"
    event = factories.an_event(title=evil, venue=evil, description=evil)
    html = client.get(f"/events/{event.slug}").text
    assert "<script>alert" not in html
    assert "{{ 7*7 }}ねこ O" in html
    join(client, event)
    answer = client.post(f"/events/{event.slug}/verify", data={"email": evil})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "{{ 7*7 }}ねこ O" in answer.text


@pytest.mark.parametrize("path", ["nothing.css", "../../../../../../dev/zero", "../wsgi.py"])
def test_asking_what_may_be_done_with_a_file_reads_none(client: Any, path: str) -> None:
    answer = client.open(f"/static/{path}?v=x", method="OPTIONS")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"/static/{path}?v=x").status_code == 404
