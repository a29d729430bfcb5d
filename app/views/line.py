"""The line: join, wait, leave."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as Answer

from app import metrics
from app.domain.claims import LIVE
from app.domain.errors import JoinUnavailable, LineUnavailable, NoCookies, NotNow
from app.domain.events import EventFacts, joinable, phase
from app.domain.line import FINISHED, LineStatus
from app.domain.tokens import PlaceToken, VisitorToken
from app.services import catalogue, claims, line
from app.views import cookies
from app.views.errors import wants_json

blueprint = Blueprint("line", __name__, url_prefix="/events/<slug>/line")


@blueprint.post("")
def join(slug: str) -> Answer:
    facts = catalogue.facts(slug)
    visitor = cookies.visitor()
    if visitor is None:
        return _learn_cookies(slug)
    place = _join(facts, visitor, cookies.place(facts.id))
    metrics.JOINS.inc()
    answer = redirect(url_for("line.wait", slug=slug), 303)
    return cookies.keep_place(answer, place)


@blueprint.get("")
def wait(slug: str) -> Answer:
    facts, place = _here(slug)
    status = line.status(slug, place)
    return _answer(place, status, render_template("line/wait.html", **_shown(facts, status)))


@blueprint.get("/status")
def status(slug: str) -> Answer:
    facts, place = _here(slug)
    found = line.status(slug, place)
    if wants_json():
        return _answer(place, found, jsonify(as_json(found)))
    return _answer(place, found, render_template("line/_status.html", **_shown(facts, found)))


@blueprint.post("/leave")
def leave(slug: str) -> Answer:
    _, place = _here(slug)
    line.leave(slug, place)
    return redirect(url_for("line.wait", slug=slug), 303)


def as_json(status: LineStatus) -> dict[str, object]:
    """The waiting page for programs: durations in seconds, times in ISO 8601."""
    return {
        "state": status.state,
        "number": status.number,
        "ahead": status.ahead,
        "eta_seconds": status.eta_seconds,
        "next_poll_seconds": status.next_poll_seconds,
        "message": status.message,
        "updated_at": status.updated_at.isoformat(),
    }


def _learn_cookies(slug: str) -> Answer:
    """A first visit gets its cookie and is sent here once more, so that a double tap makes one
    place; who comes back without it keeps no cookies. Raises NoCookies."""
    if "c" in request.args:
        raise NoCookies
    # 307 makes the browser post again.
    return cookies.new_visitor(redirect(url_for("line.join", slug=slug, c=1), 307))


def _join(facts: EventFacts, visitor: VisitorToken, held: PlaceToken | None) -> PlaceToken:
    """As line.join, but who holds no place is not told that it is safe. Raises JoinUnavailable."""
    try:
        return line.join(facts.slug, visitor.visitor, held)
    except LineUnavailable as away:
        if held is not None:
            raise
        raise JoinUnavailable from away


def _here(slug: str) -> tuple[EventFacts, PlaceToken]:
    """The event and the place this browser holds there. Raises EventUnknown, NoPlace."""
    facts = catalogue.facts(slug)
    return facts, cookies.held_place(facts)


def _shown(facts: EventFacts, status: LineStatus) -> dict[str, object]:
    now = catalogue.moment(facts)
    return {
        "event": facts,
        "status": status,
        "now": now,
        "finished": FINISHED,
        "proven": cookies.proven(status.place_token),
        "can_join": joinable(phase(facts, now)),
        "claim_live": _claim_live(status),
    }


def _claim_live(status: LineStatus) -> bool:
    """Whether the claim that a place was used for is held or paid. A used place is not polled,
    so this question is asked once; while nobody can answer it, the claim's own page will."""
    if status.claim_reference is None:
        return True
    try:
        return claims.look(status.claim_reference).state in LIVE
    except NotNow:
        return True


def _answer(place: PlaceToken, status: LineStatus, body: str | Response) -> Response:
    """Hand the browser what it may carry from now on: its turn, or the place it was merged into."""
    response = make_response(body)
    if status.place_token != place:
        cookies.keep_place(response, status.place_token)
    if status.place_token.place_id != place.place_id:
        # Places merge only when their address is proven.
        cookies.keep_proven(response, status.place_token)
    if status.pass_token is not None:
        cookies.keep_pass(response, status.pass_token)
    return response
