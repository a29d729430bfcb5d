"""The line: join, wait, leave."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import (
    Blueprint,
    Response,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as Answer

from app.domain.errors import JoinUnavailable, LineUnavailable, NoCookies
from app.domain.events import EventFacts
from app.domain.line import LineStatus
from app.domain.networks import network
from app.domain.proofs import OFF
from app.domain.references import place_reference
from app.domain.tokens import PlaceToken, VisitorToken, new_id
from app.languages import said
from app.services import catalogue, line, place_history
from app.views import cookies, guard, waiting
from app.views.errors import wants_json
from app.views.language import language
from app.views.packing import takes_gzip

blueprint = Blueprint("line", __name__, url_prefix="/events/<slug>/line")


@blueprint.post("")
def join(slug: str) -> Answer:
    facts = catalogue.facts(slug)
    visitor = cookies.visitor()
    if visitor is None:
        return _learn_cookies(slug)
    place = _join(facts, visitor, cookies.place(facts.id))
    answer = make_response("", 303)
    answer.headers.extend(joined(slug, place))
    return answer


@blueprint.get("")
def wait(slug: str) -> Answer:
    facts, place = _here(slug)
    status = line.status(slug, place, _visitor())
    proven, due = cookies.proven(status.place_token), owes_proof(facts, status)
    if request.method != "GET" or not set(request.args) <= {"lang"}:
        still = "still" in request.args
        html = waiting.lone_page(facts, status, proven, due, language(), still)
        return _answer(place, status, html, "text/html")
    packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
    form = str(guard.own_form())
    body = waiting.page(facts, status, proven, due, language(), form).rendered(packed)
    return _answer(place, status, body, "text/html", packed)


@blueprint.get("/status")
def status(slug: str) -> Answer:
    facts, place = _here(slug)
    found = line.status(slug, place, _visitor())
    if wants_json():
        return _answer(place, found, as_json(found, language()), "application/json")
    packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
    proven = cookies.proven(found.place_token)
    body = waiting.fragment(facts, found, proven, language()).rendered(packed)
    return _answer(place, found, body, "text/html", packed)


@blueprint.get("/history")
def history(slug: str) -> Answer:
    facts, place = _here(slug)
    html = render_template(
        "line/history.html",
        event=facts,
        place=place,
        reference=place_reference(facts.id, place.number),
        steps=place_history.of(facts, place),
        now=catalogue.moment(facts),
    )
    return make_response(html)


@blueprint.post("/leave")
def leave(slug: str) -> Answer:
    _, place = _here(slug)
    line.leave(slug, place)
    return redirect(url_for("line.wait", slug=slug), 303)


def as_json(status: LineStatus, language: str) -> str:
    """The waiting page for programs: durations in seconds, times in ISO 8601."""
    fields = {
        "state": status.state,
        "number": status.number,
        "ahead": status.ahead,
        "eta_seconds": status.eta_seconds,
        "next_poll_seconds": status.next_poll_seconds,
        "message": said(status.message, language),
        "updated_at": status.updated_at.isoformat(),
    }
    return json.dumps(fields, separators=(",", ":"), sort_keys=True) + "\n"


def owes_proof(facts: EventFacts, status: LineStatus, jar: Mapping[str, str] | None = None) -> bool:
    """Whether the page is to ask for the place's proof of work."""
    return facts.proof != OFF and not cookies.worked(status.place_token, jar)


def joined(slug: str, place: PlaceToken) -> list[tuple[str, str]]:
    """The headers that give a browser its place and lead it to the waiting page."""
    return [("Location", f"/events/{slug}/line"), ("Set-Cookie", cookies.of_place(place))]


def again_with_cookie(slug: str, chosen: str | None) -> list[tuple[str, str]]:
    """The headers that give a browser its first cookie and have it post here once more (307)."""
    query = f"lang={chosen}&c=1" if chosen else "c=1"
    visitor = VisitorToken(new_id())
    return [
        ("Location", f"/events/{slug}/line?{query}"),
        ("Set-Cookie", cookies.of_visitor(visitor)),
    ]


def cookies_of(place: PlaceToken, status: LineStatus, jar: Mapping[str, str]) -> list[str]:
    """What the browser may carry from now on and does not yet, as Set-Cookie headers: its turn, or
    the place it was merged into."""
    found = []
    if status.place_token != place:
        found.append(cookies.of_place(status.place_token))
    if status.place_token.place_id != place.place_id:
        # Places merge only when their address is proven.
        found.append(cookies.of_proven(status.place_token))
    if status.pass_token is not None and not cookies.carries_pass(status.pass_token, jar):
        found.append(cookies.of_pass(status.pass_token))
    return found


def _learn_cookies(slug: str) -> Answer:
    """A first visit gets its cookie and is sent here once more, so that a double tap makes one
    place; who comes back without it keeps no cookies. Raises NoCookies."""
    if "c" in request.args:
        raise NoCookies
    answer = make_response("", 307)
    answer.headers.extend(again_with_cookie(slug, g.chosen_language))
    return answer


def _join(facts: EventFacts, visitor: VisitorToken, held: PlaceToken | None) -> PlaceToken:
    """As line.join, but who holds no place is not told that it is safe. Raises JoinUnavailable."""
    try:
        return line.join(facts.slug, visitor.visitor, held, network(request.remote_addr or ""))
    except LineUnavailable as away:
        if held is not None:
            raise
        raise JoinUnavailable from away


def _visitor() -> str:
    """Who this browser is, '' unknown."""
    carried = cookies.visitor()
    return carried.visitor if carried else ""


def _here(slug: str) -> tuple[EventFacts, PlaceToken]:
    """The event and the place this browser holds there. Raises EventUnknown, NoPlace."""
    facts = catalogue.facts(slug)
    return facts, cookies.held_place(facts)


def _answer(
    place: PlaceToken, status: LineStatus, body: str | bytes, mimetype: str, packed: bool = False
) -> Response:
    response = make_response(body)
    response.mimetype = mimetype
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    for header in cookies_of(place, status, request.cookies):
        response.headers.add("Set-Cookie", header)
    return response
