"""A day of support in a real browser: whatever a fan can say leads to the claim, which tells its
story on one page and what to say, and nothing is done without being asked for twice, with a reason.

With JavaScript at a desk and without it on a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from app.extensions import db
from tests import factories
from tests.browser.conftest import fits
from tests.stories import Stories

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def member(app) -> Any:
    return factories.a_staff_member("support")


@pytest.fixture
def stories(member, bank, deliver) -> Stories:
    event = factories.an_event(
        organisation_id=member.organisation_id, title="Harbour Lights", capacity=20
    )
    return Stories(event, bank, deliver)


@pytest.fixture
def page(chromium, site, member, javascript, widths) -> Iterator[Any]:
    """The browser of somebody of support who has just logged in."""
    context = chromium.new_context(
        java_script_enabled=javascript,
        viewport={"width": widths[1], "height": 800},
        base_url=site.url,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/staff/login")
    page.get_by_label("E-mail").fill(member.email)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{site.url}/support/")
    yield page
    context.close()


def of_ada(claim: Any) -> Any:
    """The claim's fan is somebody who reads French and whose address is easily mistyped."""
    db.session.execute(
        text("UPDATE fans SET email = 'ada.obi@example.com', language = 'fr' WHERE id = :id"),
        {"id": claim.fan_id},
    )
    db.session.commit()
    return claim


def type_in(page: Any, said: str) -> None:
    page.goto("/support/")
    page.get_by_role("searchbox").press_sequentially(said)


def found(page: Any, said: str, javascript: bool) -> Any:
    """What stands there for what was typed: as it is typed, or after Enter."""
    type_in(page, said)
    if not javascript:
        page.keyboard.press("Enter")
    else:
        expect(page.locator("#found")).to_contain_text("found")
        assert "q=" not in page.url, "what is typed leads nowhere by itself"
    fits(page)
    return page.locator("#results")


def open_claim(page: Any, said: str) -> None:
    type_in(page, said)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("FQ-")


def ask_for(page: Any, what: str, button: str, label: str, reason: str) -> None:
    """Press what does it: it asks first, wants a reason, and refuses an empty one."""
    form = page.locator("details", has=page.locator("summary", has_text=what))
    press = form.get_by_role("button", name=button, exact=True)
    assert not press.is_visible()
    form.locator("summary").click()
    fits(page)
    form.get_by_label(label).fill(" ")
    press.click()
    expect(page.get_by_role("alert")).to_contain_text("Please")
    # Nothing was done, and the form is open still.
    form.get_by_label(label).fill(reason)
    press.click()


def done(page: Any, words: str) -> None:
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()
    fits(page)


def test_whatever_a_fan_can_say_leads_to_the_claim(page, stories, javascript):
    claim = of_ada(stories.paid(2))
    results = found(page, "ada.obi@exampel.com", javascript)
    expect(results).to_contain_text("These come close to it")
    expect(results.get_by_role("link", name=claim.reference)).to_be_visible()
    expect(found(page, "ada.obi", javascript)).to_contain_text(claim.reference)
    expect(found(page, "nobody@example.com", False)).to_contain_text("Nothing found")
    # References are exact, however they are typed.
    for said in (claim.reference.lower().replace("-", ""), f"{claim.reference}-1"):
        open_claim(page, said)
        expect(page.get_by_role("heading", level=1)).to_have_text(claim.reference)
        assert page.url.endswith(f"/support/claims/{claim.reference}")


def test_a_claim_is_told_on_one_page(page, stories):
    claim = of_ada(stories.paid(2))
    open_claim(page, claim.reference)
    fits(page)
    main = page.locator("main")
    for words in (
        "Ada Obi",
        "ada.obi@example.com",
        "2 ×",
        "is with the organiser",
        "Place in line",
    ):
        expect(main).to_contain_text(words)
    tell = page.locator(".tell")
    expect(tell.locator("blockquote[lang=en]")).to_contain_text("Your 2 tickets are paid.")
    expect(tell.locator("blockquote[lang=fr]")).to_contain_text("Vos 2 billets sont payés")
    timeline = page.get_by_role("region", name="Timeline")
    for words in ("Joined", "Let in", "Payment started", "Confirmed"):
        expect(timeline).to_contain_text(words)


def test_nothing_is_done_without_a_reason(page, stories, member):
    paid, held, stuck = of_ada(stories.paid(2)), factories.a_claim(stories.event), stories.paid()
    stories.refunded(stuck, "needs-attention")
    references = [claim.reference for claim in (paid, held, stuck)]

    open_claim(page, references[0])
    ask_for(page, "Send the tickets again", "Send them", "Reason", "The mail was deleted.")
    done(page, "The tickets are on their way")
    expect(page.locator(".timeline").last).to_contain_text("The mail was deleted.")
    ask_for(
        page, "Refund the whole claim", "Refund NGN\N{NO-BREAK SPACE}10,000.00", "Reason", "Ill."
    )
    done(page, "The money goes back")
    expect(page.locator(".tell blockquote[lang=fr]")).to_contain_text("remboursement")
    expect(page.locator(".timeline").last).to_contain_text("Ill.")
    expect(page.locator(".timeline").last).to_contain_text(member.name)

    open_claim(page, references[1])
    ask_for(page, "Give the hold back", "Give back 1 ticket", "Reason", "Two places in one house.")
    done(page, "The hold is given back")

    open_claim(page, references[2])
    ask_for(page, "It is settled", "It is settled", "How it was settled", "By transfer, 26 Nov.")
    done(page, "The refund is settled")
    expect(page.locator(".tell blockquote").first).to_contain_text("by another way")


def test_a_payment_in_doubt_is_asked_about(page, stories, bank, deliver):
    claim = stories.opened()
    reference = claim.reference
    open_claim(page, reference)
    expect(page.locator("main")).to_contain_text("is in doubt")
    bank.act(f"{reference}-1", "pay")
    page.get_by_role("button", name="Ask the gateway again").click()
    done(page, "We are asking the gateway")
    deliver()
    page.reload()
    expect(page.locator("main")).to_contain_text("is with the organiser")
