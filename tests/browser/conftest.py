"""A real browser before the real product."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.site import Site
from tests.product import product as running


@pytest.fixture(scope="session")
def product(folder) -> Iterator[dict[str, Any]]:
    with running(folder / "product") as facts:
        yield facts


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sentence = "Chromium is not installed, so nothing was tried in a browser."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture
def site(app) -> Iterator[Site]:
    """The tests' application behind a port, on an empty database."""
    server = Site(app)
    yield server
    server.stop()


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def javascript(request) -> bool:
    return request.param == "with JavaScript"


PHONE, DESK = 360, 1280


@pytest.fixture
def widths(javascript) -> tuple[int, int]:
    """How wide a fan's window is, and one of staff: a phone and a desk, or the other way round."""
    return (PHONE, DESK) if javascript else (DESK, PHONE)


def fits(page: Any) -> None:
    """Nothing of the page is wider than the window, be it a phone's or a desk's."""
    own = page.viewport_size
    page.locator("footer").wait_for()
    for width in (PHONE, DESK):
        page.set_viewport_size({**own, "width": width})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{page.url} is {wide} px wide in a window of {width} px"
    page.set_viewport_size(own)


@pytest.fixture
def browse(chromium, product, javascript) -> Iterator[Any]:
    """`browse(width)` opens a page in a browser of its own (no cookies shared)."""
    contexts = []

    def open_page(width: int, height: int = 800) -> Any:
        context = chromium.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": height},
            base_url=product["url"],
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
