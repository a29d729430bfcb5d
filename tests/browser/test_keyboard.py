"""Everything can be done with the keyboard: each control is reached, in the order of the page, and
is seen to be; and without scripts a page renews itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from app.services import admission, catalogue
from tests import factories
from tests.browser import pictures, scenes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

# A group of radio buttons is one stop: the arrows go on within it.
CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.disabled && !one.closest("[inert]"))
  .filter((one) => one.type !== "radio" || one.checked)
  .map((one, number) => { one.dataset.stop = number; return one.outerHTML.slice(0, 90); })"""
STOP = """() => {
  const one = document.activeElement, how = getComputedStyle(one);
  return [one.dataset.stop ?? "", how.outlineStyle !== "none" && parseFloat(how.outlineWidth) >= 2];
}"""
FANS = (
    "event-selling",
    "line-waiting",
    "line-turn",
    "address",
    "claim-form",
    "claim-held",
    "tickets",
)


def walk(page: Any) -> None:
    """Press Tab until every control was reached."""
    controls = page.evaluate(CONTROLS)
    # From the very beginning of the page.
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    reached: list[int] = []
    for _ in range(len(controls) + 8):
        page.keyboard.press("Tab")
        stop, seen = page.evaluate(STOP)
        if not stop:
            continue
        assert seen, f"{page.url}: nobody sees that {controls[int(stop)]} is in focus"
        if int(stop) in reached:
            break
        reached.append(int(stop))
    missing = [controls[stop] for stop in range(len(controls)) if stop not in reached]
    assert missing == [], page.url
    # A page may begin at its first field.
    start = reached.index(0)
    assert reached[start:] + reached[:start] == sorted(reached), page.url


@pytest.fixture
def event(app) -> Any:
    return factories.an_event(capacity=50, admit_per_minute=60)


@pytest.fixture
def page(chromium, site) -> Any:
    context = chromium.new_context(viewport=pictures.PHONE, base_url=site.url)
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_every_control_of_a_fans_pages_is_reached_by_tab(page, site, event):
    drawn = scenes.of_fans(event)
    site.view_args = {"slug": event.slug}
    site.scenes.update({name: drawn[name] for name in (f"fan/{one}" for one in FANS)})
    for name in site.scenes:
        page.goto(f"/scene/{name}")
        walk(page)


def test_staff_steer_a_sale_with_the_keyboard_alone(page):
    member = factories.a_staff_member("organiser")
    event = factories.an_event(organisation_id=member.organisation_id, title="Harbour Lights")
    slug = event.slug
    page.goto("/staff/login")
    page.get_by_label("E-mail").focus()
    page.keyboard.type(member.email)
    page.keyboard.press("Tab")
    page.keyboard.type("password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/organiser/")
    walk(page)
    page.goto(f"/organiser/events/{slug}")
    walk(page)
    page.locator("summary", has_text="Pause the sale for a while").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("We are checking the seating plan.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="The sale is paused")).to_be_visible()


def test_without_scripts_the_waiting_page_renews_itself_after_the_servers_delay(
    chromium, site, event
):
    context = chromium.new_context(java_script_enabled=False, base_url=site.url)
    page = context.new_page()
    page.goto(f"/events/{event.slug}")
    page.get_by_role("button", name="Join the line").click()
    page.wait_for_url("**/line")
    html = page.content()
    delay = int(re.search(r'http-equiv="refresh" content="(\d+)"', html)[1])
    assert 2 <= delay <= 5
    catalogue.forget(event.slug)
    while not admission.admit_once():
        page.wait_for_timeout(50)
    # Nobody presses anything.
    expect(page.get_by_role("heading", name="It is your turn")).to_be_visible(timeout=15_000)
    context.close()


def test_nothing_moves_for_who_wants_less_motion(page, site, event):
    page.emulate_media(reduced_motion="reduce")
    drawn = scenes.of_fans(event)
    site.view_args = {"slug": event.slug}
    site.scenes["fan/line-waiting"] = drawn["fan/line-waiting"]
    page.goto("/scene/fan/line-waiting")
    moving = (
        "[...document.querySelectorAll('*')].filter((one) => { const how = getComputedStyle(one);"
        " return parseFloat(how.transitionDuration) || how.animationName !== 'none'; }).length"
    )
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) > 0
