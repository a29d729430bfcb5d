"""Which site may ask for a change."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app import extensions
from app.domain.tokens import FormToken, PlaceToken, VisitorToken
from tests import factories
from tests.views.browsing import (
    FORM,
    a_claim_of,
    admit,
    cookie,
    hidden,
    join,
    place_of,
    prove,
    status,
)
from tests.views.desk import Desk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(app):
    """A browser that says nothing of which site asks."""
    found = app.test_client()
    del found.environ_base["HTTP_SEC_FETCH_SITE"]
    return found


@pytest.fixture
def path(app):
    return f"/events/{factories.an_event().slug}/line"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        # Where the browser says what it is, the origin need not be asked: it may be rewritten.
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://proxy.internal"},
    ],
)
def test_our_own_pages_may(client, path, headers):
    assert client.post(path, headers=headers).status_code == 307


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost/"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_other_sites_may_not(client, path, headers):
    answer = client.post(path, headers=headers)
    assert answer.status_code == 403
    assert "came from another site" in answer.text
    assert "Set-Cookie" not in answer.headers


def browser_that_says_nothing(app, event):
    """Somebody in the line whose forms all carry their tokens."""
    found = app.test_client()
    join(found, event)
    del found.environ_base["HTTP_SEC_FETCH_SITE"]
    return found


def test_without_both_headers_every_step_of_a_fan_needs_the_token_of_its_form(app):
    event = factories.an_event()
    fan = browser_that_says_nothing(app, event)
    event_path = f"/events/{event.slug}"

    def send(page, action, **form):
        for token in (None, "", "x", cookie(fan, "fq_visitor"), FormToken("x").sign("wrong")):
            fields = form if token is None else form | {"form_token": token}
            refused = fan.post(action, data=fields)
            assert refused.status_code == 403, (action, token)
            assert "open the page again" in refused.text
        token = hidden(fan.get(page).text, "form_token")
        answer = fan.post(action, data=form | {"form_token": token})
        assert answer.status_code in (200, 303), answer.text
        return answer

    fan.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    assert prove(fan, event).status_code == 303
    admit(event)
    assert status(fan, event)["state"] == "admitted"
    del fan.environ_base["HTTP_SEC_FETCH_SITE"]
    send(f"{event_path}/line/more", f"{event_path}/line/more")
    send(f"{event_path}/line/carry", f"{event_path}/line/carry")
    made = send(f"{event_path}/claim", f"{event_path}/claim", **FORM)
    claim = made.location
    send(claim, f"{claim}/more")
    send(claim, f"{claim}/pay")
    send(claim, f"{claim}/release")


def test_leaving_and_proving_need_the_token_too(app):
    event = factories.an_event()
    fan = browser_that_says_nothing(app, event)
    line, verify = f"/events/{event.slug}/line", f"/events/{event.slug}/verify"
    for path, form in ((f"{line}/leave", {}), (verify, {"email": "ada@example.com"})):
        assert fan.post(path, data=form).status_code == 403
    assert place_of(fan, event)
    token = {"form_token": hidden(fan.get(verify).text, "form_token")}
    assert fan.post(verify, data=token | {"email": "ada@example.com"}).status_code == 303
    # It is this browser's, whichever of its forms it came from.
    assert fan.post(f"{line}/leave", data=token).status_code == 303


def test_a_token_is_good_in_the_browser_it_was_given_to_only(app):
    event = factories.an_event()
    fan, other = (browser_that_says_nothing(app, event) for _ in range(2))
    verify = f"/events/{event.slug}/verify"
    token = hidden(other.get(verify).text, "form_token")
    form = {"email": "ada@example.com", "form_token": token}
    assert fan.post(verify, data=form).status_code == 403
    fan.delete_cookie("fq_visitor")
    assert fan.post(verify, data=form).status_code == 403
    assert other.post(verify, data=form).status_code == 303


def test_a_token_of_another_kind_is_none(app):
    event = factories.an_event()
    fan = browser_that_says_nothing(app, event)
    key, verify = extensions.settings.secret_key, f"/events/{event.slug}/verify"
    visitor = VisitorToken.read(cookie(fan, "fq_visitor"), key)
    place: PlaceToken = place_of(fan, event)
    for token in (visitor, place):
        form = {"email": "ada@example.com", "form_token": token.sign(key)}
        assert fan.post(verify, data=form).status_code == 403
    form["form_token"] = FormToken(visitor.visitor).sign(key)
    assert fan.post(verify, data=form).status_code == 303


def test_a_claim_opened_by_its_link_makes_the_browser_known_to_its_forms(app, client):
    claim = a_claim_of(client, factories.an_event())
    page = client.get(f"/claims/{claim.reference}")
    assert "fq_visitor" in page.headers["Set-Cookie"]
    token = hidden(page.text, "form_token")
    pay = f"/claims/{claim.reference}/pay"
    assert client.post(pay).status_code == 403
    assert client.post(pay, data={"form_token": token}).status_code == 303


def test_a_form_that_was_too_old_keeps_the_way_open(client, path):
    answer = client.post(f"{path}/leave")
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text


def test_the_cached_pages_carry_no_token_and_make_no_cookie(client, path):
    for page in ("/", path.removesuffix("/line")):
        answer = client.get(page)
        assert "form_token" not in answer.text
        assert "Set-Cookie" not in answer.headers


def test_forms_of_staff_need_their_token_whatever_the_browser_says(app):
    desk = Desk(app, "organiser")
    for site in ("same-origin", "none"):
        answer = desk.client.post("/staff/logout", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    del desk.client.environ_base["HTTP_SEC_FETCH_SITE"]
    assert desk.client.post("/staff/logout").status_code == 403
    other = Desk(app, "organiser")
    page = other.get("/organiser/").text
    stranger = hidden(page, "form_token")
    assert desk.client.post("/staff/logout", data={"form_token": stranger}).status_code == 403
    own = hidden(desk.get("/organiser/").text, "form_token")
    refused = desk.client.post(
        "/staff/logout", data={"form_token": own}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert refused.status_code == 403
    assert desk.client.post("/staff/logout", data={"form_token": own}).status_code == 303


def test_every_form_that_changes_something_carries_its_token():
    seen = 0
    for template in sorted((ROOT / "templates").rglob("*.html")):
        text = template.read_text()
        forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL)
        # What asks first has its form in a macro, and what is its own in the call.
        forms += re.findall(r"{% call confirm\(.*?{% endcall %}", text, re.DOTALL)
        for form in forms:
            seen += 1
            carries = re.search(
                r"own_form\(\)|form_token\(\)|hidden\(token|caller\(\)|line\.join", form
            )
            assert carries, f"{template}: {form[:200]}"
    assert seen > 30


def test_reading_is_for_everyone(client, path):
    page = path.removesuffix("/line")
    assert client.get(page, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.fixture
def production(settings):
    own = replace(
        settings,
        environment="production",
        public_url="https://tickets.example",
        allowed_hosts=("www.tickets.example",),
    )
    extensions.settings.bind(own, None)
    yield
    extensions.settings.bind(settings, None)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("tickets.example", 200),
        ("Tickets.Example:443", 200),
        ("www.tickets.example", 200),
        ("evil.example", 400),
        ("tickets.example.evil.example", 400),
        ("localhost", 400),
        ("tickets.example:80.evil.example", 400),
        ("tickets.example/evil.example", 400),
        ("evil.example@tickets.example", 400),
        ("tickets.example@evil.example", 400),
        ("[", 400),
        ("", 400),
    ],
)
def test_the_site_goes_by_its_own_names_only(client, path, production, host, status):
    page = path.removesuffix("/line")
    for _ in range(2):
        assert client.get(page, headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://tickets.example", 307),
        ("https://www.tickets.example", 307),
        ("http://tickets.example", 403),
        ("https://tickets.example:8443", 403),
        ("https://tickets.example.evil.example", 403),
        ("null", 403),
    ],
)
def test_in_production_the_origin_is_that_of_the_public_url(
    client, path, production, origin, status
):
    headers = {"Host": "tickets.example:8443", "Origin": origin}
    assert client.post(path, headers=headers).status_code == status


def test_monitors_ask_each_machine_by_its_address(client, production):
    assert client.get("/health/live", headers={"Host": "10.0.0.7"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_development_machine_goes_by_any_name_of_its_own(client, path, host):
    assert client.get(path.removesuffix("/line"), headers={"Host": host}).status_code == 200
