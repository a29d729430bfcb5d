"""The waiting page in a tunnel, in a bad minute of ours, in a pocket: it keeps what it knew, says
that it is old, and is right again as soon as it can be.

The browser's clock is turned by the test, so that a minute takes a moment.
"""

from __future__ import annotations

from time import sleep
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from app.services import admission, catalogue
from drill.front import NoNginx, front
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

STATUS = "**/line/status"


@pytest.fixture
def event(app):
    return factories.an_event(admit_per_minute=60, capacity=50)


@pytest.fixture
def waiting(chromium, site, event):
    """A page in the line; behind five others, so that nobody has said yet that it is next."""
    for _ in range(5):
        site.app.test_client().post(f"/events/{event.slug}/line", follow_redirects=True)
    context = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=site.url)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.clock.install()
    page.goto(f"/events/{event.slug}")
    page.get_by_role("button", name="Join the line").click()
    page.wait_for_url("**/line")
    expect(number(page)).to_have_text("6")
    yield page
    context.close()


def number(page: Any) -> Any:
    return page.locator("#status dd.big")


def lost(page: Any) -> Any:
    return page.locator("main").get_by_text("Connection lost. Your place is safe")


def pass_seconds(page: Any, seconds: int) -> None:
    """So much time goes by, five seconds at a time, as far as the page knows."""
    for _ in range(0, seconds, 5):
        page.clock.run_for(5_000)


def let_in(event: Any, fans: int) -> None:
    """Let so many in, whatever the pace of the sale."""
    catalogue.forget(event.slug)
    for _ in range(600):
        fans -= admission.admit_once()
        if fans <= 0:
            return
        sleep(0.05)
    raise AssertionError("too few were let in")


def test_a_minute_without_connection(waiting):
    waiting.context.set_offline(True)
    pass_seconds(waiting, 60)
    expect(lost(waiting)).to_be_visible()
    expect(number(waiting)).to_have_text("6")
    # The browser says that it is online again, and nobody has to wait for the next time to ask.
    with waiting.expect_response(STATUS) as answer:
        waiting.context.set_offline(False)
    assert answer.value.status == 200
    expect(lost(waiting)).to_be_hidden()


def test_a_bad_minute_of_ours(waiting):
    asked: list[str] = []

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, body="<h1>Away</h1>", headers={"Retry-After": "2"})

    waiting.route(STATUS, fail)
    pass_seconds(waiting, 60)
    expect(lost(waiting)).to_be_visible()
    assert len(asked) >= 3
    expect(waiting.get_by_role("heading", level=1)).not_to_have_text("Away")
    expect(number(waiting)).to_have_text("6")
    waiting.unroute(STATUS)
    pass_seconds(waiting, 40)
    expect(lost(waiting)).to_be_hidden()


def test_what_nginx_says_while_the_site_is_away(waiting):
    try:
        with front("http://localhost:1") as before:
            said = httpx.get(f"{before.url}/events/x/line/status", headers={"HX-Request": "true"})
    except NoNginx as missing:
        pytest.skip(str(missing))
    assert said.status_code == 503
    answer = {"status": 503, "body": said.text, "headers": dict(said.headers)}
    waiting.route(STATUS, lambda route: route.fulfill(**answer))
    pass_seconds(waiting, 60)
    expect(lost(waiting)).to_be_visible()
    expect(waiting.get_by_role("heading", level=1)).not_to_have_text("One moment, please")
    expect(number(waiting)).to_have_text("6")
    waiting.unroute(STATUS)
    pass_seconds(waiting, 40)
    expect(lost(waiting)).to_be_hidden()


def test_an_answer_that_hangs(waiting, event):
    # The page gives an answer ten seconds. That clock is the browser's own, and the test's patience
    # is shorter.
    def impatient(route: Any) -> None:
        page = route.fetch()
        assert '"timeout":10000' in page.text()
        route.fulfill(response=page, body=page.text().replace('"timeout":10000', '"timeout":300'))

    waiting.route(f"**/events/{event.slug}/line", impatient)
    waiting.reload()
    asked: list[str] = []
    waiting.route(STATUS, lambda route: asked.append(route.request.url))
    for _ in range(40):
        waiting.clock.run_for(5_000)
        waiting.wait_for_timeout(100)
        if len(asked) >= 3:
            break
    assert len(asked) >= 3, "one answer that hung has ended the asking"
    expect(lost(waiting)).to_be_visible()
    expect(number(waiting)).to_have_text("6")
    waiting.unroute(STATUS)
    with waiting.expect_response(STATUS):
        pass_seconds(waiting, 40)
    expect(lost(waiting)).to_be_hidden()


def test_a_phone_in_a_pocket(waiting, event):
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    waiting.evaluate(hide % "true")
    asked: list[str] = []
    waiting.on("request", lambda request: asked.append(request.url))
    pass_seconds(waiting, 60)
    # Asleep, no timer runs at all.
    waiting.clock.fast_forward("10:00")
    assert asked == []
    let_in(event, 6)
    waiting.evaluate(hide % "false")
    with waiting.expect_response(STATUS):
        waiting.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(waiting.get_by_role("heading", name="It is your turn")).to_be_focused()


def test_nothing_moves_when_the_figures_change(waiting, event):
    waiting.evaluate("""() => {
      window.moved = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.moved.push(entry.value);
      }).observe({type: "layout-shift", buffered: false});
    }""")
    before = waiting.locator("#status").inner_text()
    let_in(event, 2)
    for _ in range(2):
        with waiting.expect_response(STATUS):
            pass_seconds(waiting, 30)
    expect(waiting.locator("#status")).to_contain_text("People ahead")
    assert waiting.locator("#status").inner_text() != before
    waiting.wait_for_timeout(100)
    assert waiting.evaluate("window.moved") == []
