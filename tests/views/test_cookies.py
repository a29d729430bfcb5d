"""What cookies look like, on https and on a development machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import extensions
from app.factory import create_app
from app.gateway import client as gateway
from app.line import client as line
from tests import factories
from tests.conftest import FreshContextClient
from tests.views.browsing import FORM, admit, code
from tests.views.desk import PASSWORD, hidden_fields

ADDRESS = "https://tickets.example"


@pytest.fixture
def https(app, settings):
    """A browser at the same site in production, which is reached by https."""
    site = create_app(replace(settings, environment="production", public_url=ADDRESS))
    site.test_client_class = FreshContextClient
    browser = site.test_client()
    browser.environ_base["HTTP_HOST"] = "tickets.example"
    browser.environ_base["wsgi.url_scheme"] = "https"
    yield browser
    with site.app_context():
        extensions.db.engine.dispose()
    extensions.settings.bind(settings, None)
    line.bind(settings)
    gateway.bind(settings)


class Jar:
    """A browser that notes each cookie as it was set."""

    def __init__(self, client):
        self.client, self.cookies, self.set = client, {}, {}

    def ask(self, method, path, **kwargs):
        answer = self.client.open(path, method=method, base_url=ADDRESS, **kwargs)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        for header in answer.headers.getlist("Set-Cookie"):
            self.set[header.partition("=")[0]] = header
        assert answer.status_code < 400, answer.text
        return answer


def test_on_https_every_cookie_is_of_this_host_only(https):
    event = factories.an_event()
    jar, path = Jar(https), f"/events/{event.slug}"
    jar.ask("POST", f"{path}/line", follow_redirects=False)
    jar.ask("POST", f"{path}/line?c=1")
    jar.ask("GET", f"{path}/line?lang=en")
    jar.ask("POST", f"{path}/verify", data={"email": "ada@example.com"})
    jar.ask("POST", f"{path}/verify", data={"code": code()})
    admit(event)
    jar.ask("GET", f"{path}/line/status")
    made = jar.ask("POST", f"{path}/claim", data=FORM)
    jar.ask("POST", f"{made.location}/pay")
    member = factories.a_staff_member("organiser", factories.an_organisation())
    form = hidden_fields(jar.ask("GET", "/staff/login").text, "/staff/login")
    jar.ask("POST", "/staff/login", data=form | {"email": member.email, "password": PASSWORD})
    reference = made.location.rpartition("/")[2]
    named = ("place", "pass", "asked", "proven")
    assert set(jar.set) == {
        f"__Host-fq_{name}"
        for name in (
            "visitor",
            "fan",
            "lang",
            "staff",
            f"claim_{reference}",
            *(f"{name}_{event.id}" for name in named),
        )
    }
    for name, header in jar.set.items():
        attributes = header.split("; ")[1:]
        for one in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert one in attributes, name
        assert "Domain" not in header


def test_on_https_a_cookie_that_another_host_could_plant_counts_for_nothing(https):
    event = factories.an_event()
    jar, path = Jar(https), f"/events/{event.slug}"
    jar.ask("POST", f"{path}/line", follow_redirects=False)
    jar.ask("POST", f"{path}/line?c=1")
    place = https.get_cookie(f"__Host-fq_place_{event.id}", domain="tickets.example").value
    other = https.application.test_client(use_cookies=False)
    other.environ_base |= https.environ_base
    for name, status in ((f"fq_place_{event.id}", 403), (f"__Host-fq_place_{event.id}", 200)):
        headers = {"Cookie": f"{name}={place}"}
        answer = other.get(f"{path}/line", base_url=ADDRESS, headers=headers)
        assert answer.status_code == status


def test_on_a_development_machine_without_https_cookies_have_plain_names(client):
    event = factories.an_event()
    header = client.post(f"/events/{event.slug}/line").headers["Set-Cookie"]
    assert header.startswith("fq_visitor=")
    assert "Secure" not in header
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
