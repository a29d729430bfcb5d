"""A minute before its time is over a page says so, to the eye and to a screen reader; and tickets
come out of a printer as they should."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from app.domain.references import ticket_code
from app.domain.tokens import ClaimLink
from app.extensions import db, settings
from app.store.models import Ticket
from tests import factories
from tests.browser.test_poor_network import let_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

WARNING = "Less than a minute is left."
# Long enough to load a page before the last minute.
LEFT_S = 66


@pytest.fixture
def page(chromium, site):
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, base_url=site.url, color_scheme="dark"
    )
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def opens(page: Any, site: Any, claim: Any) -> None:
    """Let this browser open the claim."""
    value = ClaimLink(claim.reference).sign(settings.secret_key)
    page.context.add_cookies(
        [{"name": f"fq_claim_{claim.reference}", "value": value, "url": site.url}]
    )


def warns_in_the_last_minute(page: Any) -> None:
    warning = page.locator("[data-last]").filter(has_text=WARNING)
    expect(page.locator("[data-left]").first).to_contain_text("1:0")
    expect(warning).to_be_hidden()
    expect(page.locator("#say")).not_to_have_text(WARNING)
    expect(page.locator("[data-left]").first).to_contain_text("0:5", timeout=20_000)
    expect(warning).to_be_visible()
    expect(page.locator("#say")).to_contain_text(WARNING)


def test_a_pass_that_runs_out_is_told_a_minute_before(page, site):
    event = factories.an_event(pass_seconds=LEFT_S)
    page.goto(f"/events/{event.slug}")
    page.get_by_role("button", name="Join the line").click()
    page.wait_for_url("**/line")
    let_in(event, 1)
    page.reload()
    warns_in_the_last_minute(page)


def test_a_hold_that_runs_out_is_told_a_minute_before(page, site):
    event = factories.an_event()
    until = factories.utc_now() + timedelta(seconds=LEFT_S)
    claim = factories.a_claim(event, held_until=until)
    opens(page, site, claim)
    page.goto(f"/claims/{claim.reference}")
    warns_in_the_last_minute(page)


def test_tickets_are_printed_black_on_white_each_on_one_page(page, site, tmp_path):
    event = factories.an_event()
    claim = factories.a_claim(event, quantity=4, state="CONFIRMED")
    for ticket in db.session.query(Ticket).filter_by(claim_id=claim.id):
        ticket.code = ticket_code()
    db.session.commit()
    opens(page, site, claim)
    page.goto(f"/claims/{claim.reference}/tickets")
    page.emulate_media(media="print")
    style = "(one, name) => getComputedStyle(one)[name]"
    body = page.locator("body")
    assert body.evaluate(style, "backgroundColor") == "rgb(255, 255, 255)"
    assert body.evaluate(style, "color") == "rgb(0, 0, 0)"
    for gone in (".top", ".foot", ".actions"):
        expect(page.locator(gone)).to_be_hidden()
    tickets = page.locator(".ticket")
    assert tickets.count() == 4
    for one in tickets.all():
        assert one.evaluate(style, "breakInside") == "avoid"
        assert one.evaluate(style, "backgroundColor") == "rgb(255, 255, 255)"
        assert one.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    paper = tmp_path / "tickets.pdf"
    page.pdf(path=paper, format="A4")
    assert paper.read_bytes().startswith(b"%PDF")
