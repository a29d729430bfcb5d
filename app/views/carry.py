"""Go on with the same place on another device."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.domain.errors import LinkOver, NoCookies
from app.services import carrying, catalogue
from app.views import cookies
from app.views.language import language

blueprint = Blueprint("carry", __name__, url_prefix="/events/<slug>/line/carry")


@blueprint.get("")
def ask(slug: str) -> Response:
    facts = catalogue.facts(slug)
    html = render_template(
        "line/carry.html",
        event=facts,
        place=cookies.held_place(facts),
        offer=None,
        minutes=carrying.MINUTES,
    )
    return make_response(html)


@blueprint.post("")
def offer(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    html = render_template(
        "line/carry.html",
        event=facts,
        place=place,
        offer=carrying.offer(facts, place, language()),
        minutes=carrying.MINUTES,
    )
    return make_response(html)


@blueprint.get("/<token>")
def arrive(slug: str, token: str) -> Response:
    facts = catalogue.facts(slug)
    found = carrying.look(facts, token)
    held = cookies.place(facts.id)
    if held is not None and held.place_id == found.place.place_id:
        return redirect(url_for("line.wait", slug=slug), 303)
    if not found.alive:
        raise LinkOver
    # Its form makes the browser known, so that pressing twice is the same press.
    return make_response(
        render_template("line/carried.html", event=facts, carried=found, held=held)
    )


@blueprint.post("/<token>")
def take(slug: str, token: str) -> Response:
    facts = catalogue.facts(slug)
    visitor = cookies.visitor()
    if visitor is None:
        raise NoCookies
    found = carrying.take(facts, token, visitor.visitor)
    answer: Response = redirect(url_for("line.wait", slug=slug), 303)
    cookies.keep_place(answer, found.place)
    if found.fan is not None:
        cookies.keep_fan(answer, found.fan)
        cookies.keep_proven(answer, found.place)
    return answer
