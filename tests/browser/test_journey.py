"""The whole journey in a real browser, with JavaScript and without: a fan from the line to two
QR codes, while an organiser watches the numbers move and support finds the claim."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fits
from tests.product import mail_to

pytestmark = pytest.mark.timeout(180)

_serial = count(1)


def reload_until(page, locator, patience_s: int = 30) -> None:
    """What the <noscript> refresh does by itself, without waiting for it."""
    for _ in range(patience_s * 2):
        if locator.count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(locator.first).to_be_visible()


def appears(page, locator, javascript: bool) -> None:
    if javascript:
        expect(locator.first).to_be_visible(timeout=30_000)
    else:
        reload_until(page, locator)


def number_beside(page, words: str) -> int:
    """The figure of the organiser's page that stands with these words."""
    text = page.locator("#live").inner_text()
    found = re.search(rf"{words}\s*([\d,]+)|([\d,]+)\s*{words}", text, re.IGNORECASE)
    assert found, text
    return int((found[1] or found[2]).replace(",", ""))


def log_in(page, product, role: str) -> None:
    page.goto("/staff/login")
    page.get_by_label("E-mail").fill(product["staff"][role]["email"])
    page.get_by_label("Password").fill(product["staff"][role]["password"])
    page.get_by_role("button", name="Log in").click()


def test_from_the_line_to_two_qr_codes(browse, product, javascript, widths):
    slug = product["events"][0]
    phone, desk = widths
    organiser = browse(desk)
    log_in(organiser, product, "organiser")
    organiser.goto(f"/organiser/events/{slug}")
    sold_before = number_beside(organiser, "sold")

    fits(organiser)
    fan = browse(phone)
    address = f"ada{next(_serial)}@example.com"
    fan.goto("/")
    fan.locator(f"a[href='/events/{slug}']").first.click()
    fan.get_by_role("button", name=re.compile("join", re.IGNORECASE)).first.click()
    expect(fan).to_have_url(re.compile(f"/events/{slug}/line$"))
    fits(fan)

    fan.goto(f"/events/{slug}/verify")
    fits(fan)
    fan.get_by_label("E-mail").fill(address)
    fan.locator("main form button").first.click()
    code = re.search(r"\d{6}", mail_to(product, address, "code")["subject"])[0]
    fan.get_by_label("Code").fill(code)
    fan.get_by_role("button", name=re.compile("prove|check|confirm", re.IGNORECASE)).click()

    fan.goto(f"/events/{slug}/line")
    choose = fan.get_by_role("link", name="Choose your tickets")
    appears(fan, choose, javascript)
    choose.click()
    fits(fan)
    fan.get_by_label("Name").fill("Ada Obi")
    fan.get_by_label("2 tickets").check()
    fan.locator("main form button").first.click()
    expect(fan).to_have_url(re.compile("/claims/FQ-"))
    fits(fan)
    reference = fan.url.rstrip("/").rsplit("/", 1)[1]

    fan.get_by_role("button", name=re.compile("pay", re.IGNORECASE)).click()
    if not javascript:
        onward = fan.get_by_role("link", name=re.compile("continue", re.IGNORECASE))
        reload_until(fan, onward)
        onward.click()
    expect(fan).to_have_url(re.compile("/checkout/"), timeout=30_000)
    fan.get_by_role("button", name="Pay with a good card").click()
    expect(fan).to_have_url(re.compile(f"/claims/{reference}"))
    tickets = fan.locator(f"a[href*='/claims/{reference}/tickets']")
    appears(fan, tickets, javascript)
    tickets.first.click()
    expect(fan.locator("main svg, main img.qr")).to_have_count(2)
    fits(fan)

    if javascript:
        expect(organiser.locator("#live")).to_contain_text(str(sold_before + 2), timeout=10_000)
    else:
        organiser.reload()
    assert number_beside(organiser, "sold") == sold_before + 2

    support = browse(desk)
    log_in(support, product, "support")
    support.goto("/support/")
    support.locator("input[type=search], input[name=q]").first.fill(address.upper())
    support.keyboard.press("Enter")
    found = support.get_by_text(reference).first
    expect(found).to_be_visible()

    link = re.search(r"http\S+", mail_to(product, address, "tickets")["text"])[0]
    fits(support)
    stranger = browse(phone)
    stranger.goto(f"/claims/{reference}")
    expect(stranger.locator("main")).not_to_contain_text("Ada Obi")
    stranger.goto(link)
    expect(stranger.locator("main svg, main img.qr")).to_have_count(2)
