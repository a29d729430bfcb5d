"""The short way: what fifty thousand fans ask for at once, answered without Flask.

Four requests make nearly all of a sale's load: the event page, joining the line, the waiting page,
and its polls. This layer stands before Flask and answers those four from what the process has in
memory, with one trip to Redis at most: no routing, no request objects, no templates.

It never decides anything by itself. It calls the same services and uses the same cookies, headers
and frames as the views do, and hands on to Flask, which goes the long way:

- every other request, and these four when they are in any way unusual (app/fast_writes.py
  answers three of the others: a claim, a payment, a webhook);
- whatever it would have to refuse: Flask's error pages have the words for that;
- whatever is not in memory yet. Flask's views fill the memory that this layer reads, so the first
  poll after the facts of an event have changed, once a second, takes the long way.

tests/test_fast.py asks both ways and compares their answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from app import clock, metrics
from app.domain.events import EventFacts
from app.domain.networks import network
from app.domain.tokens import PlaceToken
from app.languages import LANGUAGES
from app.services import catalogue, line
from app.views import cookies, guard, headers, public, waiting
from app.views.language import of_browser
from app.views.line import again_with_cookie, as_json, cookies_of, joined, owes_proof
from app.views.packing import takes_gzip

log = logging.getLogger("fairqueue.fast")

Environ = dict[str, Any]
Header = tuple[str, str]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

EVENTS = "/events/"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
TAKES_HTML = frozenset({None, "*/*", "text/html"})
NOT_KEPT = ("Cache-Control", "no-store")
PACKED = ("Content-Encoding", "gzip")
# What the address may say of the language: none was chosen, or one of ours.
CHOSEN: dict[str, str | None] = {"": None, **{f"lang={name}": name for name in LANGUAGES}}
LINES = {
    200: "200 OK",
    303: "303 SEE OTHER",
    304: "304 NOT MODIFIED",
    307: "307 TEMPORARY REDIRECT",
}
# What no browser sends with these requests, and what would change the answer.
UNUSUAL = frozenset(
    {
        "HTTP_IF_MATCH",
        "HTTP_IF_MODIFIED_SINCE",
        "HTTP_IF_RANGE",
        "HTTP_IF_UNMODIFIED_SINCE",
        "HTTP_RANGE",
    }
)


class Answer(NamedTuple):
    """What goes into an answer; `endpoint` is the view that would have given the same, and a
    `document` is what a browser shows."""

    endpoint: str
    status: int
    headers: list[Header]
    body: bytes = b""
    document: bool = True


ShortWay = Callable[[Environ], Answer | None]


class Fast:
    """A WSGI application before another one; what one short way does not answer, the next may."""

    def __init__(self, long_way: Application, *short_ways: ShortWay) -> None:
        self.long_way = long_way
        self.short_ways = short_ways

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = clock.monotonic()
        answer = None
        try:
            for way in self.short_ways:
                answer = way(environ)
                if answer is not None:
                    break
        except Exception:
            # A fault here must not reach a fan whom Flask can answer.
            log.exception("the short way failed")
        if answer is None:
            return self.long_way(environ, start_response)
        endpoint, status, found, body, document = answer
        kind = headers.kind_of(document, environ.get("HTTP_HX_REQUEST") == "true")
        found.append(("X-Request-Id", headers.new_request_id()))
        found.extend(headers.of_security(kind))
        seconds = clock.monotonic() - started
        metrics.answered(endpoint, environ["REQUEST_METHOD"], status, seconds)
        start_response(LINES[status], found)
        return [body]


def short_way(environ: Environ) -> Answer | None:
    """The answer, or None if Flask is to find it."""
    path: str = environ["PATH_INFO"]
    if not path.startswith(EVENTS) or environ.get("SCRIPT_NAME"):
        return None
    slug, _, rest = path[len(EVENTS) :].partition("/")
    ask = ASKED.get((environ["REQUEST_METHOD"], rest))
    if ask is None or (not rest and path.endswith("/")):
        return None
    facts = catalogue.facts_if_known(slug)
    if facts is None or not guard.host_is_ours(environ):
        return None
    return ask(environ, facts)


def event_page(environ: Environ, facts: EventFacts) -> Answer | None:
    query = environ.get("QUERY_STRING", "")
    if query not in CHOSEN and "lang" in query:
        return None
    page = public.page_if_known(facts, CHOSEN.get(query))
    if page is None or not environ.keys().isdisjoint(UNUSUAL):
        return None
    copy = page.copy_for(environ.get("HTTP_ACCEPT_ENCODING", ""))
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known == copy.etag:
        return Answer("public.event", 304, list(copy.headers))
    if known is not None:
        return None
    found = [*of_body(copy.body, HTML), *copy.headers, *copy.encoding]
    return Answer("public.event", 200, found, copy.body)


def poll(environ: Environ, facts: EventFacts) -> Answer | None:
    jar = cookies.jar_of(environ.get("HTTP_COOKIE", ""))
    place = cookies.place(facts.id, jar)
    if place is None or environ.get("QUERY_STRING"):
        return None
    accept = environ.get("HTTP_ACCEPT")
    if accept == JSON:
        return poll_by_program(environ, facts, place, jar)
    if accept not in TAKES_HTML:
        return None
    language = of_browser(jar, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    packed = takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    depth = line.without_asking(facts, place)
    if depth is not None:
        body = waiting.shared_fragment_if_known(facts, depth, place.number, language, packed)
        return told(body, HTML, packed) if body else None
    status = line.glance(facts, place)
    if status is None:
        return None
    proven = cookies.proven(status.place_token, jar)
    body = waiting.fragment(facts, status, proven, language).if_known(packed)
    return told(body, HTML, packed, cookies_of(place, status, jar)) if body else None


def poll_by_program(
    environ: Environ, facts: EventFacts, place: PlaceToken, jar: dict[str, str]
) -> Answer | None:
    status = line.glance(facts, place)
    if status is None:
        return None
    language = of_browser(jar, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    body = as_json(status, language).encode()
    return told(body, JSON, False, cookies_of(place, status, jar))


def told(
    body: bytes, kind: str, packed: bool, given: Iterable[str] = (), endpoint: str = "line.status"
) -> Answer:
    found = [*of_body(body, kind), NOT_KEPT]
    if packed:
        found.append(PACKED)
    for value in given:
        found.append(("Set-Cookie", value))
    return Answer(endpoint, 200, found, body, document=kind == HTML)


def waiting_page(environ: Environ, facts: EventFacts) -> Answer | None:
    jar = cookies.jar_of(environ.get("HTTP_COOKIE", ""))
    place, visitor = cookies.place(facts.id, jar), cookies.visitor(jar)
    query = environ.get("QUERY_STRING", "")
    # A form that htmx asked for has no token.
    if place is None or visitor is None or query not in CHOSEN or "HTTP_HX_REQUEST" in environ:
        return None
    status = line.glance(facts, place)
    if status is None:
        return None
    chosen = CHOSEN[query]
    language = chosen or of_browser(jar, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    packed = takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    proven, due = cookies.proven(status.place_token, jar), owes_proof(facts, status, jar)
    form = str(guard.field_of(visitor))
    body = waiting.page(facts, status, proven, due, language, form).if_known(packed)
    if body is None:
        return None
    given = cookies_of(place, status, jar)
    if chosen:
        given.append(cookies.of_language(chosen))
    return told(body, HTML, packed, given, "line.wait")


def join(environ: Environ, facts: EventFacts) -> Answer | None:
    whole = environ.get("QUERY_STRING", "")
    query = whole.removesuffix("c=1").removesuffix("&")
    if query not in CHOSEN or guard.asked_by_us(environ) is False:
        return None
    if not guard.has_short_body(environ):
        return None
    chosen = CHOSEN[query]
    language = [("Set-Cookie", cookies.of_language(chosen))] if chosen else []
    jar = cookies.jar_of(environ.get("HTTP_COOKIE", ""))
    visitor = cookies.visitor(jar)
    if visitor is None:
        if whole != query:
            return None
        again = again_with_cookie(facts.slug, chosen)
        return Answer("line.join", 307, [*EMPTY, *again, NOT_KEPT, *language], document=False)
    came_from = network(environ.get("REMOTE_ADDR", ""))
    place = line.join_at_once(facts, visitor.visitor, came_from, cookies.place(facts.id, jar))
    if place is None:
        return None
    found = [*EMPTY, *joined(facts.slug, place), NOT_KEPT, *language]
    return Answer("line.join", 303, found, document=False)


def of_body(body: bytes, kind: str) -> tuple[Header, Header]:
    return ("Content-Type", kind), ("Content-Length", str(len(body)))


# Of an answer that has only headers.
EMPTY = of_body(b"", HTML)
# By method and what follows the event in the address.
ASKED: dict[tuple[str, str], Callable[[Environ, EventFacts], Answer | None]] = {
    ("GET", ""): event_page,
    ("GET", "line/status"): poll,
    ("GET", "line"): waiting_page,
    ("POST", "line"): join,
}
