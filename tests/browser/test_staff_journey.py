"""An organiser's day in a real browser, from a draft to the end of the sale, and support's; with
JavaScript on a desk and without it on a phone."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import count

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fits
from tests.browser.test_journey import log_in
from tests.factories import utc_now

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_serial = count(1)


def press(page, name: str) -> None:
    """Press a button; one that asks first is asked."""
    button = page.get_by_role("button", name=name, exact=True)
    if not button.first.is_visible():
        hidden = page.get_by_role("button", name=name, exact=True, include_hidden=True)
        page.locator("details:not([open])", has=hidden).first.locator("summary").click()
    button.first.click()


def done(page, words: str) -> None:
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()
    fits(page)


def test_an_organisers_day(browse, product, widths):
    organiser = browse(widths[1])
    log_in(organiser, product, "organiser")
    fits(organiser)
    organiser.get_by_role("link", name="New event").click()
    fits(organiser)
    title = f"Night of {next(_serial)} lights"
    organiser.get_by_label("Title").fill(title)
    organiser.get_by_label("Venue").fill("Eko Hotel, Lagos")
    for label, hours in (("The event starts", 900), ("The sale starts", 2), ("The sale ends", 800)):
        moment = utc_now() + timedelta(hours=hours)
        organiser.get_by_label(label).fill(f"{moment:%Y-%m-%dT%H:%M}")
    organiser.get_by_label("Tickets", exact=True).fill("20")
    # A slip: the form says so, and keeps what was typed.
    organiser.get_by_label("Price of one").fill("a lot")
    organiser.get_by_role("button", name="Save the draft").click()
    expect(organiser.get_by_role("alert")).to_contain_text("Please write an amount")
    expect(organiser.get_by_label("Title")).to_have_value(title)
    fits(organiser)
    organiser.get_by_label("Price of one").fill("15000")
    organiser.get_by_role("button", name="Save the draft").click()
    done(organiser, "The draft is saved")
    press(organiser, "Publish")
    done(organiser, "Published")
    press(organiser, "Open now")
    done(organiser, "The sale is open")
    organiser.get_by_text("Pause the sale for a while").click()
    organiser.get_by_label("Pause: the reason").fill("We are checking the seating plan.")
    press(organiser, "Pause the sale")
    done(organiser, "The sale is paused")

    fan = browse(widths[0])
    fan.goto(f"{organiser.url.replace('/organiser', '')}")
    expect(fan.locator("main")).to_contain_text("We are checking the seating plan.")
    fits(fan)
    press(organiser, "Resume the sale")
    done(organiser, "The sale goes on")
    organiser.get_by_label("Message", exact=True).fill("Doors open at 18:00.")
    press(organiser, "Post the message")
    done(organiser, "The message is changed")
    press(organiser, "Close the sale")
    done(organiser, "The sale is closed")


def test_supports_day(browse, product, widths, javascript):
    support = browse(widths[1])
    log_in(support, product, "support")
    fits(support)
    support.get_by_role("searchbox").fill("nobody@example.com")
    support.keyboard.press("Enter")
    expect(support.locator("main")).to_contain_text("Nothing found")
    fits(support)
    # Support may see no event's controls.
    answer = support.goto("/organiser/")
    assert answer.status == 403
    expect(support.get_by_role("heading", level=1)).to_have_text(re.compile("Not allowed"))
    fits(support)
