"""What is on sale, and the event: the same bytes for everyone, so that a cache can carry them.

Each language has an address of its own (`?lang=fr`), so nothing varies by who asks.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from hashlib import sha256

from flask import Blueprint, g, make_response, render_template, request
from werkzeug.wrappers import Response

from app.clock import monotonic
from app.domain import events
from app.domain.events import EventFacts
from app.services import catalogue
from app.views.packing import takes_gzip

blueprint = Blueprint("public", __name__)

# Short enough that "sold out" and "on sale" are never far behind.
SECONDS = 3


@dataclass(frozen=True, slots=True)
class Copy:
    """One form of a page, and its headers apart from those of every answer; `encoding` goes
    with the body only."""

    body: bytes
    etag: str
    headers: tuple[tuple[str, str], ...]
    encoding: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is, and packed for browsers that take gzip: half the way to a phone."""

    plain: Copy
    packed: Copy

    def copy_for(self, accept_encoding: str) -> Copy:
        return self.packed if takes_gzip(accept_encoding) else self.plain


# By slug and language (None where none was chosen): the facts that a page was made from, until when
# it says where the sale stands (by clock.monotonic()), and the page.
_pages: dict[tuple[str, str | None], tuple[EventFacts, float, Page]] = {}


@blueprint.get("/")
def index() -> Response:
    shown = [(facts, events.phase(facts, catalogue.moment(facts))) for facts in catalogue.on_show()]
    return _answer(page_of(render_template("public/index.html", events=shown)))


@blueprint.get("/events/<slug>")
def event(slug: str) -> Response:
    facts = catalogue.facts(slug)
    chosen = g.chosen_language
    page = page_if_known(facts, chosen)
    if page is None:
        now = catalogue.moment(facts)
        until = monotonic() + events.phase_lasts(facts, now)
        page = page_of(
            render_template(
                "public/event.html",
                event=facts,
                phase=events.phase(facts, now),
                availability=events.availability(facts),
            )
        )
        _pages[slug, chosen] = (facts, until, page)
    return _answer(page)


def page_if_known(facts: EventFacts, chosen: str | None) -> Page | None:
    """The event's page, in the language that the address has chosen, unless it has to be
    rendered, which takes Flask."""
    made_from, until, page = _pages.get((facts.slug, chosen), (None, 0.0, None))
    return page if made_from is facts and monotonic() < until else None


def page_of(html: str) -> Page:
    body = html.encode()
    return Page(_copy(body), _copy(gzip.compress(body, mtime=0), (("Content-Encoding", "gzip"),)))


def _copy(body: bytes, encoding: tuple[tuple[str, str], ...] = ()) -> Copy:
    etag = f'"{sha256(body).hexdigest()[:24]}"'
    headers = (
        ("Cache-Control", f"public, max-age={SECONDS}"),
        ("ETag", etag),
        ("Vary", "Accept-Encoding"),
    )
    return Copy(body, etag, headers, encoding)


def _answer(page: Page) -> Response:
    copy = page.copy_for(request.headers.get("Accept-Encoding", ""))
    response = make_response(copy.body)
    response.headers.extend((*copy.headers, *copy.encoding))
    return response.make_conditional(request)
