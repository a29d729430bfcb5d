"""Proving an e-mail address: ask for a code, then type it."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid
from app.domain.events import EventFacts
from app.domain.tokens import PlaceToken
from app.services import catalogue, verification
from app.views import cookies
from app.views.language import language

blueprint = Blueprint("verify", __name__, url_prefix="/events/<slug>/verify")

AFTERWARDS = {None: "line.wait", "claim": "claims.form", "proof": "proof.show"}


@blueprint.get("")
def verify(slug: str) -> Response:
    facts = catalogue.facts(slug)
    return _page(facts, cookies.held_place(facts))


@blueprint.post("")
def submit(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    try:
        if "code" in request.form:
            return _prove(facts, place)
        asked = verification.ask_code(facts, place, request.form.get("email", ""), language())
    except Invalid as wrong:
        return _page(facts, place, wrong)
    answer = redirect(url_for("verify.verify", slug=slug, then=_then()), 303)
    return cookies.keep_asked(answer, facts.id, asked)


def _prove(facts: EventFacts, place: PlaceToken) -> Response:
    asked = cookies.asked(facts.id)
    proof = verification.prove(facts, place, request.form["code"], language(), asked)
    if proof.claim_reference is not None:
        html = render_template(
            "verify/already.html", event=facts, email=proof.email, reference=proof.claim_reference
        )
        answer: Response = make_response(html)
    else:
        answer = redirect(url_for(AFTERWARDS[_then()], slug=facts.slug), 303)
    cookies.keep_fan(answer, proof.fan)
    cookies.keep_proven(answer, proof.place)
    return cookies.keep_place(answer, proof.place)


def _page(facts: EventFacts, place: PlaceToken, wrong: Invalid | None = None) -> Response:
    standing = verification.standing(facts, place, cookies.fan())
    html = render_template(
        "verify/verify.html",
        event=facts,
        standing=standing,
        again="again" in request.args,
        then=_then(),
        values=request.form,
        wrong=wrong.fields if wrong else {},
    )
    answer = make_response(html, 422 if wrong else 200)
    return cookies.keep_proven(answer, place) if standing.proven_email else answer


def _then() -> str | None:
    """ "claim" when a fan whose turn it is was sent here on the way to the claim form, "proof" when
    the address is to count instead of work."""
    then = request.values.get("then")
    return then if then in AFTERWARDS else None
