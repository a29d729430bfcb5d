"""What the waiting page weighs on the way to a phone, measured on the running product."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

STATIC = Path(__file__).parents[2] / "static"
KB = 1024
PHONE = {"width": 360, "height": 740}


def first_load(chromium: Any, url: str, slug: str, language: str) -> tuple[dict[str, int], Any]:
    """Bytes of the waiting page's first load as they came over the wire, heads and all, by the
    name of what was asked for: a fan in the line opens it in a browser that holds nothing yet."""
    context = chromium.new_context(base_url=url, locale=language)
    page = context.new_page()
    page.goto(f"/events/{slug}?lang={language}")
    page.locator("main form button").click()
    page.wait_for_url("**/line*")
    cookies = context.cookies()
    context.close()
    context = chromium.new_context(viewport=PHONE, base_url=url, locale=language)
    context.add_cookies(cookies)
    page = context.new_page()
    names: dict[str, str] = {}
    found: dict[str, int] = {}
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on(
        "Network.requestWillBeSent",
        lambda told: names.update({told["requestId"]: told["request"]["url"]}),
    )
    network.on(
        "Network.loadingFinished",
        lambda told: found.update({names[told["requestId"]]: told["encodedDataLength"]}),
    )
    page.goto(f"/events/{slug}/line", wait_until="networkidle")
    sizes = {
        re.sub(r"\?.*", "", address.rpartition("/")[2]): int(size)
        for address, size in found.items()
        if address.startswith("http") and not address.endswith("/status")
    }
    return sizes, page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_waiting_page_is_light(chromium, product, language):
    # In the line or at the turn, before the sale, and paused.
    for slug in product["events"]:
        found, page = first_load(chromium, product["url"], slug, language)
        assert page.locator("html").get_attribute("lang") == language
        fonts = page.evaluate("[...document.fonts].length")
        page.context.close()
        htmx = sum(size for name, size in found.items() if name.startswith("htmx"))
        assert {"line", "style.css", "page.js"} <= set(found)
        assert len(found) == 4
        assert htmx > 0
        assert sum(found.values()) - htmx <= 8 * KB, found
        assert sum(found.values()) <= 25 * KB, found
        assert fonts == 0
    assert not any("@font-face" in sheet.read_text() for sheet in STATIC.rglob("*.css"))


def test_a_poll_is_light(product):
    slug = product["events"][0]
    with httpx.Client(base_url=product["url"], follow_redirects=True) as fan:
        assert fan.post(f"/events/{slug}/line").status_code == 200
        for language in ("en", "fr"):
            headers = {"HX-Request": "true", "Accept-Language": language}
            address = f"/events/{slug}/line/status"
            with fan.stream("GET", address, headers=headers) as answer:
                packed = b"".join(answer.iter_raw())
            plain = fan.get(address, headers=headers).content
            assert answer.status_code == 200
            assert answer.headers["Content-Encoding"] == "gzip"
            assert len(packed) <= 1 * KB, len(packed)
            assert len(plain) <= 2 * KB, len(plain)
            lines = [len(name) + len(value) + 4 for name, value in answer.headers.raw]
            assert len("HTTP/1.1 200 OK\r\n") + sum(lines) + 2 <= 500, answer.headers
