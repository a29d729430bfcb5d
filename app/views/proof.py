"""The page on which a place proves that it is worth a turn, where the event asks for that."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid
from app.domain.events import EventFacts
from app.domain.tokens import PlaceToken
from app.services import catalogue, proofs
from app.views import cookies, headers

blueprint = Blueprint("proof", __name__, url_prefix="/events/<slug>/proof")


@blueprint.get("")
def show(slug: str) -> Response:
    facts = catalogue.facts(slug)
    return _page(facts, cookies.held_place(facts))


@blueprint.post("")
def by_work(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    given = request.form.get("challenge", ""), request.form.get("number", "")
    try:
        proofs.by_work(facts, place, *given)
    except Invalid as wrong:
        return _page(facts, place, wrong)
    return _done(slug, place)


@blueprint.post("/address")
def by_address(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    proofs.by_address(place, cookies.fan())
    return _done(slug, place)


def _done(slug: str, place: PlaceToken) -> Response:
    page = "claims.form" if _then() else "line.wait"
    return cookies.keep_worked(redirect(url_for(page, slug=slug), 303), place)


def _page(facts: EventFacts, place: PlaceToken, wrong: Invalid | None = None) -> Response:
    standing = proofs.standing(facts, place, cookies.fan())
    html = render_template(
        "line/proof.html",
        event=facts,
        standing=standing,
        challenge=proofs.challenge(facts, place) if standing.due else None,
        then=_then(),
        wrong=wrong.fields if wrong else {},
    )
    answer = make_response(html, 422 if wrong else 200)
    policy = headers.page_policy(headers.checkout_origin())
    answer.headers["Content-Security-Policy"] = f"{policy}; worker-src 'self'"
    return answer if standing.due else cookies.keep_worked(answer, place)


def _then() -> str | None:
    """ "claim" when a fan whose turn it is was sent here on the way to the claim form."""
    return "claim" if request.values.get("then") == "claim" else None
