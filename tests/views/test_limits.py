"""How often one network may ask."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from app import extensions
from app.domain.tokens import VisitorToken, new_id
from app.factory import create_app
from app.gateway import client as gateway
from app.line import client as line
from sandbox import servers
from tests import factories
from tests.conftest import FreshContextClient
from tests.views.browsing import as_buyer, claim, heading, join, prove
from tests.views.desk import Desk, log_in

# So few that a test can ask for too many; a code may be asked for ten times, staff twice.
A_MINUTE = 50


@pytest.fixture
def limited(app, monkeypatch):
    monkeypatch.setattr(extensions.settings, "forms_per_minute", A_MINUTE)
    return app


def from_address(app, address):
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def statuses(ask, times):
    return [ask().status_code for _ in range(times)]


def test_too_many_forms_in_a_minute_are_429_with_a_page_and_retry_after(limited):
    event = factories.an_event()
    client = from_address(limited, "197.210.8.9")
    path = f"/events/{event.slug}/verify"
    assert statuses(lambda: client.post(path), 11) == [403] * 10 + [429]
    answer = client.post(path)
    assert heading(answer.text) == "Please wait a little"
    assert "from your network" in answer.text
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["X-Request-Id"] in answer.text
    json = client.post(path, headers={"Accept": "application/json"})
    assert (json.status_code, json.json["error"]) == (429, "TooManyRequests")
    # Each form by itself, each network by itself, and what changes nothing not at all.
    assert client.post(f"/events/{event.slug}/line/leave").status_code == 403
    assert from_address(limited, "197.210.8.10").post(path).status_code == 403
    assert client.get(f"/events/{event.slug}").status_code == 200


def test_a_household_with_addresses_of_version_6_is_one_network(limited):
    path = f"/events/{factories.an_event().slug}/verify"
    for host in range(1, 11):
        client = from_address(limited, f"2001:db8:1:2::{host:x}")
        assert client.post(path).status_code == 403
    assert from_address(limited, "2001:db8:1:2::ffff").post(path).status_code == 429
    assert from_address(limited, "2001:db8:1:3::1").post(path).status_code == 403


def test_logging_in_may_be_tried_seldom_and_from_a_wider_network_too(limited):
    guess = {"email": "ada@example.com", "password": "wrong"}

    def tried(address):
        return log_in(from_address(limited, address), **guess).status_code

    assert A_MINUTE < 100
    assert [tried("197.210.8.9") for _ in range(2)] == [422, 429]
    found = [tried(f"197.210.8.{host}") for host in range(10, 25)]
    # One more than nine was counted before the first was refused.
    assert found == [422] * found.count(422) + [429] * found.count(429)
    assert 8 <= found.count(422) <= 9
    assert tried("197.210.9.1") == 422


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("POST", "/webhooks/paystack", 5),
        ("GET", "/events/{slug}/line/carry/abc", 5),
        ("POST", "/events/{slug}/line/carry", 5),
        ("POST", "/events/{slug}/claim", 50),
        ("POST", "/events/{slug}/claim/more", 50),
        ("POST", "/events/{slug}/line/more", 50),
        ("POST", "/claims/FQ-0000-0000-00/pay", 50),
        ("POST", "/claims/FQ-0000-0000-00/release", 50),
    ],
)
def test_everything_that_changes_something_has_a_limit(limited, method, path, most):
    client = limited.test_client()
    where = path.format(slug=factories.an_event().slug)
    found = statuses(lambda: client.open(where, method=method), most + 1)
    assert 429 not in found[:-1]
    assert found[-1] == 429


def test_the_search_of_support_has_a_limit(limited, monkeypatch):
    monkeypatch.setattr(extensions.settings, "forms_per_minute", 0)
    desk = Desk(limited, "support")
    monkeypatch.setattr(extensions.settings, "forms_per_minute", A_MINUTE)
    found = statuses(lambda: desk.get("/support/", query_string={"q": "ada"}), 11)
    assert found == [200] * 10 + [429]


def test_joining_is_counted_elsewhere_and_polls_nowhere(limited, line_redis):
    event = factories.an_event()
    client = limited.test_client()
    join(client, event)
    path = f"/events/{event.slug}/line"
    client.delete_cookie(f"fq_place_{event.id}")
    for _ in range(A_MINUTE + 5):
        client.set_cookie("fq_visitor", VisitorToken(new_id()).sign(extensions.settings.secret_key))
        assert client.post(path).status_code == 303
        assert client.get(f"{path}/status").status_code == 200


def test_a_claim_of_whose_turn_it_is_counts_for_no_limit_of_the_network(limited):
    event = factories.an_event(capacity=200)
    for _ in range(A_MINUTE + 3):
        client = limited.test_client()
        buyer = factories.a_buyer(event)
        as_buyer(client, buyer)
        made = claim(client, event, email=buyer.email, form_key=new_id())
        assert made.status_code == 303, made.text


def test_on_a_development_machine_there_is_no_limit(client):
    path = f"/events/{factories.an_event().slug}/verify"
    assert set(statuses(lambda: client.post(path), 30)) == {403}


@pytest.fixture
def own_redis(app, settings, folder):
    """A site whose limits are counted in a Redis of the test's own, which is stopped or killed."""
    server = servers.start_redis(Path(tempfile.mkdtemp(prefix="redis-", dir=folder)))
    own = replace(settings, jobs_redis_url=server.url, forms_per_minute=A_MINUTE)
    site = create_app(own)
    site.test_client_class = FreshContextClient
    yield site, server
    with site.app_context():
        extensions.db.engine.dispose()
    extensions.settings.bind(settings, None)
    line.bind(settings)
    gateway.bind(settings)
    server.stop()


def test_without_redis_everybody_is_answered_and_the_limits_hold_in_each_process(own_redis, caplog):
    site, server = own_redis
    event = factories.an_event()
    client = from_address(site, "197.210.8.9")
    path = f"/events/{event.slug}/verify"
    assert statuses(lambda: client.post(path), 3) == [403] * 3
    server.kill()
    assert statuses(lambda: client.post(path), 12) == [403] * 10 + [429] * 2
    assert "falling back to in-memory storage" in caplog.text
    # A fan gets through meanwhile.
    fan = from_address(site, "197.210.8.10")
    join(fan, event)
    assert prove(fan, event).status_code == 303
    server.start()
    end = monotonic() + 20
    caplog.set_level("INFO", logger="flask-limiter")
    while "storage recovered" not in caplog.text:
        assert monotonic() < end
        sleep(0.2)
        assert client.post(path).status_code in (403, 429)


def test_a_silent_redis_holds_up_one_request_and_refuses_nobody(own_redis):
    site, server = own_redis
    client = from_address(site, "197.210.8.9")
    path = f"/events/{factories.an_event().slug}/verify"
    assert client.post(path).status_code == 403
    server.freeze()
    try:
        start = monotonic()
        assert statuses(lambda: client.post(path), 5) == [403] * 5
        assert monotonic() - start < 2
    finally:
        server.thaw()
