"""Pages of staff in French: axe finds nothing in them either, and the longer words fit a phone and
a desk. What fans see is looked at in French by test_every_page.py."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.samples import samples_once
from tests import factories
from tests.browser import pictures
from tests.browser.test_every_page import AXE, CHECK, RULES, too_wide
from tests.stories import Stories

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EVENT = ("", "/edit", "/readiness", "/report", "/preview")


@pytest.fixture
def pages(app, bank, deliver) -> dict[str, Any]:
    """An admin's address, and the pages that there are for an admin to see."""
    admin = factories.a_staff_member("admin")
    now = factories.utc_now()
    event = factories.an_event(
        organisation_id=admin.organisation_id,
        title="Harbour Lights",
        message="Bring a coat.",
        message_at=now,
        capacity=40,
    )
    draft = factories.an_event(organisation_id=admin.organisation_id, state="draft")
    drafted = draft.slug
    stories = Stories(event, bank, deliver)
    stories.everything()
    stuck = stories.paid(2)
    stories.refunded(stuck, "needs-attention")
    held = factories.a_claim(event)
    claims = [stuck.reference, stories.wrong("wrong_amount").reference, held.reference]
    slug = event.slug
    samples_once()
    return {
        "email": admin.email,
        "paths": [
            "/organiser/",
            "/organiser/new",
            "/organiser/addresses/",
            f"/organiser/events/{drafted}",
            *(f"/organiser/events/{slug}{more}" for more in EVENT),
            "/support/",
            "/support/?q=fan",
            "/support/ticket",
            *(f"/support/claims/{reference}" for reference in claims),
            "/staff/people/",
            "/staff/actions",
            "/staff/account/",
            "/staff/account/code",
        ],
    }


def test_no_page_of_staff_has_a_violation_in_french(chromium, site, pages):
    context = chromium.new_context(viewport=pictures.PHONE, base_url=site.url, locale="fr-FR")
    context.add_init_script(AXE.read_text())
    page = context.new_page()
    wrong: dict[str, list[str]] = {}

    def look(path: str) -> None:
        page.set_viewport_size(pictures.PHONE)
        answer = page.goto(path)
        assert answer.status == 200, path
        assert page.locator("html").get_attribute("lang") == "fr"
        found = too_wide(page)
        page.set_viewport_size(pictures.DESK)
        found += page.evaluate(CHECK, RULES) + too_wide(page)
        if found:
            wrong[path] = found

    for path in ("/staff/forgotten", "/staff/login"):
        look(path)
    page.get_by_label("E-mail").fill(pages["email"])
    page.get_by_label("Mot de passe").fill("password")
    page.locator("main form button").click()
    page.wait_for_url("**/organiser/")
    for path in pages["paths"]:
        look(path)
    context.close()
    assert wrong == {}
