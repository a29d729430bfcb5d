"""A sum that the sale asks each browser for: worked out by the page, or a code does instead."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.domain.codes import code_of
from app.extensions import db, settings
from app.store.models import Place, Verification
from tests import factories
from tests.browser.conftest import fits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def proofs() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Place.proof)))


def test_a_light_sum_is_worked_out_by_the_page_itself_or_a_code_does_instead(
    site, chromium, javascript
):
    event = factories.an_event(proof="light")
    context = chromium.new_context(
        java_script_enabled=javascript, viewport={"width": 360, "height": 800}, base_url=site.url
    )
    context.set_default_timeout(60_000)
    fan = context.new_page()
    said: list[str] = []
    fan.on("console", lambda message: said.append(message.text))
    fan.goto(f"/events/{event.slug}")
    fan.get_by_role("button", name=re.compile("join", re.IGNORECASE)).first.click()
    expect(fan).to_have_url(re.compile("/line$"))
    fits(fan)
    fan.get_by_role("link", name="Work it out").click()
    if not javascript:
        fits(fan)
        fan.get_by_role("link", name="Prove my address").click()
        fan.get_by_label("E-mail").fill("ada@example.com")
        fan.locator("main form button").first.click()
        expect(fan.get_by_label("Code")).to_be_visible()
        newest = db.session.scalars(db.select(Verification.id)).one()
        fan.get_by_label("Code").fill(code_of(newest, settings.secret_key))
        fan.locator("main form button").first.click()
        fan.get_by_role("button", name="Count my address instead").click()
    expect(fan).to_have_url(re.compile("/line$"), timeout=60_000)
    expect(fan.get_by_role("link", name="Work it out")).to_have_count(0)
    assert proofs() == ["work" if javascript else "address"]
    assert [text for text in said if "Content Security Policy" in text] == []
    context.close()
