"""The waiting page when the connection is poor: it keeps what it knew, says that it is old, and
goes on asking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

STATUS = "**/line/status"


@pytest.fixture
def waiting(chromium, product) -> Iterator[Any]:
    """A page of somebody in the line."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=product["url"])
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"/events/{product['events'][0]}")
    page.get_by_role("button", name="Join the line").click()
    page.wait_for_url("**/line")
    yield page
    context.close()


def test_nothing_on_the_page_breaks_the_content_policy(waiting):
    said = []
    waiting.on("console", lambda message: said.append(message.text))
    waiting.reload()
    with waiting.expect_response(STATUS):
        pass
    assert not [text for text in said if "Content Security Policy" in text], said


@pytest.mark.parametrize("failure", ["a 503", "no connection"])
def test_a_failed_poll_does_not_end_the_polling(waiting, failure):
    asked = []

    def fail(route):
        asked.append(route.request.url)
        if failure == "a 503":
            route.fulfill(status=503, body="<h1>Away</h1>", headers={"Retry-After": "2"})
        else:
            route.abort()

    heading = waiting.get_by_role("heading", level=1).inner_text()
    waiting.route(STATUS, fail)
    expect(waiting.get_by_text("Connection lost. Your place is safe")).to_be_visible(timeout=30_000)
    assert waiting.get_by_role("heading", level=1).inner_text() == heading
    for _ in range(60):
        if len(asked) >= 3:
            break
        waiting.wait_for_timeout(500)
    assert len(asked) >= 3
    waiting.unroute(STATUS)
    with waiting.expect_response(STATUS, timeout=40_000):
        pass
    expect(waiting.get_by_text("Connection lost")).to_be_hidden()


def test_a_hidden_tab_does_not_ask_and_catches_up_when_it_is_seen(waiting):
    asked = []
    waiting.on("request", lambda request: asked.append(request.url))
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    waiting.evaluate(hide % "true")
    waiting.wait_for_timeout(500)
    asked.clear()
    waiting.wait_for_timeout(5_000)
    assert asked == []
    waiting.evaluate(hide % "false")
    with waiting.expect_response(STATUS, timeout=2_000):
        waiting.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_page_fits_a_small_phone(waiting):
    assert waiting.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_turn_is_said_and_put_in_the_title(waiting):
    expect(waiting.get_by_role("heading", name="It is your turn")).to_be_visible(timeout=40_000)
    waiting.wait_for_timeout(200)
    assert waiting.title().startswith("It is your turn")
    timer = waiting.get_by_role("timer")
    expect(timer).to_contain_text("left")
    before = timer.inner_text()
    waiting.wait_for_timeout(2_100)
    assert timer.inner_text() != before
