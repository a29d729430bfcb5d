"""A password can be looked at while it is typed, and the page says how good it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fits
from tests.browser.test_journey import log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_a_password_is_shown_if_wanted_and_its_strength_is_told(browse, product, javascript):
    page = browse(360)
    log_in(page, product, "support")
    page.goto("/staff/account/")
    present = page.get_by_label("Present password")
    if not javascript:
        expect(page.get_by_text("Show what is typed").first).to_be_hidden()
        return
    present.fill("sesame")
    show = present.locator("xpath=following::label[1]")
    show.click()
    expect(present).to_have_attribute("type", "text")
    show.click()
    expect(present).to_have_attribute("type", "password")
    wanted = page.get_by_label("New password")
    for typed, said in (
        ("lagos", "too short"),
        ("aaaaaaaaaaaabcdefgh", "easy"),
        ("lagos live tonight", "hard"),
    ):
        wanted.fill(typed)
        expect(page.get_by_text(said, exact=True)).to_be_visible()
    fits(page)
