"""What a poll and the first load of the waiting page weigh, in every state there is."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.extensions import db
from tests.test_fast import HTMX as POLL
from tests.test_fast import PACKED, STATES, ask, forget

LONGEST_MESSAGE = "The gates are open, please bring a coat. " * 12
LONGEST_SLUG = "a-night-that-nobody-will-ever-forget-in-the-harbour-of-lagos-eko"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_poll_is_small(app: Any, state: Any, language: str) -> None:
    fan = state()
    db.session.execute(
        text(
            "UPDATE events SET message = :message, message_at = now(), slug = :slug"
            " WHERE slug = :old"
        ),
        {"message": LONGEST_MESSAGE[:500], "slug": LONGEST_SLUG, "old": fan.slug},
    )
    db.session.commit()
    forget()
    # The cookie is by the event's number, which stays.
    fan.slug = LONGEST_SLUG
    path = f"/events/{LONGEST_SLUG}/line/status"
    headers = POLL | PACKED | {"Cookie": fan.cookie(), "Accept-Language": language}
    status, sent, body = ask(app.wsgi_app, "GET", path, headers)
    assert status[:3] in ("200", "403")
    assert len(body) <= 2048
    length = int(dict(sent)["Content-Length"])
    assert length <= 1024
    # As the server sends them, with its name and the date.
    own = f"server: granian\r\ndate: {'x' * 29}\r\nx-request-id: {'x' * 16}\r\n"
    lines = [f"{name}: {value}" for name, value in sent]
    assert len("\r\n".join([f"HTTP/1.1 {status}", *lines, own, ""])) <= 500 or any(
        name == "Set-Cookie" for name, _ in sent
    )


def test_who_has_the_pass_is_not_given_it_again(app: Any, client: Any) -> None:
    from tests import factories
    from tests.views.browsing import admit, join

    event = factories.an_event()
    join(client, event)
    admit(event)
    path = f"/events/{event.slug}/line/status"
    assert "fq_pass" in client.get(path).headers.get("Set-Cookie", "")
    assert "Set-Cookie" not in client.get(path).headers


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_first_load_is_small(client: Any, language: str) -> None:
    from tests import factories
    from tests.views.browsing import join

    event = factories.an_event(message="Bring a coat.", message_at=factories.utc_now())
    join(client, event)
    packed = {"Accept-Encoding": "gzip", "Accept-Language": language}
    page = client.get(f"/events/{event.slug}/line", headers=packed)
    html = gzip.decompress(page.data).decode()
    files = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js)\?v=[0-9a-f]+)"', html)
    sizes = {}
    for file in files:
        with client.get(file, headers=packed) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            sizes[Path(file.partition("?")[0]).name] = len(answer.data)
    assert set(sizes) == {"style.css", "page.js", "htmx-2.0.11.min.js"}
    htmx = sizes.pop("htmx-2.0.11.min.js")
    whole = len(page.data) + sum(sizes.values())
    assert whole <= 8 * 1024, (len(page.data), sizes)
    assert whole + htmx <= 25 * 1024


def test_pages_of_staff_and_small_answers_are_not_packed(client: Any) -> None:
    packed = {"Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in client.get("/staff/login", headers=packed).headers
    assert "Content-Encoding" not in client.get("/health/live", headers=packed).headers
    answer = client.get("/nothing-here", headers=packed)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"There is no page at this address" in gzip.decompress(answer.data)
