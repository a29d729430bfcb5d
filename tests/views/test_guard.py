"""Which site may ask for a change."""

from __future__ import annotations

import pytest

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
