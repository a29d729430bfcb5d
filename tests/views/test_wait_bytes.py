"""What a poll and the first load of the waiting page weigh, in every state there is."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app import extensions
from app.extensions import db
from tests.test_fast import HTMX as POLL
from tests.test_fast import PACKED, STATES, admitted, ask, forget

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
    # A fan who is merged with another of theirs is given three cookies at once, one time.
    cookies = sum(name == "Set-Cookie" for name, _ in sent)
    assert length_of_head(status, sent) <= 500 or cookies > 1


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
def test_the_first_load_is_small_where_the_page_is_longest(client: Any, language: str) -> None:
    """Far back in the line, with a message, and with all that there is still to do: heads and all,
    though not by a browser (see tests/browser/test_budgets.py)."""
    from tests import factories
    from tests.test_fast import fill
    from tests.views.browsing import join

    event = factories.an_event(
        title="Harbour Lights",
        message="The gates open at six. Please bring your code on paper, or a charged phone.",
        message_at=factories.utc_now(),
        proof="light",
        admit_per_minute=60,
    )
    fill(event, 1_200)
    join(client, event)
    packed = {"Accept-Encoding": "gzip", "Accept-Language": language}
    page = client.get(f"/events/{event.slug}/line", headers=packed)
    html = gzip.decompress(page.data).decode()
    assert 'class="waiting"' in html
    assert 'class="unlikely"' in html
    assert f"/events/{event.slug}/proof" in html
    files = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js)\?v=[0-9a-f]+)"', html)
    sizes = {"the page": weight(page)}
    for file in files:
        with client.get(file, headers=packed) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            sizes[Path(file.partition("?")[0]).name] = weight(answer)
    assert set(sizes) == {"the page", "style.css", "page.js", "htmx-2.0.11.min.js"}
    htmx = sizes.pop("htmx-2.0.11.min.js")
    assert sum(sizes.values()) <= 8 * 1024, (sum(sizes.values()), sizes)
    assert sum(sizes.values()) + htmx <= 25 * 1024


def weight(answer: Any) -> int:
    """Head and body; a file of ours has no request id."""
    named = "X-Request-Id"
    sent = [line for line in answer.headers.to_wsgi_list() if line[0] not in (named, "Date")]
    spared = 0 if named in answer.headers else len(f"{named}: {'x' * 16}\r\n")
    return length_of_head(answer.status, sent) + len(answer.data) - spared


def test_pages_of_staff_and_small_answers_are_not_packed(client: Any) -> None:
    packed = {"Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in client.get("/staff/login", headers=packed).headers
    assert "Content-Encoding" not in client.get("/health/live", headers=packed).headers
    answer = client.get("/nothing-here", headers=packed)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"There is no page at this address" in gzip.decompress(answer.data)


def test_a_poll_that_hands_over_the_pass_has_a_small_head_over_https_too(
    app: Any, settings: Any, owner: Any
) -> None:
    owner.execute("ALTER SEQUENCE events_id_seq RESTART WITH 9876")
    fan = admitted()
    own_name = "https://tickets.example"
    extensions.settings.bind(replace(settings, environment="production", public_url=own_name), None)
    try:
        cookie = fan.cookie().replace("fq_", "__Host-fq_")
        asked = POLL | PACKED | {"Host": "tickets.example", "Cookie": cookie}
        for way in (app.wsgi_app, app.wsgi_app.long_way):
            status, sent, _ = ask(way, "GET", f"/events/{fan.slug}/line/status", asked)
            assert "__Host-fq_pass_9876=" in dict(sent)["Set-Cookie"]
            assert "Strict-Transport-Security" in dict(sent)
            # The number in a long line, and an epoch of two digits, are longer than this fan's.
            assert length_of_head(status, sent) + len("5000" + "1") <= 500
    finally:
        extensions.settings.bind(settings, None)


def length_of_head(status: str, sent: list[tuple[str, str]]) -> int:
    """As the server sends it, with its name and the date."""
    own = f"server: granian\r\ndate: {'x' * 29}\r\nx-request-id: {'x' * 16}\r\n"
    lines = [f"{name}: {value}" for name, value in sent]
    return len("\r\n".join([f"HTTP/1.1 {status}", *lines, own, ""]))
