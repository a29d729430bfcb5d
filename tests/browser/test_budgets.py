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


@pytest.fixture
def sent(chromium, product):
    """The waiting page's first load: bytes of the bodies on the wire, by what was asked for."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=product["url"])
    page = context.new_page()
    answers: list[Any] = []
    slug = product["events"][0]
    page.goto(f"/events/{slug}")
    page.get_by_role("button", name="Join the line").click()
    page.wait_for_url("**/line")
    cookies = context.cookies()
    context.close()
    fresh = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=product["url"])
    fresh.add_cookies(cookies)
    page = fresh.new_page()
    page.on("requestfinished", lambda request: answers.append(request))
    page.goto(f"/events/{slug}/line", wait_until="networkidle")
    found = {}
    for request in answers:
        if not request.url.endswith("/status"):
            name = re.sub(r"\?.*", "", request.url.rpartition("/")[2])
            found[name] = request.sizes()["responseBodySize"]
    yield found, page
    fresh.close()


def test_the_waiting_page_is_light(sent):
    found, page = sent
    htmx = sum(size for name, size in found.items() if name.startswith("htmx"))
    assert {"line", "style.css", "page.js"} <= set(found)
    assert htmx > 0
    assert sum(found.values()) - htmx <= 8 * KB, found
    assert sum(found.values()) <= 25 * KB, found
    fonts = "[...document.fonts].length"
    assert page.evaluate(fonts) == 0
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
