"""Every page a fan may meet, drawn for staff from made-up facts, without any effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import template_rendered
from sqlalchemy import text

from app.domain import errors
from app.domain.line import FINISHED
from app.extensions import db
from app.views.previews import PREVIEWS
from tests import factories
from tests.views.desk import Desk

TEMPLATES = Path(__file__).parents[2] / "templates"
FANS = ("public", "line", "verify", "claims", "errors")


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "organiser")


def drawn(desk: Desk, slug: str) -> dict[str, str]:
    found = {}
    for name in PREVIEWS:
        answer = desk.get(f"/organiser/events/{slug}/preview/{name}")
        assert answer.status_code == 200, f"{name}: {answer.text}"
        found[name] = answer.text
    return found


def rows() -> list[Any]:
    """How many rows there are in each table."""
    names = db.session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ).all()
    counted = [
        (name, db.session.scalar(text(f'SELECT count(*) FROM "{name}"'))) for name in sorted(names)
    ]
    db.session.rollback()
    return counted


def test_every_page_of_fans_is_drawn_in_every_state_of_its_own_state_machine(desk, line_redis):
    event = factories.an_event(organisation=desk.organisation)
    seen: set[str] = set()
    note = lambda sender, template, **rest: seen.add(template.name)  # noqa: E731
    before, keys = rows(), set(line_redis.scan_iter())
    with template_rendered.connected_to(note):
        pages = drawn(desk, event.slug)
    assert (rows(), set(line_redis.scan_iter())) == (before, keys), "a preview has had an effect"

    wanted = {
        f"{topic}/{path.name}" for topic in FANS for path in (TEMPLATES / topic).glob("[!_]*.html")
    }
    assert wanted - seen == set()

    machine = [(TEMPLATES / "line" / name).read_text() for name in ("_status.html", "_words.html")]
    everything = "".join(pages.values())
    in_the_line = set(re.findall(r'state == "([a-z_]+)"', "".join(machine))) | set(FINISHED)
    shown = set(re.findall(r'id="status"[^>]*data-state="([a-z_]+)"', everything))
    assert in_the_line - shown == set()
    claims = {"HELD", "CONFIRMED", "REFUNDED", "RELEASED", "EXPIRED"}
    assert claims - set(re.findall(r'id="claim" data-state="([A-Z]+)"', everything)) == set()


def test_every_refusal_that_has_words_of_its_own_is_drawn(desk):
    event = factories.an_event(organisation=desk.organisation)
    page = (TEMPLATES / "errors" / "_error.html").read_text()
    kinds = set(re.findall(r'kind == "([A-Za-z]+)"', page))
    for names in re.findall(r"kind in \(([^)]*)\)", page):
        kinds |= set(re.findall(r'"([A-Za-z]+)"', names))
    pages = {name: html for name, html in drawn(desk, event.slug).items() if "refused" in name}
    for kind in kinds - {"ClaimUnknown", "EventUnknown", "TooManyLinks", "LinkUnknown"}:
        words = errors.own_words(getattr(errors, kind))
        assert any(words.replace("'", "&#39;") in html for html in pages.values()), kind


def test_a_preview_runs_no_script_sends_no_form_and_may_be_framed_by_us_alone(desk):
    event = factories.an_event(organisation=desk.organisation)
    page = f"/organiser/events/{event.slug}/preview"
    policy = desk.get(f"{page}/line-turn").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin;")
    assert "script-src" not in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    own = desk.get(page)
    assert "frame-src 'self'" in own.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in own.headers["Content-Security-Policy"]
    for name in PREVIEWS:
        assert f'src="{page}/{name}"' in own.text


def test_a_draft_has_previews_with_its_own_words(desk):
    event = factories.an_event(organisation=desk.organisation, state="draft", title="Draft & Co")
    pages = drawn(desk, event.slug)
    assert all("Draft &amp; Co" in html for name, html in pages.items() if "refused" not in name)


def test_previews_are_for_the_organisers_of_the_event_only(app, desk):
    event = factories.an_event(organisation=desk.organisation)
    page = f"/organiser/events/{event.slug}/preview"
    assert Desk(app, "organiser").get(f"{page}/line-turn").status_code == 404
    assert Desk(app, "support", desk.organisation).get(page).status_code == 403
    assert app.test_client().get(f"{page}/line-turn").status_code == 303
    assert desk.get(f"{page}/nothing-like-it").status_code == 404
