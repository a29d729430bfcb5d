"""What every answer carries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import extensions
from app.views import assets, headers
from tests import factories
from tests.views.browsing import cookie, join

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", ["/", "/nothing", "/health/live", "/static/nothing.css"])
def test_every_answer_has_an_id_and_the_security_headers(client, path):
    with client.get(path) as answer:
        pass
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_nothing_inline_is_allowed(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy


def test_templates_hold_no_inline_script_or_style():
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)", text), template


def test_the_checkout_of_the_real_gateway_is_named(monkeypatch, app):
    class Live:
        paystack_url = "https://api.paystack.co"

    monkeypatch.setattr(headers, "settings", Live)
    assert headers.checkout_origin() == "https://checkout.paystack.com"


def test_cookies_are_hidden_from_scripts_and_other_sites(client):
    event = factories.an_event()
    answer = client.post(f"/events/{event.slug}/line")
    sent = answer.headers["Set-Cookie"]
    assert "HttpOnly" in sent
    assert "SameSite=Lax" in sent
    join(client, event)
    assert cookie(client, "fq_staff") is None


def test_a_fragment_has_a_short_policy(client):
    event = factories.an_event()
    join(client, event)
    answer = client.get(f"/events/{event.slug}/line/status", headers={"HX-Request": "true"})
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_pages_may_use_no_device_and_nothing_may_be_framed(client):
    event = factories.an_event()
    for path in ("/", f"/events/{event.slug}", "/nothing", "/staff/login"):
        answer = client.get(path)
        for device in ("camera", "microphone", "geolocation", "payment", "usb"):
            assert f"{device}=()" in answer.headers["Permissions-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get("/health/live").headers["Content-Security-Policy"] == headers.NOTHING


def test_who_is_sent_elsewhere_is_shown_nothing_here(client):
    event = factories.an_event()
    for _ in range(2):
        answer = client.post(f"/events/{event.slug}/line")
        assert answer.status_code in (303, 307)
        assert answer.headers["Content-Security-Policy"] == headers.NOTHING
        assert "Permissions-Policy" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/static/style.css", "/static/page.js", "/static/proof-worker.js"]
)
def test_a_sheet_and_a_script_have_a_short_head(client, path):
    version = assets.version(ROOT / path[1:])
    with client.get(f"{path}?v={version}", headers={"Accept-Encoding": "gzip"}) as answer:
        assert set(answer.headers.keys()) == {
            "Cache-Control",
            "Content-Encoding",
            "Content-Length",
            "Content-Security-Policy",
            "Content-Type",
            "Date",
            "Vary",
            "X-Content-Type-Options",
        }
        # A worker obeys the policy of its own script.
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


def test_the_way_to_the_gateway_is_open_to_a_form(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    (actions,) = re.findall(r"form-action ([^;]*);", policy)
    assert actions == f"'self' {extensions.settings.paystack_url}"


def test_static_files_by_their_hashed_name_are_kept_a_year(client):
    html = client.get("/").text
    sheet = re.search(r'href="(/static/style\.css\?v=[0-9a-f]+)"', html)[1]
    with client.get(sheet) as named:
        assert named.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for other in ("/static/style.css", "/static/style.css?v=0123456789"):
        with client.get(other) as plain:
            assert plain.headers["Cache-Control"] == "public, max-age=300"


def test_the_style_sheet_is_small():
    import gzip

    assert len(gzip.compress((ROOT / "static/style.css").read_bytes())) <= 4096
