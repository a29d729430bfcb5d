"""Which site may ask for a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import extensions
from tests import factories


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
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_other_sites_may_not(client, path, headers):
    answer = client.post(path, headers=headers)
    assert answer.status_code == 403
    assert "came from another site" in answer.text
    assert "Set-Cookie" not in answer.headers


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
        ("tickets.example@evil.example", 400),
        ("[", 400),
        ("", 400),
    ],
)
def test_the_site_goes_by_its_own_names_only(client, path, production, host, status):
    page = path.removesuffix("/line")
    for _ in range(2):
        assert client.get(page, headers={"Host": host}).status_code == status


def test_monitors_ask_each_machine_by_its_address(client, production):
    assert client.get("/health/live", headers={"Host": "10.0.0.7"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_development_machine_goes_by_any_name_of_its_own(client, path, host):
    assert client.get(path.removesuffix("/line"), headers={"Host": host}).status_code == 200
