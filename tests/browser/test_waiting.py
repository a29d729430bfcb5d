"""The waiting page when the connection is poor: it keeps what it knew, says that it is old, and
goes on asking."""

from __future__ import annotations

import re
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
    lost = waiting.locator("[data-stale]", has_text="Connection lost. Your place is safe")
    expect(lost).to_be_visible(timeout=30_000)
    assert waiting.get_by_role("heading", level=1).inner_text() == heading
    for _ in range(60):
        if len(asked) >= 3:
            break
        waiting.wait_for_timeout(500)
    assert len(asked) >= 3
    waiting.unroute(STATUS)
    with waiting.expect_response(STATUS, timeout=40_000):
        pass
    expect(lost).to_be_hidden()


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


def fragment(state: str, ahead: int, eta: int, message: str = "") -> str:
    """A poll's answer, as templates/line/_status.html writes it."""
    note = f'<div class="note" id="message"><p>{message}</p></div>' if message else ""
    return (
        f'<section id="status" class="{state}" data-state="{state}" data-ahead="{ahead}"'
        f' data-eta="{eta}" hx-get="/events/x/line/status" hx-swap="outerHTML"'
        ' hx-trigger="every 1s">'
        f'<h1 tabindex="-1">State {state}</h1>{note}<div class="stub">'
        '<dl><dt>Number</dt><dd class="big">2,204</dd></dl>'
        '<progress id="bar" hx-preserve max="1" value="0" aria-label="x" hidden></progress>'
        "</div></section>"
    )


def test_the_page_remembers_what_it_saw_and_speaks_only_when_it_matters(waiting):
    """The bar never runs back, a wait that grew says why, and the live region says: half, fewer
    than 100, fewer than 10, a message, the state."""
    answers = [fragment("waiting", 1000, 600)]
    waiting.route(STATUS, lambda route: route.fulfill(body=answers[-1], content_type="text/html"))

    def begin(route: Any) -> None:
        whole = route.fetch()
        html = re.sub(r'<section id="status".*?</section>', answers[0], whole.text(), flags=re.S)
        route.fulfill(response=whole, body=html)

    waiting.route("**/line", begin)
    waiting.evaluate("localStorage.clear()")
    waiting.reload()
    said = waiting.locator("#say")

    def step(state: str, ahead: int, eta: int, message: str = "") -> None:
        answers.append(fragment(state, ahead, eta, message=message))
        with waiting.expect_response(STATUS):
            pass
        waiting.wait_for_timeout(150)

    def bar() -> float:
        return float(waiting.locator("#bar").evaluate("bar => bar.value"))

    step("waiting", 1000, 600)
    step("waiting", 700, 420)
    assert bar() == pytest.approx(0.3)
    step("waiting", 800, 480)
    assert bar() == pytest.approx(0.3), "the bar must not run back"
    before = said.inner_text()
    step("waiting", 600, 400)
    assert said.inner_text() == before
    step("waiting", 499, 380)
    assert "Half" in said.inner_text()
    grew = waiting.locator("[data-grew=pace]")
    expect(grew).to_be_hidden()
    step("waiting", 480, 2400)
    expect(grew).to_be_visible()
    step("waiting", 99, 80)
    expect(grew).to_be_hidden()
    assert "100" in said.inner_text()
    step("waiting", 98, 80, "Bring a coat.")
    assert said.inner_text() == "Bring a coat."
    step("waiting", 9, 8, "Bring a coat.")
    assert "10" in said.inner_text()
    step("admitted", 0, 0, "Bring a coat.")
    assert said.inner_text() == "State admitted"
    assert waiting.evaluate("document.activeElement.tagName") == "H1"
    assert waiting.title().startswith("State admitted · ")


def test_updates_can_be_paused_and_the_bell_is_asked_for(waiting):
    waiting.get_by_role("button", name="Ring when it is my turn").click()
    expect(waiting.get_by_text("This page will ring")).to_be_visible()
    waiting.get_by_role("link", name="Pause updates").click()
    expect(waiting.get_by_text("Updates are paused")).to_be_visible()
    asked = []
    waiting.on("request", lambda request: asked.append(request.url))
    waiting.wait_for_timeout(4_000)
    assert asked == []
    waiting.get_by_role("link", name="Go on with updates").click()
    with waiting.expect_response(STATUS, timeout=40_000):
        pass


def test_a_second_tab_says_that_it_is_the_same_place(waiting):
    other = waiting.context.new_page()
    other.goto(waiting.url)
    for page in (waiting, other):
        expect(page.get_by_text("It is the same place")).to_be_visible()
